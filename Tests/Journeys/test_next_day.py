"""Once registered, the second step is one code: the default by itself, everything else one press away."""

import pytest

from stories import ADA_PHONE, APP_CODE, TEXT_CODE, answer_app, answer_text, sign_in, sign_out, whole_wizard


@pytest.mark.engines
@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no-script"])
def test_the_next_day(server, new_person, javascript):
    ada = new_person(server, javascript=javascript)
    app, _ = whole_wizard(ada, server)
    ada.press("Sign out")
    ada.see_heading("You are signed out")
    assert ada.goto("/profile").path.startswith("/sign-in"), "signed out is signed out"
    server.advance(days=1)
    sign_in(ada, "ada")
    ada.see_heading(APP_CODE).picture("challenge-code")
    ways = [" ".join(way.split()) for way in ada.page.locator("details ul.choices > li").all_inner_texts()]
    assert [way.split(" ")[0:4] for way in ways] == [
        ["Text", "a", "code", "to"], ["Use", "a", "recovery", "code"], ["I", "can’t", "use", "any"],
    ], ways
    assert "84" in ways[0] and "900184" not in ways[0], "before the proof a number is masked"
    used = app.code(server)
    ada.choose("Don’t ask again on this browser")
    ada.fill("6-digit code", used).press("Continue")
    assert ada.path == "/profile", "where she was going before she was asked to sign in"

    # The same code is good once, whoever types it; another way needs no code of the app.
    other = new_person(server, javascript=javascript)
    sign_in(other, "ada")
    other.fill("6-digit code", used).press("Continue").see("used already")
    other.press("Text a code to my phone")
    answer_text(other, server, ADA_PHONE)
    assert other.path == "/"

    # This browser is remembered for the policy's days, then asked again.
    sign_out(ada).follow("Sign in again")
    sign_in(ada, "ada")
    assert ada.path == "/"
    server.advance(days=15)
    ada.goto("/sign-in")
    sign_in(ada, "ada")
    ada.see_heading(APP_CODE)


def test_the_default_follows_the_person(server, new_person):
    ada = new_person(server)
    app, _ = whole_wizard(ada, server)
    ada.goto("/security-info").follow("Change default")
    ada.choose("A text to your mobile phone").picture("change-default").press("Save")
    sign_out(ada).follow("Sign in again")
    sign_in(ada, "ada").see_heading(TEXT_CODE).see("ending in 84")
    # And back by the other way, this once.
    ada.press("Code from my authenticator app")
    answer_app(ada, server, app)
    assert ada.path == "/"


def test_nobody_can_help_but_the_helpdesk(server, new_person):
    """"I can't use any of these" names whom to ask, with a reference that they find again."""
    ada = new_person(server)
    whole_wizard(ada, server)
    other = new_person(server)
    sign_in(other, "ada").follow("I can’t use any of these")
    other.see_heading("Let’s find another way in").see("0117 496 0123").picture("dead-end-cannot")
    other.follow("Try again").see_heading(APP_CODE)
