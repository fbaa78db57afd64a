#!/usr/bin/env python3
"""Measures a release build of Converge over HTTP on loopback and prints one table.

    make bench                          everything: a thousand accounts, a hundred thousand, a million
    make bench ARGS="--accounts 1000"   one size only
    make bench ARGS="--engine sqlite"   without PostgreSQL
    make bench ARGS="--people 100"      fewer people in each phase, for a quick look
    make bench ARGS="--accounts 1000 --engine postgres --at-once 4,16,32"   app-code verifications alone

Processor time is that of the server's own threads, from the kernel; the load comes from a small program in C whose own
time is not counted. Everything happens in one folder under /tmp, which is removed at the end.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import hashlib
import hmac
import html
import json
import os
import platform
import re
import secrets
import shutil
import signal
import socket
import sqlite3
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

from app import App, PushService
from passkey import Passkey

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PASSWORD = "quiet harbour lights at noon"
#: What the server hashes with: HashingCost.standard.
KIBIBYTES, PASSES = 19 * 1024, 2
#: What is promised: milliseconds of processor time, percent, seconds, megabytes, a factor.
BARS = {"code": 0.6, "enrolment": 0.65, "page": 0.27, "overhead": 5.0, "rate": 90.0, "start": 0.25, "idle": 60.0, "flat": 1.5}
POLICY = """mfa:
  - name: Everybody
    required: true
    allow: [appCode]
reset:
  - name: Everybody
    gates: 1
    allow: [appCode]
    minimumAgeHours: 0
registration:
  - name: Everybody
    requireForReset: false
    guard: password
    recoveryCodes: false
