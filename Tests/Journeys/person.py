"""Somebody in front of a browser: small verbs, and after each of them a look at the page (checks.py)."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, Error, Locator, TimeoutError, expect

import pictures
from checks import Watch

#: Width of the window and its height.
SIZES = {1280: 900, 1040: 800, 640: 900, 360: 740, 320: 640}


class Person:
    #: Where a server keeps what it must not write down; None where there is no server.
    secrets = None
    #: Milliseconds that somebody waits for something to be on the page.
    patience = 10_000

    def __init__(
        self,
        browser: Browser,
        address: str,
        width: int = 1280,
        javascript: bool = True,
        dark: bool = False,
        language: str = "en-GB",
        closer: bool = True,
    ) -> None:
        self.address = address
        self.closer = closer
        self.javascript = javascript
        self.context = browser.new_context(
            base_url=address,
            viewport={"width": width, "height": SIZES.get(width, 900)},
            java_script_enabled=javascript,
            color_scheme="dark" if dark else "light",
            locale=language,
            timezone_id="Europe/London",
        )
        self.context.set_default_timeout(15_000)
        self.page = None
        self.open_tab()

    # --- tabs

    def open_tab(self) -> None:
        """A new tab of the same browser, in front. Back to another one: `person.use(tab)`."""
        page = self.context.new_page()
        page.converge_watch = Watch(page, self.address, self.javascript, self.closer)
        page.converge_steps = _Steps(page)
        self.use(page)

    def use(self, page) -> None:
        self.page = page
        self.watch: Watch = page.converge_watch
        self._steps: _Steps = page.converge_steps
        page.bring_to_front()

    # --- going somewhere

    def goto(self, path: str) -> Person:
        self.page.goto(path)
        return self._arrived()

    def press(self, name: str, within: str | None = None) -> Person:
        """Presses a button."""
        return self._go(self._one("button", name, within))

    def press_twice(self, name: str) -> Person:
        """An impatient finger."""
        button = self._one("button", name, None)
        self._steps.after(lambda: button.dblclick(no_wait_after=True))
        try:
            return self._arrived()
        except Error as error:
            # Without a script the second press leads on, too, and may do so while the page of the first is looked at.
            if "context was destroyed" not in str(error):
                raise
            self.page.wait_for_load_state()
            return self._arrived()

    def follow(self, name: str, within: str | None = None) -> Person:
        """Follows a link."""
        return self._go(self._one("link", name, within))

    def press_enter(self) -> Person:
        return self.press_key("Enter")

    # --- with the keyboard alone

    def press_key(self, key: str, leads_on: bool = True) -> Person:
        """Presses a key where the focus is; one that `leads_on` sends a form or follows a link."""
        if leads_on:
            self._steps.after(lambda: self.page.keyboard.press(key))
        else:
            self.page.keyboard.press(key)
        return self._arrived()

    def tab_to(self, name: str, back: bool = False) -> Person:
        """Presses Tab (with Shift: `back`) until the focus is on what has these words."""
        passed = []
        for _ in range(80):
            self.page.keyboard.press("Shift+Tab" if back else "Tab")
            passed.append(self.focused())
            if name in passed[-1]:
                return self
            if not passed[-1]:
                break
        raise AssertionError(f"the Tab key does not get to “{name}” on {self.path}, “{self.heading()}”; it passes {passed}")

    def type(self, text: str) -> Person:
        """Types where the focus is."""
        if self.secrets:
            self.secrets.typed(self.page.evaluate("document.activeElement.name || ''"), text)
        self.page.keyboard.type(text)
        return self

    def focused(self) -> str:
        """The words of what has the focus; empty when nothing has it."""
        return self.page.evaluate(
            r"""() => {
                const element = document.activeElement;
                if (!element || element === document.body) return "";
                const words = element.labels?.length ? [...element.labels].map((label) => label.textContent).join(" ") : element.textContent;
                return (words || element.getAttribute("aria-label") || element.tagName).trim().replace(/\s+/g, " ");
            }"""
        )

    def back(self) -> Person:
        self.page.go_back()
        return self._arrived()

    def reload(self) -> Person:
        self.page.reload()
        return self._arrived()

    # --- filling in

    def fill(self, label: str, text: str) -> Person:
        field = self._labelled(label)
        field.fill(text)
        if self.secrets:
            self.secrets.typed(field.get_attribute("name") or "", text)
        return self

    def choose(self, label: str) -> Person:
        """A radio button or a check box."""
        self._labelled(label).check()
        return self

    def select(self, label: str, option: str) -> Person:
        self._labelled(label).select_option(label=option)
        return self

    # --- looking

    @property
    def path(self) -> str:
        return self.page.url.removeprefix(self.address)

    @property
    def status(self) -> int | None:
        """What the last page was answered with."""
        return self.watch.status

    def heading(self) -> str:
        return self.page.locator("h1").inner_text().strip()

    def text(self) -> str:
        return self.page.locator("body").inner_text()

    def see(self, *texts: str) -> Person:
        """Waits until each of the texts stands on the page, visibly."""
        for text in texts:
            expect(self.page.get_by_text(text).filter(visible=True).first, f"“{text}” on {self.path}").to_be_visible()
        return self

    def see_heading(self, text: str) -> Person:
        expect(self.page.locator("h1"), f"heading of {self.path}").to_contain_text(text)
        return self

    def see_no(self, *texts: str) -> Person:
        for text in texts:
            found = self.page.get_by_text(text).filter(visible=True).count()
            assert found == 0, f"“{text}” stands on {self.path} ({found} times)"
        return self

    def has(self, role: str, name: str) -> bool:
        """Whether there is a link, a button … of that name."""
        return self.page.get_by_role(role, name=name).count() > 0

    def scan(self, selector: str = "[role=img][aria-label*='QR']") -> str:
        """What a phone's camera reads from the QR code on the screen."""
        zbarimg = shutil.which("zbarimg")
        assert zbarimg, "zbarimg is missing: scripts/setup --tests"
        with tempfile.TemporaryDirectory() as folder:
            picture = Path(folder) / "code.png"
            # The whole box around the code, because its quiet zone belongs to it.
            self.page.locator(selector).first.locator("xpath=..").screenshot(path=picture)
            # Whoever takes it hides the caret, and leaves empty attributes behind that are not the page's.
            self.page.evaluate("document.querySelectorAll('[style=\"\"]').forEach((element) => element.removeAttribute('style'))")
            read = subprocess.run([zbarimg, "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", picture], capture_output=True, text=True)
        assert read.returncode == 0, f"no QR code could be read on {self.path}"
        return read.stdout.rstrip("\n")

    def look(self, axe: bool = True) -> Person:
        """The checks of every page, once more: after a script has changed something, for instance."""
        self.watch.look(axe)
        return self

    @contextlib.contextmanager
    def expecting(self, *words: str):
        """`with person.expecting("answered 503"):` – a fault that contains these words is what the test is about."""
        with self.watch.expecting(*words):
            yield

    def picture(self, name: str) -> Person:
        """Keeps the page as a picture of that name, when pictures are being taken."""
        pictures.named(self.page, name)
        return self

    def cookies(self) -> dict[str, dict]:
        return {cookie["name"]: cookie for cookie in self.context.cookies()}

    def close(self) -> None:
        self.context.close()

    # --- inside

    def _one(self, role: str, name: str, within: str | None) -> Locator:
        scope = self.page.locator(within) if within else self.page
        loose = scope.get_by_role(role, name=name)
        self._await(loose, f"{role} “{name}”", f"internal:role={role}")
        exact = scope.get_by_role(role, name=name, exact=True)
        return exact if exact.count() else loose

    def _labelled(self, label: str) -> Locator:
        loose = self.page.get_by_label(label)
        self._await(loose, f"field “{label}”", "label")
        exact = self.page.get_by_label(label, exact=True)
        return exact if exact.count() else loose

    def _await(self, wanted: Locator, what: str, likes: str) -> None:
        """Waits for something to be there; a test that waits in vain says what is there instead."""
        try:
            wanted.first.wait_for(state="attached", timeout=self.patience)
        except TimeoutError:
            there = [" ".join(text.split()) for text in self.page.locator(likes).all_inner_texts()]
            raise AssertionError(f"no {what} on {self.path}, “{self.heading()}”; there are {there}") from None

    def _go(self, control: Locator) -> Person:
        leads_on = control.evaluate(
            "e => e.tagName === 'A' ? !/^(#|$)/.test(e.getAttribute('href') || '') : e.type === 'submit' && !!e.form"
        )
        if leads_on:
            self._steps.after(control.click)
        else:
            control.click()
        return self._arrived()

    def _arrived(self) -> Person:
        self.watch.look()
        pictures.visited(self.page)
        if self.secrets:
            self.secrets.seen(self.page.url, self.page.content())
        return self


