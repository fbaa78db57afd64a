"""Pieces of stories that several journeys play: signing in, walking the wizard, proving a code."""

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

BEN_PHONE = "+447700900131"
BEN_MAIL = "ben.castell@mail.example"


def sign_in(person, name: str, password: str | None = None):
    if not person.page.url.endswith("/sign-in") and "/sign-in" not in person.page.url:
        person.goto("/sign-in")
    person.fill("Work e-mail or user name", name)
    person.fill("Password", password or PASSWORDS[name])
    return person.press("Sign in")


def scan_app(person) -> AuthenticatorApp:
    """Reads the QR code from the screen, as a phone's camera does."""
    return AuthenticatorApp.from_uri(person.scan())


def register_app(person, server) -> AuthenticatorApp:
    person.see_heading("Connect an authenticator app")
    app = scan_app(person)
    person.fill("6-digit code", app.code(server))
    person.press("Continue")
    return app


def register_phone(person, server, typed: str = "07700 900184", e164: str = "+447700900184") -> None:
    person.see_heading("Add your mobile phone")
    person.select("Country", "United Kingdom +44")
    person.fill("Number", typed)
    person.press("Send the code")
    person.see_heading("Enter the code we texted you")
    person.fill("6-digit code", server.latest_code(e164))
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


def answer_app(person, server, app: AuthenticatorApp):
    person.see_heading("Enter the code from your authenticator app")
    person.fill("6-digit code", app.code(server))
    return person.press("Continue")
