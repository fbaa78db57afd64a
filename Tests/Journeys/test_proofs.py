"""Rivals in two processes, a process killed at any moment, and what is on the disk before an answer goes out."""

from __future__ import annotations

import contextlib
import os
import random
import re
import shutil
import subprocess
import threading
import time

import pytest

from oath import AuthenticatorApp, hotp
from rawhttp import Raw, all_at_once
from server import Server
from stories import BEN_MAIL, BEN_PHONE, PASSWORDS
import engine
import store

RIVALS = 50
SOMEBODY = "green lamps along the pier"


@pytest.fixture
def twins(server):
    """Two processes over one folder: `(first, second)`. What one of them sends lies in the box of either."""
    second = Server(server.folder)
    second.start()
    try:
        yield server, second
    finally:
        second.stop()


def newest(twins, to: str, wanted: str = "code") -> str:
    """The newest code to somebody, or another part of the newest message that has it, from either box."""

    def look() -> str | None:
        found = []
        for server in twins:
            for message in server.outbox():
                value = message.get("code") if wanted == "code" else (re.findall(wanted, message["body"]) or [None])[0]
                if message["to"] == to and value:
                    found.append((message["at"], value))
        return max(found)[1] if found else None

    from server import wait_for

    return wait_for(f"a message to {to} with {wanted}", look)


def rivals(twins, raw: Raw, action: str, **fields: str):
    """Fifty posts of one form of one browser, half of them to each process."""
    first, second = twins
    return [raw.at((first, second)[i % 2].port).prepare(action, **fields) for i in range(RIVALS)]


@pytest.mark.one_program
def test_of_fifty_rivals_one_wins(twins):
    """Each secret is good once, however many try at once over two processes: text, app, recovery code, pass, link."""
    first, second = twins
    data = first.data

    # A code by text.
    ben = Raw(first.port).sign_in("ben", PASSWORDS["ben"])
    code = newest(twins, BEN_PHONE)
    answers = all_at_once(rivals(twins, ben, "/answer", code=code))
    assert [a.status for a in answers if a.status >= 500] == []
    assert sum(a.opens_session for a in answers) == 1
    assert store.audit(data, "ben", "challengeAnswered") == 1 and store.audit(data, "ben", "signedIn") == 1

    # A step of an app, from fifty browsers.
    app, codes = register(twins, "ada", PASSWORDS["ada"])
    first.advance(minutes=2)
    browsers = [Raw(twins[i % 2].port).sign_in("ada", PASSWORDS["ada"]) for i in range(RIVALS)]
    code = app.code(first)
    before = store.audit(data, "ada", "signedIn")
    answers = all_at_once([browser.prepare("/answer", code=code) for browser in browsers])
    assert [a.status for a in answers if a.status >= 500] == []
    assert sum(a.opens_session for a in answers) == 1
    assert store.audit(data, "ada", "signedIn") == before + 1
    losers = [browser for browser, answer in zip(browsers, answers) if not answer.opens_session]

    # A recovery code, from the forty-nine that are left.
    waiting = []
    for browser in losers:
        browser.get(browser.path.split("?")[0] + "?view=others")
        use = re.search(r'value="([^"]+\.recoveryCode)"', browser.answer.text)
        if use:
            browser.submit("/use", use=use.group(1))
        if use and browser.has_form("/answer"):
            waiting.append(browser)
    assert len(waiting) > 20
    answers = all_at_once([browser.prepare("/answer", code=codes[0]) for browser in waiting])
    assert [a.status for a in answers if a.status >= 500] == []
    assert sum(a.opens_session for a in answers) == 1
    assert store.audit(data, "ada", "signedIn") == before + 2

    # An access pass that is good once.
    out = first.cli("user", "pass", "ben", "--json").json
    given = out["pass"]
    before = store.audit(data, "ben", "signedIn")
    page = Raw(first.port).get("/sign-in/pass")
    answers = all_at_once(rivals(twins, page, "/sign-in/pass", name="ben", **{"pass": given}))
    assert [a.status for a in answers if a.status >= 500] == []
    assert sum(a.opens_session for a in answers) == 1
    assert store.audit(data, "ben", "signedIn") == before + 1

    # A "this wasn't me" link.
    link = change_something(twins)
    page = Raw(first.port).get(link)
    answers = all_at_once(rivals(twins, page, "/not-me"))
    assert [a.status for a in answers if a.status >= 500] == []
    assert sum(a.status == 200 for a in answers) == 1 and sum(a.status == 410 for a in answers) == RIVALS - 1
    assert store.audit(data, "ben", "reportedNotMe") == 1
    assert store.problems(data) == []


def register(twins, name: str, password: str) -> tuple[AuthenticatorApp, list[str]]:
    """The whole wizard: an app and a phone."""
    first = twins[0]
    raw = Raw(first.port).sign_in(name, password).submit("/start")
    app = AuthenticatorApp.from_key(re.sub(r"<[^>]*>", "", raw.find(r'<p class="key[^"]*"[^>]*>(.*?)</p>')))
    raw.submit("/code", code=app.code(first))
    raw.submit("/phone", country="GB", number="07700 900184")
    raw.submit("/code", code=newest(twins, "+447700900184"))
    assert raw.answer.heading == "Your recovery codes"
    codes = re.findall(r"<li[^>]*>\s*([A-Z0-9]{5}-[A-Z0-9]{5})", raw.answer.text)
    raw.submit("/kept", kept="on").submit("/finish")
    return app, codes


