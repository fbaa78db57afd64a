"""A campaign suggests something stronger to people who have what is asked for: taken up, put off, or left alone."""

from __future__ import annotations

import os

import pytest

from stories import (
    BEN_PHONE,
    answer_app,
    answer_text,
    audit,
    change_policy,
    keep_codes,
    register_app,
    sign_in,
    sign_in_ben,
    sign_out,
)

HEADING = "Would you like a safer way to sign in?"


def campaign(server, more: str = "") -> None:
    change_policy(
        server,
        ("campaigns: []\n", f"campaigns:\n  - name: An app for everybody\n    applies: all\n    register: appCode\n    snoozeDays: 2\n{more}"),
    )


def sign_in_again(ben, server):
    sign_out(ben).follow("Sign in again")
    sign_in(ben, "ben")
    answer_text(ben, server, BEN_PHONE)
    return ben


#: Without scripts only where everything is played.
SCRIPTS = [True, False] if os.environ.get("CONVERGE_EVERY_WIDTH") else [True]


@pytest.mark.parametrize("javascript", SCRIPTS)
def test_a_suggestion_put_off_comes_back_and_taken_up_it_never_does(server, new_person, javascript):
    ben = new_person(server, javascript=javascript)
    sign_in_ben(ben, server)
    campaign(server)
    sign_in_again(ben, server).see_heading(HEADING)
    assert ben.page.title().startswith("A safer way to sign in")
    ben.see("An authenticator app", "What you have stays as it is").picture("campaign")
    ben.page.get_by_text("Why am I being asked?").click()
    ben.see("The campaign “An app for everybody” suggests it").look()

    ben.press("Not now")
    assert ben.path == "/", "it was no condition"
    assert "User postponed a registration campaign" in [event["activity"] for event in audit(server, "--person", "ben")]
    sign_in_again(ben, server)
    assert ben.path == "/", "put off for two days"
    server.advance(days=2)
    sign_in_again(ben, server).see_heading(HEADING)

    ben.press("Start").see("Step 1 of 1")
    app = register_app(ben, server)
    keep_codes(ben)
    ben.see_heading("You’re all set, Ben").press("Done")
    assert ben.path == "/"
    server.advance(days=3)
    sign_out(ben).follow("Sign in again")
    sign_in(ben, "ben")
    answer_app(ben, server, app)
    assert ben.path == "/", "who has what was suggested is left alone"


def test_what_is_required_comes_before_what_is_suggested(server, new_person):
    campaign(server)
    ada = new_person(server)
    sign_in(ada, "ada").see_heading("Add two ways to prove it’s you")


def test_after_as_many_times_as_the_policy_says_it_cannot_be_put_off(server, new_person):
    campaign(server, "    snoozesMax: 1\n")
    ben = new_person(server)
    sign_in(ben, "ben")
    answer_text(ben, server, BEN_PHONE)
    ben.see_heading(HEADING).press("Not now")
    server.advance(days=2)
    sign_in_again(ben, server).see_heading(HEADING)
    assert not ben.has("button", "Not now")
    here = ben.path
    assert ben.goto("/profile").path.startswith("/sign-in"), "nobody is signed in before it is done"
    ben.goto(here).press("Start")
    register_app(ben, server)
    keep_codes(ben)
    ben.press("Done")
    assert ben.path == "/"
