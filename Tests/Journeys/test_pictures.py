"""The pictures of the documentation, each where a person meets the page."""

from __future__ import annotations

from stories import SIGN_IN_ALLOWS, change_policy, sign_in, sign_in_ben, whole_wizard


def test_what_is_asked_on_the_first_day_and_what_is_there_after_it(server, new_person):
    ada = new_person(server)
    sign_in(ada, "ada").see_heading("Add two ways to prove it’s you").picture("more-information")
    ada.goto("/sign-in")
    whole_wizard(ada, server)
    ada.goto("/security-info").see_heading("Security info").picture("security-info")


def test_a_passkey_is_created(server, new_person):
    change_policy(server, (SIGN_IN_ALLOWS, "allow: [appCode, text, passkey]\n"))
    ben = new_person(server)
    sign_in_ben(ben, server)
    ben.goto("/security-info").follow("Add a method").press("Passkey")
    ben.see_heading("Create a passkey").picture("wizard-passkey")
