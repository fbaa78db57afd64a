"""Calls: a telephone rings, somebody answers and presses a key, or does not."""

from __future__ import annotations

import pytest

import telephone
from server import wait_for
from stories import (
    BEN_PHONE,
    RESET_ALLOWS,
    SIGN_IN_ALLOWS,
    audit,
    begin_reset,
    change_policy,
    choose_password,
    keep_codes,
    row,
    sign_in,
    sign_out,
)

WAITING = "Answer your phone and press #"
CALLS_TOO = (SIGN_IN_ALLOWS, "allow: [appCode, text, call, alternateCall, officeCall]\n"), (
    RESET_ALLOWS,
    "allow: [appCode, text, call, officeCall, emailCode]\n",
)
CALLS_ONLY = (SIGN_IN_ALLOWS, "allow: [call, alternateCall, officeCall]\n"), (RESET_ALLOWS, "allow: [call, officeCall, emailCode]\n")
ADA_LANDLINE = "+441174960142"
ADA_SECOND = "+447700900199"
OFFICE = "+441174960150"


def signed_in(server, name: str) -> list[dict]:
    return [event for event in audit(server, "--person", name) if event["activity"] == "Signed in"]


def call_ben(person):
    """Ben signs in and is called: the first call starts by itself, later ones by a button."""
    sign_in(person, "ben")
    if person.has("button", "Call me"):
        person.press("Call me")
    return person.see_heading(WAITING)


def start_wizard(person, name: str = "ada"):
    sign_in(person, name)
    return person.press("Start")


@pytest.mark.engines
def test_sign_in_by_call(carrier_server, new_person):
    server, carrier = carrier_server, carrier_server.carrier
    change_policy(server, *CALLS_ONLY)
    ben = new_person(server)
    call_ben(ben)
    ben.see("We are calling the number ending in 31")
    call = carrier.call(BEN_PHONE)
    call.ring()
    # Help is offered when ten seconds are over, not at once.
    ben.see("It is ringing.").see_no("Nothing happening?").look()
    server.advance(seconds=11)
    ben.reload().see("It is ringing.", "Nothing happening?", "Call again", "Contact your administrator").look()
    call.answer()
    ben.see("Answered. Press # on the phone.")
    assert "To sign in, press the hash key." in call.said[-1] and "press 0, then the hash key" in call.said[-1]
    call.press("5")
    ben.see("That was another key.")
    assert "That was another key." in call.said[-1]
    # Whoever holds a handle presses nothing with it: the page goes on by itself only after the right key.
    ben.press("I have pressed #").see("We have not heard the # yet")
    assert ben.status == 422
    call.press("#")
    assert call.said[-1] == "Thank you. You can go back to your screen."
    ben.see_heading("Hello, Ben")
    call.hang_up()
    # A repeated report finds it decided, and hears the same; nothing more comes of it.
    again = call.carrier.request(call.fields["Url"] + "/key", {"CallSid": call.sid, "Digits": "#"})
    assert again[0] == 200 and "Thank you" in again[1]
    done = [event for event in audit(server, "--person", "ben") if event["activity"] == "Second step answered" and event["result"] == "success"]
    assert [event["details"]["capability"] for event in done] == ["call"]
    sign_out(ben)


def test_calls_that_fail(carrier_server, new_person):
    """Busy, nobody there, a voicemail: the page says so at once, and none of them signs anybody in."""
    server, carrier = carrier_server, carrier_server.carrier
    change_policy(server, *CALLS_ONLY)
    ben = new_person(server, width=360)
    call_ben(ben)
    telephone.is_busy(carrier.call(BEN_PHONE))
    ben.see_heading("The line is busy").see("Contact your administrator").look()
    assert not ben.has("button", "I have pressed #")
    ben.press("Call again").see_heading(WAITING)
    telephone.nobody_answers(carrier.call(BEN_PHONE))
    ben.see_heading("Nobody answered")
    ben.press("Call again").see_heading(WAITING)
    telephone.voicemail(carrier.call(BEN_PHONE))
    ben.see_heading("The call ended without a #")
    # Three calls are as many as one page has.
    assert not ben.has("button", "Call again")
    assert len(carrier.calls) == 3 and not signed_in(server, "ben")


def test_voicemail_wrong_keys_and_a_late_call(carrier_server, new_person):
    server, carrier = carrier_server, carrier_server.carrier
    change_policy(server, *CALLS_ONLY)
    ben = new_person(server)
    call_ben(ben)
    telephone.voicemail_noticed(carrier.call(BEN_PHONE))
    ben.see_heading("A voicemail answered")
    ben.press("Call again").see_heading(WAITING)
    wrong = carrier.call(BEN_PHONE).answer().press("147")
    ben.see_heading("Those were other keys")
    assert wrong.said[-1] == "Goodbye."
    ben.press("Call again").see_heading(WAITING)
    late = carrier.call(BEN_PHONE)
    server.advance(minutes=5)
    late.answer()
    assert late.said[-1] == "This call is over. Goodbye." and late.listens is None
    ben.see_heading("That call is over")
    assert not signed_in(server, "ben")


