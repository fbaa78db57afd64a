"""Forgotten passwords, the Security info page, and the day a method is no longer allowed."""

import re

from stories import BEN_MAIL, BEN_PHONE, answer_app, keep_codes, register_app, sign_in, whole_wizard


def change_policy(server, folder, old: str, new: str) -> None:
    text = server.cli("policy", "show").text
    assert old in text
    file = folder / "policy.yaml"
    file.write_text(text.replace(old, new))
    server.cli("policy", "apply", str(file))


def prove_by_text(person, server, number_typed: str, e164: str) -> None:
    person.choose("Text a code to my phone").press("Continue")
    person.select("Country", "United Kingdom +44")
    person.fill("Number", number_typed).press("Send the code")
    person.see("a code is on its way")
    person.fill("6-digit code", server.latest_code(e164)).press("Continue")


def test_ben_forgets_his_password(smtp_server, new_person):
    server = smtp_server
    ben = new_person(server)
    ben.goto("/sign-in").follow("Can’t access your account?")
    ben.fill("Work e-mail or user name", "ben").press("Continue").picture("reset-reason")
    ben.press("I forgot my password")
    prove_by_text(ben, server, "07700 900131", BEN_PHONE)
    ben.choose("E-mail a code to me").press("Continue")
    ben.fill("8-digit code", server.mailbox.latest(BEN_MAIL).code).press("Continue")
    ben.see_heading("Choose your new password").picture("reset-password")
    ben.fill("New password", "short").fill("The same again", "short").press("Save new password")
    assert ben.page.title().startswith("Error:")
    ben.fill("New password", "tall ships leaving at dusk").fill("The same again", "tall ships leaving at dusk")
    ben.press("Save new password")
    ben.page.get_by_role("link", name="Sign in").first.click()
    sign_in(ben, "ben", "tall ships leaving at dusk")
    ben.see("second step") if ben.has("link", "never") else None
    assert "/flows/" in ben.path, "a reset never signs in, and counts for nothing at sign-in"
    rows = server.cli("audit", "--category", "Self-service Password Management", "--json").json
    assert rows[0]["activity"] == "Reset password (self-service)" and rows[0]["result"] == "success"


def test_the_reset_page_is_the_same_for_every_name(server, new_person):
    texts = []
    for name in ("ben", "nobody-at-all"):
        person = new_person(server)
        person.goto("/reset-password").fill("Work e-mail or user name", name).press("Continue")
        person.press("I forgot my password")
        person.choose("Text a code to my phone").press("Continue")
        person.select("Country", "United Kingdom +44")
        person.fill("Number", "07700 900999").press("Send the code")
        person.fill("6-digit code", "123456").press("Continue")
        # Times of day aside: a minute may pass between the two.
        texts.append(re.sub(r"\d\d:\d\d", "00:00", person.text()))
    assert texts[0] == texts[1]
    assert server.outbox() == []


def test_ben_crosses_the_bridge(server, new_person, tmp_path):
    change_policy(server, tmp_path, "allow: [appCode, text]", "allow: [appCode]")
    ben = new_person(server)
    sign_in(ben, "ben")
    if ben.has("button", "Text me the code"):
        ben.press("Text me the code")
    ben.see("no longer accepts").picture("bridge")
    ben.fill("6-digit code", server.latest_code(BEN_PHONE)).press("Continue")
    ben.press("Start")
    app = register_app(ben, server)
    keep_codes(ben)
    ben.press("Done")
    assert ben.path == "/"
    # From now on the text is of no use for signing in.
    again = new_person(server)
    server.advance(minutes=2)
    sign_in(again, "ben")
    again.see_heading("Enter the code from your authenticator app")
    assert not again.has("button", "Text a code to my phone")
    answer_app(again, server, app)


def test_without_the_bridge_a_dead_end_has_a_name_and_a_pass_leads_on(server, new_person, tmp_path):
    text = server.cli("policy", "show").text
    file = tmp_path / "policy.yaml"
    file.write_text(text.replace("allow: [appCode, text]", "allow: [appCode]", 1).replace("days: 30", "days: 0", 1))
    server.cli("policy", "apply", str(file))
    stranger = new_person(server)
    sign_in(stranger, "ben")
    assert not stranger.has("button", "Start"), "the password alone registers nothing"
    ben = new_person(server)
    made = server.cli("user", "pass", "ben", "--json").json["pass"]
    ben.goto("/sign-in").follow("Sign in with an access pass")
    ben.fill("Work e-mail or user name", "ben").fill("Access pass", made).press("Sign in")
    ben.press("Start")
    register_app(ben, server)
    ben.see("connected")


def test_the_security_info_page(server, new_person):
    ada = new_person(server)
    app, _ = whole_wizard(ada, server)
    ada.goto("/setupsecurityinfo")
    ada.see_heading("Security info").see("Authenticator app", "+44 7700 900184").picture("security-info")
    ada.follow("Change default").choose("A text to your mobile phone").press("Save")
    ada.see("We ask for this first")
    server.advance(minutes=11)
    ada.goto("/security-info")
    assert "/flows/" in ada.path, "a fresh proof is asked for"
    rows = server.cli("audit", "--activity", "User changed default security info", "--json").json
    assert "900184" not in str(rows)
