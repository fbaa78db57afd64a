"""Back buttons, double clicks, two tabs, pages left open, and a gateway that is down: told, and nothing lost."""

import pytest

import store
from byhand import Form
from server import wait_for
from stories import (
    ADA_PHONE,
    BEN_MAIL,
    BEN_PHONE,
    TEXT_CODE,
    add_app,
    answer_app,
    answer_text,
    audit,
    begin_reset,
    cara_app,
    keep_codes,
    register_app,
    register_phone,
    scan_app,
    sign_in,
    sign_in_ben,
    sign_out,
)

# --- back, twice, in two tabs


def test_the_back_button(server, new_person):
    ada = new_person(server)
    sign_in(ada, "ada").press("Start")
    app = scan_app(ada)
    before = Form.on(ada, "Continue")
    ada.fill("6-digit code", app.code(server)).press("Continue").see("Step 2 of 2")
    # Back leads to where she is: a step that is done is not to be had again, not even by hand.
    ada.back().see("Step 2 of 2")
    answer = before.filled(code=app.code(server)).post()
    assert (answer.status, answer.location) == (303, ada.path)
    ada.reload().see("Step 2 of 2").see_heading("Add your mobile phone")
    register_phone(ada, server)
    keep_codes(ada)
    ada.press("Done")
    assert ada.path == "/"
    # Back into the wizard that is over.
    ada.page.go_back()
    ada.reload()
    assert ada.path == "/"
    methods = [method["method"] for method in server.cli("user", "show", "ada", "--json").json["methods"]]
    assert sorted(methods) == ["mobilePhone", "recoveryCodes", "totpApp"], "nothing twice"


def test_back_after_signing_out_shows_nothing(server, new_person):
    ben = new_person(server)
    sign_in_ben(ben, server)
    ben.goto("/security-info").see("+44 7700 900131")
    sign_out(ben)
    for _ in range(3):
        ben.page.go_back()
        ben.page.wait_for_load_state()
        assert "900131" not in ben.text()


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no-script"])
def test_a_double_click_is_one_step(server, new_person, javascript):
    ada = new_person(server, javascript=javascript)
    sign_in(ada, "ada").press("Start")
    app = scan_app(ada)
    ada.fill("6-digit code", app.code(server)).press_twice("Continue").see("Step 2 of 2")
    ada.fill("Number", "07700 900184").press_twice("Send the code").see_heading(TEXT_CODE)
    ada.fill("6-digit code", server.latest_code(ADA_PHONE)).press_twice("Continue")
    keep_codes(ada)
    ada.press_twice("Done")
    assert ada.path == "/"
    assert len(audit(server, "--person", "ada", "--activity", "User registered security info")) == 3


def test_two_tabs_of_one_wizard(server, new_person):
    ada = new_person(server)
    sign_in(ada, "ada").press("Start")
    here, first = ada.path, ada.page
    app = scan_app(ada)
    ada.open_tab()
    ada.goto(here).see("Step 1 of 2")
    assert scan_app(ada).secret == app.secret
    ada.fill("6-digit code", app.code(server)).press("Continue").see("Step 2 of 2")
    ada.use(first)
    ada.fill("6-digit code", app.code(server)).press("Continue").see("Step 2 of 2")
    register_phone(ada, server)
    keep_codes(ada)
    ada.press("Done")
    assert ada.path == "/"


def test_two_sign_ins_in_two_tabs_register_nothing_twice(server, new_person):
    ada = new_person(server)
    sign_in(ada, "ada").press("Start")
    first, left_open = ada.page, scan_app(ada)
    ada.open_tab()
    sign_in(ada, "ada").press("Start")
    app = register_app(ada, server)
    register_phone(ada, server)
    keep_codes(ada)
    ada.press("Done")
    # The first tab began before anything was registered: it may not go on without a second step.
    ada.use(first)
    ada.fill("6-digit code", left_open.code(server)).press("Continue")
    assert "Step" not in ada.text()
    methods = [method["method"] for method in server.cli("user", "show", "ada", "--json").json["methods"]]
    assert methods.count("totpApp") == 1
    ada.goto("/sign-in")
    assert ada.path == "/", "the second tab signed her in"
    sign_out(ada).follow("Sign in again")
    sign_in(ada, "ada")
    answer_app(ada, server, app)


def test_a_form_from_before_a_sign_in_is_told_apart(server, new_person):
    ben = new_person(server)
    ben.goto("/sign-in")
    first = ben.page
    ben.open_tab()
    sign_in_ben(ben, server)
    ben.use(first)
    sign_in(ben, "ben").see_heading("This page is no longer current").see("You signed in or out after it was opened").picture("expired-older")
    assert ben.status == 403
    ben.follow("Begin again").see_heading("Hello, Ben")


# --- left open for too long


def test_a_sign_in_left_open(server, new_person):
    ben = new_person(server)
    ben.goto("/profile")
    sign_in(ben, "ben").see_heading(TEXT_CODE)
    server.advance(hours=1, milliseconds=1)
    ben.fill("6-digit code", server.latest_code(BEN_PHONE)).press("Continue")
    ben.see_heading("That took a little too long").follow("Begin again").see_heading("Sign in")


def test_a_registration_left_open(server, new_person):
    ben = new_person(server)
    sign_in_ben(ben, server)
    ben.goto("/security-info/add").press("Authenticator app")
    app = scan_app(ben)
    server.advance(minutes=20, milliseconds=1)
    ben.fill("6-digit code", app.code(server)).press("Continue").see_heading("That took a little too long")
    ben.follow("Begin again")
    answer_text(ben, server, BEN_PHONE)
    ben.see_heading("Security info")
    assert "totpApp" not in str(server.cli("user", "show", "ben", "--json").json)


