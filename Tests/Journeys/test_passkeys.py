"""Passkeys: registered, used as a second step and in place of the password, and everything that is not one."""

import http.server
import json
import threading
from urllib.parse import parse_qsl

import pytest

from authenticator import Authenticator, closes_the_window, offers_nothing
from server import wait_for
from stories import (
    BEN_MAIL,
    BEN_PHONE,
    RESET_ALLOWS,
    SIGN_IN_ALLOWS,
    answer_text,
    audit,
    change_policy,
    keep_codes,
    register_email,
    row,
    sign_in,
    sign_in_ben,
    sign_out,
)

#: A second step may be a passkey as well.
ALSO_PASSKEYS = (SIGN_IN_ALLOWS, "allow: [appCode, text, passkey]\n")
USE, CREATE = "Use my passkey", "Create a passkey"
WITH_PASSKEY = "Sign in with a passkey"


def add_passkey(person, name: str = ""):
    person.goto("/security-info").follow("Add a method").press("Passkey")
    person.see_heading("Create a passkey")
    if name:
        person.fill("Name of the passkey", name)
    return person.press(CREATE)


def ben_with_passkey(server, new_person, name: str = "Blue key", offers: bool = False, **kind):
    """Ben, signed in, with a passkey on an authenticator of some kind."""
    change_policy(server, ALSO_PASSKEYS)
    ben = new_person(server)
    if not offers:
        offers_nothing(ben)
    sign_in_ben(ben, server)
    key = Authenticator(ben, **kind)
    add_passkey(ben, name).see("Your passkey is added.")
    return ben, key


def refusals(server, who: str = "ben") -> list[str]:
    return [event["reason"] for event in audit(server, "--person", who) if event["result"] != "success"]


# --- registering


def test_added_named_renamed_and_deleted(server, new_person):
    ben, key = ben_with_passkey(server, new_person, name="")
    title = row(ben, "Passkey").inner_text()
    assert "For sign-in" in title and "Added by you on" in title, title
    assert len(key.passkeys()) == 1 and key.passkeys()[0]["isResidentCredential"]
    ben.picture("security-info-passkey")
    # The same device makes no second one for the same person.
    add_passkey(ben).see("You have that passkey already")
    ben.goto("/security-info").follow("Rename Passkey").see_heading("Rename this passkey").picture("rename-passkey")
    ben.fill("Name of the passkey", "").page.evaluate("document.querySelector('input[name=name]').required = false")
    ben.press("Save the name").see("Fill in this field")
    ben.fill("Name of the passkey", "x" * 41).press("Save the name").see("Use up to 40 characters")
    ben.fill("Name of the passkey", "Kitchen laptop").press("Save the name").see("The passkey has its new name.")
    assert "Kitchen laptop" in row(ben, "Passkey").inner_text()
    ben.follow("Delete Passkey").see_heading("Delete your passkey?").see("Kitchen laptop")
    ben.press("Delete").see("We deleted your passkey.")
    activities = [event["activity"] for event in audit(server, "--person", "ben", "--category", "Authentication Methods")]
    assert activities[:2] == ["User deleted security info", "User updated security info"]


def test_a_wizard_that_wants_a_passkey_and_a_mailbox(server, new_person):
    """Table 7c, row 4: where only passkeys are a second step and only mail resets, there is one plan and no other."""
    change_policy(server, (SIGN_IN_ALLOWS, "allow: [passkey]\n"), (RESET_ALLOWS, "allow: [emailCode]\n"), ("gates: 2", "gates: 1"))
    ada = new_person(server)
    offers_nothing(ada)
    Authenticator(ada)
    sign_in(ada, "ada").see("A passkey", "An email address").press("Start")
    ada.see_heading("Create a passkey").picture("wizard-passkey")
    assert not ada.has("button", "Use something else instead"), "there is no alternative"
    ada.fill("Name of the passkey", "Ada’s phone").press(CREATE)
    register_email(ada, server)
    keep_codes(ada)
    ada.see_heading("all set").press("Done")
    assert ada.path == "/"
    sign_out(ada)
    ada.goto("/sign-in").press(WITH_PASSKEY)
    assert ada.path == "/"


def test_a_browser_without_passkeys_says_which_to_use(server, new_person):
    change_policy(server, (SIGN_IN_ALLOWS, "allow: [passkey]\n"))
    ada = new_person(server)
    ada.context.add_init_script("delete window.PublicKeyCredential")
    sign_in(ada, "ada").press("Start").see_heading("Create a passkey").see("This browser cannot make passkeys.")
    assert not ada.page.get_by_role("button", name=CREATE).is_visible()
    plain = new_person(server, javascript=False)
    sign_in(plain, "ada").press("Start").see("Passkeys need JavaScript")
    assert not plain.page.get_by_role("button", name=CREATE).is_visible()


