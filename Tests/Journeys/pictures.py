"""Pictures of pages, taken where a story says so. `scripts/pictures` switches this on; otherwise nothing happens."""

from __future__ import annotations

import os
import re
from pathlib import Path

from checks import NARROW, at, is_dark, template

WIDE = {"width": 1280, "height": 900}
#: The pictures that the documentation shows, kept in the repository; others come with `--every` only.
DOCUMENTED = {
    "more-information", "security-info", "call", "wizard-passkey", "wizard-app", "wizard-token", "wizard-phone", "wizard-questions",
    "app-password-new", "phone-gone", "wizard-converge-app", "approve", "app-approve", "wizard-email", "recovery-codes",
}
_taken: set[str] = set()


def folder() -> Path | None:
    given = os.environ.get("CONVERGE_PICTURES")
    return Path(given) if given else None


def every_page() -> bool:
    return os.environ.get("CONVERGE_PICTURES_OF") == "every-page"


def take(page, name: str, into: Path, whole: bool = False) -> None:
    """NAME.png, NAME-dark.png, NAME-360.png and NAME-360-dark.png."""
    into.mkdir(parents=True, exist_ok=True)
    dark_before = is_dark(page)
    for size, width in ((WIDE, ""), (NARROW, "-360")):
        with at(page, size):
            for scheme, mark in (("light", ""), ("dark", "-dark")):
                page.emulate_media(color_scheme=scheme)
                page.screenshot(path=into / f"{name}{width}{mark}.png", full_page=whole or size is NARROW, animations="disabled")
    page.emulate_media(color_scheme="dark" if dark_before else "light")


def named(page, name: str) -> None:
    if (into := folder()) and name not in _taken and (name in DOCUMENTED or every_page()):
        _taken.add(name)
        take(page, name, into, whole=every_page())


def visited(page) -> None:
    """With --every: each template once, under its address and heading."""
    if (into := folder()) and every_page():
        path, headings, error = template(page)
        words = "-".join([path, *headings, "error" if error else ""])
        name = re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")[:100] or "page"
        named(page, name)
