"""The pictures of the documentation, each where a person meets the page."""

from __future__ import annotations

from stories import BEN_PHONE, SIGN_IN_ALLOWS, change_policy, sign_in, sign_in_ben, whole_wizard
from test_calls import CALLS_ONLY, call_ben


def test_what_is_asked_on_the_first_day_and_what_is_there_after_it(server, new_person):
    ada = new_person(server)
    sign_in(ada, "ada").see_heading("Add two ways to prove it’s you").picture("more-information")
    ada.goto("/sign-in")
    whole_wizard(ada, server)
    ada.goto("/security-info").see_heading("Security info").picture("security-info")


def test_a_call_that_rings(carrier_server, new_person):
    server, carrier = carrier_server, carrier_server.carrier
    change_policy(server, *CALLS_ONLY)
    ben = new_person(server)
    call_ben(ben)
    call = carrier.call(BEN_PHONE).ring()
    ben.see("It is ringing.").see("Call again").picture("call")
    call.answer().press("#")
    ben.see_heading("Hello, Ben")


def test_a_passkey_is_created(server, new_person):
    change_policy(server, (SIGN_IN_ALLOWS, "allow: [appCode, text, passkey]\n"))
    ben = new_person(server)
    sign_in_ben(ben, server)
    ben.goto("/security-info").follow("Add a method").press("Passkey")
    ben.see_heading("Create a passkey").picture("wizard-passkey")