# --- a second step


def test_a_security_key_as_the_second_step(server, new_person):
    ben, key = ben_with_passkey(server, new_person, transport="usb", verifies=False)
    sign_out(ben)
    sign_in(ben, "ben").see_heading("Use your passkey").picture("challenge-passkey")
    closes_the_window(ben)
    ben.press(USE).see("The passkey was not used")
    ben.press(USE)
    assert ben.path == "/", "a touch is enough after the password"
    # Without a check of who uses it, it is no way around the password.
    sign_out(ben)
    ben.goto("/sign-in")
    closes_the_window(ben)
    ben.press(WITH_PASSKEY).see("The passkey was not used")
    signed_in = audit(server, "--person", "ben", "--activity", "Signed in")
    assert signed_in[0]["details"]["amr"] == "pwd hwk user mfa", signed_in[0]["details"]
    # The other ways stay.
    sign_in(ben, "ben").press("Text a code to my phone")
    answer_text(ben, server, BEN_PHONE)
    assert ben.path == "/"


def test_the_counter_of_a_copy_stands_still(server, new_person):
    ben, key = ben_with_passkey(server, new_person, transport="usb", verifies=False)
    sign_out(ben)
    sign_in(ben, "ben").press(USE)
    assert ben.path == "/"
    sign_out(ben)
    key.is_a_copy()
    sign_in(ben, "ben").press(USE).see("That passkey was refused").picture("passkey-copied")
    assert "passkey.copied" in refusals(server)
    told = lambda: [mail for mail in server.mailbox.to(BEN_MAIL) if mail.subject == "A passkey of yours was refused"] or None
    wait_for("the notice to Ben", told)


def test_a_fresh_proof_by_passkey(server, new_person):
    ben, _ = ben_with_passkey(server, new_person)
    server.advance(minutes=10, milliseconds=1)
    ben.goto("/security-info").see_heading("Use your passkey").press(USE).see_heading("Security info")


# --- instead of the password


@pytest.mark.engines
def test_without_a_password(server, new_person):
    ben, key = ben_with_passkey(server, new_person)
    sign_out(ben)
    ben.goto("/sign-in").picture("sign-in-passkey")
    assert ben.page.get_by_label("Work email or user name").get_attribute("autocomplete") == "username webauthn"
    ben.press(WITH_PASSKEY)
    assert ben.path == "/"
    amr = audit(server, "--person", "ben", "--activity", "Signed in")[0]["details"]["amr"]
    assert amr == "hwk user mfa", amr
    ben.goto("/security-info").see_heading("Security info")
    # Somebody else's finger.
    sign_out(ben)
    ben.goto("/sign-in")
    key.knows_its_user(False)
    ben.press(WITH_PASSKEY).see("The passkey was not used")


def test_offered_beside_the_name(server, new_person):
    """Conditional mediation: the passkey is chosen from what the browser offers in the field, no button pressed."""
    ben, key = ben_with_passkey(server, new_person, offers=True)
    sign_out(ben)
    ben.page.goto(ben.address + "/sign-in")
    ben.page.wait_for_url(ben.address + "/")
    ben.look()
    assert ben.heading()


def test_the_same_answer_works_once(server, new_person):
    ben, _ = ben_with_passkey(server, new_person)
    sign_out(ben)
    sent = []
    ben.page.on("request", lambda request: sent.append(request.post_data) if request.url.endswith("/sign-in/passkey") else None)
    ben.goto("/sign-in").press(WITH_PASSKEY)
    assert ben.path == "/" and len(sent) == 1
    sign_out(ben)
    ben.goto("/sign-in")
    post(ben, fields_of(sent[0])).see("This page was open for too long")
    # Neither is it any good in another browser, which has no part in the challenge.
    other = new_person(server)
    other.goto("/sign-in")
    post(other, fields_of(sent[0])).see("This page was open for too long")


def test_an_answer_made_for_another_place(server, new_person):
    """The same passkey, the same relying party, our own challenge, but a page of somebody else's on another port."""
    ben, key = ben_with_passkey(server, new_person)
    passkey = key.passkeys()[0]
    sign_out(ben)
    ben.goto("/sign-in")
    options = json.loads(ben.page.locator("form[data-passkey]").get_attribute("data-options"))
    mallory = new_person("http://localhost:" + str(elsewhere()))
    mallory.page.goto(mallory.address)
    stolen = Authenticator(mallory)
    stolen.put(passkey)
    for change, words in (({}, "You can’t sign in with that passkey"), ({"rpId": "example.org"}, None)):
        answer = mallory.page.evaluate(ANSWER, options | change)
        if words is None:
            assert answer == "SecurityError", "a browser keeps to its own site"
            continue
        post(ben, answer).see(words)
        assert ben.status == 422
    refused = audit(server, "--person", "ben", "--result", "failure")[0]
    assert (refused["reason"], refused["details"]["detail"]) == ("passkey.refused", "origin"), refused


