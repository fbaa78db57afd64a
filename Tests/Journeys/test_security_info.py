"""“Keep your account secure”: what is registered, and adding, changing and deleting it after a fresh proof."""

import pytest

from stories import (
    APP_CODE,
    BEN_MAIL,
    BEN_PHONE,
    RESET_ALLOWS,
    SIGN_IN_ALLOWS,
    TEXT_CODE,
    add_app,
    answer_app,
    answer_text,
    audit,
    cara_app,
    change_policy,
    keep_codes,
    register_app,
    register_email,
    row,
    sign_in,
    sign_in_ben,
    whole_wizard,
)


def test_the_page_says_of_each_method_what_it_is(server, new_person):
    ben = new_person(server)
    sign_in_ben(ben, server)
    ben.goto("/setupsecurityinfo")
    assert ben.path == "/security-info"
    ben.see_heading("Security info").see("When you sign in, we first ask for", "A text to your mobile phone")
    phone, mail = row(ben, "Mobile phone, by text").inner_text(), row(ben, "Email").inner_text()
    assert "Default" in phone and "+44 7700 900131" in phone and "For sign-in and password reset" in phone
    assert "Added by you on" in phone and "Last used today at" in phone
    assert BEN_MAIL in mail and "For password reset only" in mail and "Never used." in mail
    assert not ben.has("link", "Change default"), "there is nothing to choose from"

    # What is no longer allowed stays, and says why.
    change_policy(server, (SIGN_IN_ALLOWS, "allow: [appCode]\n"), (RESET_ALLOWS, "allow: [appCode, emailCode]\n"))
    ben.reload().picture("security-info-not-allowed")
    phone = row(ben, "Mobile phone, by text").inner_text()
    assert "Not accepted now" in phone and "does not accept it at the moment (policy “Sign-in for everyone, Password reset”)" in phone
    ben.see("asks for a second step at sign-in, and you have none that counts")


def test_what_the_directory_knows_is_confirmed_here_too(server, new_person):
    cara = new_person(server)
    app = cara_app()
    sign_in(cara, "cara")
    answer_app(cara, server, app)
    cara.press("Change something").see_heading("Security info")
    number = row(cara, "Mobile phone").inner_text()
    assert "Not confirmed" in number and "From the staff directory since" in number and "Nobody has confirmed yet" in number
    assert "Delete" not in number, "the directory would bring it back"
    cara.picture("security-info-unconfirmed")
    cara.press("Confirm", within="li.row:has-text('Not confirmed')")
    cara.see_heading("Is this your number?").see("From the staff directory").picture("confirm-number")
    cara.press("Send the code").fill("6-digit code", server.latest_code("+447700900152")).press("Continue")
    cara.see("You confirmed your mobile phone")
    assert "Not confirmed" not in row(cara, "Mobile phone, by text").inner_text()
    assert server.mailbox.latest("cara.lind@post.example").subject == "Your security info was changed"


@pytest.mark.engines
def test_add_change_default_and_delete(server, new_person):
    ben = new_person(server)
    sign_in_ben(ben, server)
    ben.goto("/security-info").follow("Add a method").picture("add-method")
    ben.see("You have one already. That is as many as one can have.")
    app = add_app(ben, server)
    assert server.mailbox.latest(BEN_MAIL).subject == "Your security info was changed"
    assert server.message(BEN_PHONE)["body"].startswith("Harbour & Vale: Authenticator app added"), "the phone is told too"

    # Stronger than the text, so it comes first by itself; he prefers the text.
    ben.see("The code from your authenticator app").follow("Change default")
    ben.choose("A text to your mobile phone").press("Save").see("We ask for this first: A text to your mobile phone")
    changed = audit(server, "--activity", "User changed default security info")[0]
    assert changed["details"]["hint"] == "31" and "900131" not in str(changed), "the number is masked in the log"

    # A new number is proven before the old one goes, and the old one is told.
    ben.press("Change Mobile phone, by text", within="li.row:has-text('Default')")
    ben.see_heading("Change your mobile phone").picture("change-phone")
    ben.fill("Number", "07700 900132").press("Send the code")
    ben.fill("6-digit code", server.latest_code("+447700900132")).press("Continue")
    ben.see("From now on we use the new one", "+44 7700 900132")
    assert "Default" in row(ben, "Mobile phone, by text").inner_text(), "a chosen default moves to the new number"
    old = server.message(BEN_PHONE)["body"]
    assert "changed" in old and "/not-me/" not in old
    other = new_person(server)
    sign_in(other, "ben").see("ending in 32")
    other.page.get_by_text("Sign in another way").click()
    other.press("Code from my authenticator app")
    answer_app(other, server, app)

    # The app may go: the phone and the mailbox are enough.
    ben.follow("Delete Authenticator app").see_heading("Delete your authenticator app?").picture("delete-method")
    ben.see("If you forget your password, you can still choose a new one yourself.")
    ben.press("Delete").see("We deleted your authenticator app.")
    assert row(ben, "Authenticator app").count() == 0
    activities = [event["activity"] for event in audit(server, "--person", "ben", "--category", "Authentication Methods")]
    assert activities[:2] == ["User deleted security info", "User updated security info"]


