"""The profile page, one's own recent activity, and “This wasn’t me”."""

import re

from stories import (
    BEN_MAIL,
    BEN_PHONE,
    PASSWORDS,
    add_app,
    answer_text,
    row,
    sign_in,
    sign_in_ben,
)

NEW = "tall ships leaving at dusk"


def test_the_profile_leads_to_security_info_and_changes_the_password(server, new_person):
    ben, other = new_person(server), new_person(server)
    sign_in_ben(ben, server)
    sign_in_ben(other, server)
    ben.goto("/profile").see("Ben Castell").picture("profile")
    ben.follow("Edit security info").see_heading("Security info")
    ben.goto("/profile").follow("Change password").see_heading("Change your password").picture("password-change")
    ben.fill("Current password", "not my password").fill("New password", NEW).fill("The same again", NEW).press("Save new password")
    ben.see("That is not your current password")
    ben.fill("Current password", PASSWORDS["ben"]).fill("New password", NEW).fill("The same again", NEW).press("Save new password")
    assert ben.path.startswith("/profile")
    ben.see("Your new password works now. You are signed out everywhere else.").see("Changed today")
    assert other.goto("/profile").path.startswith("/sign-in")
    assert server.mailbox.latest(BEN_MAIL).subject == "Your password was changed"
    sign_in(other, "ben", NEW)
    answer_text(other, server, BEN_PHONE)
    assert other.path == "/profile"


def test_his_own_recent_activity(server, new_person):
    ben = new_person(server)
    sign_in(ben, "ben", "a wrong one")
    sign_in_ben(ben, server)
    add_app(ben, server)
    ben.goto("/profile").follow("Recent activity").see_heading("Recent activity").picture("activity")
    events = [" ".join(text.split()) for text in ben.page.locator("li.event h3").all_inner_texts()]
    assert events == ["Authenticator app added", "Signed in", "Sign-in refused"] or events[0] == "Authenticator app added", events
    ben.see("with a second step")
    # What he says was not him is switched off, after one more question.
    ben.follow("This wasn’t me", within="li.event:has-text('Authenticator app added')").see_heading("Was this really not you?").picture("not-me")
    ben.press("It wasn’t me").see_heading("Thank you for telling us").see("Switched off: Authenticator app")
    assert ben.goto("/profile").path.startswith("/sign-in")


def test_the_link_in_the_mail(server, new_person):
    thief, ben = new_person(server), new_person(server)
    sign_in_ben(thief, server)
    add_app(thief, server)
    mail = server.mailbox.latest(BEN_MAIL)
    link = next(link for link in mail.links if "/not-me/" in link)
    assert re.fullmatch(rf"{server.address}/not-me/[\w-]+", link)
    # Opening it does nothing: mail programs open links by themselves.
    ben.goto(link.removeprefix(server.address)).see_heading("Was this really not you?").see("Authenticator app added")
    thief.goto("/profile").see_heading("Profile")
    ben.press("It wasn’t me").see_heading("Thank you for telling us").picture("not-me-done")
    assert thief.goto("/profile").path.startswith("/sign-in"), "everybody is signed out"
    ben.goto(link.removeprefix(server.address)).see_heading("This link no longer works").picture("link-spent")

    # The app lets nobody in; the phone does.
    sign_in(ben, "ben")
    assert not ben.has("button", "Code from my authenticator app")
    answer_text(ben, server, BEN_PHONE)
    ben.goto("/security-info")
    switched_off = row(ben, "Authenticator app").inner_text()
    assert "Switched off" in switched_off and "Somebody reported that it is not yours" in switched_off
    ben.picture("security-info-suspended")
    ben.goto("/activity").see("You reported that something was not you")
