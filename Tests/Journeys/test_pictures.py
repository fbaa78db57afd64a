"""The pictures of the documentation, each where a person meets the page."""

from __future__ import annotations

from stories import whole_wizard


def test_security_info_after_the_first_day(server, new_person):
    ada = new_person(server)
    whole_wizard(ada, server)
    ada.goto("/security-info").see_heading("Security info").picture("security-info")
