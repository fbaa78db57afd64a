"""What people type by mistake, and what others send on purpose."""

import re
import shutil
import subprocess

import pytest

from byhand import Form, at_once
from oath import AuthenticatorApp
from stories import (
    APP_CODE,
    BEN_PHONE,
    RESET_ALLOWS,
    SIGN_IN_ALLOWS,
    TEXT_CODE,
    answer_app,
    answer_text,
    begin_reset,
    cara_app,
    change_policy,
    keep_codes,
    register_phone,
    sign_in,
    sign_in_ben,
)


def wrong(code: str, number: int) -> str:
    """Some code that is not this one."""
    return f"{(int(code) + 1 + number) % 10 ** len(code):0{len(code)}}"


def guess(person, code: str, times: int) -> None:
    for number in range(times):
        person.fill("6-digit code", wrong(code, number)).press("Continue")


# --- codes


def test_the_sixth_code_is_not_even_compared(server, new_person):
    ben = new_person(server)
    sign_in(ben, "ben").see_heading(TEXT_CODE)
    code = server.latest_code(BEN_PHONE)
    guess(ben, code, 1)
    ben.see("You have 4 tries left.").picture("challenge-wrong")
    guess(ben, code, 3)
    ben.see("You have one try left.")
    guess(ben, code, 1)
    ben.see("Too many wrong codes").picture("challenge-too-many")
    ben.fill("6-digit code", code).press("Continue").see("Too many wrong codes")
    assert not ben.has("button", "Send a new code"), "another code would be of no use here"
    # There is a way on.
    ben.follow("Begin again")
    sign_in(ben, "ben")
    answer_text(ben, server, BEN_PHONE)
    assert ben.path == "/"


def test_an_old_code_is_named_and_any_of_the_last_is_good(server, new_person):
    ben = new_person(server)
    sign_in(ben, "ben").see_heading(TEXT_CODE)
    first = server.latest_code(BEN_PHONE)
    server.advance(minutes=3)
    ben.press("Send a new code").see("A new code is on its way.")
    second = server.latest_code(BEN_PHONE)
    server.advance(minutes=2, milliseconds=1)
    ben.fill("6-digit code", first).press("Continue").see("That code is too old")
    ben.fill("6-digit code", f"{second[:3]} {second[3:]}").press("Continue")
    assert ben.path == "/"


def test_five_wrong_codes_in_the_wizard_do_not_end_it(server, new_person):
    change_policy(server, (SIGN_IN_ALLOWS, "allow: [text]\n"), (RESET_ALLOWS, "allow: [text]\n"), ("gates: 2", "gates: 1"))
    ada = new_person(server)
    sign_in(ada, "ada").press("Start")
    ada.fill("Number", "07700 900184").press("Send the code")
    code = server.latest_code("+447700900184")
    guess(ada, code, 5)
    ada.see("Too many wrong codes").picture("wizard-too-many")
    ada.fill("6-digit code", code).press("Continue").see("Too many wrong codes")
    ada.press("Begin again")
    register_phone(ada, server)
    keep_codes(ada)
    ada.press("Done")
    assert ada.path == "/"


def test_an_app_with_a_wrong_clock_is_told_so(server, new_person):
    ben = new_person(server)
    sign_in_ben(ben, server)
    ben.goto("/security-info/add").press("Authenticator app")
    app = AuthenticatorApp.from_uri(ben.scan())
    ben.fill("6-digit code", app.code_at(server.now() - 300)).press("Continue").see("Your phone’s clock is wrong").picture("wizard-clock")


# --- names, fields, files


def test_a_name_that_does_not_exist_is_answered_as_any_other(server, new_person):
    pages = []
    for name in ("ben", "nobody-at-all"):
        person = new_person(server)
        sign_in(person, name, "not the password")
        pages.append(person.text())
        assert person.page.get_by_label("Work e-mail or user name").input_value() == name, "what was typed is kept"
    assert pages[0] == pages[1]


def test_more_than_anybody_types(server, new_person):
    ben = new_person(server)
    ben.goto("/sign-in")
    ben.page.get_by_label("Password").evaluate("e => e.removeAttribute('maxlength')")
    ben.fill("Work e-mail or user name", "ben").fill("Password", "a" * 5000).press("Sign in")
    ben.see_heading("That is more than we can take").picture("too-large")
    assert ben.status == 413
    form = Form.on(ben.goto("/sign-in"), "Sign in").filled(name="ben", password="a" * 1_000_000)
    answer = form.post()
    assert answer.status == 413 and not answer.session
    # The same in a flow, and at a reset: whoever is there is still there.
    sign_in(ben, "ben").see_heading(TEXT_CODE)
    assert Form.on(ben, "Continue").filled(code="1" * 1_000_000).post().status == 413
    answer_text(ben, server, BEN_PHONE)
    assert ben.path == "/"
    begin_reset(other := new_person(server), "n" * 4000).see_heading("How would you like to prove it’s you?")
    assert Form.on(other, "Continue").filled(gate="g" * 4000).post().status == 303


