"""The day the phone is gone: left at home, lost, or a new one."""

from stories import (
    BEN_MAIL,
    add_app,
    answer_app,
    register_app,
    sign_in,
    sign_in_ben,
    sign_out,
    whole_wizard,
)


def begin(person, server):
    """Ada is asked for her code and has no phone."""
    sign_in(person, "ada")
    return person.follow("I don’t have my phone").see_heading("Where is your phone?")


def recover(person, code: str):
    person.press("Use a recovery code").fill("Recovery code", code)
    return person.press("Continue")


def test_ada_left_it_at_home(server, new_person):
    ada = new_person(server)
    _, codes = whole_wizard(ada, server)
    elsewhere = new_person(server)
    begin(elsewhere, server).picture("phone-gone")
    elsewhere.follow("I left it somewhere safe").see("until midnight").picture("phone-gone-today")
    recover(elsewhere, codes[0])
    assert elsewhere.path == "/"
    sign_out(elsewhere)
    sign_in(elsewhere, "ada")
    assert elsewhere.path == "/", "not asked again today"
    sign_out(elsewhere)
    server.advance(days=1)
    sign_in(elsewhere, "ada")
    assert "/flows/" in elsewhere.path


def test_adas_phone_is_stolen(server, new_person):
    ada = new_person(server)
    _, codes = whole_wizard(ada, server)
    helper = new_person(server)
    begin(helper, server).follow("It is lost or was stolen").picture("lost-phone")
    helper.press("Switch it off").see_heading("Your phone is switched off").picture("lost-phone-done")
    assert ada.goto("/security-info").path.startswith("/sign-in"), "whoever has the phone is out"
    helper.follow("Go on").see_heading("Enter a recovery code")  # the only way left
    helper.fill("Recovery code", codes[0]).press("Continue")
    helper.press("Start")
    app = register_app(helper, server)
    assert app


def test_ben_has_a_new_phone(server, new_person):
    ben = new_person(server)
    sign_in_ben(ben, server)
    old = add_app(ben, server)
    server.mailbox.latest(BEN_MAIL)
    ben.goto("/security-info/new-phone").see_heading("Move to your new phone").picture("new-phone")
    ben.page.locator("li.row").filter(has_text="Authenticator app").get_by_role("button", name="Replace").click()
    new = register_app(ben, server)
    ben.see_heading("Move to your new phone").follow("Done")
    ben.see("Replaced within the last day", "You replaced your authenticator app").picture("security-info-undo")
    ben.press("Take it back").see("We took the change back")
    server.advance(minutes=1)
    other = new_person(server)
    sign_in(other, "ben")
    if other.has("button", "Code from my authenticator app"):
        other.press("Code from my authenticator app")
    answer_app(other, server, old)
    assert other.path == "/" and new