"""
#: The predefined questions that everybody answers, and as many are asked at a reset (QuestionPolicy).
QUESTIONS = {"parents-met": "The Red Lion in Totnes", "first-pet": "Barnaby the tortoise", "first-car": "A green Morris Minor"}
#: People whose apps are asked by nobody but `Plans`: an app is asked three times in ten minutes at most.
SPARED = 8


def totp(secret: bytes, step: int) -> str:
    digest = hmac.new(secret, struct.pack(">Q", step), hashlib.sha1).digest()
    number = struct.unpack(">I", digest[digest[-1] & 15 :][:4])[0] & 0x7FFF_FFFF
    return f"{number % 1_000_000:06}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# --- the tools


def build_tools(folder: Path) -> tuple[Path, Path]:
    compiler = next((c for c in ("clang", "cc", "/opt/swift/usr/bin/clang") if shutil.which(c)), None)
    if not compiler:
        sys.exit("A C compiler is needed (the one of the Swift toolchain will do).")
    load, statements = folder / "load", folder / "statements.so"
    subprocess.run([compiler, "-O2", "-o", load, HERE / "load.c", "-lsodium", "-lpthread"], check=True)
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", statements, HERE / "statements.c", "-ldl"], check=True)
    return load, statements


# --- PostgreSQL


class Postgres:
    """A throw-away server of its own, with everything flushed as it must be."""

    SETTINGS = "fsync=on synchronous_commit=on full_page_writes=on autovacuum=on shared_buffers=1GB max_wal_size=4GB"

    def __init__(self) -> None:
        command = [ROOT / "scripts/with-postgres", "sh", "-c", 'echo "$CONVERGE_TEST_POSTGRES"; exec cat']
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | {"POSTGRES_SETTINGS": self.SETTINGS}
        )
        self.conninfo = self.process.stdout.readline().strip()
        self.port = re.search(r"port=(\d+)", self.conninfo).group(1)
        self.count = 0

    def run(self, tool: str, *arguments: str) -> str:
        folder = next(f for f in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True) if (f / tool).exists())
        host = ["-h", "127.0.0.1", "-p", self.port, "-U", "converge"]
        return subprocess.run([folder / tool, *host, *arguments], capture_output=True, text=True, check=True).stdout

    def database(self) -> str:
        self.count += 1
        name = f"bench{self.count}"
        self.run("psql", "-d", "postgres", "-c", f"CREATE DATABASE {name}")
        return name

    def fill(self, name: str, statements: list[str]) -> None:
        for statement in statements:
            self.run("psql", "-d", name, "-c", statement)
        self.run("psql", "-d", name, "-c", "VACUUM ANALYZE")

    def asked(self, name: str, query: str) -> list[list[str]]:
        return [line.split("|") for line in self.run("psql", "-d", name, "-Atc", query).splitlines()]

    def size(self, name: str) -> int:
        return int(self.asked(name, "SELECT pg_database_size(current_database())")[0][0])

    def rows(self, name: str) -> list[tuple[str, float]]:
        """Bytes of each row with its indexes, in the tables that grow with people."""
        tables = "person credential session browser flow budget audit outbox".split()
        sizes = ", ".join(f"pg_total_relation_size('{table}')::float / greatest(1, (SELECT COUNT(*) FROM {table}))" for table in tables)
        return list(zip(tables, map(float, self.asked(name, f"SELECT {sizes}")[0])))

    def transactions(self, name: str) -> tuple[int, int]:
        """How many were committed, and how many the engine refused, so that they ran again."""
        time.sleep(1.2)  # the server counts them a little later
        commits, rollbacks = self.asked(name, f"SELECT xact_commit, xact_rollback FROM pg_stat_database WHERE datname = '{name}'")[0]
        return int(commits), int(rollbacks)

    def version(self) -> str:
        return self.run("psql", "-d", "postgres", "-Atc", "SHOW server_version").strip()

    def commits(self, clients: int, seconds: int) -> float:
        """Commits a second of one row each, by the engine's own benchmark."""
        script = Path(tempfile.mkstemp(suffix=".sql")[1])
        script.write_text("INSERT INTO commits (text) VALUES ('an ordinary row of some length');\n")
        script.chmod(0o644)
        self.run("psql", "-d", "postgres", "-c", "CREATE TABLE IF NOT EXISTS commits (id BIGSERIAL PRIMARY KEY, text TEXT)")
        said = self.run("pgbench", "-n", "-c", str(clients), "-j", "2", "-T", str(seconds), "-M", "prepared", "-f", str(script), "postgres")
        script.unlink()
        return float(re.search(r"tps = ([\d.]+)", said).group(1))

    def cpu(self) -> float:
        """Seconds of processor time of all its processes that are there."""
        ticks, own = 0, set()
        stats = []
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                head, _, rest = path.read_text().rpartition(")")
                stats.append((int(path.parent.name), head.partition("(")[2], rest.split(), (path.parent / "cmdline").read_bytes()))
            except OSError:
                continue
        for pid, name, _, line in stats:
            if name == "postgres" and b"\0" + self.port.encode() + b"\0" in line:
                own.add(pid)
        for pid, name, rest, _ in stats:
            if name == "postgres" and (pid in own or int(rest[1]) in own):
                ticks += int(rest[11]) + int(rest[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        self.process.stdin.close()
        self.process.wait(timeout=60)


# --- the server


class Server:
    def __init__(self, program: Path, folder: Path, cores: int, push: str, sessions: int) -> None:
        self.program, self.folder, self.cores, self.push, self.port = program, folder, cores, push, free_port()
        self.sessions = sessions
        self.config = folder / "converge.yaml"
        self.database = folder / "converge.db"
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("CONVERGE_")}
        self.process: subprocess.Popen | None = None
        self.postgres: Postgres | None = None
        self.configure(f"path: {self.database}")

    def configure(self, database: str) -> None:
        self.config.write_text(
            f"publicURL: http://localhost:{self.port}\n"
            f"listen: {{host: 127.0.0.1, port: {self.port}}}\n"
            "trustedProxies: [127.0.0.0/8]\n"
            f"database: {{{database}}}\nkeyRing: {{path: {self.folder}/keys.json}}\n"
            "organisation: {name: Harbour & Vale, zone: Europe/London, country: GB}\n"
            f"passwords: {{workers: {self.cores}, queue: 64}}\nlog: {{level: error}}\npush: {{hosts: \"{self.push}\"}}\n"
        )

    def move(self, postgres: Postgres, accounts: int) -> int:
        """From the file to PostgreSQL, as an operator would, and as many accounts more there; how many bytes they are."""
        self.postgres = postgres
        name = postgres.database()
        place = f"{postgres.conninfo} dbname={name}"
        done = subprocess.run(
            [self.program, "store", "copy", "--from", f"sqlite:{self.database}", "--to", f"postgres:{place}"], capture_output=True, text=True,
            env=self.environment,
        )
        if done.returncode:
            sys.exit(done.stderr)
        postgres.fill(name, statements(Dialect(True), accounts, known(self)))
        self.configure(f"postgres: {place}, sessions: {self.sessions}")
        return postgres.size(name)

    def command(self, *arguments: str, stdin: str | None = None) -> str:
        done = subprocess.run(
            [self.program, *arguments, "--config", self.config], input=stdin, capture_output=True, text=True, env=self.environment
        )
        if done.returncode:
            sys.exit(f"converge {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def start(self, extra: dict[str, str] | None = None) -> float:
        """Seconds from the start of the process to the first page."""
        log = (self.folder / "server.log").open("ab")
        begun = time.monotonic()
        self.process = subprocess.Popen(
            [self.program, "serve", "--config", self.config], env=self.environment | (extra or {}), stdout=log, stderr=log
        )
        while time.monotonic() < begun + 60:
            if self.process.poll() is not None:
                sys.exit(f"the server ended with {self.process.returncode}:\n{(self.folder / 'server.log').read_text()[-2000:]}")
            if self._answers():
                return time.monotonic() - begun
            time.sleep(0.0005)
        sys.exit("the server does not answer")

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as s:
                s.sendall(f"GET /sign-in HTTP/1.1\r\nHost: localhost:{self.port}\r\nConnection: close\r\n\r\n".encode())
                return s.recv(64).startswith(b"HTTP/1.1 200")
        except ConnectionRefusedError:
            return False

    def stop(self) -> None:
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=60)
            self.process = None

    def cpu(self) -> tuple[float, float]:
        """Seconds of processor time of all threads, and of those among them that hash."""
        total = hashing = 0.0
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            try:
                seconds = int((task / "schedstat").read_text().split()[0]) / 1e9
                name = (task / "comm").read_text().strip()
            except FileNotFoundError:
                continue
            total += seconds
            if name.startswith("hash-"):
                hashing += seconds
        return total, hashing

    def memory(self) -> float:
        """Resident megabytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) / 1024


def peak(process: int) -> float:
    """The most resident megabytes that a process had so far; 0 when it has ended."""
    try:
        found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{process}/status").read_text())
    except FileNotFoundError:
        return 0.0
    return int(found.group(1)) / 1024 if found else 0.0


# --- data


class Dialect:
    """How the two engines write what `fill` needs."""

    def __init__(self, postgres: bool) -> None:
        self.postgres = postgres

    def counted(self, accounts: int) -> str:
        if self.postgres:
            return f"WITH n AS (SELECT i::bigint FROM generate_series(1, {accounts}) i)"
        return f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {accounts})"

    def padded(self, prefix: str, width: int, number: str) -> str:
        return f"'{prefix}' || lpad(({number})::text, {width}, '0')" if self.postgres else f"printf('{prefix}%0{width}d', {number})"


def statements(dialect: Dialect, accounts: int, known: dict[str, str | int]) -> list[str]:
    """Accounts beside those that are measured: rows in every table that grows with people."""
    # Identifiers are random in life: those of the people that are measured must not lie side by side, before and behind all others.
    letters = "".join(sorted("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"))
    spread = " || ".join(f"substr('{letters}', CAST(1 + i * 7919 / {64**place} % 64 AS INTEGER), 1)" for place in range(3))
    hashed = f"{spread} || " + dialect.padded("", 61, "i")
    identity = f"{spread} || " + dialect.padded("acc", 16, "i * 7919 % 1000000007")
    name = dialect.padded("account", 7, "i")
    hashed = dialect.padded("", 64, "i")

    def other(letter: str) -> str:
        return f"{spread} || " + dialect.padded(letter, 18, "i * 104729 % 1000000007")

    tables = {
        "person": {
            "id": identity, "organisation_id": "$org", "directory_id": "'embedded'", "name": name, "name_key": name,
            "display_name": dialect.padded("Account ", 7, "i"), "kind": "'member'", "state": "'enabled'",
            "mfa_state": "'disabled'", "roles": "''", "reset_skips": "0", "preference": "'[]'", "first_held_ms": "$now - 86400000",
            "mfa_first_held_ms": "$now - 86400000", "security_version": "1", "session_epoch": "1", "password_hash": "$hash",
            "password_set_ms": "$now - 86400000", "password_must_change": "FALSE", "password_known_to_others": "FALSE",
            "created_ms": "$now - 86400000",
        },
        "credential": {
            "id": other("c"), "organisation_id": "$org", "person_id": identity, "method": "'totpApp'", "state": "'active'",
            "source": "'self'", "serves": "'reset,signIn'", "capabilities": "'appCode'", "verified_by": "'appCode'",
            "verified_ms": "$now - 86400000", "channel_key": hashed, "hint": "''", "sealed": "$sealed",
            "added_ms": "$now - 86400000", "from_first_wizard": "TRUE", "own_mail_domain": "FALSE", "spent_step": "59000000", "version": "1",
        },
        "session": {
            "id": other("s"), "organisation_id": "$org", "person_id": identity, "secret_hash": hashed, "epoch": "1",
            "created_ms": "$now - 60000", "seen_ms": "$now - 60000", "idle_ms": "$now + 3600000", "ends_ms": "$now + 43200000",
            "amr": "'pwd otp mfa'", "proofs": "'[]'", "agent": "'bench'", "network": "'192.0.2.1'",
        },
        "browser": {
            "secret_hash": hashed, "person_id": identity, "organisation_id": "$org", "known_ms": "$now - 60000", "epoch": "1",
            "agent": "'bench'",
        },
        "flow": {
            "id": other("f"), "organisation_id": "$org", "kind": "'sign-in'", "sealed": "$sealed", "version": "3",
            "policy_version": "1", "person_id": identity, "session_epoch": "1", "browser_hash": hashed, "return_to": "'/'",
            "created_ms": "$now - 60000", "expires_ms": "$now + 3540000", "closed_ms": "$now - 50000",
        },
        "budget": {"key": "'code:all:' || " + other("c"), "count": "1", "window_start_ms": "$now"},
        "audit": {
            "id": other("a"), "organisation_id": "$org", "at_ms": "$now - 86400000 + i % 86000000", "category": "'Sign-in'",
            "activity": "'User signed in'", "result": "'success'", "person_id": identity, "person_name": name,
            "actor_kind": "'person'", "actor_id": identity, "network": "'192.0.2.1'", "agent": "'bench'", "policy_version": "1",
            "details": "'{}'",
        },
        "outbox": {
            "id": other("o"), "organisation_id": "$org", "person_id": identity, "kind": "'mail'", "not_after_ms": "$now - 50000",
            "state": "'sent'", "tries": "1", "next_ms": "$now - 60000", "created_ms": "$now - 60000", "done_ms": "$now - 50000",
        },
    }

    def filled(text: str) -> str:
        for word, value in known.items():
            text = text.replace(f"${word}", str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'")
        return text

    return [
        f"{dialect.counted(accounts)} INSERT INTO {table} ({', '.join(row)}) SELECT {', '.join(map(filled, row.values()))} FROM n"
        for table, row in tables.items()
    ]


def known(server: Server) -> dict[str, str | int]:
    db = sqlite3.connect(server.database)
    values = {
        "org": db.execute("SELECT id FROM organisation").fetchone()[0], "hash": db.execute("SELECT password_hash FROM person LIMIT 1").fetchone()[0],
        "now": int(time.time() * 1000), "sealed": "k1." + base64.urlsafe_b64encode(secrets.token_bytes(120)).decode().rstrip("="),
    }
    db.close()
    return values


def fill(server: Server, accounts: int) -> None:
    """In one transaction."""
    values = known(server)
    db = sqlite3.connect(server.database, isolation_level=None)
    db.execute("PRAGMA cache_size = -800000")
    db.execute("PRAGMA temp_store = MEMORY")
    db.execute("BEGIN")
    for statement in statements(Dialect(False), accounts, values):
        db.execute(statement)
    db.execute("COMMIT")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


# --- people


@dataclass
class Person:
    name: str
    number: int
    port: int
    browser: str = field(default_factory=lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("="))
    csrf: str = ""
    session: str = ""
    flow: str = ""
    key: bytes = b""
    step: int = 0
    page: str = ""

    def get(self, path: str, session: str | None = None) -> bytes:
        return (self._head("GET", path, session) + "\r\n").encode()

    def post(self, path: str, session: str | None = None, **fields: str) -> bytes:
        body = urlencode({"csrf": self.csrf} | fields)
        return (
            self._head("POST", path, session)
            + f"Origin: http://localhost:{self.port}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            + f"Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()

    def _head(self, method: str, path: str, session: str | None) -> str:
        session = self.session if session is None else session
        number = self.number
        return (
            f"{method} {path} HTTP/1.1\r\nHost: localhost:{self.port}\r\n"
            f"X-Forwarded-For: 10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}\r\n"
            "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n"
            "Accept: text/html,application/xhtml+xml\r\nAccept-Language: en-GB,en;q=0.8\r\n"
            f"Cookie: converge-browser={self.browser}{f'; converge={session}' if session else ''}\r\n"
        )

    def code(self) -> str:
        """A code of a step that was not used yet; waits where the next one has not begun."""
        now = int(time.time()) // 30
        self.step = max(self.step + 1, now)
        while self.step > int(time.time()) // 30 + 1:
            time.sleep(0.2)
        return totp(self.key, self.step)


class Answer:
    def __init__(self, status: int, microseconds: int, bytes_: bytes) -> None:
        self.status, self.microseconds = status, microseconds
        head, _, body = bytes_.partition(b"\r\n\r\n")
        self.head, self.body = head.decode("latin-1"), body

    def header(self, pattern: str) -> str:
        found = re.search(pattern, self.head, re.IGNORECASE)
        return found.group(1) if found else ""

    @property
    def location(self) -> str:
        return self.header(r"\r\nLocation: (\S+)")

    @property
    def session(self) -> str:
        return self.header(r"\r\nSet-Cookie: converge=([^;\s]+)")

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")

    @property
    def csrf(self) -> str:
        found = re.search(r'name="csrf" value="([^"]+)"', self.text) or re.search(r'value="([^"]+)" name="csrf"', self.text)
        return found.group(1) if found else ""


@dataclass
class Measured:
    """A phase: one job of the same requests for each person."""

    answers: list[list[Answer]]
    seconds: float
    cpu: float
    hashing: float
    jobs: int
    #: Seconds of processor time of a database server beside this one.
    engine: float = 0

    @property
    def each(self) -> float:
        """Milliseconds of processor time for one job, hashing apart."""
        return (self.cpu - self.hashing) / self.jobs * 1000

    @property
    def rate(self) -> float:
        return self.jobs / self.seconds

    def percentile(self, share: float) -> float:
        """Milliseconds of the slowest request of a job."""
        times = sorted(sum(a.microseconds for a in job) / 1000 for job in self.answers)
        return times[min(len(times) - 1, int(share * len(times)))]


def together(parts: list[Measured]) -> Measured:
    """Several runs of one phase as one."""
    return Measured(
        [job for part in parts for job in part.answers], sum(p.seconds for p in parts), sum(p.cpu for p in parts),
        sum(p.hashing for p in parts), sum(p.jobs for p in parts), sum(p.engine for p in parts),
    )


class Load:
    def __init__(self, tool: Path, server: Server, folder: Path, connections: int) -> None:
        self.tool, self.server, self.folder, self.connections = tool, server, folder, connections

    def run(self, jobs: list[list[bytes]], expect: list[int] | None, connections: int | None = None) -> Measured:
        plan, answers = self.folder / "plan", self.folder / "answers"
        with plan.open("wb") as file:
            for job in jobs:
                file.write(b"J %d\n" % len(job))
                for request in job:
                    file.write(b"S %d\n%s" % (len(request), request))
        cpu, hashing = self.server.cpu()
        engine = self.server.postgres.cpu() if self.server.postgres else 0
        done = subprocess.run(
            [self.tool, "run", plan, answers, str(connections or self.connections), str(self.server.port)],
            capture_output=True, text=True, check=True,
        )
        after, afterHashing = self.server.cpu()
        seconds, _, failures = done.stdout.split()
        read = self._read(answers, expect)
        if int(failures):
            sys.exit(f"{failures} connections failed")
        engine = self.server.postgres.cpu() - engine if self.server.postgres else 0
        return Measured(read, float(seconds), after - cpu, afterHashing - hashing, len(jobs), engine)

    @staticmethod
    def _read(path: Path, expect: list[int] | None) -> list[list[Answer]]:
        jobs = []
        with path.open("rb") as file:
            while line := file.readline():
                job = []
                for _ in range(int(line.split()[1])):
                    _, status, microseconds, length = file.readline().split()
                    job.append(Answer(int(status), int(microseconds), file.read(int(length))))
                    file.read(1)
                got = [a.status for a in job]
                if expect is not None and got != expect:
                    bad = next((a for a, wanted in zip(job, expect) if a.status != wanted), job[-1])
                    sys.exit(f"statuses {got} instead of {expect}:\n{bad.head}\n{re.sub(r'<[^>]*>', ' ', bad.text)[:1500]}")
                jobs.append(job)
        return jobs

    def raw(self, threads: int, seconds: float) -> tuple[float, float]:
        """Argon2id alone: hashes a second, milliseconds of processor time for one."""
        done = subprocess.run(
            [self.tool, "hash", str(threads), str(seconds), str(KIBIBYTES), str(PASSES)], capture_output=True, text=True, check=True
        )
        count, wall, cpu = map(float, done.stdout.split())
        return count / wall, cpu / count * 1000


# --- the phases


class Bench:
    def __init__(
        self, options: argparse.Namespace, accounts: int, folder: Path, tools: tuple[Path, Path], postgres: Postgres | None = None
    ) -> None:
        self.postgres = postgres
        self.options, self.accounts, self.folder = options, accounts, folder
        self.cores = os.cpu_count() or 1
        self.push = PushService()
        self.server = Server(options.program, folder, self.cores, self.push.origin, options.sessions)
        self.load = Load(tools[0], self.server, folder, 2 * self.cores)
        self.statements = tools[1]
        self.figures: dict[str, float] = {}
        self.phases: dict[str, Measured] = {}
        self.people: list[Person] = []

    def say(self, text: str) -> None:
        where = " in PostgreSQL" if self.postgres else ""
        print(f"  {self.accounts:>9,} accounts{where}: {text}", file=sys.stderr, flush=True)

    def prepare(self) -> None:
        people = self.options.people
        self.server.command("migrate")
        rows = [f"bench{i:05},Bench Person {i},member,0770090{i % 10000:04},bench{i}@post.example" for i in range(people)]
        csv = self.folder / "people.csv"
        csv.write_text("name,displayName,kind,mobile,email\n" + "\n".join(rows) + "\n")
        self.server.command("user", "import", str(csv))
        self.server.command("user", "add", "pattern", "--password-stdin", stdin=PASSWORD + "\n")
        db = sqlite3.connect(self.server.database)
        db.execute(
            "UPDATE person SET password_hash = (SELECT password_hash FROM person WHERE name = 'pattern'), password_must_change = 0"
        )
        db.commit()
        db.close()
        (self.folder / "policy.yaml").write_text(POLICY)
        self.server.command("policy", "apply", str(self.folder / "policy.yaml"), "--force")
        begun = time.monotonic()
        if self.postgres:
            size = self.server.move(self.postgres, self.accounts)
        else:
            fill(self.server, self.accounts)
            size = self.server.database.stat().st_size
        self.figures["bytes"] = size / self.accounts
        self.say(f"made in {time.monotonic() - begun:.1f} s, {size / 1e6:,.0f} MB")
        self.people = [Person(f"bench{i:05}", i + 1, self.server.port) for i in range(people)]

    def phase(self, name: str | None, jobs: list[list[bytes]], expect: list[int], connections: int | None = None) -> list[list[Answer]]:
        with self.profiled(name):
            measured = self.load.run(jobs, expect, connections)
        if name:
            self.phases[name] = measured
            self.say(
                f"{name}: {measured.rate:,.0f}/s, p50 {measured.percentile(0.5):.2f} ms, p99 {measured.percentile(0.99):.2f} ms, "
                f"{measured.each:.3f} ms CPU each" + (f" and {measured.hashing / measured.jobs * 1000:.1f} ms hashing" if measured.hashing > 0.05 else "")
            )
        return measured.answers

    @contextlib.contextmanager
    def profiled(self, name: str | None):
        """Samples the server during a phase, where that was asked for: `perf report -i FOLDER/phase.data`."""
        if not name or not self.options.profile:
            yield
            return
        self.options.profile.mkdir(parents=True, exist_ok=True)
        path = self.options.profile / (re.sub(r"\W+", "-", name) + f"-{self.accounts}.data")
        perf = subprocess.Popen(
            ["perf", "record", "-q", "-F", "4000", "--call-graph", "dwarf,16384" if self.options.deep else "fp", "-p",
             str(self.server.process.pid), "-o", path], stderr=subprocess.DEVNULL,
        )
        time.sleep(0.5)
        yield
        perf.send_signal(signal.SIGINT)
        perf.wait()

    def start(self) -> None:
        starts = []
        for _ in range(5):
            starts.append(self.server.start())
            time.sleep(0.3)
            self.server.stop()
        self.figures["start"] = statistics.median(starts)
        self.server.start()
        time.sleep(1)
        self.figures["idle"] = self.server.memory()

    def register(self) -> None:
        """Everybody's first sign-in: the wizard asks for an app."""
        for person, (answer,) in zip(self.people, self.phase(None, [[p.get("/sign-in")] for p in self.people], [200])):
            person.csrf = answer.csrf
        jobs = [
            [p.post("/sign-in", name=p.name, password=PASSWORD), p.post("{{LOC}}/start"), p.get("{{LOC}}")] for p in self.people
        ]
        for person, answers in zip(self.people, self.phase("first sign-in: password to the app's page", jobs, [303, 303, 200])):
            person.flow = answers[1].location
            person.key = self.key(answers[2])
        jobs = [[p.post(p.flow + "/code", code=p.code()), p.post(p.flow + "/finish"), p.get("/", session="{{SID}}")] for p in self.people]
        self.phase("first sign-in: code to the portal", jobs, [303, 303, 200])

    @staticmethod
    def key(answer: Answer) -> bytes:
        shown = re.search(r'<p class="key[^"]*"[^>]*>(.*?)</p>', answer.text, re.DOTALL)
        letters = re.sub(r"[^A-Z2-7]", "", re.sub(r"<[^>]*>", "", shown.group(1)))
        return base64.b32decode(letters + "=" * (-len(letters) % 8))

    def sign_in(self, password: str = PASSWORD) -> None:
        self.phase("sign-in page", [[p.get("/sign-in", session="")] for p in self.people], [200])
        jobs = [[p.post("/sign-in", session="", name=p.name, password=password)] for p in self.people]
        for person, (answer,) in zip(self.people, self.phase("password", jobs, [303])):
            person.flow = answer.location
        self.phase("page that asks for the code", [[p.get(p.flow, session="")] for p in self.people], [200])
        jobs = [[p.post(p.flow + "/answer", session="", code=p.code())] for p in self.people]
        for person, (answer,) in zip(self.people, self.phase("app code", jobs, [303])):
            person.session = answer.session
        self.phase("portal", [[p.get("/")] for p in self.people], [200])

    def whole(self) -> None:
        """Whole sign-ins beside the raw rate of Argon2id, in turns, so that both meet the same machine."""
        rounds, share = 4, max(1, len(self.people) // 4)
        raw, signed, hashed = [], [], []
        self.raw_cost = []
        for number in range(rounds):
            some = self.people[number * share : (number + 1) * share]
            rate, cost = self.load.raw(self.cores, 3)
            raw.append(rate)
            self.raw_cost.append(cost)
            jobs = [
                [
                    p.get("/sign-in", session=""), p.post("/sign-in", session="", name=p.name, password=PASSWORD),
                    p.get("{{LOC}}", session=""), p.post("{{LOC}}/answer", session="", code=p.code()), p.get("/", session="{{SID}}"),
                ]
                for p in some
            ]
            # The location after a page is still the flow's: a page has none of its own.
            measured = self.load.run(jobs, [200, 303, 200, 303, 200])
            signed.append(measured)
        whole = together(signed)
        self.phases["whole sign-in"] = whole
        self.figures["raw"] = statistics.mean(raw)
        self.figures["hash"] = statistics.median(self.raw_cost)
        self.figures["rate"] = whole.rate / statistics.mean(raw) * 100
        self.figures["overhead"] = whole.each / (whole.hashing / whole.jobs * 1000) * 100
        self.say(
            f"whole sign-in: {whole.rate:.1f}/s beside {statistics.mean(raw):.1f} hashes/s, hash {whole.hashing / whole.jobs * 1000:.1f} ms, "
            f"the rest {whole.each:.2f} ms CPU"
        )

    def crowd(self, widths: list[int]) -> None:
        """App-code verifications, so many at once: how many a second, and how many transactions ran again."""
        self.prepare()
        self.start()
        self.register()
        name = f"bench{self.postgres.count}" if self.postgres else ""
        for width in widths:
            jobs = [[p.get("/sign-in", session=""), p.post("/sign-in", session="", name=p.name, password=PASSWORD)] for p in self.people]
            for person, (_, answer) in zip(self.people, self.load.run(jobs, [200, 303]).answers):
                person.flow = answer.location
            jobs = [[p.post(p.flow + "/answer", session="", code=p.code())] for p in self.people]
            before = self.postgres.transactions(name) if self.postgres else (0, 0)
            measured = self.load.run(jobs, [303], connections=width)
            after = self.postgres.transactions(name) if self.postgres else (1, 0)
            again = (after[1] - before[1]) / (after[0] - before[0]) * 100
            print(
                f"{width:>3} at once: {measured.rate:,.0f}/s, p50 {measured.percentile(0.5):.1f} ms, p99 {measured.percentile(0.99):.1f} ms, "
                f"{measured.each:.2f} + {measured.engine / measured.jobs * 1000:.2f} ms CPU, {again:.1f} % again", flush=True,
            )
        self.server.stop()

    def security_info(self) -> None:
        jobs = [[p.get("/security-info")] for p in self.people]
        answers = self.phase("Security info page", jobs + jobs, [200])
        for person, (answer,) in zip(self.people, answers):
            person.page = answer.text
            person.csrf_session = answer.csrf

    def enrol(self) -> None:
        for person in self.people:
            person.kept, person.csrf = person.csrf, person.csrf_session
        jobs = [[p.post("/security-info/add", method="totpApp")] for p in self.people]
        for person, (answer,) in zip(self.people, self.phase("enrolment: begin", jobs, [303])):
            person.flow = answer.location
        keys = self.phase("enrolment: page with the QR code", [[p.get(p.flow)] for p in self.people], [200])
        for person, (answer,) in zip(self.people, keys):
            person.key, person.step = self.key(answer), 0
        jobs = [[p.post(p.flow + "/code", code=p.code())] for p in self.people]
        for person, (answer,) in zip(self.people, self.phase("enrolment: confirm", jobs, [303])):
            person.session = answer.session or person.session
            person.csrf = person.kept
        begin, confirm = self.phases["enrolment: begin"], self.phases["enrolment: confirm"]
        self.figures["enrolment"] = begin.each + confirm.each

    def allow(self, methods: str, reset: str = "gates: 1\n    allow: [appCode]") -> None:
        """Another policy from now on."""
        file = self.folder / "now.yaml"
        text = POLICY.replace("allow: [appCode]\nreset", f"allow: [{methods}]\nreset").replace("gates: 1\n    allow: [appCode]", reset)
        file.write_text(text)
        self.server.command("policy", "apply", str(file), "--force")

    def passkeys(self) -> None:
        """Everybody registers a passkey and then signs in with it alone."""
        self.allow("appCode, passkey")
        pages = self.phase(None, [[p.get("/security-info/add")] for p in self.people], [200])
        for person, (answer,) in zip(self.people, pages):
            person.kept, person.csrf = person.csrf, answer.csrf
        jobs = [[p.post("/security-info/add", method="passkey"), p.get("{{LOC}}")] for p in self.people]
        for person, (begun, page) in zip(self.people, self.phase(None, jobs, [303, 200])):
            person.flow, person.passkey = begun.location, Passkey(self.server.port)
            person.fields = person.passkey.create(page.text)
        jobs = [[p.post(p.flow + "/enrol", **p.fields)] for p in self.people]
        for person, (answer,) in zip(self.people, self.phase("passkey registered", jobs, [303])):
            person.session, person.csrf = answer.session or person.session, person.kept
        pages = self.phase(None, [[p.get("/sign-in", session="")] for p in self.people], [200])
        jobs = [[p.post("/sign-in/passkey", session="", **p.passkey.use(a.text))] for p, (a,) in zip(self.people, pages)]
        for person, (answer,) in zip(self.people, self.phase("passkey assertion", jobs, [303])):
            person.session = answer.session

    def begin(self, people: list[Person], method: str) -> list[Answer]:
        """The page on which a method is registered, for everybody; those who are signed in have proved it just now."""
        pages = self.load.run([[p.get("/security-info/add")] for p in people], [200]).answers
        for person, (answer,) in zip(people, pages):
            person.kept, person.csrf = person.csrf, answer.csrf
        answers = self.load.run([[p.post("/security-info/add", method=method), p.get("{{LOC}}")] for p in people], [303, 200]).answers
        for person, (begun, _) in zip(people, answers):
            person.flow = begun.location
        return [page for _, page in answers]

    def finish(self, people: list[Person], fields: dict[str, str]) -> None:
        name = "questions registered" if fields else None
        for person, (answer,) in zip(people, self.phase(name, [[p.post(p.flow + "/enrol", **fields)] for p in people], [303])):
            person.session, person.csrf = answer.session or person.session, person.kept

    def asked(self, people: list[Person], pages: list[Answer], codes: bool) -> tuple[Measured, Measured]:
        """The apps ask what there is, and answer with the number of the page: how long each took."""
        polled = self.load.run([[p.app.poll()] for p in people], [200])
        jobs = [
            [p.app.approve(told.text, App.number_on(page.text), totp(p.app.key, int(time.time()) // 30) if codes else "")]
            for p, (told,), page in zip(people, polled.answers, pages)
        ]
        answered = self.load.run(jobs, [200])
        if wrong := [a.text for (a,) in answered.answers if '"approved"' not in a.text]:
            sys.exit(f"{len(wrong)} answers of apps were not taken: {wrong[0]}")
        return polled, answered

    def connect_apps(self, people: list[Person]) -> None:
        """Everybody connects a Converge app over HTTP and approves with it once."""
        pages = self.begin(people, "convergeApp")
        for person in people:
            person.app = App(self.server.port, person.number)
        came = self.load.run([[p.app.activate(page.text)] for p, page in zip(people, pages)], [200]).answers
        for person, (answer,) in zip(people, came):
            person.app.take(answer.text)
        self.load.run([[p.app.subscribe(self.push.origin)] for p in people], [200])
        before = self.push.taken
        shown = self.load.run([[p.post(p.flow + "/enrol"), p.get(p.flow)] for p in people], [303, 200]).answers
        self.asked(people, [page for _, page in shown], codes=True)
        self.finish(people, {})
        self.push.wait(before + len(people))

    def approvals(self, people: list[Person], password: str = PASSWORD) -> None:
        """Everybody connects an app; then sign-ins with a password and an approval in the app, from the page to the session: browser, app and push service in turns, a
        hundred people at a time, because an approval may be answered for a minute."""
        self.allow("appNotification, appCode")
        self.connect_apps(people)
        rounds: dict[str, list[Measured]] = {name: [] for name in ("password", "asks", "answers", "goes on", "push")}
        pushed = self.push.taken
        for first in range(0, len(people), 100):
            some, before = people[first : first + 100], self.push.taken
            jobs = [
                [p.get("/sign-in", session=""), p.post("/sign-in", session="", name=p.name, password=password), p.get("{{LOC}}", session="")]
                for p in some
            ]
            began = self.load.run(jobs, [200, 303, 200])
            for person, (_, taken, _) in zip(some, began.answers):
                person.flow = taken.location
            polled, answered = self.asked(some, [job[2] for job in began.answers], codes=False)
            jobs = [[p.get(p.flow + "/progress?seen=queued", session=""), p.post(p.flow + "/answer", session="")] for p in some]
            went = self.load.run(jobs, [200, 303])
            for person, (_, answer) in zip(some, went.answers):
                person.session = answer.session
            if not all(p.session for p in some):
                sys.exit("an approval made no session")
            # What was not handed over by now costs, too.
            cpu, engine = self.server.cpu()[0], self.engine()
            self.push.wait(before + len(some))
            rest = Measured([[] for _ in some], 0, self.server.cpu()[0] - cpu, 0, len(some), self.engine() - engine)
            for name, part in zip(rounds, (began, polled, answered, went, rest)):
                rounds[name].append(part)
        for name, parts in rounds.items():
            self.phases[f"approval: {name}"] = together(parts)
        parts = [self.phases[f"approval: {name}"] for name in rounds]
        self.phases["approval"] = Measured(
            [[a for part in person for a in part] for person in zip(*(part.answers for part in parts))], sum(p.seconds for p in parts),
            sum(p.cpu for p in parts), sum(p.hashing for p in parts), len(people), sum(p.engine for p in parts),
        )
        self.figures["pushes"], self.figures["approvals"] = self.push.taken - pushed, len(people)
        whole = self.phases["approval"]
        self.say(
            f"sign-in with an approval: {whole.rate:.0f}/s, {whole.each:.2f} ms CPU and {whole.hashing / whole.jobs * 1000:.1f} ms hashing; "
            f"{self.figures['pushes']:.0f} of {len(people)} pushes handed over"
        )

    def engine(self) -> float:
        return self.postgres.cpu() if self.postgres else 0

    def questions(self, people: list[Person], new: str = "four grey herons by the weir") -> None:
        """Everybody answers three questions to register, and again as the second gate of a reset."""
        self.allow("appCode", "gates: 2\n    allow: [appCode, securityQuestions]")
        self.begin(people, "securityQuestions")
        fields = {f"question-{n}": question for n, question in enumerate(QUESTIONS, 1)}
        self.finish(people, fields | {f"answer-{n}": answer for n, answer in enumerate(QUESTIONS.values(), 1)})
        jobs = [
            [
                p.post("/reset-password", session="", name=p.name), p.post("{{LOC}}/reason", session="", reason="forgot"),
                p.post("{{LOC}}/gate", session="", gate="appCode"), p.post("{{LOC}}/answer", session="", code=p.code()),
                p.get("{{LOC}}", session=""),
            ]
            for p in people
        ]
        for person, answers in zip(people, self.load.run(jobs, [303, 303, 303, 303, 200]).answers):
            person.flow = answers[3].location
            person.page = re.search(r'value="([^"]*securityQuestions[^"]*)"', answers[4].text).group(1)
        jobs = [[p.post(p.flow + "/gate", session="", gate=html.unescape(p.page)), p.get(p.flow, session="")] for p in people]
        pages = self.load.run(jobs, [303, 200]).answers
        rounds = [[p.post(p.flow + "/answer", session="", **self.answers(page.text))] for p, (_, page) in zip(people, pages)]
        self.phase("reset: questions", rounds, [303])
        jobs = [[p.post(p.flow + "/password", session="", new=new, again=new), p.get(p.flow, session="")] for p in people]
        done = self.load.run(jobs, [303, 200]).answers
        if wrong := [page.text for _, page in done if "changed" not in page.text]:
            sys.exit("the password was not reset: " + re.sub(r"<[^>]*>", " ", wrong[0])[:800])
        self.allow("appCode")

    def answers(self, page: str) -> dict[str, str]:
        """The questions of a round are those that were drawn, in another order each time."""
        labels = re.findall(r'<label for="(answer-\d)"[^>]*>(.*?)</label>', page, re.DOTALL)
        known = {self.words(question): answer for question, answer in QUESTIONS.items()}
        return {field: known[html.unescape(re.sub(r"<[^>]*>", "", label)).strip()] for field, label in labels}

    @staticmethod
    def words(question: str) -> str:
        messages = json.loads((ROOT / "Sources/ConvergeServer/Resources/messages/en.json").read_text())
        return messages[f"question.{question}"]

    def writes(self) -> None:
        """Requests that write one transaction each: one after the other, each with a flush of its own, and many at once, which share it."""
        for person in self.people:
            person.kept, person.csrf = person.csrf, person.csrf_session
        jobs = [[p.post("/profile/forget-browsers")] for p in self.people]
        self.phase("writes, one at a time", jobs, [303], connections=1)
        self.phase("writes, 32 at once", jobs + jobs, [303], connections=32)
        for person in self.people:
            person.csrf = person.kept
        self.figures["engine"] = self.postgres.commits(1, 2) if self.postgres else self.raw_commits(2)
        self.figures["engine32"] = self.postgres.commits(32, 2) if self.postgres else 0
        self.say(f"the engine alone: {self.figures['engine']:,.0f} commits/s")

    def raw_commits(self, seconds: float) -> float:
        """Commits a second of one row each that the engine reaches on this disk, one after the other, with the same settings."""
        path = self.folder / "commits.db"
        db = sqlite3.connect(path, isolation_level=None)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT)")
        begun, count = time.monotonic(), 0
        while time.monotonic() < begun + seconds:
            db.execute("INSERT INTO t (text) VALUES ('an ordinary row of some length')")
            count += 1
        took = time.monotonic() - begun
        db.close()
        path.unlink()
        return count / took

    def reset(self, new: str = "seven copper kettles sing") -> None:
        jobs = [
            [
                p.get("/reset-password", session=""), p.post("/reset-password", session="", name=p.name),
                p.post("{{LOC}}/reason", session="", reason="forgot"), p.post("{{LOC}}/gate", session="", gate="appCode"),
                p.get("{{LOC}}", session=""), p.post("{{LOC}}/answer", session="", code=p.code()),
                p.post("{{LOC}}/password", session="", new=new, again=new), p.get("{{LOC}}", session=""),
            ]
            for p in self.people
        ]
        answers = self.phase("reset", jobs, [200, 303, 303, 303, 200, 303, 303, 200])
        if "changed" not in answers[0][-1].text:
            sys.exit("the password was not reset: " + re.sub(r"<[^>]*>", " ", answers[0][-1].text)[:800])

    def policy_check(self) -> None:
        """Everybody under a proposed policy; the report goes nowhere."""
        proposed = self.folder / "proposed.yaml"
        proposed.write_text(POLICY.replace("allow: [appCode]\nreset", "allow: [appCode, text]\nreset").replace("gates: 1", "gates: 2"))
        with open(os.devnull, "wb") as nowhere:
            begun, memory = time.monotonic(), 0.0
            process = subprocess.Popen(
                [self.server.program, "policy", "check", proposed, "--json", "--config", self.server.config],
                stdout=nowhere, env=self.server.environment,
            )
            # What the kernel tells at the end counts this program's memory, too, from before the other one took its place.
            while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                memory = max(memory, peak(process.pid))
                time.sleep(0.02)
            self.figures["check"] = time.monotonic() - begun
            _, _, usage = os.wait4(process.pid, 0)
            self.figures["checkCPU"] = usage.ru_utime + usage.ru_stime
            self.figures["checkMemory"] = memory
        self.say(
            f"policy check: {self.figures['check']:.2f} s, {self.figures['checkCPU']:.2f} s CPU, {self.figures['checkMemory']:.0f} MB"
        )

    def all(self) -> None:
        self.prepare()
        self.start()
        self.register()
        self.sign_in()
        self.security_info()
        self.writes()
        self.enrol()
        self.whole()
        self.passkeys()
        self.approvals(self.people[SPARED:])
        self.questions(self.people[SPARED:])
        self.reset()
        if self.postgres:
            name = f"bench{self.postgres.count}"
            done, again = self.postgres.transactions(name)
            self.figures["again"] = again / done * 100
            self.say(f"{again} of {done} transactions ran again")
            self.say("bytes a row: " + ", ".join(f"{table} {size:.0f}" for table, size in self.postgres.rows(name)))
        self.figures["loaded"] = self.server.memory()
        self.figures["code"] = self.phases["app code"].each
        self.figures["page"] = self.phases["Security info page"].each
        self.server.stop()
        self.policy_check()


# --- query plans


#: Tables that do not grow with the number of people.
SMALL = {"migration", "organisation", "policy_version", "person_group", "group_parent", "delivery_trouble", "admin_code"}


def captured(path: Path) -> set[str]:
    return {text.decode() for text in path.read_bytes().split(b"\0") if text}


def full_scans(database: Path, statements: set[str]) -> tuple[int, list[str]]:
    """How many statements were looked at, and those that read a growing table from end to end."""
    db = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    growing = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")} - SMALL
    found, looked = [], 0
    for sql in sorted(statements):
        if not re.match(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b", sql, re.IGNORECASE) or "sqlite_" in sql:
            continue
        looked += 1
        plain = re.sub(r"\$\d+", "?", sql)
        plan = db.execute("EXPLAIN QUERY PLAN " + plain, [None] * plain.count("?")).fetchall()
        scans = [line for *_, line in plan if (m := re.match(r"SCAN (\w+)", line)) and m.group(1) in growing]
        found += [f"{line}: {' '.join(sql.split())}" for line in scans]
    db.close()
    return looked, found


def postgres_scans(postgres: Postgres, name: str, statements: set[str], large: bool) -> tuple[int, list[str]]:
    """The same for PostgreSQL, whose statements are the same ones. In small tables it rightly reads everything, unless told not to."""
    growing = {table for (table,) in postgres.asked(name, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")} - SMALL
    found, looked = [], 0

    def walk(node: dict, limited: bool):
        limited = limited or node["Node Type"] == "Limit"
        reads = "Scan" in node["Node Type"] and "Index Cond" not in node and node.get("Relation Name") in growing
        # The rows of a bitmap were found by the index below it.
        if reads and node["Node Type"] != "Bitmap Heap Scan" and not limited:
            yield f"{node['Node Type']} of {node['Relation Name']}"
        for below in node.get("Plans", []):
            yield from walk(below, limited)

    for sql in sorted(statements):
        if not re.match(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b", sql, re.IGNORECASE) or "sqlite_" in sql or "pragma" in sql.lower():
            continue
        looked += 1
        count = max([int(n) for n in re.findall(r"\$(\d+)", sql)], default=0)
        values = f"({', '.join(['NULL'] * count)})" if count else ""
        plan = postgres.run(
            "psql", "-d", name, "-qAt", "-v", "ON_ERROR_STOP=1", "-c",
            f"SET plan_cache_mode = force_generic_plan; SET enable_seqscan = {'on' if large else 'off'}; PREPARE q AS {sql}; "
            f"EXPLAIN (FORMAT JSON) EXECUTE q{values}",
        )
        found += [f"{line}: {' '.join(sql.split())}" for line in walk(json.loads(plan[plan.index("["):])[0]["Plan"], False)]
    return looked, found


class Plans:
    """Every operation once more, with the program's statements written down."""

    #: Commands that read everything: that is what they are for, and they stream or count.
    REPORTS = [["policy", "check", "{proposed}"], ["user", "list"], ["doctor"]]
    COMMANDS = [
        ["user", "show", "bench00000"], ["user", "pass", "bench00000"], ["user", "revoke-sessions", "bench00000"],
        ["user", "role", "bench00000", "--add", "helpdesk"], ["user", "reset-password", "bench00001"], ["user", "admin-code"],
        ["explain", "bench00000"], ["audit", "--limit", "20"], ["audit", "--person", "bench00000"], ["audit", "--result", "failure"],
        ["audit", "--category", "Authentication Methods", "--hours", "24"], ["policy", "show"],
    ]

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.served, self.reports = bench.folder / "served", bench.folder / "reports"

    def look(self) -> tuple[int, list[str], list[str], set[str]]:
        bench, server = self.bench, self.bench.server
        extra = {"LD_PRELOAD": str(bench.statements)}
        # A few people, for the statements alone: what was measured stays.
        measured = bench.figures, bench.phases
        bench.people, bench.figures, bench.phases = bench.people[2:SPARED], dict(bench.figures), dict(bench.phases)
        plain, server.environment = server.environment, server.environment | extra | {"STATEMENTS": str(self.served)}
        server.start()
        bench.sign_in("seven copper kettles sing")
        bench.security_info()
        bench.enrol()
        self.other_pages()
        bench.approvals(bench.people, "seven copper kettles sing")
        bench.questions(bench.people, "nine oak barrels by the quay")
        bench.reset("three lanterns over the ford")
        time.sleep(3)
        server.stop()
        for command in self.COMMANDS:
            server.command(*command)
        server.environment = plain | extra | {"STATEMENTS": str(self.reports)}
        for command in self.REPORTS:
            server.command(*[part.format(proposed=bench.folder / "proposed.yaml") for part in command])
        server.environment = plain
        looked, scans = full_scans(server.database, captured(self.served))
        more, reading = full_scans(server.database, captured(self.reports) - captured(self.served))
        bench.figures, bench.phases = measured
        bench.say(f"plans: {looked} statements of the server and {more} of reports")
        return looked + more, scans, reading, captured(self.served)

    def other_pages(self) -> None:
        """What the phases don't open."""
        paths = ["/", "/profile", "/activity", "/security-info/add", "/security-info/default", "/sign-out-everywhere", "/setup", "/readyz"]
        jobs = [[person.get(path) for path in paths] for person in self.bench.people[:1]]
        self.bench.load.run(jobs, None)
        person = self.bench.people[1]
        wrong = [
            person.post("/sign-in", session="", name=person.name, password="wrong"), person.post("/sign-in", session="", name="nobody", password="x"),
            person.post("/reset-password", session="", name="nobody"), person.get("/not-me/nothing"),
        ]
        self.bench.load.run([wrong], None)


# --- the table


def machine() -> list[str]:
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    memory = int(re.search(r"MemTotal:\s+(\d+)", open("/proc/meminfo").read()).group(1)) / 1048576
    system = re.search(r'PRETTY_NAME="(.*)"', Path("/etc/os-release").read_text()).group(1)

    def said(*command: str) -> str:
        try:
            return subprocess.run(command, capture_output=True, text=True, cwd=ROOT).stdout.strip().splitlines()[0]
        except (OSError, IndexError):
            return "?"

    return [
        f"{os.cpu_count()} cores of {cpu}, {memory:.0f} GB, {system}, Linux {platform.release()}",
        f"Converge {said('git', 'describe', '--always', '--dirty')}, {said('swift', '--version')}, SQLite {sqlite3.sqlite_version}",
        f"Argon2id m={KIBIBYTES} KiB, t={PASSES}, p=1; synchronous=FULL; load average at the start {os.getloadavg()[0]:.1f}",
    ]


class Table:
    def __init__(
        self, benches: list[Bench], plans: tuple[int, list[str], list[str], set[str]] | None, others: tuple[int, list[str]] | None
    ) -> None:
        self.benches, self.plans, self.others, self.missed = benches, plans, others, 0

    def row(self, what: str, bar: str, figures: list[str], holds: bool | None = None) -> str:
        self.missed += holds is False
        verdict = {True: "held", False: "**missed**", None: ""}[holds]
        return f"| {what} | {bar} | {' | '.join(figures)} | {verdict} |"

    def cost(self, what: str, key: str, bar: float) -> str:
        values = [b.figures[key] for b in self.benches]
        return self.row(what, f"≤ {bar} ms CPU", [f"{v:.3f} ms" for v in values], max(values) <= bar)

    def speed(self, what: str, *phases: str) -> str:
        def said(bench: Bench) -> str:
            parts = [bench.phases[name] for name in phases]
            each = sum(p.each for p in parts)
            hashing = sum(p.hashing / p.jobs * 1000 for p in parts)
            rate = 1 / sum(1 / p.rate for p in parts)
            p50, p99 = (sum(p.percentile(share) for p in parts) for share in (0.5, 0.99))
            return f"{rate:,.0f}/s, p50 {p50:.1f} ms, p99 {p99:.1f} ms; {each:.2f} ms CPU" + (
                f" and {hashing:.1f} ms hashing" if hashing > 0.1 else ""
            ) + (f", PostgreSQL {sum(p.engine / p.jobs * 1000 for p in parts):.2f} ms" if bench.postgres else "")

        return self.row(what, "", [said(b) for b in self.benches])

    def lines(self) -> list[str]:
        benches = self.benches
        sizes = [f"{b.accounts:,} accounts{', PostgreSQL' if b.postgres else ''}" for b in benches]
        rows = [f"| | Bar | {' | '.join(sizes)} | |", f"|---|---|{'---|' * len(sizes)}---|"]
        rate = [b.figures["rate"] for b in benches]
        whole = [b.phases["whole sign-in"] for b in benches]
        rows.append(
            self.row(
                "Sign-ins a second (password and app code, five requests), beside hashes alone", "≥ 90 %",
                [f"{w.rate:.1f} beside {b.figures['raw']:.1f}: {b.figures['rate']:.0f} %" for b, w in zip(benches, whole)], min(rate) >= BARS["rate"],
            )
        )
        over = [b.figures["overhead"] for b in benches]
        rows.append(
            self.row(
                "Sign-in, CPU beside its hash", "≤ 5 %",
                [f"{w.each:.2f} ms beside {w.hashing / w.jobs * 1000:.1f} ms: {o:.1f} %" for w, o in zip(whole, over)], max(over) <= BARS["overhead"],
            )
        )
        rows.append(self.cost("App-code verification", "code", BARS["code"]))
        rows.append(self.cost("Enrolment of an app (begin and confirm)", "enrolment", BARS["enrolment"]))
        rows.append(self.cost("Security info page", "page", BARS["page"]))
        rows.append(self.speed("Whole sign-in", "whole sign-in"))
        rows.append(self.speed("App-code verification", "app code"))
        rows.append(self.speed("Enrolment: begin, page with the QR code, confirm", "enrolment: begin", "enrolment: page with the QR code", "enrolment: confirm"))
        rows.append(self.speed("Security info page", "Security info page"))
        rows.append(self.speed("Sign-in page", "sign-in page"))
        rows.append(self.speed("Reset with an app's code (eight requests)", "reset"))
        rows.append(self.speed("Passkey: registration, its last step", "passkey registered"))
        rows.append(self.speed("Passkey: sign-in without a password, its assertion", "passkey assertion"))
        rows.append(self.speed("Sign-in with an approval in the app (seven requests of browser and app)", "approval"))
        rows.append(self.speed("Approval: the app asks what there is", "approval: asks"))
        rows.append(self.speed("Approval: the app answers with the number", "approval: answers"))
        rows.append(self.speed("Approval: the page hears of it and goes on", "approval: goes on"))
        rows.append(
            self.row("Push messages handed over for these sign-ins", "", [f"{b.figures['pushes']:.0f} of {b.figures['approvals']:.0f}" for b in benches])
        )
        rows.append(self.speed("Security questions registered (three answers, each hashed)", "questions registered"))
        rows.append(self.speed("Reset: a round of security questions (three answers, each hashed)", "reset: questions"))
        rows.append(
            self.row(
                "Writes a second: one at a time, 32 at once; the engine alone, one at a time (and 32 at once)", "",
                [
                    f"{b.phases['writes, one at a time'].rate:,.0f}, {b.phases['writes, 32 at once'].rate:,.0f}; {b.figures['engine']:,.0f}"
                    + (f" ({b.figures['engine32']:,.0f})" if b.postgres else "")
                    for b in benches
                ],
            )
        )
        if any(b.postgres for b in benches):
            rows.append(
                self.row("Transactions that the engine refused and that ran again", "", [f"{b.figures['again']:.1f} %" if b.postgres else "" for b in benches])
            )
        rows.append(self.row("Bytes for each account", "", [f"{b.figures['bytes']:,.0f}" for b in benches]))
        starts = [b.figures["start"] for b in benches]
        rows.append(self.row("Start to the first page", "≤ 0.25 s", [f"{s:.3f} s" for s in starts], max(starts) <= BARS["start"]))
        idle = [b.figures["idle"] for b in benches]
        rows.append(self.row("Memory when idle (RSS)", "≤ 60 MB", [f"{m:.0f} MB" for m in idle], max(idle) <= BARS["idle"]))
        rows.append(self.row("Memory after the load", "", [f"{b.figures['loaded']:.0f} MB" for b in benches]))
        for bench in benches:
            bench.figures["limit"] = {100_000: 2.0, 1_000_000: 20.0}.get(bench.accounts)
        rows.append(
            self.row(
                "`policy check` of everybody", ", ".join(f"≤ {b.figures['limit']:.0f} s" for b in benches if b.figures["limit"]),
                [f"{b.figures['check']:.2f} s, {b.figures['checkMemory']:.0f} MB" for b in benches],
                all(b.figures["check"] <= b.figures["limit"] for b in benches if b.figures["limit"]) if any(b.figures["limit"] for b in benches) else None,
            )
        )
        for engine in (False, True):
            same = [b for b in benches if bool(b.postgres) == engine]
            if len(same) > 1:
                rows += self.flat(same)
        if self.plans:
            looked, scans, *_ = self.plans
            rows.append(self.row("Statements that read a growing table from end to end", "0", [f"{len(scans)} of {looked}"] + [""] * (len(benches) - 1), not scans))
        if self.others:
            looked, scans = self.others
            rows.append(self.row("The same on PostgreSQL", "0", [""] * (len(benches) - 1) + [f"{len(scans)} of {looked}"], not scans))
        return rows

    def flat(self, same: list[Bench]) -> list[str]:
        first, last = same[0], same[-1]
        names = ["app code", "Security info page", "enrolment: begin", "enrolment: confirm", "password", "sign-in page", "reset"]
        factors = {name: last.phases[name].each / first.phases[name].each for name in names}
        worst = max(factors, key=factors.get)
        return [
            self.row(
                f"CPU of the same operation with {last.accounts:,} accounts, times that with {first.accounts:,}", "≤ 1.5",
                [f"{factors[worst]:.2f} ({worst})" if b is last else "" for b in self.benches], factors[worst] <= BARS["flat"],
            )
        ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path, default=ROOT / ".build-release/release/converge")
    parser.add_argument("--accounts", type=int, action="append", help="how many accounts; may be given several times")
    parser.add_argument("--people", type=int, default=400, help=f"how many people act in each phase, more than {SPARED}")
    parser.add_argument("--profile", type=Path, help="folder for samples of each phase, taken with perf")
    parser.add_argument("--deep", action="store_true", help="with whole stacks, which costs time")
    parser.add_argument("--engine", choices=["sqlite", "postgres", "both"], default="both", help="where the tables are")
    parser.add_argument("--postgres-most", type=int, default=1_000_000, help="the largest number of accounts on PostgreSQL")
    parser.add_argument(
        "--at-once", type=lambda text: [int(n) for n in text.split(",")], help="app-code verifications alone, so many at once: 4,16,32"
    )
    parser.add_argument("--sessions", type=int, default=16, help="how many sessions of PostgreSQL the server has")
    parser.add_argument("--no-plans", action="store_true", help="leave the query plans out")
    options = parser.parse_args()
    if options.people <= SPARED:
        parser.error(f"more than {SPARED} people are needed")
    options.accounts = options.accounts or [1_000, 100_000, 1_000_000]
    folder, benches, plans, others = Path(tempfile.mkdtemp(prefix="converge-bench-")), [], None, None
    postgres: Postgres | None = None
    about = machine()
    try:
        tools = build_tools(folder)
        if options.engine != "postgres":
            for accounts in options.accounts:
                place = folder / str(accounts)
                place.mkdir()
                benches.append(Bench(options, accounts, place, tools))
                if options.at_once:
                    benches[-1].crowd(options.at_once)
                    continue
                benches[-1].all()
                if accounts == options.accounts[-1] and not options.no_plans:
                    plans = Plans(benches[-1]).look()
                shutil.rmtree(place)
        if options.engine != "sqlite":
            postgres = Postgres()
            about.append(f"PostgreSQL {postgres.version()} on the same machine: {Postgres.SETTINGS}; its time is not that of the server")
            for accounts in [n for n in options.accounts if n <= options.postgres_most]:
                place = folder / f"{accounts}-postgres"
                place.mkdir()
                benches.append(Bench(options, accounts, place, tools, postgres))
                if options.at_once:
                    benches[-1].crowd(options.at_once)
                    continue
                benches[-1].all()
                if plans:
                    others = postgres_scans(postgres, f"bench{postgres.count}", plans[3], accounts >= 100_000)
                shutil.rmtree(place)
    finally:
        for bench in benches:
            bench.server.stop()
            bench.push.stop()
        if postgres:
            postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)
    if options.at_once:
        return
    table = Table(benches, plans, others)
    lines = table.lines()
    print(f"Measured {time.strftime('%Y-%m-%d')}: {options.people} people in each phase, {benches[0].load.connections} connections.\n")
    print("\n".join(f"* {line}" for line in about) + "\n")
    print("\n".join(lines))
    if plans:
        for title, scans in [("Read a growing table from end to end", plans[1] + (others[1] if others else [])), ("Reports, which read everybody by design", plans[2])]:
            if scans:
                print(f"\n{title}:\n\n" + "\n".join(f"* `{scan}`" for scan in scans))
    sys.exit(1 if table.missed else 0)


if __name__ == "__main__":
    main()