def test_a_form_from_elsewhere_is_not_taken(server, new_person):
    ben = new_person(server)
    sign_in_ben(ben, server)
    form = Form.on(ben.goto("/sign-out-everywhere"), "Sign out everywhere")
    for forged in (form.filled(csrf=""), form.filled(csrf="x" * 64), Form(form.host, form.path, form.fields, "")):
        assert forged.post().status == 403
    ben.goto("/profile").see_heading("Profile")


def test_a_file_with_broken_rows_adds_nobody(server):
    before = server.cli("user", "list", "--json").json
    file = server.folder / "people.csv"
    file.write_text(
        "name,displayName,mobile,email\n"
        "iris,Iris Moor,+447700900160,iris@moor.example\n"
        "ben,Another Ben,,\n"
        "jon,Jon Hale,12,\n"
        "kay,Kay Lund\n"
        "lea,Lea Voss,,not an address\n"
    )
    output = server.cli("user", "import", str(file), check=False)
    said = output.text + output.errors
    assert output.code == 1
    assert [row for row in range(2, 7) if re.search(rf"\b[Rr]ow {row}\b", said)] == [3, 4, 5, 6], said
    assert server.cli("user", "list", "--json").json == before, "nothing half done"


# --- many at once


def test_one_code_sent_fifty_times_at_once_is_good_once(server, new_person):
    ben = new_person(server)
    sign_in(ben, "ben").see_heading(TEXT_CODE)
    form = Form.on(ben, "Continue").filled(code=server.latest_code(BEN_PHONE))
    answers = at_once([form] * 50)
    assert sum(answer.session for answer in answers) == 1, [answer.status for answer in answers]
    assert {answer.status for answer in answers} <= {303, 409, 422, 503}


def test_one_code_of_an_app_is_good_once_whatever_it_opens(server, new_person):
    """Five sign-ins of Cara wait for her app; somebody sends its code to all of them, ten times each."""
    forms, app = [], cara_app()
    for _ in range(5):
        person = new_person(server)
        sign_in(person, "cara").see_heading(APP_CODE)
        forms.append(Form.on(person, "Continue"))
    code = app.code(server)
    answers = at_once([form.filled(code=code) for form in forms for _ in range(10)])
    went_on = [answer for answer in answers if answer.status == 303 and answer.location.startswith("/flows/")]
    proved = server.cli("audit", "--activity", "Second step answered", "--result", "success", "--json").json
    assert len(proved) == 1, f"{len(proved)} of 50, {len(went_on)} redirects"


def test_two_tabs_delete_the_last_two_methods_at_once(server, new_person):
    """Nothing is demanded any more, so either may go, one after the other, and each is asked for knowing what is left."""
    change_policy(server, ("    required: true\n", "    required: false\n"), ("requireForMFA: true", "requireForMFA: false"),
                  ("requireForReset: true", "requireForReset: false"))
    ben = new_person(server)
    sign_in(ben, "ben")
    ben.goto("/security-info")
    answer_text(ben, server, BEN_PHONE)
    forms = []
    for title in ("Mobile phone", "E-mail"):
        ben.goto("/security-info").follow(f"Delete {title}")
        forms.append(Form.on(ben, "Delete"))
    answers = at_once(forms)
    assert sorted(answer.location.split("?")[0].split("/")[2:3] for answer in answers) == [[], ["delete"]], answers
    ben.goto("/security-info")
    assert ben.page.locator("li.row").count() == 1
    ben.follow("Delete ").see("It is your last one", "nothing but your password").picture("delete-last")
    ben.press("Delete").see("Nothing here yet").picture("security-info-empty")


# --- a second opinion


@pytest.mark.skipif(not shutil.which("oathtool"), reason="oathtool is missing: scripts/setup --tests")
def test_oathtool_agrees(server, new_person):
    """Keys that the server made, codes that oathtool made: registered, and used at the next sign-in."""
    ben = new_person(server)
    sign_in_ben(ben, server)
    keys = []
    for _ in range(4):
        ben.goto("/security-info/add").press("Authenticator app")
        keys.append(AuthenticatorApp.from_uri(ben.scan()))
        ben.fill("6-digit code", oathtool(ben, server)).press("Continue").see("Your authenticator app is connected")
    assert len({app.secret for app in keys}) == 4
    server.advance(minutes=1)
    other = new_person(server)
    sign_in(other, "ben")
    for app in keys:
        assert app.code_at(server.now()).isdigit()
    answer_app(other, server, keys[-1])
    assert other.path == "/"


def oathtool(person, server) -> str:
    person.page.get_by_text("Can’t scan the code?").click()
    key = person.page.locator("p.key").inner_text()
    made = subprocess.run(
        ["oathtool", "--totp", "--base32", "--now", f"@{int(server.now())}", key], capture_output=True, text=True, check=True
    )
    return made.stdout.strip()