def test_a_carrier_that_is_down(carrier_server, new_person):
    """A call is not placed late, and the page says so."""
    server, carrier = carrier_server, carrier_server.carrier
    change_policy(server, *CALLS_ONLY)
    ben = new_person(server)
    carrier.answer = 503
    call_ben(ben)
    wait_for("a refused call", lambda: carrier.refused or None)
    server.advance(minutes=2)
    ben.see_heading("That call is over")
    assert not carrier.calls


def test_without_javascript(carrier_server, new_person):
    server, carrier = carrier_server, carrier_server.carrier
    change_policy(server, *CALLS_ONLY)
    ben = new_person(server, javascript=False)
    call_ben(ben).see("Nothing happening?", "Contact your administrator")
    call = carrier.call(BEN_PHONE).ring()
    ben.press("I have pressed #").see("We have not heard the # yet", "It is ringing.")
    call.answer().press("#")
    ben.press("I have pressed #").see_heading("Hello, Ben")


def test_forged_and_misplaced_reports(carrier_server, new_person):
    """Whoever knows a handle, but not the carrier's token, gets nowhere; and the handle stands in no log."""
    server, carrier = carrier_server, carrier_server.carrier
    change_policy(server, *CALLS_ONLY)
    ben = new_person(server)
    call_ben(ben)
    call = carrier.call(BEN_PHONE).ring()
    server.secrets.learn(call.handle, "the handle of a call")
    key = call.fields["Url"] + "/key"
    pressed = {"CallSid": call.sid, "Digits": "#"}
    assert carrier.request(key, pressed, signature="")[0] == 403
    assert carrier.request(key, pressed, signature="bm90IHRoZSByaWdodCBvbmU=")[0] == 403
    # Signed for another address, as a proxy before another server would pass it on.
    assert carrier.request(key.replace("localhost", "127.0.0.1"), pressed)[0] in (403, 421)
    # A handle that nobody made, and a call that is not this one.
    assert carrier.request(key.replace(call.handle, "a" * 32), pressed)[0] == 404
    call.answer()
    status, body = carrier.request(key, {"CallSid": "CAother", "Digits": "#"})
    assert status == 200 and "This call is over" in body
    ben.reload().see_heading(WAITING)
    call.press("#")
    ben.see_heading("Hello, Ben")


def test_fraud(carrier_server, new_person):
    """0 and # end the sign-in, suspend the phone, and tell Ben and the administrators."""
    server, carrier = carrier_server, carrier_server.carrier
    change_policy(server, *CALLS_ONLY)
    thief = new_person(server)
    call_ben(thief)
    call = carrier.call(BEN_PHONE).answer()
    call.press("0")
    assert "press the hash key now" in call.said[-1]
    call.press("#").hang_up()
    assert call.said[-1] == "Thank you. We have stopped it. Goodbye."
    thief.see_heading("Sign in")
    told = server.mailbox.latest("ben.castell@mail.example")
    assert "Somebody else may be using your name" in told.subject
    reported = [event for event in audit(server, "--person", "ben") if event["activity"] == "Fraud reported"]
    assert reported and reported[0]["details"]["action"] == "method suspended, everything ended"
    # The phone proves nothing any more, the mailbox that nobody touched does; and the password has to change.
    sign_in(thief, "ben")
    assert WAITING not in thief.heading() and not thief.has("button", "Call me")
    assert len(carrier.calls) == 1


def test_fraud_that_blocks(carrier_server, new_person):
    """Where policy says so, the account is closed for a while, and opens again by itself."""
    server, carrier = carrier_server, carrier_server.carrier
    change_policy(server, *CALLS_ONLY, ("blockDays: 0", "blockDays: 90"))
    ben = new_person(server)
    call_ben(ben)
    carrier.call(BEN_PHONE).answer().press("0#")
    ben.see_heading("Sign in")
    sign_in(ben, "ben").see_heading("blocked")
    assert len(carrier.calls) == 1


def test_wizard_by_call(carrier_server, new_person):
    """Ada registers her phone by a call, because she likes it so; a landline typed for a mobile can only be called."""
    server, carrier = carrier_server, carrier_server.carrier
    change_policy(server, (SIGN_IN_ALLOWS, "allow: [text, call]\n"), (RESET_ALLOWS, "allow: [text, call]\n"), ("gates: 2", "gates: 1"))
    ada = new_person(server)
    start_wizard(ada).see_heading("Add your mobile phone")
    ada.select("Country", "United Kingdom +44").fill("Number", "0117 496 0142")
    ada.press("Send the code").see("Texts don’t reach that number")
    ada.press("Call me instead").see_heading(WAITING).see("+44 117 496 0142")
    carrier.call(ADA_LANDLINE).ring().answer().press("#").hang_up()
    keep_codes(ada)
    ada.see_heading("all set").press("Done")
    ada.goto("/security-info").see("Mobile phone, by call")
    assert row(ada, "Mobile phone, by call").get_by_text("Default").count()
    # The default is the call that it was proven by, and a text is not offered for it.
    sign_out(ada)
    sign_in(ada, "ada").see_heading(WAITING)
    assert not ada.has("button", "Text a code to my phone")
    carrier.call(ADA_LANDLINE).answer().press("#")
    ada.see_heading("Hello, Ada")


