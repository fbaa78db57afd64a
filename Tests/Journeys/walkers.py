"""People who sign in, register, delete and reset without rest while servers die under them, and keep a book of what they were told.

The book is the other half of the store: whatever was confirmed to somebody must be there afterwards, whatever was ended must be over,
and no secret may have opened two doors. An answer that did not come leaves open what happened, and the book says so."""

from __future__ import annotations

import http.client
import random
import re
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import store
from nodes import Nodes
from oath import AuthenticatorApp, hotp
from rawhttp import Answer, Raw, Request
from server import code_in

FIRST_PASSWORD = "green lamps along the pier"
#: How long somebody tries before a step that never gets an answer counts as a fault of its own.
PATIENCE = 90


class Over(Exception):
    """The round ends; what was begun stays as it is."""


class Astray(Exception):
    """The story stands somewhere else than the walker thinks."""


class Steady:
    """A browser whose owner reloads until there is an answer."""

    def __init__(self, walker: Walker, cookies: dict[str, str] | None = None) -> None:
        self.walker = walker
        self.raw = Raw(walker.nodes.port, dict(cookies or {}))

    @property
    def flow(self) -> str:
        found = re.match(r"/flows/([^/?]+)", self.raw.path)
        if not found:
            raise Astray(f"{self.raw.path}, {self.raw.answer.heading}")
        return found.group(1)

    def get(self, path: str) -> Raw:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                self.raw.get(path)
                if self.walker.is_answer(self.raw.answer, path):
                    return self.raw
            except (OSError, http.client.HTTPException):
                pass
            self.walker.told["pages that did not come"] += 1
            self.walker.rest()
        raise AssertionError(f"{path} was not answered for {PATIENCE} s")

    def post(self, action: str, **fields: str) -> None:
        """Sends a form until there is an answer. One that did not come may have been done unheard, and the next tries find it done."""
        if not self.raw.has_form(action):
            raise Astray(f"no {action} on {self.raw.path}, {self.raw.answer.heading}")
        request = self.raw.prepare(action, **fields)
        self.take(self.walker.until_answered(request), request)

    def take(self, answer: Answer, request: Request) -> None:
        # The cookies of this answer, then the page that it leads to, which may take several tries.
        self.raw._follow(Answer(200, answer.headers, answer.text), request.path)
        if 300 <= answer.status < 400:
            self.get(answer.header("Location"))


