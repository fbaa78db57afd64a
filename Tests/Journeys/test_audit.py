"""Everything that the stories do stands in the audit log, under the names that its readers know."""

import csv
import io
import json

import pytest

from stories import (
    BEN_MAIL,
    BEN_PHONE,
    CARA_MAIL,
    SIGN_IN_ALLOWS,
    add_app,
    answer_app,
    begin_reset,
    cara_app,
    change_policy,
    choose_password,
    prove_by_mail,
    prove_by_text,
    register_app,
    sign_in,
    sign_in_ben,
    whole_wizard,
)

METHODS = "Authentication Methods"
PASSWORDS = "Self-service Password Management"
NEW = "tall ships leaving at dusk"


def download(person, link: str) -> str:
    with person.page.expect_download() as caught:
        person.page.get_by_role("link", name=link).first.click()
    return caught.value.path().read_text()


@pytest.fixture
def busy_day(server, new_person):
    """Ada stops her wizard and comes back; Ben adds, changes, deletes and resets; Cara reviews and forgets; the policy changes."""
    ada, ben, cara = new_person(server), new_person(server), new_person(server)
    sign_in(ada, "ada").press("Start").press("Stop for now")
    sign_in(ada, "ada").press("Start")
    register_app(ada, server)
    ada.press("Finish later")
    sign_in_ben(ben, server)
    app = add_app(ben, server)
    ben.follow("Change default").choose("A text to your mobile phone").press("Save")
    ben.follow("Delete Authenticator app").press("Delete")
    begin_reset(new_person(server), "nobody-at-all")
    other = new_person(server)
    begin_reset(other, "ben")
    prove_by_text(other, server, BEN_PHONE)
    prove_by_mail(other, server, BEN_MAIL)
    choose_password(other, NEW)
    sign_in(cara, "cara")
    answer_app(cara, server, cara_app())
    cara.press("Looks good")
    cara.goto("/password").fill("Current password", "wooden bridge in april").fill("New password", NEW).fill("The same again", NEW)
    cara.press("Save new password")
    change_policy(server, ("gates: 2", "gates: 1"))
    return app


@pytest.mark.engines
def test_an_administrator_reads_filters_and_takes_it_away(server, new_person, busy_day):
    dana = new_person(server)
    dana.goto("/admin/audit")
    whole_wizard(dana, server, "dana")
    assert dana.path == "/admin/audit"
    dana.see_heading("Audit log").picture("audit")

    def filtered(**fields: str) -> list[list[str]]:
        """Activity, result and reason of the rows that the page shows, newest first."""
        dana.goto("/admin/audit")
        for name, value in fields.items():
            label = {"person": "Person", "category": "Category", "activity": "Activity", "result": "Result"}[name]
            dana.fill(label, value) if name == "person" else dana.select(label, value)
        dana.press("Show")
        return [" ".join(text.split()) for text in dana.page.locator("table tbody tr").all_inner_texts()]

    rows = filtered(category=METHODS, person="ada")
    dana.picture("audit-filtered")
    for activity, result, reason in [
        ("User registered all required security info", "Failure", "postponed"),
        ("User registered security info", "Success", ""),
        ("User started security info registration", "Success", ""),
        ("User registered all required security info", "Failure", "cancelled"),
        ("User started security info registration", "Success", ""),
    ]:
        found = next((row for row in rows if row.startswith(activity) and result in row and reason in row), None)
        assert found, f"{activity}, {result} {reason} is not in {rows}"
        rows = rows[rows.index(found) + 1 :]
    assert rows == []

    names = [text.split(" today")[0] for text in filtered(category=METHODS, person="ben")]
    assert [name for name in names if name.startswith("User changed default security info")]
    assert [name for name in names if name.startswith("User deleted security info")]
    assert len(filtered(activity="User reviewed security info", person="cara")) == 1
    assert len(filtered(activity="Authentication Methods Policy Update")) == 1
    assert len(filtered(activity="Self-service password reset policy changes")) == 1

    # Every step of the reset is one event, failures included; a name that does not exist is in the log and on no page.
    steps = filtered(category=PASSWORDS, person="ben")
    assert sum(step.startswith("Self-service password reset flow activity progress") for step in steps) >= 5
    assert sum(step.startswith("Reset password (self-service)") for step in steps) == 1
    assert len(filtered(activity="Change password (self-service)", person="cara")) == 1
    assert any("unknown name" in step for step in filtered(category=PASSWORDS, result="Failure"))

    # The same filters carry over to the downloads.
    filtered(activity="User changed default security info")
    exported = json.loads(download(dana, "JSON"))["events"]
    assert [(e["activity"], e["person"], e["result"]) for e in exported] == [("User changed default security info", "ben", "success")]
    assert exported[0]["details"]["hint"] == "31" and "900131" not in json.dumps(exported), "a masked number"
    table = list(csv.DictReader(io.StringIO(download(dana, "CSV"))))
    assert [row["activity"] for row in table] == ["User changed default security info"] and "hint=31" in table[0]["details"]
    filtered(category=METHODS)
    everything = json.loads(download(dana, "JSON"))["events"]
    assert {event["category"] for event in everything} == {METHODS}
    for secret in (BEN_PHONE, BEN_MAIL, CARA_MAIL, NEW):
        assert secret not in json.dumps(everything)

    # One flow is followed from its first step to its last.
    dana.goto("/admin/audit?activity=Reset+password+(self-service)").follow("Follow flow")
    assert dana.page.locator("table tbody tr").count() >= 6
    dana.see("user identified").picture("audit-flow")


def test_a_filter_that_nobody_understands_finds_nothing(server, new_person):
    dana = new_person(server)
    dana.goto("/admin/audit")
    whole_wizard(dana, server, "dana")
    dana.fill("Person", "nobody-at-all").press("Show")
    dana.see("Nobody has this user name").picture("audit-error")
    assert dana.page.locator("table tbody tr").count() == 0


def test_others_are_told_that_nothing_is_there(server, new_person):
    ben = new_person(server)
    sign_in_ben(ben, server)
    for path in ("/admin/audit", "/admin/audit.json", "/admin/audit.csv"):
        ben.goto(path).see_heading("There is nothing here")
        assert ben.status == 404
    assert not ben.goto("/").has("link", "Audit log")


def test_a_blocked_reset_is_in_it(server, new_person):
    """Ten wrong codes from strangers close that contact for a day; the log says so once."""
    change_policy(server, (SIGN_IN_ALLOWS, "allow: [appCode]\n"))
    for _ in range(3):
        stranger = new_person(server)
        begin_reset(stranger, "cara")
        stranger.choose("Code from my authenticator app").press("Continue")
        for guess in range(4):
            stranger.fill("6-digit code", f"00000{guess}").press("Continue")
    events = server.cli("audit", "--activity", "Blocked from self-service password reset", "--json").json
    assert [(event["person"], event["result"]) for event in events] == [("cara", "failure")]
