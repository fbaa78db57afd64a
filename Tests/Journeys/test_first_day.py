"""Somebody new is asked once for the smallest set that both policies want, and registers it."""

import pytest

from oath import AuthenticatorApp
from stories import (
    ADA_MAIL,
    ADA_PHONE,
    RESET_ALLOWS,
    SIGN_IN_ALLOWS,
    TEXT_CODE,
    answer_app,
    answer_text,
    audit,
    change_policy,
    keep_codes,
    register_app,
    register_email,
    register_phone,
    scan_app,
    sign_in,
    sign_out,
)

#: How the page names what a plan asks for.
ASKED = {"totpApp": "An authenticator app", "mobilePhone": "Your mobile phone", "email": "An email address"}


def planned(server, name: str) -> list[str]:
    """What administrators are told that somebody has to register: by `explain`, and by the check of the policy in force."""
    explained = server.cli("explain", name, "--json").json["plan"]
    file = server.folder / "in-force.yaml"
    file.write_text(server.cli("policy", "show").text)
    checked = {person["name"]: person["plan"] for person in server.cli("policy", "check", str(file), "--json").json["people"]}
    assert checked[name] == explained
    return explained


def asked_for(person) -> list[str]:
    """What the page lists, in its order; the list is a numbered one."""
    return person.page.locator("ol.rows li.row h2").all_inner_texts()


def steps(person) -> list[str]:
    return person.page.locator("ol.steps li").all_inner_texts()


@pytest.mark.engines
@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no-script"])
def test_ada_registers_app_and_phone(server, new_person, javascript):
    ada = new_person(server, javascript=javascript)
    ada.goto("/sign-in").picture("sign-in")
    ada.goto("/profile")  # where she was going
    sign_in(ada, "ada")
    assert ada.page.title().startswith("More information required")
    ada.see_heading("Add two ways to prove it’s you")
    plan = planned(server, "ada")
    assert asked_for(ada) == [ASKED[kind] for kind in plan] == ["An authenticator app", "Your mobile phone"]
    ada.page.get_by_text("Why am I being asked?").click()
    ada.see("Sign-in for everyone", "Password reset").picture("more-information")
    ada.press("Start")

    ada.see(f"Step 1 of {len(plan)}").picture("wizard-app")
    assert len(steps(ada)) == len(plan), "the recovery codes are no step"
    uri = ada.scan()
    assert uri.startswith("otpauth://totp/Harbour%20%26%20Vale:ada?secret=")
    app = AuthenticatorApp.from_uri(uri)
    ada.page.get_by_text("Can’t scan the code?").click()
    assert ada.page.locator("a[href^=otpauth]").get_attribute("href") == uri, "the picture holds just what the link holds"
    key = ada.page.locator("p.key").inner_text()
    assert AuthenticatorApp.from_key(key).secret == app.secret

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
    ada.see("The number has an extension", "Texts can’t reach an extension")
    assert ada.page.get_by_label("Number").input_value() == "07700 900184 ext. 7", "what was typed is kept"
    ada.fill("Number", "12").press("Send the code").see("can’t be a phone number")
    ada.fill("Number", "(07700) 900 184").press("Send the code")
    ada.see_heading(TEXT_CODE).see("+44 7700 900184")
    first = server.message(ADA_PHONE)
    assert first["body"].splitlines()[-1].startswith("@localhost #"), "phones fill in a code that is bound to the address"
    ada.fill("6-digit code", server.latest_code(ADA_PHONE, unread=False)).press("Continue")

    ada.see("Both steps done")
    codes = keep_codes(ada)
    assert len(set(codes)) == 10
    ada.see_heading("You’re all set, Ada").picture("wizard-summary")
    rows = ada.page.locator("li.row").all_inner_texts()
    assert "Authenticator app" in rows[0] and "Default" in rows[0]
    assert any("+44 7700 900184" in row for row in rows) and any("10 codes left" in row for row in rows)
    ada.press("Done")
    assert ada.path == "/profile"
    shown = server.cli("user", "show", "ada", "--json").json
    assert {m["method"] for m in shown["methods"]} == {"totpApp", "mobilePhone", "recoveryCodes"}
    assert planned(server, "ada") == []