def test_a_passkey_that_policy_shuts_out(server, new_person):
    """A list of kinds cuts off who has another kind, and the check says so before anything is applied."""
    ben, key = ben_with_passkey(server, new_person)
    text = server.cli("policy", "show").text
    kind = "00000000-0000-0000-0000-000000000001"
    assert "  allow: []\n" in text and text.count("allow: []") == 1, text
    file = server.folder / "kinds.yaml"
    # Nothing but passkeys is a second step here: whoever has another kind loses it.
    shut = text.replace("allow: []", f"allow: [{kind}]").replace("allow: [appCode, text, passkey]", "allow: [passkey]")
    file.write_text(shut)
    check = server.cli("policy", "check", str(file), "--json", check=False).json
    assert check["effects"]["losesSecondStep"] >= 1, check
    file.write_text(text.replace("requireAttestation: false", "requireAttestation: true"))
    refused = server.cli("policy", "check", str(file), check=False)
    assert "passkeys.attestationRoots" in str(refused) + refused.errors
    file.write_text(text.replace("allow: []", f"allow: [{kind}]"))
    server.cli("policy", "apply", str(file))
    ben.goto("/security-info").see("Your organisation no longer accepts this kind of passkey.")
    assert "its kind of authenticator is not allowed" in server.cli("explain", "ben").text
    sign_out(ben)
    ben.goto("/sign-in").press(WITH_PASSKEY).see("You can’t sign in with that passkey")
    # At a registration, the kind is refused too.
    sign_in(ben, "ben")
    answer_text(ben, server, BEN_PHONE)
    key.forget(key.passkeys()[0])
    add_passkey(ben).see("That kind of passkey is not accepted")
    assert "passkey.kind" in refusals(server)


# --- a forgotten password


def test_a_passkey_as_a_proof_of_a_reset(server, new_person):
    """Closed but for a setting; then also before anybody is known, where the page is the same for every name."""
    change_policy(
        server, ALSO_PASSKEYS, (RESET_ALLOWS, "allow: [appCode, text, emailCode, passkey]\n"), ("options: []", "options: [passkey]"),
        ("minimumAgeHours: 24", "minimumAgeHours: 0"),
    )
    ben = new_person(server)
    sign_in_ben(ben, server)
    Authenticator(ben)
    add_passkey(ben).see("Your passkey is added.")
    sign_out(ben)
    ben.goto("/reset-password").fill("Work email or user name", "nobody-at-all").press("Continue")
    ben.press("I forgot my password").choose("Use my passkey").press("Continue").see_heading("Use your passkey")
    ben.press(USE).see("That passkey did not match")
    ben.goto("/reset-password").fill("Work email or user name", "ben").press("Continue")
    ben.press("I forgot my password").choose("Use my passkey").press("Continue").press(USE)
    ben.see("Thank you. That was right.")
    assert "Use my passkey" not in ben.text()


# --- pieces


def post(person, fields: dict):
    """Sends the page's own form with somebody's answer."""
    def go():
        person.page.evaluate(
            """(fields) => {
                const form = document.querySelector("form[data-passkey]");
                for (const [name, value] of Object.entries(fields)) if (form.elements[name]) form.elements[name].value = value;
                setTimeout(() => form.submit());
            }""",
            fields,
        )
    person._steps.after(go)
    return person._arrived()


def fields_of(sent: str) -> dict:
    return {name: value for name, value in parse_qsl(sent, keep_blank_values=True) if name != "csrf"}


ANSWER = """async (options) => {
    const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
    const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\\+/g, "-").replace(/\\//g, "_").replace(/=+$/, "");
    try {
        const used = await navigator.credentials.get({ publicKey: { ...options, challenge: bytes(options.challenge), allowCredentials: [] } });
        const answer = used.response;
        return {
            id: text(used.rawId), clientData: text(answer.clientDataJSON), authenticatorData: text(answer.authenticatorData),
            signature: text(answer.signature), userHandle: text(answer.userHandle),
        };
    } catch (error) { return error.name; }
}"""


class _Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>Somebody else</title><h1>Somebody else</h1>")

    def log_message(self, *_):
        pass


def elsewhere() -> int:
    """The port of a page that is not ours."""
    other = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Page)
    threading.Thread(target=other.serve_forever, daemon=True).start()
    return other.server_port