def change_something(twins) -> str:
    """Ben adds an app; the path of the link in the mail that tells him."""
    first = twins[0]
    first.advance(minutes=12)
    raw = Raw(first.port).sign_in("ben", PASSWORDS["ben"])
    if raw.has_form("/use"):
        raw.submit("/use")
    raw.submit("/answer", code=newest(twins, BEN_PHONE)).get("/security-info/add").submit("/security-info/add", method="totpApp")
    app = AuthenticatorApp.from_key(re.sub(r"<[^>]*>", "", raw.find(r'<p class="key[^"]*"[^>]*>(.*?)</p>')))
    raw.submit("/code", code=app.code(first))
    assert raw.path.startswith("/security-info?"), raw.answer.heading
    return newest(twins, BEN_MAIL, r"https?://localhost:\d+(/not-me/[\w-]+)")


# --- killed at any moment


class Load(threading.Thread):
    """Somebody who never rests: signs in, registers, changes, resets, and does not mind when the server is gone."""

    def __init__(self, server: Server, name: str, number: int) -> None:
        super().__init__(daemon=True)
        self.server, self.name_, self.number = server, name, number
        self.stopped = threading.Event()
        self.steps = 0
        self.faults: list[str] = []
        self.app: AuthenticatorApp | None = None

    def run(self) -> None:
        while not self.stopped.is_set():
            try:
                self.round()
            except (OSError, AssertionError, AttributeError, TypeError) as error:
                # The server was killed, or the story stood somewhere else than this script thinks; it begins again.
                if self.stopped.is_set():
                    return
                if isinstance(error, OSError):
                    time.sleep(0.02)

    def step(self, raw: Raw) -> Raw:
        self.steps += 1
        if raw.answer.status >= 500 and raw.answer.status != 503:
            self.faults.append(f"{raw.path}: {raw.answer.status} {raw.answer.heading}")
        return raw

    def round(self) -> None:
        raw = self.step(Raw(self.server.port).sign_in(self.name_, SOMEBODY))
        if raw.has_form("/start"):
            self.step(raw.submit("/start"))
        if 'class="key' in raw.answer.text:
            self.register_app(raw)
        if raw.has_form("/phone"):
            self.step(raw.submit("/phone", country="GB", number=f"07700 9001{self.number:02}"))
            self.step(raw.submit("/code", code=self.server.latest_code(f"+4477009001{self.number:02}")))
        for action, fields in (("/kept", {"kept": "on"}), ("/finish", {})):
            if raw.has_form(action):
                self.step(raw.submit(action, **fields))
        if self.app and raw.has_form("/answer"):
            self.step(raw.submit("/answer", code=hotp(self.app.secret, int(self.server.now() // 30))))
        for _ in range(3):
            self.step(raw.get("/security-info/add"))
            if raw.has_form("/security-info/add"):
                self.step(raw.submit("/security-info/add", method="totpApp"))
                self.register_app(raw)
        self.step(raw.get("/security-info/codes"))
        if raw.has_form("/security-info/codes"):
            self.step(raw.submit("/security-info/codes"))

    def register_app(self, raw: Raw) -> None:
        app = AuthenticatorApp.from_key(re.sub(r"<[^>]*>", "", raw.find(r'<p class="key[^"]*"[^>]*>(.*?)</p>')))
        self.step(raw.submit("/code", code=hotp(app.secret, int(self.server.now() // 30))))
        self.app = app


def test_killed_at_any_moment(server):
    """`kill -9` in the middle of whatever six people are doing: the store is whole, nothing is half done, and it goes on."""
    rounds = int(os.environ.get("CONVERGE_KILLS", "20" if os.environ.get("CONVERGE_EVERY_WIDTH") else "4"))
    seed = int(os.environ.get("CONVERGE_TEST_SEED", random.randrange(10**6)))
    chance = random.Random(seed)
    print(f"CONVERGE_TEST_SEED={seed}")
    names = [f"walker{number}" for number in range(6)]
    for name in names:
        server.cli("user", "add", name, "--password-stdin", stdin=SOMEBODY + "\n")
    steps = 0
    for round in range(rounds):
        people = [Load(server, name, number) for number, name in enumerate(names)]
        for person in people:
            person.start()
        time.sleep(chance.uniform(0.4, 2.5))
        server.stop(kill=True)
        for person in people:
            person.stopped.set()
        for person in people:
            person.join(30)
        steps += sum(person.steps for person in people)
        assert [fault for person in people for fault in person.faults] == [], f"seed {seed}, round {round}"
        assert store.problems(server.data) == [], f"seed {seed}, round {round}"
        server.start()
        for name in names:
            raw = Raw(server.port).sign_in(name, SOMEBODY)
            assert raw.answer.status == 200 and raw.path.startswith("/flows/"), f"seed {seed}, round {round}: {name} at {raw.path}"
        assert "request failed" not in server.tail(1000), server.tail(20)
        # Ten wrong or spent codes of one browser close nothing here, as each round is another hour.
        server.advance(hours=25)
    assert steps > rounds * 10
    ((registered,),) = store.rows(server.data, "SELECT COUNT(*) FROM credential WHERE source = 'self'")
    assert registered > len(names), "they really did something"
    print(f"{steps} steps, {rounds} kills")
    # The reading is not blind: half a credential, and one that nobody wrote down, are found.
    server.stop()
    engine.change(
        server.data,
        "UPDATE credential SET state = 'pending' WHERE id = (SELECT id FROM credential WHERE source = 'self' LIMIT 1)",
        f"DELETE FROM audit WHERE activity = '{store.ACTIVITIES['registered']}'",
    )
    found = "\n".join(store.problems(server.data))
    assert "is half made" in found and "has no audit row" in found and "the security version is" in found


@pytest.mark.file
@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
def test_killed_inside_a_transaction(server):
    """The process dies at the n-th write to the write-ahead log of one step, so that part of a transaction is on the disk and the rest
    is not; then at the flush. Each time the step has happened or it has not, nothing is half done, and it can be taken (again)."""
    deaths = lost = 0
    for call, places in (("pwrite64", (1, 2, 3, 6, 9, 14)), ("fdatasync", (1,))):
        for place in places:
            name = f"walker{call}{place}"
            server.cli("user", "add", name, "--password-stdin", stdin=SOMEBODY + "\n")
            raw = Raw(server.port).sign_in(name, SOMEBODY).submit("/start")
            app = AuthenticatorApp.from_key(re.sub(r"<[^>]*>", "", raw.find(r'<p class="key[^"]*"[^>]*>(.*?)</p>')))
            request = raw.prepare("/code", code=app.code(server))
            with dying(server, call, place):
                with pytest.raises(OSError):
                    request.send()
            deaths += 1
            server.stop(kill=True)
            assert store.problems(server.data) == [], f"killed at {call} {place}"
            made = store.audit(server.data, name, "registered")
            server.start()
            raw.get(raw.path.split("?")[0].removesuffix("/code"))
            assert raw.answer.status == 200
            # Where it was when the answer was lost: before the step, and then it can be taken, or after it.
            assert raw.has_form("/phone") == (made == 1), f"{made} registered, and the page is “{raw.answer.heading}”"
            if not made:
                lost += 1
                raw.submit("/code", code=app.code(server))
                assert raw.has_form("/phone"), raw.answer.heading
            assert store.audit(server.data, name, "registered") == 1 and store.problems(server.data) == []
    print(f"{deaths} deaths inside transactions, {lost} of them before the step was whole")
    assert lost >= 3


@contextlib.contextmanager
def dying(server: Server, call: str, place: int):
    """The running server is killed when it makes a system call on its write-ahead log for the n-th time from now."""
    wal = server.data / "converge.db-wal"
    tracer = subprocess.Popen(
        ["strace", "-f", "-P", str(wal), "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={place}", "-o", "/dev/null", "-p", str(server.pid)],
        stderr=subprocess.PIPE, text=True,
    )
    try:
        if "attached" not in tracer.stderr.readline():
            pytest.skip("strace may not attach here")
        yield
    finally:
        # Asked politely it may wait for ever for the threads of a dead process.
        tracer.kill()
        tracer.wait(timeout=20)


# --- flushed before it is acknowledged


@pytest.mark.file
@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
def test_a_change_is_flushed_before_it_is_acknowledged(server, tmp_path):
    """What the kernel saw of one sign-in: the write-ahead log is flushed after the last write to it and before the answer."""
    raw = Raw(server.port).get("/sign-in")
    request = raw.prepare("/sign-in", name="ada", password=PASSWORDS["ada"])
    trace = tmp_path / "trace"
    tracer = subprocess.Popen(
        ["strace", "-f", "-y", "-tt", "-s", "40", "-e", "trace=pwrite64,write,writev,fsync,fdatasync,sendto,sendmsg", "-o", str(trace), "-p", str(server.pid)],
        stderr=subprocess.PIPE, text=True,
    )
    try:
        if "attached" not in tracer.stderr.readline():
            pytest.skip("strace may not attach here")
        answer = request.send()
        assert answer.status == 303
    finally:
        tracer.terminate()
        tracer.wait(timeout=20)
    lines = trace.read_text(errors="replace").splitlines()
    answers = [i for i, line in enumerate(lines) if "HTTP/1.1 303" in line]
    assert len(answers) == 1, "the answer is in the trace once"
    before = lines[: answers[0]]
    writes = [i for i, line in enumerate(before) if re.search(r"pwrite64\(\d+<[^>]*converge\.db-wal>", line)]
    flushes = [i for i, line in enumerate(before) if re.search(r"f(data)?sync\(\d+<[^>]*converge\.db-wal>", line)]
    assert writes and flushes and flushes[-1] > writes[-1], "\n".join(before[-40:])
    print("\n".join(before[writes[0] :] + [lines[answers[0]]]))
