"""Pieces of stories that several journeys play: signing in, walking the wizard, proving a code, changing the policy."""

from __future__ import annotations

from oath import AuthenticatorApp

#: What `converge demo` prints.
PASSWORDS = {
    "ada": "copper kettle by the sea",
    "ben": "seven lanterns on a hill",
    "cara": "wooden bridge in april",
    "dana": "quiet orchard after rain",
    "gita": "paper boats in the park",
}

#: What Ada registers: she begins with nothing.
ADA_PHONE = "+447700900184"
ADA_MAIL = "ada@okafor.example"
#: What Ben has: a phone, proven by text, and a mailbox.
BEN_PHONE = "+447700900131"
BEN_MAIL = "ben.castell@mail.example"
#: What Cara has: an app and a mailbox; and the number that only the directory knows.
CARA_KEY = "CA57 IP44 NA4K 222Z AE7A RQTH CQDM W7B2"
CARA_MAIL = "cara.lind@post.example"
CARA_DIRECTORY_PHONE = "+447700900152"

#: The two lists of the demo's policy, as `policy show` prints them.
SIGN_IN_ALLOWS = "allow: [appCode, text]\n"
RESET_ALLOWS = "allow: [appCode, text, emailCode]\n"

APP_CODE = "Enter the code from your authenticator app"
TEXT_CODE = "Enter the code we texted you"


# --- signing in and out


def sign_in(person, name: str, password: str | None = None):
    if "/sign-in" not in person.page.url:
        person.goto("/sign-in")
    person.fill("Work email or user name", name)
    person.fill("Password", password or PASSWORDS[name])
    return person.press("Sign in")


def sign_out(person):
    return person.goto("/sign-out").press("Sign out").see_heading("You are signed out")


def cara_app() -> AuthenticatorApp:
    return AuthenticatorApp.from_key(CARA_KEY)


def answer_app(person, server, app: AuthenticatorApp):
    person.see_heading(APP_CODE)
    person.fill("6-digit code", app.code(server))
    return person.press("Continue")


def answer_text(person, server, number: str):
    """The code that was texted; asks for it where a browser that is not known yet has to."""
    if person.has("button", "Text me the code"):
        person.press("Text me the code")
    person.see_heading(TEXT_CODE)
    person.fill("6-digit code", server.latest_code(number))
    return person.press("Continue")


def sign_in_ben(person, server):
    sign_in(person, "ben")
    answer_text(person, server, BEN_PHONE)
    assert "/flows/" not in person.path, f"Ben is not in yet: {person.heading()}"
    return person


# --- the wizard


def scan_app(person) -> AuthenticatorApp:
    """Reads the QR code from the screen, as a phone's camera does."""
    return AuthenticatorApp.from_uri(person.scan())


def register_app(person, server) -> AuthenticatorApp:
    person.see_heading("Connect an authenticator app")
    app = scan_app(person)
    person.fill("6-digit code", app.code(server))
    person.press("Continue")
    return app


def register_phone(person, server, typed: str = "07700 900184", e164: str = ADA_PHONE) -> None:
    person.see_heading("Add your mobile phone")
    person.select("Country", "United Kingdom +44")
    person.fill("Number", typed)
    person.press("Send the code")
    person.see_heading(TEXT_CODE)
    person.fill("6-digit code", server.latest_code(e164))
    person.press("Continue")


def register_email(person, server, address: str = ADA_MAIL) -> None:
    person.see_heading("Add an email address")
    person.fill("Email address", address)
    person.press("Send the code")
    person.fill("8-digit code", server.mailbox.latest_code(address))
    person.press("Continue")


def keep_codes(person) -> list[str]:
    person.see_heading("Your recovery codes")
    codes = person.page.locator("ol.codes li").all_inner_texts()
    person.choose("I have put them somewhere safe")
    person.press("Continue")
    return codes


def whole_wizard(person, server, name: str = "ada") -> tuple[AuthenticatorApp, list[str]]:
    """Somebody new signs in and registers app and phone."""
    sign_in(person, name)
    person.press("Start")
    app = register_app(person, server)
    register_phone(person, server)
    codes = keep_codes(person)
    person.see_heading("all set")
    person.press("Done")
    return app, codes


# --- security info


def add_app(person, server) -> AuthenticatorApp:
    person.goto("/security-info").follow("Add a method").press("Authenticator app")
    app = register_app(person, server)
    person.see("Your authenticator app is connected")
    return app


def row(person, title: str):
    """The row of a method on the page."""
    return person.page.locator("li.row").filter(has=person.page.get_by_role("heading", name=title))


# --- a forgotten password


def begin_reset(person, name: str, trouble: str = "I forgot my password"):
    person.goto("/sign-in").follow("Can’t access your account?")
    person.fill("Work email or user name", name).press("Continue")
    return person.press(trouble)


def prove_by_text(person, server, number: str, typed: str | None = None):
    """The first proof: the number is typed in full."""
    person.choose("Text a code to my phone").press("Continue")
    person.select("Country", "United Kingdom +44")
    person.fill("Number", typed or number).press("Send the code")
    person.see("a code is on its way")
    person.fill("6-digit code", server.latest_code(number))
    return person.press("Continue")


def prove_by_mail(person, server, address: str):
    """The second proof: the page knows the address by now."""
    person.choose("Email a code to me").press("Continue")
    person.fill("8-digit code", server.mailbox.latest_code(address))
    return person.press("Continue")


def prove_by_app(person, server, app: AuthenticatorApp):
    person.choose("Code from my authenticator app").press("Continue")
    person.fill("6-digit code", app.code(server))
    return person.press("Continue")


def choose_password(person, new: str, again: str | None = None):
    person.fill("New password", new).fill("The same again", new if again is None else again)
    return person.press("Save new password")


# --- what administrators do


def change_policy(server, *changes: tuple[str, str], force: bool = False) -> None:
    """Applies the policy in force with some of its text replaced; `force`: although the check has something against it."""
    text = server.cli("policy", "show").text
    for old, new in changes:
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in\n{text}"
        text = text.replace(old, new)
    file = server.folder / "policy.yaml"
    file.write_text(text)
    server.cli("policy", "apply", str(file), *(["--force"] if force else []))


def audit(server, *filters: str) -> list[dict]:
    """What the audit log says, newest first: `audit(server, "--person", "ada")`."""
    return server.cli("audit", *filters, "--json").json
