"""Somebody new registers once; the next day the method serves."""

import pytest

from oath import AuthenticatorApp
from stories import answer_app, keep_codes, register_app, register_phone, scan_app, sign_in, whole_wizard


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no-script"])
def test_ada_registers_app_and_phone(server, new_person, javascript):
    ada = new_person(server, javascript=javascript)
    ada.goto("/sign-in").picture("sign-in")
    ada.goto("/profile")  # where she was going
    sign_in(ada, "ada")
    ada.see_heading("Add two ways to prove it’s you")
    ada.see("An authenticator app", "Your mobile phone")
    ada.page.get_by_text("Why am I being asked?").click()
    ada.see("Sign-in for everyone", "Password reset").picture("more-information")
    ada.press("Start")

    ada.see("Step 1 of 2").picture("wizard-app")
    uri = ada.scan()
    assert uri.startswith("otpauth://totp/Harbour%20%26%20Vale:ada?secret=")
    app = AuthenticatorApp.from_uri(uri)
    ada.page.get_by_text("Can’t scan the code?").click()
    key = ada.page.locator("p.key").inner_text()
    assert AuthenticatorApp.from_key(key).code_at(0) == app.code_at(0)

    # She leaves and comes back to the same step.
    here = ada.path
    ada.goto("/securityinfoguide")
    ada.goto(here).see("Step 1 of 2")
    assert ada.scan() == uri

    wrong = "000000" if app.code(server) != "000000" else "111111"
    ada.fill("6-digit code", wrong).press("Continue")
    ada.see("did not match")
    assert ada.page.title().startswith("Error:")
    ada.fill("6-digit code", app.code(server)).press("Continue")

    ada.see("Step 2 of 2").see("Your authenticator app is connected").picture("wizard-phone")
    ada.select("Country", "United Kingdom +44")
    ada.fill("Number", "07700 900184 ext. 7").press("Send the code")
    ada.see("extension")
    assert ada.page.get_by_label("Number").input_value() == "07700 900184 ext. 7", "what was typed is kept"
    ada.fill("Number", "12").press("Send the code").see("can’t be a phone number")
    ada.fill("Number", "(07700) 900 184").press("Send the code")
    ada.see_heading("Enter the code we texted you").see("+44 7700 900184")
    first = server.message("+447700900184")
    assert first["body"].splitlines()[-1].startswith("@localhost #")
    ada.fill("6-digit code", server.latest_code("+447700900184", unread=False)).press("Continue")

    codes = keep_codes(ada)
    assert len(codes) == 10
    ada.see_heading("all set").see("Default").picture("wizard-summary")
    ada.press("Done")
    assert ada.path == "/profile"
    shown = server.cli("user", "show", "ada", "--json").json
    assert {m["method"] for m in shown["methods"]} == {"totpApp", "mobilePhone", "recoveryCodes"}


def test_a_choice_that_keeps_the_policies_satisfied(server, new_person):
    ada = new_person(server)
    sign_in(ada, "ada").press("Start")
    ada.press("Choose something else")
    ada.see_heading("What would you like to use for step 1?").picture("wizard-choose")
    assert not ada.has("button", "Mobile phone"), "the phone is in the plan already"
    ada.press("E-mail")
    # An e-mail address cannot sign her in, so the phone comes first now.
    ada.see("Step 1 of 2").see_heading("Add your mobile phone")
    register_phone(ada, server)
    ada.see("Step 2 of 2").see_heading("Add an e-mail address")
    ada.fill("E-mail address", "ada@okafor.example").press("Send the code")
    ada.fill("8-digit code", server.latest_code("ada@okafor.example")).press("Continue")
    keep_codes(ada)
    ada.press("Done")
    assert ada.path == "/"


def test_the_link_is_hidden_where_there_is_no_choice(server, new_person, tmp_path):
    policy = server.cli("policy", "show").text
    policy = policy.replace("allow: [appCode, text]", "allow: [appCode]").replace(
        "allow: [appCode, text, emailCode]", "allow: [appCode, emailCode]"
    )
    (tmp_path / "policy.yaml").write_text(policy)
    server.cli("policy", "apply", str(tmp_path / "policy.yaml"))
    ada = new_person(server)
    sign_in(ada, "ada").press("Start")
    ada.see("Step 1 of 2")
    assert not ada.has("button", "Choose something else")


def test_the_next_day(server, new_person):
    ada = new_person(server)
    app, _ = whole_wizard(ada, server)
    ada.press("Sign out")
    ada.see_heading("You are signed out")
    server.advance(days=1)
    ada.follow("Sign in again")
    sign_in(ada, "ada")
    ada.see_heading("Enter the code from your authenticator app").picture("challenge-code")
    used = app.code(server)
    ada.choose("Don’t ask again on this browser")
    ada.fill("6-digit code", used).press("Continue")
    assert ada.path == "/"

    # The same code is good once, whoever types it.
    other = new_person(server)
    sign_in(other, "ada")
    other.fill("6-digit code", used).press("Continue").see("used already")
    other.press("Text a code to my phone")
    other.fill("6-digit code", server.latest_code("+447700900184")).press("Continue")
    assert other.path == "/"

    # This browser is remembered for the policy's days, then asked again.
    ada.goto("/sign-out").press("Sign out").follow("Sign in again")
    sign_in(ada, "ada")
    assert ada.path == "/"
    server.advance(days=15)
    ada.goto("/sign-in")
    sign_in(ada, "ada")
    ada.see_heading("Enter the code from your authenticator app")


def test_recovery_codes_sign_in_once(server, new_person):
    ada = new_person(server)
    _, codes = whole_wizard(ada, server)
    other = new_person(server)
    sign_in(other, "ada")
    other.press("Use a recovery code")
    other.fill("Recovery code", codes[0].lower()).press("Continue")
    assert other.path == "/"
    again = new_person(server)
    sign_in(again, "ada")
    again.press("Use a recovery code")
    again.fill("Recovery code", codes[0]).press("Continue").see("recovery code did not match")


def test_a_restart_between_any_two_steps_loses_nothing(server, new_person):
    ada = new_person(server)
    sign_in(ada, "ada")
    server.restart(kill=True)
    ada.press("Start")
    app = scan_app(ada)
    server.restart(kill=True)
    ada.fill("6-digit code", app.code(server)).press("Continue")
    server.restart(kill=True)
    ada.reload().see("Step 2 of 2")
    register_phone(ada, server)
    server.restart(kill=True)
    keep_codes(ada)
    ada.press("Done")
    ada.goto("/sign-out").press("Sign out").follow("Sign in again")
    server.advance(minutes=2)
    sign_in(ada, "ada")
    answer_app(ada, server, app)
    assert ada.path == "/"
