"""The pictures of the documentation, each where a person meets the page."""

from __future__ import annotations

import pictures
import pytest
from stories import BEN_PHONE, SIGN_IN_ALLOWS, change_policy, sign_in, sign_in_ben, sign_out, whole_wizard
from test_authenticator import ASKED, WAITING, WITH_PUSH, connect, new_phone
from test_calls import CALLS_ONLY, call_ben


def test_what_is_asked_on_the_first_day_and_what_is_there_after_it(server, new_person):
    ada = new_person(server)
    sign_in(ada, "ada").see_heading("Add two ways to prove it’s you").picture("more-information")
    ada.goto("/sign-in")
    whole_wizard(ada, server)
    ada.goto("/security-info").see_heading("Security info").picture("security-info")
    ada.follow("Add a method").press("Email").see_heading("Add an email address").picture("wizard-email")


def test_a_call_that_rings(carrier_server, new_person):
    server, carrier = carrier_server, carrier_server.carrier
    change_policy(server, *CALLS_ONLY)
    ben = new_person(server)
    call_ben(ben)
    call = carrier.call(BEN_PHONE).ring()
    ben.see("It is ringing.")
    # With all that the page offers after a while.
    server.advance(seconds=11)
    ben.reload().see("It is ringing.").see("Call again").picture("call")
    call.answer().press("#")
    ben.see_heading("Hello, Ben")


def test_a_passkey_is_created(server, new_person):
    change_policy(server, (SIGN_IN_ALLOWS, "allow: [appCode, text, passkey]\n"))
    ben = new_person(server)
    sign_in_ben(ben, server)
    ben.goto("/security-info").follow("Add a method").press("Passkey")
    ben.see_heading("Create a passkey").picture("wizard-passkey")


@pytest.mark.skipif(pictures.folder() is None, reason="for its pictures only; the app's stories are in test_authenticator.py")
def test_the_app_on_a_phone_and_the_page_that_waits_for_it(server, new_person):
    change_policy(server, WITH_PUSH)
    ben, phone = new_person(server), new_phone(server, new_person)
    sign_in_ben(ben, server)
    ben.goto("/security-info").follow("Add a method").press("Converge app")
    ben.see_heading("Connect the Converge app").picture("wizard-converge-app")
    connect(phone, ben)
    ben.see("Your Converge app is connected")
    sign_out(ben)
    server.advance(minutes=11)
    sign_in(ben, "ben").see_heading(WAITING).picture("approve")
    # The last of it: taking a picture leaves a mark in a page that stays.
    phone.see_heading(ASKED).picture("app-approve")
