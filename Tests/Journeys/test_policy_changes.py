"""What Ben registered is allowed no longer, or cannot be reached: he gets on, and his password alone does not.

He has a phone, proven by text, and a mailbox, which no policy takes for signing in.
"""

import pytest

from byhand import Form
from server import wait_for
from stories import (
    APP_CODE,
    BEN_MAIL,
    BEN_PHONE,
    SIGN_IN_ALLOWS,
    TEXT_CODE,
    answer_app,
    answer_text,
    audit,
    change_policy,
    keep_codes,
    register_app,
    sign_in,
)

NO_TEXT = (SIGN_IN_ALLOWS, "allow: [appCode]\n")
#: Neither over the phone nor, as the last thing he has, over the mailbox.
NO_BRIDGE = ("days: 30\n  compromised: []", "days: 0\n  compromised: [emailCode]")

#: Every action of a sign-in's forms that could lead somebody further without an answer to what is asked.
SHORT_CUTS = [
    "start", "postpone", "stop", "choices", "no-choice", "method", "code", "phone", "email", "again", "change", "confirm", "confirm-start",
    "kept", "finish", "review", "review-change", "password", "answer", "send", "use",
]


def gets_no_further(person) -> None:
    """Somebody who has the password and nothing else tries every form there is, and every page behind the sign-in."""
    here = person.path.split("?")[0]
    assert here.startswith("/flows/")
    person.goto("/sign-in")  # any page with a form: its token belongs to this browser
    form = Form.on(person, "Sign in")
    fields = {"csrf": form.fields["csrf"], "method": "totpApp", "number": "07700900199", "country": "GB", "code": "123456", "kept": "on"}
    for action in SHORT_CUTS:
        answer = Form(form.host, f"{here}/{action}", fields, form.cookie).post()
        assert not answer.session, f"{action} signed somebody in"
        assert answer.location in ("", here), f"{action} led to {answer.location}"
    for page in ("/", "/profile", "/security-info", "/security-info/add", "/activity", "/admin/audit"):
        assert person.goto(page).path.startswith("/sign-in"), page
    person.goto(here)
    assert not person.has("button", "Start") and "Step 1" not in person.text(), "a password alone opens no wizard"


def reaches_only_a_challenge(server, new_person) -> None:
    thief = new_person(server)
    sign_in(thief, "ben")
    gets_no_further(thief)


def test_his_default_is_the_text_as_he_proved_it(server, new_person):
    ben = new_person(server)
    sign_in(ben, "ben").see_heading(TEXT_CODE).see("ending in 31")
    assert not ben.has("button", "Email a code to me"), "a mailbox does not sign in"
    reaches_only_a_challenge(server, new_person)


@pytest.mark.engines
def test_the_bridge_is_crossed_once(server, new_person):
    change_policy(server, NO_TEXT)
    reaches_only_a_challenge(server, new_person)
    ben = new_person(server)
    sign_in(ben, "ben").see("no longer accepts your mobile phone").picture("bridge")
    answer_text(ben, server, BEN_PHONE)
    ben.see_heading("Add a way to prove it’s you")
    ben.page.get_by_text("Why am I being asked?").click()
    ben.see("Sign-in for everyone").picture("bridge-more-information")
    # The bridge is no session: it registers a replacement and nothing else.
    here = ben.path
    assert ben.goto("/profile").path.startswith("/sign-in")
    ben.goto(here).press("Start").see("Step 1 of 1")
    assert not ben.has("button", "Finish later") and not ben.has("button", "Choose something else")
    app = register_app(ben, server)
    keep_codes(ben)
    ben.press("Done")
    assert ben.path == "/"
    # From now on the text is of no use for signing in.
    server.advance(minutes=2)
    again = new_person(server)
    sign_in(again, "ben").see_heading(APP_CODE)
    assert not again.has("button", "Text a code to my phone")
    answer_app(again, server, app)
    assert again.path == "/"


