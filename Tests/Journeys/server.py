"""The built program, started as a person would start it, on a free port with a data folder of its own."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import engine
from silence import Secrets

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(os.environ.get("CONVERGE_PROGRAM", ROOT / ".build/debug/converge"))
PATIENCE = 60.0
CODE = re.compile(r"(?<!\d)(\d{8}|\d{6})(?!\d)")
BOUND_CODE = re.compile(r"^@\S+ #(\d{6,8})\s*$", re.MULTILINE)


#: Each of those that run tests side by side has a thousand ports, below those that outgoing connections are given.
PORTS = range(12_000 + 1000 * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")), 32_000)[:1000]
_given: set[int] = set()


def free_port() -> int:
    """A port that nobody listens on, and that was not handed out before: who asked for it may not listen there yet."""
    while True:
        port = random.choice(PORTS)
        if port in _given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if len(_given) > len(PORTS) // 2:
            _given.clear()
        _given.add(port)
        return port


def code_in(text: str) -> str | None:
    """The code of a text or mail: the line that browsers fill in from, else the first number of six or eight digits."""
    found = BOUND_CODE.search(text) or CODE.search(text)
    return found.group(1) if found else None


def wait_for(what: str, look, seconds: float = 20.0):
    """Asks until the answer is something; delivery happens beside the request that caused it."""
    end = time.monotonic() + seconds
    while True:
        if (answer := look()) is not None:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(0.05)


def end(process: subprocess.Popen, kill: bool, tail) -> None:
    """Ends a program, asked politely or not."""
    process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise AssertionError(f"the server did not stop when asked to:\n{tail()}") from None


class News:
    """Hands out what is new for somebody, so that a test never takes the code before the last one."""

    def __init__(self) -> None:
        self._read: set[tuple] = set()

    def newest(self, messages: list[tuple], unread: bool) -> object | None:
        """`messages`: (key, message), oldest first. What stands before the one handed out counts as read too."""
        fresh = [message for key, message in messages if not unread or key not in self._read]
        if not fresh:
            return None
        self._read.update(key for key, _ in messages)
        return fresh[-1]


@dataclass
class Output:
    """What a command printed."""

    code: int
    text: str
    errors: str

    @property
    def json(self):
        return json.loads(self.text)

    def __str__(self) -> str:
        return self.text


class Server:
    def __init__(self, folder: Path, environment: dict[str, str] | None = None, arguments: tuple[str, ...] = ()) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.log = folder / "server.log"
        self.clock = self.data / "clock"
        self.port = free_port()
        # A name, not a number: browsers give passkeys only to names, and "localhost" counts as a safe place.
        self.address = f"http://localhost:{self.port}"
        self.offset = 0
        self.mailbox = None
        self.gateway = None
        self.arguments = arguments
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("CONVERGE_")}
        self._environment |= {"CONVERGE_TEST_CLOCK_FILE": str(self.clock)} | (environment or {})
        self._process: subprocess.Popen | None = None
        self._news = News()
        #: What must not be found in its folder and log when it stops.
        self.secrets = Secrets()
        self.data.mkdir(parents=True, exist_ok=True)
        self._write_clock()
        if database := engine.conninfo(self.data):
            self._environment["CONVERGE_DATABASE_POSTGRES"] = database

    # --- its life

    def start(self) -> None:
        assert self._process is None, "it runs already"
        if not PROGRAM.exists():
            raise AssertionError(f"{PROGRAM} is not there. Build it first: swift build --build-tests")
        command = [PROGRAM, "demo", "--port", str(self.port), "--data", self.data, *self.arguments]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=self._environment, cwd=self.folder
            )
        wait_for(f"{self.address} to answer", self._answers, PATIENCE)

    def _answers(self) -> bool | None:
        if self._process.poll() is not None:
            raise AssertionError(f"the server ended with {self._process.returncode}:\n{self.tail()}")
        for path in ("/healthz", "/sign-in"):
            try:
                with urllib.request.urlopen(self.address + path, timeout=2) as answer:
                    if answer.status == 200:
                        return True
            except (urllib.error.URLError, OSError):
                pass
        return None

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self, kill: bool = False) -> None:
        if self._process is None:
            return
        self._learn()
        process, self._process = self._process, None
        end(process, kill, self.tail)
        self._search(self.log.read_text(errors="replace") if self.log.exists() else "")

    def _search(self, log: str) -> None:
        leaks = self.secrets.leaks(self.data, log)
        assert not leaks, "written down in clear:\n" + "\n".join(leaks)

    def _learn(self) -> None:
        """Whatever it has sent is secret; a server that answers no more has nothing to tell."""
        for mail in self.mailbox.mails if self.mailbox else []:
            for to in mail.to:
                self.secrets.message({"to": to, "code": code_in(mail.text), "body": mail.text})
        for text in self.gateway.texts if self.gateway else []:
            self.secrets.message({"to": text.to, "code": code_in(text.body), "body": text.body})
        self.secrets.asked += self.gateway.asked if self.gateway else []
        try:
            self.outbox()
        except (urllib.error.URLError, OSError, ValueError):
            return
        self._read_metrics(self.address)

    def _read_metrics(self, address: str) -> None:
        with urllib.request.urlopen(f"{address}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        assert "process_start_time_seconds " in text, f"what a monitor reads is not there: {text[:200]}"
        self.secrets.counted.append(text)

    def restart(self, kill: bool = False) -> None:
        """The same port and data. `kill`: without a word, as when the power goes."""
        self.stop(kill=kill)
        self.start()

    def tail(self, lines: int = 40) -> str:
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    # --- its clock (the program reads the file each time it asks for the time; builds for production lack this)

    def now(self) -> float:
        """Seconds since 1970, as the server sees them."""
        return time.time() + self.offset / 1000

    def advance(self, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0, milliseconds: float = 0) -> None:
        whole = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
        self.offset += round(whole * 1000 + milliseconds)
        self._write_clock()

    def _write_clock(self) -> None:
        draft = self.clock.with_suffix(".new")
        draft.write_text(f"{self.offset}\n")
        draft.replace(self.clock)

    # --- its command line

    def cli(self, *arguments: str, check: bool = True, stdin: str | None = None) -> Output:
        """`server.cli("user", "pass", "ben")`: the program beside the running server, over the same data."""
        result = subprocess.run(
            [PROGRAM, *arguments, "--data", self.data],
            input=stdin, capture_output=True, text=True, env=self._environment, cwd=self.folder, timeout=60,
        )
        output = Output(result.returncode, result.stdout, result.stderr)
        if check and output.code:
            raise AssertionError(f"converge {' '.join(arguments)} ended with {output.code}:\n{output.text}{output.errors}")
        return output

    # --- what it sent (texts, and mails where no mail server is configured)

    def outbox(self) -> list[dict]:
        """Oldest first: {kind: "text" | "mail", to, subject, body, code, at}. `code` is there where the message is about one."""
        with urllib.request.urlopen(f"{self.address}/dev/outbox?format=json", timeout=10) as answer:
            # The box shows the newest first, and the sort keeps the order of two within one millisecond.
            messages = sorted(reversed(json.load(answer)), key=lambda message: message["at"])
        for message in messages:
            self.secrets.message(message)
        return messages

    def message(self, to: str, unread: bool = True) -> dict:
        """The newest message to somebody. Waits for one that was not handed out before, unless told otherwise."""

        def look() -> dict | None:
            mine = [((m["at"], m["body"]), m) for m in self.outbox() if m["to"] == to]
            return self._news.newest(mine, unread)

        return wait_for(f"a message to {to}", look)

    def latest_code(self, to: str, unread: bool = True) -> str:
        message = self.message(to, unread)
        code = message.get("code") or code_in(message["body"])
        assert code, f"no code in this {message['kind']}: {message['body']}"
        return code
