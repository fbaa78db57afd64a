"""Security info is looked through now and then. Cara's review is due, and the directory knows a number nobody confirmed."""

import pytest

from stories import (
    APP_CODE,
    CARA_DIRECTORY_PHONE,
    CARA_MAIL,
    TEXT_CODE,
    answer_app,
    answer_text,
    audit,
    cara_app,
    row,
    sign_in,
    sign_out,
)


def to_the_review(server, new_person):
    cara, app = new_person(server), cara_app()
    sign_in(cara, "cara").see_heading(APP_CODE)  # who she is comes first
    answer_app(cara, server, app)
    cara.see_heading("Is this still right?").see("We ask every 180 days", "Last time was")
    return cara, app


def counts_for(server, method: str) -> list[str]:
    shown = server.cli("user", "show", "cara", "--json").json
    return next(sorted(m["countsFor"]) for m in shown["methods"] if m["method"] == method)


@pytest.mark.engines
def test_looks_good(server, new_person):
    cara, app = to_the_review(server, new_person)
    assert "Default" in row(cara, "Authenticator app").inner_text() and CARA_MAIL in row(cara, "Email").inner_text()
    number = row(cara, "Mobile phone").inner_text()
    assert "Not confirmed" in number and "+44 7700 900152" in number
    cara.picture("review").press("Looks good")
    assert cara.path == "/"
    assert [(e["person"], e["result"]) for e in audit(server, "--activity", "User reviewed security info")] == [("cara", "success")]
    # What nobody confirmed counts for nothing, and she is reminded without being held up.
    assert counts_for(server, "mobilePhone") == []
    cara.see("A number or address from the staff directory waits for your yes.").picture("home")
    sign_out(cara).follow("Sign in again")
    sign_in(cara, "cara")
    answer_app(cara, server, app)
    assert cara.path == "/", "asked once, not each time"
    server.advance(days=181)
    sign_out(cara).follow("Sign in again")
    sign_in(cara, "cara")
    answer_app(cara, server, app)
    cara.see_heading("Is this still right?")


def test_the_number_of_the_directory_is_confirmed(server, new_person):
    cara, app = to_the_review(server, new_person)
    cara.press("Confirm", within="li.row:has-text('Not confirmed')")
    cara.see_heading("Is this your number?").see("+44 7700 900152", "From the staff directory").picture("review-confirm")
    cara.press("Cancel").see_heading("Is this still right?")
    cara.press("Confirm", within="li.row:has-text('Not confirmed')").press("Send the code")
    cara.see_heading(TEXT_CODE)
    cara.fill("6-digit code", "000000").press("Continue").see("did not match")
    cara.fill("6-digit code", server.latest_code(CARA_DIRECTORY_PHONE)).press("Continue")
    cara.see_heading("Is this still right?").see("You confirmed your mobile phone").see_no("Not confirmed")
    assert server.mailbox.latest(CARA_MAIL).subject == "Your security info was changed"
    cara.press("Looks good")
    assert cara.path == "/"
    # Confirming is registering: it serves for all that policy says.
    assert counts_for(server, "mobilePhone") == ["reset", "signIn"]
    registered = audit(server, "--activity", "User registered security info")[0]
    assert (registered["person"], registered["details"]["method"], registered["details"]["hint"]) == ("cara", "mobilePhone", "52")
    other = new_person(server)
    sign_in(other, "cara").see_heading(APP_CODE)
    other.press("Text a code to my phone")
    answer_text(other, server, CARA_DIRECTORY_PHONE)
    assert other.path == "/"


def test_she_changes_something(server, new_person):
    cara, _ = to_the_review(server, new_person)
    cara.press("Change something").see_heading("Security info")
    cara.press("Change Email").see_heading("Change your email address").picture("change-email")
    cara.fill("Email address", "cara@lind.example").press("Send the code")
    cara.fill("8-digit code", server.mailbox.latest_code("cara@lind.example")).press("Continue")
    cara.see("From now on we use the new one", "cara@lind.example")
    assert "/not-me/" not in server.mailbox.latest(CARA_MAIL).text, "the old mailbox is told, without the link"


def test_whoever_has_only_the_password_sees_nothing_of_it(server, new_person):
    thief = new_person(server)
    sign_in(thief, "cara").see_heading(APP_CODE).see_no("900152", CARA_MAIL, "Is this still right?")
    assert not thief.has("button", "Text a code to my phone"), "what nobody confirmed proves nothing"
    assert thief.goto("/security-info").path.startswith("/sign-in")