class Walker:
    def __init__(self, nodes: Nodes, number: int, chance: random.Random) -> None:
        self._thread: threading.Thread | None = None
        self.nodes, self.number, self.chance = nodes, number, chance
        self.user, self.phone = f"walker{number}", f"+4477009002{number:02}"
        self.app: AuthenticatorApp | None = None
        self.over = threading.Event()
        self.told = Counter()
        #: What went wrong, in words: `lost`, `twice`, `alive`, `fault`.
        self.wrong: list[tuple[str, str]] = []
        #: Passwords one of which is right; more than one after an answer that did not come.
        self.passwords = [FIRST_PASSWORD]
        #: Credentials that a page has shown and nobody tried to delete; those that are gone for certain.
        self.kept: set[str] = set()
        self.gone: set[str] = set()
        #: By flow, the secrets offered there.
        self.offered: dict[str, set[str]] = {}
        self.before: set[str] = set()
        #: Sessions begun before are not in the book.
        self.since = 0
        self._step = 0
        self._inside: Steady | None = None
        self._open: list[dict[str, str]] = []

    # --- the first day, with nobody in the way

    def set_up(self) -> None:
        self.nodes.cli("user", "add", self.user, "--password-stdin", stdin=FIRST_PASSWORD + "\n")
        raw = Raw(self.nodes.port).sign_in(self.user, FIRST_PASSWORD).submit("/start")
        self.app = _app_on(raw)
        raw.submit("/code", code=hotp(self.app.secret, self._now()))
        texts = len(self.nodes.gateway.to(self.phone))
        raw.submit("/phone", country="GB", number=self.phone)
        raw.submit("/code", code=self._text(texts)).submit("/kept", kept="on").submit("/finish")
        self._step = self._now()
        self.kept = _listed(raw.get("/security-info"))
        assert len(self.kept) == 2, raw.answer.heading
        self._open.append(dict(raw.cookies))
        self.before = {flow for flow, _, _ in self._log()}
        self.since = int(self.nodes.now() * 1000)

    # --- rounds

    def start(self) -> None:
        self.over.clear()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def join(self, seconds: float) -> bool:
        """Whether it has come to an end."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def rest_of_the_day(self) -> None:
        """No session outlives the night."""
        self._inside, self._open = None, []

    def _run(self) -> None:
        while not self.over.is_set():
            try:
                self._round()
            except Over:
                return
            except Astray as error:
                self.told["astray"] += 1
                self._inside = None
                self.wrong.append(("astray", str(error)))
            except Exception as error:
                self.wrong.append(("fault", f"{type(error).__name__}: {error}"))
                return

    def _round(self) -> None:
        if not self._inside:
            self._inside = self._sign_in()
        if self._inside:
            for _ in range(3):
                self._enrol(self._inside)
                self._delete(self._inside)
            if self.chance.random() < 0.5:
                self._sign_out()
        if self.chance.random() < 0.4:
            self._reset()
        self._guess()

    # --- what they do

    def _at_the_code(self) -> Steady | None:
        """A sign-in with the password right."""
        for password in list(self.passwords):
            browser = Steady(self)
            browser.get("/sign-in")
            browser.post("/sign-in", name=self.user, password=password)
            if browser.raw.path.startswith("/flows/"):
                if len(self.passwords) > 1:
                    self.told["passwords that an answer had left open"] += 1
                self.passwords = [password]
                return browser
            if "Too many wrong passwords" in browser.raw.answer.text:
                return None
        self.wrong.append(("lost", f"none of {len(self.passwords)} passwords is right: {browser.raw.answer.heading}"))
        return None

    def _sign_in(self) -> Steady | None:
        """With one code offered three times at once, from two browsers."""
        browsers = [browser for browser in (self._at_the_code(), self._at_the_code()) if browser]
        if len(browsers) < 2:
            return None
        step = self._fresh_step()
        code = hotp(self.app.secret, step)
        for browser in browsers:
            self.offered.setdefault(browser.flow, set()).add(f"app {step}")
            if not browser.raw.has_form("/answer"):
                raise Astray(browser.raw.answer.heading)
        pairs = [(browser, browser.raw.prepare("/answer", code=code)) for browser in (*browsers, browsers[0])]
        with ThreadPoolExecutor(3) as pool:
            answers = list(pool.map(lambda pair: self.send(pair[1]), pairs))
        winners = [(pair, answer) for pair, answer in zip(pairs, answers) if answer and answer.opens_session]
        if len(winners) > 1:
            self.wrong.append(("twice", f"{len(winners)} sessions for the code of step {step}"))
        if not winners and None in answers:
            for (browser, request), answer in zip(pairs, answers):
                if answer is None and (late := self.until_answered(request)).opens_session:
                    winners.append(((browser, request), late))
        for (browser, request), answer in winners[:1]:
            browser.take(answer, request)
            if browser.raw.path != "/":
                raise Astray(f"{browser.raw.path}, {browser.raw.answer.heading}")
            self._open.append(dict(browser.raw.cookies))
            self.told["sign-ins"] += 1
            return browser
        return None

    def _enrol(self, browser: Steady) -> None:
        before = self._list(browser)
        browser.get("/security-info/add")
        if not browser.raw.has_form("/security-info/add"):
            return
        browser.post("/security-info/add", method="totpApp")
        if 'class="key' not in browser.raw.answer.text:
            return  # five are there
        app = _app_on(browser.raw)
        browser.post("/code", code=hotp(app.secret, self._now()))
        confirmed = browser.raw.path.startswith("/security-info?")
        new = self._list(browser) - before
        if confirmed and not new:
            self.wrong.append(("lost", "an app was confirmed and is not on the list"))
        self.told["registrations"] += len(new)
        self.kept |= new

    def _delete(self, browser: Steady) -> None:
        """One of the apps that were added; the first one and the phone stay."""
        added = sorted(self.kept - self._first)
        if not added:
            return
        id = self.chance.choice(added)
        path = f"/security-info/delete/{id}"
        browser.get(path)
        if not browser.raw.has_form(path):
            raise Astray(f"{browser.raw.path}, {browser.raw.answer.heading}")
        self.kept.discard(id)
        browser.post(path)
        if id in self._list(browser):
            self.kept.add(id)
        else:
            self.gone.add(id)
            self.told["deletions"] += 1

    @property
    def _first(self) -> set[str]:
        if not hasattr(self, "_own"):
            rows = store.rows(self.nodes.data, "SELECT c.id FROM credential c JOIN person p ON p.id = c.person_id WHERE p.name = ? ORDER BY c.added_ms LIMIT 2", self.user)
            self._own = {id for (id,) in rows}
        return self._own

    def _list(self, browser: Steady) -> set[str]:
        raw = browser.get("/security-info")
        if not raw.path.startswith("/security-info"):
            self._inside = None
            raise Astray(f"the list led to {raw.path}, {raw.answer.heading}")
        return _listed(raw)

    def _sign_out(self) -> None:
        browser, self._inside = self._inside, None
        cookies = dict(browser.raw.cookies)
        browser.get("/sign-out")
        if not browser.raw.has_form("/sign-out"):
            raise Astray(browser.raw.answer.heading)
        browser.post("/sign-out")
        self.told["sign-outs"] += 1
        self._must_be_over([cookies], "a sign-out")

    def _reset(self) -> None:
        browser = Steady(self)
        browser.get("/reset-password")
        browser.post("/reset-password", name=self.user)
        browser.post("/reason", reason="forgot")
        browser.post("/gate", gate="text")
        texts, flow = len(self.nodes.gateway.to(self.phone)), browser.flow
        browser.post("/contact", country="GB", number=self.phone)
        code = self._text(texts)
        if not browser.raw.has_form("/answer") or code is None:
            self.told["resets given up"] += 1
            return
        self.offered.setdefault(flow, set()).add(f"text of {flow}")
        browser.post("/answer", code=code)
        use = re.search(r'value="([^"]+\.appCode)"', browser.raw.answer.text)
        if not use:
            self.told["resets given up"] += 1
            return
        browser.post("/gate", gate=use.group(1))
        step = self._fresh_step()
        self.offered[flow].add(f"app {step}")
        browser.post("/answer", code=hotp(self.app.secret, step))
        if not browser.raw.has_form("/password"):
            self.told["resets given up"] += 1
            return
        new = f"tall ships leaving at dusk {self.chance.randrange(10**6)}"
        self.passwords.append(new)
        opened = list(self._open)
        browser.post("/password", new=new, again=new)
        if browser.raw.answer.heading == "Your new password works":
            self.passwords = [new]
            self.told["resets"] += 1
            self._inside = None
            self._must_be_over(opened, "a reset")

    def _guess(self) -> None:
        """A sign-in with a code that is none: nothing may come of it."""
        if self.chance.random() < 0.1 and (browser := self._at_the_code()) and browser.raw.has_form("/answer"):
            browser.post("/answer", code=hotp(self.app.secret, self._now() + 1000))
            self.told["guesses"] += 1

    def _must_be_over(self, sessions: list[dict[str, str]], what: str) -> None:
        for cookies in sessions[-6:]:
            raw = Steady(self, cookies).get("/profile")
            if not raw.path.startswith("/sign-in"):
                self.wrong.append(("alive", f"a session lived on after {what}"))
            self.told["ended sessions tried again"] += 1
        self._open = [cookies for cookies in self._open if cookies not in sessions]

    # --- inside

    def send(self, request: Request) -> Answer | None:
        """None: nobody knows whether it was done."""
        try:
            answer = request.send()
            if self.is_answer(answer, request.path):
                return answer
        except (OSError, http.client.HTTPException):
            pass
        self.told["answers that did not come"] += 1
        return None

    def until_answered(self, request: Request) -> Answer:
        end = time.monotonic() + PATIENCE
        while (answer := self.send(request)) is None:
            assert time.monotonic() < end, f"{request.path} was not answered for {PATIENCE} s"
            self.rest()
        return answer

    def is_answer(self, answer: Answer, path: str) -> bool:
        if answer.status == 500:
            self.wrong.append(("fault", f"{path}: 500 {answer.heading}"))
        return answer.status < 500

    def rest(self) -> None:
        time.sleep(0.1)

    def _now(self) -> int:
        return int(self.nodes.now() // 30)

    def _fresh_step(self) -> int:
        """A step of the app's that was never offered; somebody moves the clock meanwhile."""
        while self._now() <= self._step:
            if self.over.wait(0.05):
                raise Over
        self._step = self._now()
        return self._step

    def _text(self, seen: int) -> str | None:
        """The code of a text that was not there yet; None: it did not come."""
        end = time.monotonic() + 20
        while time.monotonic() < end:
            texts = self.nodes.gateway.to(self.phone)[seen:]
            if texts:
                return code_in(texts[-1].body)
            time.sleep(0.05)
        return None

    def _log(self) -> list[tuple[str, str, str]]:
        names = store._names("signedIn", "challengeAnswered", "resetProgress")
        return store.rows(
            self.nodes.data, f"SELECT correlation_id, activity, details FROM audit WHERE person_name = ? AND result = 'success' AND activity IN ({names})", self.user
        )

    # --- the book against the store

    def compare(self) -> list[tuple[str, str]]:
        """What the store has otherwise than the book."""
        found: list[tuple[str, str]] = []
        states = dict(store.rows(self.nodes.data, "SELECT c.id, c.state FROM credential c JOIN person p ON p.id = c.person_id WHERE p.name = ?", self.user))
        found += [("lost", f"credential {id} is {states.get(id, 'not there')}") for id in sorted(self.kept) if states.get(id) != "active"]
        found += [("lost", f"credential {id} was deleted and is {states[id]}") for id in sorted(self.gone) if states.get(id, "retired") != "retired"]
        accepted: Counter[str] = Counter()
        signed_in = 0
        for flow, activity, details in self._log():
            if flow in self.before:
                continue
            kind = "app" if "appCode" in details else "text"
            if activity == store.ACTIVITIES["signedIn"]:
                signed_in += 1
                if not self.offered.get(flow):
                    found.append(("alive", f"sign-in {flow} was offered no right code"))
            elif activity == store.ACTIVITIES["challengeAnswered"] or " passed" in details:
                secrets = [secret for secret in self.offered.get(flow, ()) if secret.startswith(kind)]
                accepted.update(secrets or [f"{kind} of {flow}, never offered"])
        found += [("twice", f"{secret} was accepted {times} times") for secret, times in accepted.items() if times > 1]
        ((sessions,),) = store.rows(self.nodes.data, "SELECT COUNT(*) FROM session s JOIN person p ON p.id = s.person_id WHERE p.name = ? AND s.revoked_ms IS NULL AND s.created_ms > ?", self.user, self.since)
        # A session that is renewed ends with it, so each sign-in leaves one at most.
        if sessions > signed_in:
            found.append(("alive", f"{sessions} sessions after {signed_in} sign-ins"))
        return found


def _listed(raw: Raw) -> set[str]:
    return set(re.findall(r"/security-info/delete/([\w-]+)", raw.answer.text))


def _app_on(raw: Raw) -> AuthenticatorApp:
    return AuthenticatorApp.from_key(re.sub(r"<[^>]*>", "", raw.find(r'<p class="key[^"]*"[^>]*>(.*?)</p>')))