class _Steps:
    """Knows when a click has led to a page that is there, without guessing at times.

    A click does not wait for the page that it leads to. A new document is asked for within moments or not at all (a
    field was left empty, a script took over); once it is asked for, we wait for it, however busy the machine is."""

    moments = 1.5

    def __init__(self, page) -> None:
        self.page = page
        self.begun = 0
        self.done = 0
        page.on("request", self._request)
        page.on("requestfailed", self._failed)
        page.on("load", lambda: setattr(self, "done", self.begun))

    def _is_step(self, request) -> bool:
        return request.is_navigation_request() and request.frame == self.page.main_frame

    def _request(self, request) -> None:
        if self._is_step(request) and request.redirected_from is None:
            self.begun += 1

    def _failed(self, request) -> None:
        # A download, an answer without content, or a page that was left before it came: nothing more will load.
        if self._is_step(request):
            self.done = self.begun

    def after(self, action) -> None:
        before = self.begun
        action()
        end = time.monotonic() + self.moments
        while self.begun == before:
            if time.monotonic() > end:
                return
            self.page.wait_for_timeout(10)
        end = time.monotonic() + 60
        while self.done < self.begun:
            if time.monotonic() > end:
                raise AssertionError(f"the page after {self.page.url} did not come")
            self.page.wait_for_timeout(10)