@pytest.mark.parametrize(
    ("country", "typed"),
    [("United Kingdom +44", "07700-900.184"), ("France +33", "+44 7700 900184"), ("United Kingdom +44", "0044 (0)7700 900184")],
)
def test_a_number_may_be_typed_as_people_do(server, new_person, country, typed):
    change_policy(server, (SIGN_IN_ALLOWS, "allow: [text]\n"), (RESET_ALLOWS, "allow: [text]\n"), ("gates: 2", "gates: 1"))
    ada = new_person(server)
    sign_in(ada, "ada").press("Start")
    ada.select("Country", country).fill("Number", typed).press("Send the code")
    ada.see_heading(TEXT_CODE).see("+44 7700 900184")
    assert server.message(ADA_PHONE)["to"] == "+447700900184"


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no-script"])
def test_a_choice_that_keeps_the_policies_satisfied(server, new_person, javascript):
    ada = new_person(server, javascript=javascript)
    sign_in(ada, "ada").press("Start")
    ada.press("Choose something else")
    ada.see_heading("What would you like to use for step 1?").picture("wizard-choose")
    assert not ada.has("button", "Mobile phone"), "the phone is in the plan already"
    ada.press("Back").see("Step 1 of 2").see_heading("Connect an authenticator app")
    ada.press("Choose something else").press("Email")
    # An email address cannot sign her in, so the phone comes first now.
    ada.see("Step 1 of 2").see_heading("Add your mobile phone")
    assert steps(ada) == ["Mobile phone", "Email"]
    register_phone(ada, server)
    ada.see("Step 2 of 2")
    register_email(ada, server)
    keep_codes(ada)
    ada.see(ADA_MAIL)
    ada.press("Done")
    assert ada.path == "/" and planned(server, "ada") == []


def test_the_link_is_hidden_where_there_is_no_choice(server, new_person):
    change_policy(server, (SIGN_IN_ALLOWS, "allow: [appCode]\n"), (RESET_ALLOWS, "allow: [appCode, emailCode]\n"))
    ada = new_person(server)
    sign_in(ada, "ada")
    assert asked_for(ada) == [ASKED[kind] for kind in planned(server, "ada")] == ["An authenticator app", "An email address"]
    ada.press("Start").see("Step 1 of 2")
    assert not ada.has("button", "Choose something else")


def test_one_method_is_enough_where_it_serves_both(server, new_person):
    change_policy(server, ("gates: 2", "gates: 1"))
    ada = new_person(server)
    sign_in(ada, "ada").see_heading("Add a way to prove it’s you")
    assert asked_for(ada) == [ASKED[kind] for kind in planned(server, "ada")] == ["An authenticator app"]
    ada.press("Start").see("Step 1 of 1")
    register_app(ada, server)
    ada.see("Done")
    keep_codes(ada)
    ada.press("Done")
    assert ada.path == "/"


def test_she_stops_half_way_and_goes_on_another_day(server, new_person):
    ada = new_person(server)
    sign_in(ada, "ada").press("Start")
    app = register_app(ada, server)
    # The second step is there now; what is left serves the reset only, and that can wait.
    ada.see("Step 2 of 2").press("Finish later")
    assert ada.path == "/", "registering the app was a second step"
    ada.see("Complete your security info")
    cancelled = audit(server, "--activity", "User registered all required security info")
    assert [row["result"] for row in cancelled] == ["failure"]
    sign_out(ada).follow("Sign in again")
    server.advance(days=1)
    sign_in(ada, "ada")
    answer_app(ada, server, app)
    assert asked_for(ada) == [ASKED[kind] for kind in planned(server, "ada")] == ["Your mobile phone"]
    ada.press("Start").see("Step 1 of 1")
    register_phone(ada, server)
    keep_codes(ada)
    ada.press("Done")
    assert ada.path == "/"


def test_who_stops_at_the_first_step_is_not_signed_in(server, new_person):
    ada = new_person(server)
    sign_in(ada, "ada").press("Start")
    ada.press("Stop for now").see_heading("You are not signed in yet")
    assert ada.goto("/profile").path.startswith("/sign-in")
    cancelled = audit(server, "--activity", "User registered all required security info")[0]
    assert (cancelled["result"], cancelled["reason"]) == ("failure", "cancelled")
    sign_in(ada, "ada").press("Start").see("Step 1 of 2")


@pytest.mark.engines
def test_recovery_codes_sign_in_once(server, new_person):
    ada = new_person(server)
    sign_in(ada, "ada").press("Start")
    app = register_app(ada, server)
    register_phone(ada, server)
    codes = keep_codes(ada)
    ada.press("Done")
    other = new_person(server)
    sign_in(other, "ada")
    other.press("Use a recovery code").picture("recovery-code")
    other.fill("Recovery code", codes[0].lower()).press("Continue")
    assert other.path == "/"
    again = new_person(server)
    sign_in(again, "ada")
    again.press("Use a recovery code")
    again.fill("Recovery code", codes[0]).press("Continue").see("recovery code did not match")
    # It was her own slip: the app still lets her in.
    again.press("Code from my authenticator app")
    answer_app(again, server, app)
    assert again.path == "/"


@pytest.mark.engines
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
    ada.select("Country", "United Kingdom +44").fill("Number", "07700 900184").press("Send the code")
    code = server.latest_code(ADA_PHONE)
    server.restart(kill=True)
    ada.fill("6-digit code", code).press("Continue")
    server.restart(kill=True)
    keep_codes(ada)
    server.restart(kill=True)
    ada.press("Done")
    sign_out(ada).follow("Sign in again")
    server.advance(minutes=2)
    sign_in(ada, "ada")
    server.restart(kill=True)
    answer_app(ada, server, app)
    assert ada.path == "/"
    server.restart(kill=True)
    ada.goto("/profile").see_heading("Profile")