def test_the_last_that_is_wanted_is_replaced_and_not_lost(server, new_person):
    ben = new_person(server)
    sign_in_ben(ben, server)
    ben.goto("/security-info").follow("Delete Mobile phone")
    ben.see_heading("Add another method first, then your mobile phone can go").picture("delete-refused")
    ben.page.get_by_text("Why is it needed?").click()
    ben.see("The policy “Sign-in for everyone” asks for a second step when you sign in.")
    assert audit(server, "--activity", "User deleted security info") == []
    ben.press("Authenticator app")
    register_app(ben, server)
    # With the app in its place the same page asks again, and this time it can go.
    ben.see_heading("Delete your mobile phone?")
    ben.press("Delete").see("We deleted your mobile phone.")
    assert [title.split("\n")[0] for title in ben.page.locator("li.row h3").all_inner_texts()] == ["Email", "Authenticator app"]


def test_a_fresh_proof_opens_it_and_an_old_one_does_not(server, new_person):
    ben = new_person(server)
    sign_in_ben(ben, server)
    ben.goto("/security-info").see_heading("Security info")
    server.advance(minutes=10, milliseconds=1)
    ben.follow("Add a method")
    assert "/flows/" in ben.path
    ben.see("Before you change your security info, prove it’s you.").picture("fresh-proof")
    answer_text(ben, server, BEN_PHONE)
    assert ben.path == "/security-info/add", "on to what he wanted"


def test_a_visit_never_shows_the_wizard_and_the_wizard_never_this_page(server, new_person):
    ada = new_person(server)
    ada.goto("/security-info")
    sign_in(ada, "ada")
    # Asked by the policy: the wizard, and no way from it to the page for changes.
    ada.see_heading("Add two ways to prove it’s you")
    assert not ada.has("link", "Security info")
    ada.press("Start")
    assert ada.goto("/security-info").path.startswith("/sign-in"), "the wizard is not a sign-in"
    ada.back()
    register_app(ada, server)
    ada.press("Finish later")
    # She came for this page: it says what is missing and does not force her.
    assert ada.path == "/security-info"
    ada.see_heading("Security info").see("To choose a new password yourself you need one more method.")
    assert not ada.has("button", "Start")
    ada.follow("Add a method").press("Email")
    assert "Step" not in ada.text()
    register_email(ada, server)
    ada.see("Your email address is added.").see_no("you need one more method")


def test_new_recovery_codes(server, new_person):
    ada = new_person(server)
    _, old = whole_wizard(ada, server)
    ada.goto("/security-info").follow("Make new codes").see("They stop working as soon as you make new ones.")
    ada.press("Show me the codes").picture("recovery-codes")
    new = keep_codes(ada)
    assert len(new) == 10 and not set(new) & set(old)
    other = new_person(server)
    sign_in(other, "ada").press("Use a recovery code")
    other.fill("Recovery code", old[0]).press("Continue").see("recovery code did not match")
    other.fill("Recovery code", new[0]).press("Continue")
    assert other.path == "/"


def test_signed_out_everywhere(server, new_person):
    ben, other = new_person(server), new_person(server)
    sign_in_ben(ben, server)
    sign_in_ben(other, server)
    ben.goto("/security-info").follow("Sign out everywhere").picture("sign-out-everywhere").press("Sign out everywhere")
    ben.see_heading("You are signed out")
    assert other.goto("/").path.startswith("/sign-in")
    sign_in(other, "ben").see_heading(TEXT_CODE)
    assert APP_CODE not in other.text()
