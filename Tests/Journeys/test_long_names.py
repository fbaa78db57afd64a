"""Names, addresses and policies have any length, and the pages hold them: each is checked for what it meets at 360 px."""

from __future__ import annotations

import pytest

from stories import change_policy, keep_codes, register_app, register_phone, sign_in

USER = "maximilian.von.wolfeschlegelsteinhausenbergerdorff.featherstonehaugh"
NAME = "Wolfeschlegelsteinhausenbergerdorff-Featherstonehaugh Maximilian von"
MAILBOX = "m.wolfeschlegelsteinhausenbergerdorff@verwaltungsangelegenheiten.niederoesterreich.example"
POLICY = "Zweiter Nachweis für Verwaltungsangelegenheiten, Donaudampfschifffahrtsgesellschaften und alle Besucher"


@pytest.mark.parametrize("narrow", [360, 1280])
def test_long_names_break_no_page(server, new_person, narrow):
    server.cli(
        "user", "add", USER, "--display-name", NAME, "--email", MAILBOX, "--role", "global", "--password-stdin",
        stdin="long names for long days\n",
    )
    change_policy(server, ("Sign-in for everyone", POLICY))
    max_ = new_person(server, width=narrow)
    sign_in(max_, USER, "long names for long days").see(USER)
    max_.page.get_by_text("Why am I being asked?").click()
    max_.see(POLICY).look()
    max_.press("Start")
    register_app(max_, server)
    register_phone(max_, server)
    keep_codes(max_)
    max_.see_heading("You’re all set, ").picture("long-summary").press("Done")
    max_.goto("/security-info").see(MAILBOX).picture("long-security-info")
    max_.follow("Delete Authenticator app").page.get_by_text("Why is it needed?").click()
    max_.see(POLICY).look()
    max_.goto("/profile").see(NAME).picture("long-profile")
    max_.goto("/activity").goto("/admin/audit").see(USER).picture("long-audit")