def test_a_session_ends_by_itself(server, new_person):
    ben = new_person(server)
    sign_in_ben(ben, server)
    server.advance(minutes=59)
    ben.goto("/profile").see_heading("Profile")
    server.advance(minutes=60, milliseconds=1)
    ben.follow("Recent activity")
    assert ben.path == "/sign-in?return=%2Factivity"
    sign_in(ben, "ben")
    answer_text(ben, server, BEN_PHONE)
    assert ben.path == "/activity"


# --- the gateway is down


def wait_down(server) -> None:
    """Until a message failed and that is written down: from then on people are told."""
    wait_for("the failure to be known", lambda: store.rows(server.data, "SELECT 1 FROM delivery_trouble") or None)


def test_in_the_wizard_she_is_told_and_takes_something_else(gateway_server, new_person):
    server = gateway_server
    server.gateway.answer = 503
    ada = new_person(server)
    sign_in(ada, "ada").press("Start")
    app = register_app(ada, server)
    ada.fill("Number", "07700 900184").press("Send the code").see_heading(TEXT_CODE)
    wait_down(server)
    ada.press("Send a new code").see("We can’t send codes right now")
    ada.picture("wizard-gateway-down")
    ada.press("Choose something else").press("Email").see("Step 2 of 2")
    ada.fill("Email address", "ada@okafor.example").press("Send the code")
    ada.fill("8-digit code", server.mailbox.latest_code("ada@okafor.example")).press("Continue")
    keep_codes(ada)
    ada.press("Done")
    assert ada.path == "/", "the app that she had registered was not lost"
    server.advance(minutes=1)
    sign_in(other := new_person(server), "ada")
    answer_app(other, server, app)


def test_in_the_wizard_she_waits_and_the_same_code_arrives(gateway_server, new_person):
    server = gateway_server
    server.gateway.answer = 503
    ada = new_person(server)
    sign_in(ada, "ada").press("Start")
    register_app(ada, server)
    ada.fill("Number", "07700 900184").press("Send the code").see_heading(TEXT_CODE)
    server.gateway.wait_refused()
    server.gateway.mend()
    server.advance(seconds=6)
    ada.fill("6-digit code", server.gateway.latest_code(ADA_PHONE)).press("Continue")
    keep_codes(ada)


def test_at_sign_in_another_way_is_offered(gateway_server, new_person):
    server = gateway_server
    ben = new_person(server)
    sign_in(ben, "ben").see_heading(TEXT_CODE)
    ben.fill("6-digit code", server.gateway.latest_code(BEN_PHONE)).press("Continue")
    app = add_app(ben, server)
    ben.follow("Change default").choose("A text to your mobile phone").press("Save")
    server.gateway.answer = 503
    other = new_person(server)
    sign_in(other, "ben").press("Text me the code")
    wait_for("another way", lambda: other.reload().has("button", "Code from my authenticator app") or None)
    other.press("Code from my authenticator app")
    answer_app(other, server, app)
    assert other.path == "/"
    ben.goto("/security-info").see("A text to your mobile phone")  # his choice stays


def test_a_code_in_hand_stays_good_when_the_gateway_fails(gateway_server, new_person):
    server = gateway_server
    ben = new_person(server)
    sign_in(ben, "ben").see_heading(TEXT_CODE)
    code = server.gateway.latest_code(BEN_PHONE)
    server.gateway.answer = 503
    ben.press("Send a new code").see("A new code is on its way")
    wait_down(server)
    ben.press("Send a new code").see("We can’t send codes right now")
    ben.picture("challenge-gateway-down")
    ben.fill("6-digit code", code).press("Continue")
    assert ben.path == "/"


def test_the_tenth_code_of_an_hour_is_good_too(server, new_person):
    for number in range(10):
        ben = new_person(server)
        sign_in(ben, "ben")
        if number < 9:
            if ben.has("button", "Text me the code"):
                ben.press("Text me the code")
            server.latest_code(BEN_PHONE)
    answer_text(ben, server, BEN_PHONE)
    assert ben.path == "/"
    late = new_person(server)
    sign_in(late, "ben").see_heading("We can’t reach you right now").see("Too many tries. Try again from").picture("unreachable-budget")


def test_at_the_reset_another_proof_is_offered(gateway_server, new_person):
    server = gateway_server
    server.gateway.answer = 503
    ben = new_person(server)
    sign_in(ben, "ben")
    wait_down(server)
    cara = new_person(server)
    begin_reset(cara, "cara")
    cara.choose("Text a code to my phone").press("Continue")
    cara.fill("Number", "07700 900152")
    cara.press("Send the code").see("We can’t send codes right now")
    cara.picture("reset-gateway-down").press("Use something else")
    cara.choose("Code from my authenticator app").press("Continue")
    cara.fill("6-digit code", cara_app().code(server)).press("Continue")
    cara.see("Now one more, which must be a different one")


def test_no_mail_server_no_notice_lost(server, new_person):
    """A relay that says “later” gets the notice later; the change itself is done."""
    server.mailbox.answer = "451 4.3.0 come back later"
    ben = new_person(server)
    sign_in_ben(ben, server)
    add_app(ben, server)
    wait_for("the relay to be asked", lambda: server.mailbox.refused or None)
    server.mailbox.answer = None
    server.advance(seconds=6)
    assert server.mailbox.latest(BEN_MAIL).subject == "Your security info was changed"
