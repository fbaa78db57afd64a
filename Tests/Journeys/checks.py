"""What must hold on every page, looked at after each step that a person takes."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe

PAGE_CHECK = (Path(__file__).parent / "page-check.js").read_text()
KEYBOARD_CHECK = (Path(__file__).parent / "keyboard-check.js").read_text()
NARROW = {"width": 360, "height": 740}
#: A window of 1280 px at 200 %.
ZOOMED = {"width": 640, "height": 450}

#: Templates that axe has looked at in this run: a page is looked at once, however many stories pass through it.
_looked_at: set[tuple] = set()


class PageFault(AssertionError):
    pass


def layout_faults(page) -> list[str]:
    return page.evaluate(PAGE_CHECK)


def accessibility_faults(page) -> list[str]:
    faults = []
    for violation in Axe().run(page).response["violations"]:
        for node in violation["nodes"]:
            html = re.sub(r"\s+", " ", node["html"])[:160]
            faults.append(f"axe {violation['id']} ({violation['impact']}): {violation['help']}: {html}")
    return faults


def keyboard_faults(page) -> list[str]:
    """Walks through the page with the Tab key, from the top to the end, and leaves it as it was."""
    walk = page.evaluate_handle(KEYBOARD_CHECK)
    begun = walk.evaluate("walk => walk.begin()")
    faults = begun["faults"]
    for _ in range(begun["count"] + 10):  # the parts of a date are stops of their own
        page.keyboard.press("Tab")
        found = walk.evaluate("walk => walk.step()")
        if found is None:
            break
        faults += found
    else:
        faults.append("the Tab key does not get to the end of the page")
    return faults + walk.evaluate("walk => walk.end()")


def cdp(page):
    """The page's session with the browser, one for all: when one ends, Chromium takes away the virtual authenticators of all."""
    if not hasattr(page, "converge_cdp"):
        page.converge_cdp = page.context.new_cdp_session(page)
    return page.converge_cdp


@contextlib.contextmanager
def text_twice_as_large(page):
    """As somebody sees it who has set their browser to letters of 32 px, without making the rest larger."""
    session = cdp(page)
    session.send("Page.enable")
    try:
        session.send("Page.setFontSizes", {"fontSizes": {"standard": 32, "fixed": 26}})
        yield
    finally:
        session.send("Page.setFontSizes", {"fontSizes": {"standard": 16, "fixed": 13}})


def is_dark(page) -> bool:
    return page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")


@contextlib.contextmanager
def twin(page):
    """The page of a person who has switched JavaScript off, in a window that has it: axe needs timers, which stand still
    there. The page's own scripts stay out, and what stands in <noscript> stays in."""
    source = re.sub(r"</?noscript[^>]*>", "", page.content())
    context = page.context.browser.new_context(viewport=page.viewport_size, color_scheme="dark" if is_dark(page) else "light")

    def answer(route) -> None:
        if route.request.is_navigation_request():
            route.fulfill(content_type="text/html; charset=utf-8", body=source)
        elif route.request.resource_type == "script":
            route.abort()
        else:
            route.continue_()

    context.route("**/*", answer)
    try:
        other = context.new_page()
        other.goto(page.url)
        yield other
    finally:
        context.close()


@contextlib.contextmanager
def at(page, size: dict):
    """The page at another size for a while."""
    before = page.viewport_size
    if before == size:
        yield
        return
    page.set_viewport_size(size)
    try:
        yield
    finally:
        page.set_viewport_size(before)


def template(page) -> tuple:
    """Two pages with the same template are the same page for axe: flow ids and the like don't make a difference, an error does."""
    path = "/".join("*" if re.search(r"\d", part) or len(part) >= 20 else part for part in urlsplit(page.url).path.split("/"))
    headings, title = page.evaluate("[[...document.querySelectorAll('h1')].map((h1) => h1.innerText.trim()), document.title]")
    return path, tuple(headings), title.startswith("Error:")


class Watch:
    """Listens to one page from its beginning: console, script errors, requests to elsewhere, answers that are faults."""

    def __init__(self, page, origin: str = "", javascript: bool = True, closer: bool = True) -> None:
        self.page = page
        self.closer = closer
        self.javascript = javascript
        self.origin = origin
        self.status: int | None = None
        self.faults: list[str] = []
        self.expected: list[str] = []
        self._documents: dict[str, int] = {}
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.faults.append(f"script error: {error}"))
        page.on("request", self._request)
        page.on("response", self._response)

    def _request(self, request) -> None:
        if not self.origin or not request.url.startswith(("http:", "https:", "ws:", "wss:")):
            return
        if not (request.url + "/").startswith(self.origin + "/"):
            self.faults.append(f"a request to somewhere else: {request.method} {request.url}")

    def _response(self, response) -> None:
        if response.request.is_navigation_request() and response.frame == self.page.main_frame:
            self.status = response.status
            self._documents[response.url] = response.status
            if response.status >= 500:
                self.faults.append(f"{response.request.method} {response.url} answered {response.status}")

    def _console(self, message) -> None:
        if message.type not in ("error", "warning"):
            return
        # A form shown again with its errors answers 4xx; the browser writes that down as a failed load of the page itself.
        if message.text.startswith("Failed to load resource") and self._documents.get(message.location.get("url", "")):
            return
        self.faults.append(f"console {message.type}: {message.text}")

    @contextlib.contextmanager
    def expecting(self, *words: str):
        """Faults that contain one of these words are what the test is about."""
        self.expected.extend(words)
        try:
            yield
        finally:
            for word in words:
                self.expected.remove(word)

    def look(self, axe: bool = True) -> None:
        """Everything about the page as it stands. Raises PageFault with all that is wrong with it."""
        if not self.page.url.startswith(("http:", "https:")):
            return
        faults, self.faults = self.faults, []
        faults += [f"layout at {self.page.viewport_size['width']} px: {fault}" for fault in layout_faults(self.page)]
        if axe and self.closer and (which := (*template(self.page), is_dark(self.page), self.javascript)) not in _looked_at:
            _looked_at.add(which)
            faults += self._closer_look(faults)
        faults = [fault for fault in faults if not any(word in fault for word in self.expected)]
        if faults:
            raise PageFault(f"{len(faults)} faults on {self.page.url}\n  " + "\n  ".join(faults))

    def _closer_look(self, known: list[str]) -> list[str]:
        """What is looked at once for each template: other sizes, the keyboard, and what axe finds on a phone."""
        thorough = bool(os.environ.get("CONVERGE_EVERY_WIDTH"))
        found: list[str] = []

        def layout(where: str) -> None:
            before = "\n".join(known + found)
            found.extend(f"layout {where}: {fault}" for fault in layout_faults(self.page) if fault not in before)

        if self.javascript:
            found.extend(f"keyboard: {fault}" for fault in keyboard_faults(self.page))
        with text_twice_as_large(self.page):
            layout("with letters twice as large")
        with at(self.page, ZOOMED):
            layout("at 200 %")
        with at(self.page, NARROW):
            layout("at 360 px")
            if thorough:
                if self.javascript:
                    found.extend(f"keyboard at 360 px: {fault}" for fault in keyboard_faults(self.page))
                with text_twice_as_large(self.page):
                    layout("at 360 px with letters twice as large")
            with contextlib.nullcontext(self.page) if self.javascript else twin(self.page) as page:
                found.extend(accessibility_faults(page))
        return found
