"""Names, addresses and policies have any length, and the pages hold them, on a phone and on a desk."""

from __future__ import annotations

from checks import at
from stories import change_policy, keep_codes, register_app, sign_in

USER = "maximilian.von.wolfeschlegelsteinhausenbergerdorff.featherstonehaugh"
NAME = "Wolfeschlegelsteinhausenbergerdorff-Featherstonehaugh Maximilian von"
PASSWORD = "long names for long days"
MAILBOX = "m.wolfeschlegelsteinhausenbergerdorff@verwaltungsangelegenheiten.niederoesterreich.example"
POLICY = "Zweiter Nachweis für Donaudampfschifffahrtselektrizitätenhauptbetriebswerke und alle Besucher"


def holds(person, picture: str, *words: str) -> None:
    """The words are there, and nothing is broken: at 360 px, where the story is played, and at 1280 px."""
    person.see(*words).picture(picture).look(axe=False)
    with at(person.page, {"width": 1280, "height": 900}):
        person.look(axe=False)


def test_long_names_break_no_page(server, new_person):
    given = ["--display-name", NAME, "--email", MAILBOX, "--role", "global", "--password-stdin"]
    server.cli("user", "add", USER, *given, stdin=PASSWORD + "\n")
    change_policy(server, ("Sign-in for everyone", POLICY))
    person = new_person(server, width=360)
    sign_in(person, USER, PASSWORD)
    person.page.get_by_text("Why am I being asked?").click()
    holds(person, "long-more-information", USER, POLICY)
    person.press("Start")
    register_app(person, server)
    holds(person, "long-confirm", MAILBOX)
    person.press("Send the code").fill("8-digit code", server.mailbox.latest_code(MAILBOX)).press("Continue")
    keep_codes(person)
    person.see_heading("You’re all set, ")
    holds(person, "long-summary", MAILBOX)
    person.press("Done").goto("/security-info")
    holds(person, "long-security-info", MAILBOX)
    person.follow("Delete Authenticator app").page.get_by_text("Why is it needed?").click()
    holds(person, "long-refused", POLICY)
    person.goto("/profile")
    holds(person, "long-profile", NAME)
    person.goto("/admin/audit")
    holds(person, "long-audit", USER)
