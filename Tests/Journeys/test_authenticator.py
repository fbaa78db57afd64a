"""The Converge app: on a phone, which is another browser, and the page that waits for it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from server import wait_for
from stories import SIGN_IN_ALLOWS, audit, change_policy, keep_codes, register_phone, row, sign_in, sign_in_ben, sign_out

WAITING = "Approve on your phone"
HERE = "Use it in this browser instead"
#: The page of the app that is asked.
ASKED = "Is this you signing in?"
#: An authenticator is allowed for the second step, and nothing interrupts.
WITH_PUSH = (SIGN_IN_ALLOWS, "allow: [appNotification, appCode, text]\n")


#: What is no fault on a phone: a clock that was just moved is refused once and set right, an app that was removed is told so, and there
#: is not always a network.
ORDINARY = ("status of 409", "status of 410", "net::", "Failed to fetch")


def new_phone(server, new_person, **options):
    phone = new_person(server, width=360, **options)
    phone.watch.expected.extend(ORDINARY)
    return phone


@pytest.fixture
def phone(server, new_person):
    return new_phone(server, new_person)


def number_on(page) -> str:
    return page.page.locator(".match output").inner_text().strip()


def approve(phone, number: str) -> None:
    phone.see_heading("Is this you")
    phone.fill("Number on the other screen", number).press("Approve")
    phone.see("Approved. Go on on the other screen.")


def connect(phone, page) -> None:
    """Opens what the QR code holds, and connects there."""
    address = page.scan()
    assert re.fullmatch(re.escape(page.address) + r"/authenticator#add=[0-9A-Z]{8}", address), address
    phone.goto(address.removeprefix(page.address))
    phone.see_heading("Converge app")
    if phone.has("button", HERE):
        phone.press(HERE)
    phone.press("Connect")
    page.see_heading(WAITING)
    approve(phone, number_on(page))


def add_app(page, phone) -> None:
    """On Security info, by somebody signed in."""
    page.goto("/security-info").follow("Add a method").press("Converge app")
    page.see_heading("Connect the Converge app")
    connect(phone, page)
    page.see("Your Converge app is connected")


def ben_with_app(server, new_person, phone):
    """Ben is signed in and has the app; push is what he is asked for from now on."""
    change_policy(server, WITH_PUSH)
    ben = new_person(server)
    sign_in_ben(ben, server)
    add_app(ben, phone)
    sign_out(ben)
    # Three questions in ten minutes are the most.
    server.advance(minutes=11)
    return ben


def code_on(phone) -> str:
    return phone.page.locator(".row .key").inner_text().replace(" ", "").strip()


def test_wizard_and_next_day(server, person, new_person, phone):
    """Somebody new registers the app, approves with it, and types its code another time."""
    change_policy(server, WITH_PUSH)
    sign_in(person, "ada")
    person.press("Start").see_heading("Connect the Converge app")
    phone.goto("/authenticator").see_heading("Converge app").see("Put the app on your phone first", "address bar")
    connect(phone, person)
    register_phone(person, server)
    keep_codes(person)
    person.see_heading("all set").press("Done")
    sign_out(person)
    server.advance(days=1)

    sign_in(person, "ada").see_heading(WAITING).look()
    phone.see_heading(ASKED).see("Harbour & Vale", "used before").look()
    number = number_on(person)
    approve(phone, number)
    person.see_heading("Hello, Ada")
    signed_in = [event for event in audit(server, "--person", "ada") if event["activity"] == "Signed in"]
    assert signed_in[0]["details"]["amr"] == "pwd swk mfa", signed_in[0]
    sign_out(person)

    server.advance(minutes=11)
    sign_in(person, "ada").see_heading(WAITING)
    person.press("Code from my authenticator app")
    phone.see_heading(ASKED)
    # The clock of the server is a day ahead of the phone's: the app has learned it.
    person.fill("6-digit code", code_on_hidden(phone)).press("Continue")
    person.see_heading("Hello, Ada")
    # Nobody waits for the approval any more.
    phone.see_heading("Converge app").see("Nothing is asked of you now")

    # Somebody else of the family has the same phone: each account has its own codes, and only its own is asked.
    ben = new_person(server)
    sign_in_ben(ben, server)
    add_app(ben, phone)
    expect(phone.page.locator(".row .key")).to_have_count(2)
    assert len(set(code.inner_text() for code in phone.page.locator(".row .key").all())) == 2


def code_on_hidden(phone) -> str:
    """The code of the account behind the question that is on top."""
    return phone.page.locator(".row .key").text_content().replace(" ", "").strip()


def test_refused_wrong_and_reported(server, new_person, phone):
    """No, another number, and "this wasn't me"."""
    ben = ben_with_app(server, new_person, phone)
    sign_in(ben, "ben").see_heading(WAITING)
    phone.see_heading(ASKED).press("Refuse").see("Refused. Nothing goes on there.")
    ben.see_heading("Your phone said no").press("Send it again").see_heading(WAITING)
    wrong = "10" if number_on(ben) != "10" else "11"
    phone.see_heading(ASKED).press("Approve").see("Type the two digits")
    phone.fill("Number on the other screen", wrong).press("Approve").see("That was another number")
    ben.see_heading("That was another number").look()
    server.advance(minutes=11)
    thief = new_person(server)
    sign_in(thief, "ben")
    if thief.has("button", "Ask my phone"):
        thief.press("Ask my phone")
    thief.see_heading(WAITING)
    phone.see_heading(ASKED).see("not used before").press("This wasn’t me").see("It was stopped")
    thief.see_heading("Sign in")
    assert "Somebody else may be using your name" in server.mailbox.latest("ben.castell@mail.example").subject
    reported = [event for event in audit(server, "--person", "ben") if event["activity"] == "Fraud reported"]
    assert reported and reported[0]["details"]["action"] == "everything ended"
    # The app is the owner's: it lets him in to choose another password.
    server.advance(minutes=11)
    sign_in(ben, "ben").see_heading(WAITING)
    approve(phone, number_on(ben))
    ben.see_heading("new password")


def test_two_phones_and_no_signal(server, new_person, phone):
    """Two phones are asked, the first answers; codes work where there is no network; a removed app is told so."""
    ben = ben_with_app(server, new_person, phone)
    sign_in(ben, "ben").see_heading(WAITING)
    approve(phone, number_on(ben))
    ben.see_heading("Hello, Ben")
    other = new_phone(server, new_person, dark=True)
    server.advance(minutes=11)
    ben.goto("/security-info").see_heading(WAITING)
    approve(phone, number_on(ben))
    ben.see_heading("Security info")
    add_app(ben, other)
    sign_out(ben)
    server.advance(minutes=11)
    sign_in(ben, "ben").see_heading(WAITING)
    phone.see_heading(ASKED)
    other.see_heading(ASKED)
    approve(other, number_on(ben))
    phone.see_heading("Converge app").see("Nothing is asked of you now")
    ben.see_heading("Hello, Ben")
    sign_out(ben)

    wait_for("the worker", lambda: phone.page.evaluate("navigator.serviceWorker.controller !== null") or phone.reload() and None)
    address, log = server.address, server.log
    server.stop()
    phone.page.reload()
    expect(phone.page.locator("h1")).to_have_text("Converge app")
    phone.see("No connection. Your codes work all the same.")
    assert re.fullmatch(r"\d{6}", code_on(phone)), "a code without a network"
    server.start()
    assert (address, log) == (server.address, server.log)

    server.advance(minutes=11)
    sign_in(ben, "ben").see_heading(WAITING)
    approve(other, number_on(ben))
    ben.see_heading("Hello, Ben").goto("/security-info")
    row(ben, "Converge app").first.get_by_role("link", name="Delete").click()
    ben.press("Delete")
    gone = wait_for("one phone to be told", lambda: next((p for p in (phone, other) if "was removed" in p.text()), None))
    gone.see("the app forgot it", "Add an account")


def test_without_javascript(server, new_person, phone):
    """The page that waits works by its button."""
    ben_with_app(server, new_person, phone)
    plain = new_person(server, javascript=False)
    sign_in(plain, "ben")
    if plain.has("button", "Ask my phone"):
        plain.press("Ask my phone")
    plain.see_heading(WAITING).press("I have approved it").see("Your phone has not answered yet")
    approve(phone, number_on(plain))
    plain.press("I have approved it").see_heading("Hello, Ben")


def on(phone, agent: str) -> None:
    """A browser that says that it is another one."""
    phone.context.add_init_script(f"Object.defineProperty(navigator, 'userAgent', {{ get: () => {agent!r} }})")


def test_installation_is_explained(server, new_person):
    """On a system whose browser and installed app keep things apart, no key is made in the wrong place."""
    for agent, words, may_stay in (
        ("Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/130.0.0.0 Mobile Safari/537.36", "Install app", True),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 14_7) AppleWebKit/605.1.15 Version/18.0 Safari/605.1.15", "Add to Dock", False),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 14_7) AppleWebKit/537.36 Chrome/130.0.0.0 Safari/537.36", "in the address bar", True),
    ):
        other = new_person(server, width=360)
        on(other, agent)
        other.goto("/authenticator#add=ABCD1234").see(words, "Your code is ABCD1234")
        assert other.has("button", HERE) == may_stay, agent
    phone = new_person(server, width=360)
    on(phone, "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1")
    phone.goto("/authenticator#add=ABCD1234").see("Add to Home Screen", "Your code is ABCD1234")
    assert not phone.has("button", HERE)
    # Opened from the home screen.
    phone.context.add_init_script("Object.defineProperty(navigator, 'standalone', { get: () => true })")
    phone.goto("/helpdesk").goto("/authenticator").see("Add an account")
    phone.fill("Or type the eight letters and digits below it", "abcd-1234")
    with phone.expecting("422"):
        phone.press("Connect").see("That code is not good")


@pytest.mark.engines
def test_push(push_server, new_person):
    """A message wakes the phone, encrypted for it alone; an address that died is replaced once, and without one the app asks all the same."""
    server, service = push_server, push_server.push_service
    phone = new_phone(server, new_person)
    phone.context.add_init_script(service.script())
    ben = ben_with_app(server, new_person, phone)
    sign_in(ben, "ben").see_heading(WAITING)
    service.wait(1)
    # The phone may have subscribed before the first question of its registration, or after it.
    push = wait_for("the message", lambda: next((p for p in service.pushes if p.shown["title"] == "Are you signing in?"), None))
    taken = len(service.pushes)
    assert push.ttl <= 60 and push.urgency == "high"
    assert number_on(ben) not in push.shown["body"] and "ben" not in str(push.shown).lower()
    approve(phone, number_on(ben))
    ben.see_heading("Hello, Ben")
    assert not service.faults, service.faults
    sign_out(ben)

    def sign_in_again() -> None:
        server.advance(minutes=11)
        sign_in(ben, "ben").see_heading(WAITING)
        approve(phone, number_on(ben))
        ben.see_heading("Hello, Ben")
        sign_out(ben)

    # The service knows the phone no more: the app asks it for another address, once.
    service.answer = 410
    sign_in_again()
    wait_for("the refused message", lambda: service.refused or None)
    wait_for("another address", lambda: phone.page.evaluate("subscriptions") == 2 or None)
    service.answer = None
    sign_in_again()
    wait_for("the next message", lambda: len(service.pushes) > taken or None)
    service.answer = 410
    sign_in_again()
    wait_for("the second refused message", lambda: service.refused == 2 or None)
    # Nobody there: it was the last, and the app asks all the same.
    sign_in_again()
    assert service.refused == 2 and len(service.pushes) == taken + 1