def test_without_the_bridge_a_dead_end_has_a_name_and_a_pass_leads_on(server, new_person):
    change_policy(server, NO_TEXT, NO_BRIDGE)
    stranger = new_person(server)
    sign_in(stranger, "ben").see_heading("You can’t finish signing in yet").picture("dead-end-stranded")
    stranger.see("You did nothing wrong", "0117 496 0123", "Ask for an access pass", "ending in 31", "Sign-in for everyone")
    code = stranger.page.locator("dd .mono").inner_text()
    assert len(code) == 6
    explained = server.cli("explain", "--reference", code).text
    assert "mfa.stranded" in explained and "ben, at the next sign-in: mfa.stranded" in explained
    event = next(row for row in audit(server) if row.get("reference") == code)
    assert (event["activity"], event["person"], event["reason"]) == ("Dead end shown", "ben", "mfa.stranded")
    gets_no_further(stranger)
    assert server.outbox() == []

    ben = new_person(server)
    made = server.cli("user", "pass", "ben", "--json").json["pass"]
    ben.goto("/sign-in").follow("Sign in with an access pass").picture("access-pass")
    ben.fill("Work email or user name", "ben").fill("Access pass", made.lower().replace("-", " ")).press("Sign in")
    ben.press("Start")
    register_app(ben, server)
    keep_codes(ben)
    ben.press("Done")
    assert ben.path == "/"
    again = new_person(server)
    again.goto("/sign-in/pass").fill("Work email or user name", "ben").fill("Access pass", made).press("Sign in")
    again.see("We could not sign you in")


@pytest.mark.parametrize("trouble", ["answers 503", "does not answer at all"])
def test_an_outage_is_told_and_opens_nothing(gateway_server, new_person, trouble):
    server = gateway_server
    if trouble == "answers 503":
        server.gateway.answer = 503
    else:
        server.gateway.stop()
    ben = new_person(server)
    sign_in(ben, "ben")
    unreachable(ben)
    ben.see("A text to your mobile phone", "Codes can’t be delivered at the moment").picture("unreachable")
    gets_no_further(ben)
    reaches_only_a_challenge(server, new_person)


def unreachable(person) -> None:
    """Presses what there is to press until the page says that no code can be delivered: the first text has to fail first."""
    def look():
        if person.heading() == "We can’t reach you right now":
            return True
        person.reload()
        return None

    wait_for("the page that says so", look)


def test_after_the_outage_the_same_sign_in_goes_on(gateway_server, new_person):
    server = gateway_server
    server.gateway.answer = 503
    ben = new_person(server)
    sign_in(ben, "ben")
    unreachable(ben)
    server.gateway.mend()
    server.advance(seconds=6)  # the outbox tries again after five
    code = server.gateway.latest_code(BEN_PHONE)
    ben.follow("Try again").see_heading(TEXT_CODE)
    ben.fill("6-digit code", code).press("Continue")
    assert ben.path == "/"


# --- the policy changes between password and challenge


def test_the_policy_drops_the_text_while_its_code_is_on_the_way(server, new_person):
    ben, thief = new_person(server), new_person(server)
    sign_in(ben, "ben").see_heading(TEXT_CODE)
    sign_in(thief, "ben")
    change_policy(server, NO_TEXT)
    gets_no_further(thief)
    # The code proves no second step any more; it is the bridge now.
    ben.fill("6-digit code", server.latest_code(BEN_PHONE)).press("Continue")
    ben.see_heading("Add a way to prove it’s you")
    assert ben.goto("/profile").path.startswith("/sign-in")
    ben.back()
    ben.press("Start")
    register_app(ben, server)
    keep_codes(ben)
    ben.press("Done")
    assert ben.path == "/"


def test_the_policy_drops_text_and_bridge_meanwhile(server, new_person):
    ben = new_person(server)
    sign_in(ben, "ben").see_heading(TEXT_CODE)
    change_policy(server, NO_TEXT, NO_BRIDGE)
    code = server.latest_code(BEN_PHONE)
    ben.fill("6-digit code", code).press("Continue").see_heading("You can’t finish signing in yet")
    gets_no_further(ben)


def test_the_policy_allows_it_again_meanwhile(server, new_person):
    change_policy(server, NO_TEXT)
    ben = new_person(server)
    sign_in(ben, "ben").press("Text me the code")
    change_policy(server, ("allow: [appCode]\n", SIGN_IN_ALLOWS))
    answer_text(ben, server, BEN_PHONE)
    assert ben.path == "/", "what was the bridge is a second step again"


def test_the_gateway_fails_and_the_policy_changes_meanwhile(gateway_server, new_person):
    """Everything at once: no page comes twice, and none of them is the wizard (S41)."""
    server = gateway_server
    server.gateway.answer = 503
    ben = new_person(server)
    sign_in(ben, "ben")
    unreachable(ben)
    change_policy(server, NO_TEXT)
    # The text is the bridge now, and cannot be sent: the mailbox that he has for the reset opens the registration instead.
    ben.reload()
    assert not ben.has("button", "Start")
    gets_no_further(ben)
    assert BEN_MAIL not in ben.text()
