"""The command line beside a running server: what operators see, and what it does to the people in front of it."""

import json
import re
import signal
import socket
import subprocess
import urllib.request

import pytest

import engine
from rawhttp import Raw
from server import PROGRAM, Server, free_port, wait_for
from stories import BEN_MAIL, BEN_PHONE, PASSWORDS, register_app, sign_in, whole_wizard

USAGE = 64


def sign_in_with_pass(person, name: str, code: str):
    person.goto("/sign-in").follow("Sign in with an access pass")
    return person.fill("Work email or user name", name).fill("Access pass", code).press("Sign in")


def run(server, *arguments: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess:
    """The program without `--data`."""
    return subprocess.run(
        [PROGRAM, *arguments], capture_output=True, text=True, timeout=60, cwd=server.folder, stdin=subprocess.DEVNULL,
        env=server._environment | (environment or {}),
    )


# --- the demo's folder


def test_commands_name_the_port_of_the_demo_and_a_restart_keeps_it(server):
    printed = server.cli("user", "admin-code", check=False)
    assert printed.code == 1 and "user role" in printed.errors, "dana is an administrator already"
    ben = server.cli("user", "pass", "ben")
    link = re.search(r"http://\S+/not-me/", server.message(BEN_PHONE)["body"]).group()
    assert link == f"{server.address}/not-me/", ben
    server.stop()
    # Without --port the demo comes back where it was.
    demo = subprocess.Popen(
        [PROGRAM, "demo", "--data", server.data], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=server._environment
    )
    try:
        wait_for("the demo", lambda: answer(server.port, "/healthz"))
        # Another one on a port that is taken changes nothing of what commands say.
        taken = run(server, "demo", "--data", str(server.data), "--port", str(server.port))
        assert taken.returncode == 1
        assert (server.data / "port").read_text().strip() == str(server.port)
    finally:
        demo.terminate()
        demo.wait(timeout=20)
    server.start()


def answer(port: int, path: str) -> str | None:
    try:
        with urllib.request.urlopen(f"http://localhost:{port}{path}", timeout=2) as reply:
            return reply.read().decode()
    except OSError:
        return None


# --- helping people


def test_the_helpdesk_gives_ben_a_new_password(server, new_person):
    password = server.cli("user", "reset-password", "ben", "--json").json["password"]
    assert "Password reset by an administrator" in server.message(BEN_PHONE)["body"]
    mail = server.message(BEN_MAIL)
    assert "An administrator gave you a new password" in mail["body"] and password not in mail["body"]
    ben = new_person(server)
    sign_in(ben, "ben", password)
    ben.see_heading("Enter the code")


def test_a_wiped_person_comes_back_with_the_pass_and_nobody_else_does(server, new_person):
    wiped = server.cli("user", "wipe", "ben", "--all", "--reason", "lost both", "--minutes", "30", "--json").json
    assert sorted(wiped["removed"]) == ["email", "mobilePhone"]
    assert "removed" in server.message(BEN_PHONE)["body"]
    stranger = new_person(server)
    sign_in(stranger, "ben")
    assert not stranger.has("button", "Start"), "the password alone registers nothing"
    ben = new_person(server)
    sign_in_with_pass(ben, "ben", wiped["pass"]["pass"])
    ben.press("Start")
    register_app(ben, server)
    ben.see("connected")


def test_the_password_alone_is_a_tick_that_is_logged(server, new_person):
    ben = new_person(server)
    words = server.cli("user", "wipe", "ben", "--all", "--password-alone", "--reason", "met in person").text
    assert "Removed of ben: email, mobilePhone" in words and "Pass" not in words
    sign_in(ben, "ben").press("Start")
    rows = server.cli("audit", "--activity", "Registration with the password alone allowed", "--json").json
    assert rows[0]["person"] == "ben" and rows[0]["details"] == {"reason": "met in person"}


def test_ben_is_blocked_while_he_is_signing_in(server, new_person):
    ben = new_person(server)
    sign_in(ben, "ben")
    if ben.has("button", "Text me the code"):
        ben.press("Text me the code")
    code = server.latest_code(BEN_PHONE)
    server.cli("user", "block", "ben", "--reason", "reported by phone")
    ben.fill("6-digit code", code).press("Continue")
    assert ben.path != "/"
    shown = server.cli("user", "show", "ben")
    assert "blocked because: reported by phone" in shown.text
    sign_in(ben, "ben")
    ben.see("blocked")
    assert server.cli("user", "block", "ben", "--reason", "x", check=False).code == 1
    server.cli("user", "unblock", "ben", "--reason", "a mistake")
    again = new_person(server)
    sign_in(again, "ben")
    again.see_heading("code")


def test_a_pass_says_when_it_works(server):
    made = server.cli("user", "pass", "ben", "--uses", "many", "--starts", "2099-01-01 09:00", "--ends", "2099-01-01 10:30", "--length", "16")
    assert "as often as needed, from 2099-01-01 09:00 until 2099-01-01 10:30 (Europe/London)" in made.text
    data = server.cli("user", "pass", "ben", "--starts", "2099-07-01 09:00", "--json").json
    assert data["uses"] == "one" and data["from"] == "2099-07-01T08:00:00Z" and data["until"] == "2099-07-01T09:00:00Z"


# --- exit codes


@pytest.mark.parametrize(
    "arguments, code",
    [
        (["user", "show", "nobody"], 1),
        (["user", "wipe", "gita", "--all"], 1),
        (["user", "wipe", "ben", "--all", "--no-pass"], 1),
        (["user", "unblock", "ben", "--reason", "x"], 1),
        (["user", "pass", "ben", "--starts", "2001-01-01 09:00"], 1),
        (["policy", "show", "--version", "99"], 1),
        (["audit", "--category", "Nothing"], 1),
        (["explain", "--reference", "ABC123"], 1),
        (["user", "import", "/nowhere.csv"], 1),
        (["user", "unlock", "nobody"], 1),
        (["user", "wipe", "ben"], USAGE),
        (["user", "wipe", "ben", "--all", "--method", "email"], USAGE),
        (["user", "wipe", "ben", "--method", "email", "--password-alone"], USAGE),
        (["user", "wipe", "ben", "--method", "hat"], USAGE),
        (["user", "block", "ben"], USAGE),
        (["user", "pass", "ben", "--uses", "few"], USAGE),
        (["user", "pass", "ben", "--starts", "soon"], USAGE),
        (["user", "pass", "ben", "--minutes", "10", "--ends", "2099-01-01 10:00"], USAGE),
        (["user", "role", "ben"], USAGE),
        (["audit", "--json", "--csv"], USAGE),
        (["explain"], USAGE),
        (["nonsense"], USAGE),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_is_refused_ends_with_one_and_what_is_not_understood_with_64(demo_folder, arguments, code):
    result = run(demo_folder, *arguments, "--data", str(demo_folder.data))
    assert (result.returncode, result.stdout) == (code, ""), result.stderr
    assert result.stderr.strip() and "Fatal" not in result.stderr
    if code == 1:
        # One sentence for people, no type names and no traces.
        assert re.match(r"Error: \S+ \S+ \S.*[.a-z]\s*$", result.stderr, re.DOTALL), result.stderr
        assert "Problem(" not in result.stderr and "StoreError" not in result.stderr


@pytest.fixture(scope="module")
def demo_folder(tmp_path_factory):
    """The data of a demo that is not running."""
    server = Server(tmp_path_factory.mktemp("commands"))
    server.start()
    server.stop()
    return server


@pytest.mark.file
def test_a_command_says_where_it_looked(demo_folder, tmp_path):
    """A file that is not there is not made by a command that reads; at a server somebody else made the database."""
    nowhere = run(demo_folder, "user", "list", "--data", str(tmp_path))
    assert nowhere.returncode == 1 and "There is no demo in" in nowhere.stderr
    assert run(demo_folder, "user", "list").returncode == USAGE
    config = tmp_path / "converge.yaml"
    config.write_text(
        f"publicURL: https://id.example.org\norganisation: {{name: Example}}\n"
        f"database: {{path: {tmp_path}/none.db}}\nkeyRing: {{path: {tmp_path}/keys.json}}\n"
    )
    missing = run(demo_folder, "user", "list", "--config", str(config))
    assert missing.returncode == 1 and "There is no database at" in missing.stderr
    assert not (tmp_path / "none.db").exists() and not (tmp_path / "keys.json").exists()
    made = run(demo_folder, "migrate", "--config", str(config))
    assert made.returncode == 0 and (tmp_path / "keys.json").stat().st_mode & 0o777 == 0o600
    (tmp_path / "keys.json").rename(tmp_path / "elsewhere.json")
    lost = run(demo_folder, "serve", "--config", str(config))
    assert lost.returncode == 1 and "put the copy of the key ring back" in lost.stderr
    assert not (tmp_path / "keys.json").exists()
    unknown = run(demo_folder, "user", "list", "--config", str(config), environment={"CONVERGE_LISTEN_PROT": "1"})
    assert unknown.returncode == 1 and "Did you mean CONVERGE_LISTEN_PORT?" in unknown.stderr


# --- serving an organisation


class Served:
    """`converge serve` with a configuration of its own, as an organisation runs it."""

    def __init__(self, demo: Server, folder) -> None:
        self.folder, self.port, self.log = folder, free_port(), folder / "log"
        self.config = folder / "converge.yaml"
        self.config.write_text(
            f"publicURL: http://localhost:{self.port}\nlisten: {{port: {self.port}}}\n"
            f"organisation: {{name: Example, zone: Europe/London}}\n"
            f"database: {{path: {folder}/converge.db}}\nkeyRing: {{path: {folder}/keys.json}}\n"
        )
        self.environment = dict(demo._environment)
        if database := engine.conninfo(folder):
            self.environment["CONVERGE_DATABASE_POSTGRES"] = database
            self.config.write_text(re.sub("(?m)^database: .*\n", "", self.config.read_text()))
        self.process = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [PROGRAM, "serve", "--config", self.config], stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=self.environment
            )
        wait_for("the server", lambda: answer(self.port, "/readyz") or self.ended())

    def ended(self) -> None:
        assert self.process.poll() is None, self.log.read_text()

    def cli(self, *arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [PROGRAM, *arguments, "--config", self.config], capture_output=True, text=True, timeout=60, env=self.environment
        )

    def lines(self) -> list[dict]:
        """Every line of the log is a JSON object."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]


@pytest.fixture
def served(demo_folder, tmp_path):
    served = Served(demo_folder, tmp_path)
    served.start()
    yield served
    if served.process.poll() is None:
        served.process.kill()
        served.process.wait()


def is_listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
        return True
    except OSError:
        return False


def has_read(port: int, client: int) -> bool:
    """Whether a server on this machine has read everything that came over one connection."""
    with open("/proc/net/tcp") as four, open("/proc/net/tcp6") as six:
        for fields in map(str.split, [*four, *six]):
            if fields[1].endswith(f":{port:04X}") and fields[2].endswith(f":{client:04X}"):
                return fields[4].endswith(":00000000")
    return False


def test_a_stop_answers_what_has_begun_and_ends_with_0(served):
    idle = socket.create_connection(("localhost", served.port))
    idle.sendall(f"GET /healthz HTTP/1.1\r\nHost: localhost:{served.port}\r\n\r\n".encode())
    assert b"200 OK" in idle.recv(4096)
    begun = socket.create_connection(("localhost", served.port))
    begun.settimeout(20)
    body = b"name=ada&password=x"
    head = (
        f"POST /sign-in HTTP/1.1\r\nHost: localhost:{served.port}\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    begun.sendall(head.encode() + body[:5])
    # It has begun once the server has taken the request's head from the kernel.
    wait_for("the server to read", lambda: True if has_read(served.port, begun.getsockname()[1]) else None)
    served.process.send_signal(signal.SIGTERM)
    wait_for("new connections to be refused", lambda: None if is_listening(served.port) else True)
    assert served.process.poll() is None, "somebody is being served"
    begun.sendall(body[5:])
    reply = b""
    while piece := begun.recv(65536):
        reply += piece
    assert reply.startswith(b"HTTP/1.1 403") and reply.rstrip().endswith(b"</html>"), reply[-200:]
    assert served.process.wait(timeout=20) == 0
    idle.close()
    lines = served.lines()
    assert lines[-1]["message"] == "stopped", lines[-1]
    request = [line for line in lines if line["message"] == "request"][-1]
    assert request["route"] == "/sign-in" and request["status"] == "403" and request["network"] == "127.0.0.1"
    assert "ada" not in served.log.read_text()


def test_an_organisation_is_served_with_its_own_people_only(served, demo_folder):
    code = served.cli("user", "admin-code")
    assert f"http://localhost:{served.port}/setup" in code.stdout
    metrics = answer(served.port, "/metrics")
    assert 'converge_http_requests_total{method="GET",route="/readyz",status="200"}' in metrics
    assert "process_resident_memory_bytes" in metrics and "converge_outbox_waiting" in metrics
    assert answer(served.port, "/dev/outbox") is None, "the demo's box is not there"
    # The demo's database is refused.
    stolen = served.folder / "demo.yaml"
    text = served.config.read_text().replace(f"{served.folder}/converge.db", f"{demo_folder.data}/converge.db")
    stolen.write_text(text.replace(f"{served.folder}/keys.json", f"{demo_folder.data}/keys.json"))
    refused = run(demo_folder, "serve", "--config", str(stolen))
    assert refused.returncode == 1 and "was filled by the demo" in refused.stderr


def test_the_doctor_says_what_is_well_and_what_is_not(served):
    well = served.cli("doctor")
    # The throw-away server of the tests flushes nothing, which is the one thing to find fault with.
    state, code = ("fail", 1) if engine.POSTGRES else ("ok", 0)
    assert well.returncode == code and re.findall("(?m)^fail .*", well.stdout) == re.findall("(?m)^fail +durability.*", well.stdout)
    assert re.search(rf"(?m)^{state} +durability", well.stdout), well.stdout + well.stderr
    (served.folder / "keys.json").chmod(0o644)
    ill = served.cli("doctor", "--json")
    found = {finding["check"]: finding for finding in json.loads(ill.stdout)}
    assert ill.returncode == 1 and found["key ring"]["state"] == "fail" and "chmod 600" in found["key ring"]["text"]
    served.config.write_text("publicURL: nonsense\n")
    broken = served.cli("doctor")
    assert broken.returncode == 1 and broken.stdout.startswith("fail  configuration")


# --- keys and backups


def test_keys_change_while_ada_registers(server, new_person):
    ada = new_person(server)
    sign_in(ada, "ada")
    assert "k2 seals from now on" in server.cli("key", "rotate").text
    ada.press("Start")
    app = register_app(ada, server)
    keys = {key["name"]: key for key in server.cli("key", "list", "--json").json}
    assert keys["k2"]["sealsNow"] and keys["k2"]["uses"]["credential"] >= 1
    assert server.cli("key", "retire", "k1", check=False).code == 1
    assert server.cli("key", "reseal", "--json").json["unreadable"] == 0
    server.cli("key", "retire", "k1")
    # The conversation goes on, and so does everything that was sealed before.
    ada.reload().see("Step 2 of 2")
    server.restart()
    ada.reload().see("Step 2 of 2")
    other = new_person(server)
    sign_in(other, "ada")
    other.see_heading("Enter the code from your authenticator app")
    other.fill("6-digit code", app.code(server)).press("Continue")
    assert not other.has("button", "Continue") or "did not match" not in other.text()
    assert [key["name"] for key in server.cli("key", "list", "--json").json] == ["k2"]


@pytest.mark.file
def test_a_restored_copy_signs_ada_in_with_her_app(server, new_person, tmp_path_factory):
    ada = new_person(server)
    app, _ = whole_wizard(ada, server)
    copy = server.folder / "copy.db"
    server.cli("backup", str(copy))
    assert copy.stat().st_mode & 0o777 == 0o600
    assert server.cli("backup", str(copy), check=False).code == 1, "nothing is overwritten"
    refused = server.cli("restore", str(copy), "--force", check=False)
    assert refused.code == 1 and "is in use" in refused.errors
    server.stop()
    assert server.cli("restore", str(copy), check=False).code == 1, "nothing is replaced without --force"

    elsewhere = Server(tmp_path_factory.mktemp("restored"))
    elsewhere.offset = server.offset
    elsewhere._write_clock()
    (elsewhere.data / "keys.json").write_bytes((server.data / "keys.json").read_bytes())
    (elsewhere.data / "keys.json").chmod(0o600)
    report = elsewhere.cli("restore", str(copy), "--json").json
    assert report["people"] == 5
    elsewhere.start()
    try:
        elsewhere.advance(minutes=2)
        there = new_person(elsewhere)
        sign_in(there, "ada")
        there.see_heading("Enter the code from your authenticator app")
        there.fill("6-digit code", app.code(elsewhere)).press("Continue")
        assert there.path == "/"
    finally:
        elsewhere.stop()
    server.start()


@pytest.mark.engines
@pytest.mark.skipif(not engine.POSTGRES, reason="from one engine to the other")
def test_a_whole_store_moves_into_a_file_and_back(server, tmp_path):
    database, file = f"postgres:{engine.conninfo(server.data)}", f"sqlite:{tmp_path / 'moved.db'}"

    def copy(source: str, target: str) -> subprocess.CompletedProcess:
        return run(server, "store", "copy", "--from", source, "--to", target, "--json")

    def refused(source: str, target: str) -> str:
        result = copy(source, target)
        assert result.returncode == 1 and not result.stdout, result
        return result.stderr

    before = Raw(server.port).sign_in("ada", PASSWORDS["ada"]).answer.heading
    assert "is in use" in refused(database, file), "a node is running"
    server.stop()
    assert "no database" in refused(file, database) and not (tmp_path / "moved.db").exists()
    assert "must not be in the address" in refused(database + " password=secret", file)
    assert "the same store" in refused(database, database)
    there = copy(database, file)
    assert there.returncode == 0 and json.loads(there.stdout)["person"] == 5, there
    assert "already" in refused(file, database), "somebody's organisation is there"
    engine.change(server.data, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    back = copy(file, database)
    assert back.returncode == 0 and json.loads(back.stdout) == json.loads(there.stdout), back
    server.start()
    assert Raw(server.port).sign_in("ada", PASSWORDS["ada"]).answer.heading == before


@pytest.mark.engines
@pytest.mark.skipif(not engine.POSTGRES, reason="what PostgreSQL's tools put back")
def test_what_other_tools_put_back_is_made_safe_when_nobody_uses_it(server, tmp_path):
    """As docs/postgresql.md has it typed, with the configuration file of a server."""
    config = tmp_path / "converge.yaml"
    config.write_text(
        f"publicURL: {server.address}\norganisation: {{name: Harbour & Vale}}\nkeyRing: {{path: {server.data}/keys.json}}\n"
        f"database: {{postgres: {engine.conninfo(server.data)}}}\n"
    )

    def restored(*arguments: str) -> subprocess.CompletedProcess:
        return run(server, "store", "restored", *arguments)

    def still_signed_in(browser: Raw) -> bool:
        return browser.get("/profile").path == "/profile"

    ben = Raw(server.port).sign_in("ben", PASSWORDS["ben"])
    ben.submit("/answer", code=server.latest_code(BEN_PHONE))
    assert still_signed_in(ben)
    assert restored().returncode == USAGE, "it has to be told which store"
    refused = restored("--config", str(config))
    assert refused.returncode == 1 and not refused.stdout and refused.stderr.count("\n") == 1, refused
    assert re.match(r"Error: \S+.* is in use\. Stop every node.*Nothing was (written|changed)\.$", refused.stderr), refused.stderr
    assert still_signed_in(ben), "nothing was changed"
    server.stop()
    done = restored("--config", str(config))
    assert done.returncode == 0 and "Nobody is signed in" in done.stdout and done.stdout.startswith("5 people"), done
    again = restored("--config", str(config), "--json")
    assert again.returncode == 0 and json.loads(again.stdout)["people"] == 5, again
    server.start()
    assert not still_signed_in(ben)
    events = server.cli("audit", "--activity", "Store restored from a backup", "--json").json
    assert [(event["result"], event["actor"]) for event in events] == 2 * [("success", "command line")]


# --- the documentation


def test_the_documented_commands_are_those_of_the_program(demo_folder):
    printed = run(demo_folder, "commands").stdout
    text = (PROGRAM.parents[2] / "docs/commands.md").read_text()
    assert text.endswith(printed), "converge commands prints what docs/commands.md should end with"
    for command in ("user wipe", "key reseal", "backup", "restore", "doctor", "audit"):
        assert f"# converge {command}\n" in printed