def test_alternate_phone(carrier_server, new_person):
    """A second number, on the Security info page only, after a mobile phone."""
    server, carrier = carrier_server, carrier_server.carrier
    change_policy(server, *CALLS_TOO)
    ben = new_person(server)
    sign_in(ben, "ben")
    ben.fill("6-digit code", carrier.latest_code(BEN_PHONE)).press("Continue")
    ben.goto("/security-info").follow("Add a method")
    ben.press("Second phone").see_heading("Add a second phone")
    ben.select("Country", "United Kingdom +44").fill("Number", "07700 900199").press("Call me")
    ben.see_heading(WAITING)
    carrier.call(ADA_SECOND).ring().answer().press("#")
    ben.see("Your second phone is added.")
    sign_out(ben)
    sign_in(ben, "ben")
    ben.press("Call my second phone").see_heading(WAITING).see("the number ending in 99")
    carrier.call(ADA_SECOND).answer().press("#")
    ben.see_heading("Hello, Ben")


def test_office_phone_in_the_wizard(carrier_server, new_person):
    """Table 7c, row 11: office allowed alone; who has a directory number confirms it by one call, extension and all."""
    server, carrier = carrier_server, carrier_server.carrier
    change_policy(server, (SIGN_IN_ALLOWS, "allow: [officeCall]\n"), (RESET_ALLOWS, "allow: [officeCall, emailCode]\n"), ("gates: 2", "gates: 1"), force=True)
    server.cli(
        "user", "add", "olga", "--display-name", "Olga Stein", "--office-phone", "0117 496 0150 ext. 45", "--password-stdin",
        stdin="green lamps along the pier\n",
    )
    olga = new_person(server)
    sign_in(olga, "olga", "green lamps along the pier").press("Start")
    olga.see_heading("Is this your number?").see("+44 117 496 0150 ext. 45").press("Call me").see_heading(WAITING)
    call = carrier.call(OFFICE)
    assert call.fields["SendDigits"] == "wwww45"
    call.ring().answer().press("#").hang_up()
    keep_codes(olga)
    olga.see_heading("all set").press("Done")
    olga.goto("/security-info").see("It comes from the staff directory, so it can’t be changed here.")
    office = row(olga, "Office phone")
    assert not office.get_by_role("button").count() and not office.get_by_role("link").count()
    # Somebody without a number has nothing to confirm.
    ada = new_person(server)
    sign_in(ada, "ada").see_no("Office phone")


def test_reset_by_call(carrier_server, new_person):
    """The first proof of a reset is a call to the number that is typed; nobody can tell from the page whose it is."""
    server, carrier = carrier_server, carrier_server.carrier
    change_policy(server, *CALLS_TOO)
    ben = new_person(server)
    begin_reset(ben, "ben")
    ben.choose("Call my phone").press("Continue")
    ben.select("Country", "United Kingdom +44").fill("Number", BEN_PHONE).press("Call me")
    ben.see_heading(WAITING).see("If that number is on this account, it rings now.")
    # The same for nobody, word for word but for the time.
    other = new_person(server)
    begin_reset(other, "nobody-of-that-name")
    other.choose("Call my phone").press("Continue")
    other.select("Country", "United Kingdom +44").fill("Number", BEN_PHONE).press("Call me")
    other.see_heading(WAITING).see("If that number is on this account, it rings now.")
    other.press("I have pressed #").see("We have not heard the # yet")
    call = carrier.call(BEN_PHONE).ring()
    ben.press("I have pressed #").see("We have not heard the # yet").see_no("It is ringing")
    call.answer().press("#")
    ben.see("Now one more, which must be a different one.")
    assert len(carrier.calls) == 1
    ben.choose("Email a code to me").press("Continue")
    ben.fill("8-digit code", server.mailbox.latest_code("ben.castell@mail.example")).press("Continue")
    choose_password(ben, "eleven quiet boats at dawn").see_heading("Your new password works")


def test_texts_through_the_carrier(carrier_server, new_person):
    """One that was not delivered puts its number in trouble, not the gateway."""
    server, carrier = carrier_server, carrier_server.carrier
    ben = new_person(server)
    sign_in(ben, "ben")
    code = carrier.latest_code(BEN_PHONE)
    assert carrier.text_status("undelivered") == 204
    assert carrier.request(carrier._last_text[0]["StatusCallback"], {"MessageSid": "SMother", "MessageStatus": "failed", "To": BEN_PHONE})[0] == 404
    ben.fill("6-digit code", code).press("Continue").see_heading("Hello, Ben")
    assert carrier.text_status("delivered") == 204


@pytest.mark.one_program
def test_the_demo_rings(server, person):
    """Without a carrier the demo's page is the telephone."""
    change_policy(server, *CALLS_ONLY)
    call_ben(person)
    waiting = person.page
    person.open_tab()
    person.goto("/dev/outbox").see("Call to +447700900131").press("Answer and press #")
    person.use(waiting)
    person.see_heading("Hello, Ben")
