"""The command line beside a running server: what operators see, and what it does to the people in front of it."""

import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.request

import pytest

from server import PROGRAM, Server, free_port, wait_for
from stories import BEN_MAIL, BEN_PHONE, register_app, sign_in, whole_wizard

USAGE = 64


def sign_in_with_pass(person, name: str, code: str):
    person.goto("/sign-in").follow("Sign in with an access pass")
    return person.fill("Work e-mail or user name", name).fill("Access pass", code).press("Sign in")


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
    ada = new_person(server)
    whole_wizard(ada, server)
    wiped = server.cli("user", "wipe", "ada", "--all", "--reason", "lost both", "--minutes", "30", "--json").json
    assert sorted(wiped["removed"]) == ["mobilePhone", "recoveryCodes", "totpApp"]
    assert "removed" in server.message("+447700900184")["body"]
    ada.goto("/profile")
    assert "/sign-in" in ada.path, "she was signed out"
    stranger = new_person(server)
    sign_in(stranger, "ada")
    assert not stranger.has("button", "Start"), "the password alone registers nothing"
    sign_in_with_pass(ada, "ada", wiped["pass"]["pass"])
    ada.press("Start")
    register_app(ada, server)
    ada.see("connected")


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


def test_a_lock_is_opened_at_the_command_line(server, new_person):
    ben = new_person(server)
    for number in range(10):
        ben.goto("/sign-in")
        sign_in(ben, "ben", f"wrong {number}")
    sign_in(ben, "ben").see("Too many")
    assert "locked until" in server.cli("user", "show", "ben").text
    assert "can try the password again" in server.cli("user", "unlock", "ben").text
    ben.goto("/sign-in")
    sign_in(ben, "ben").see_heading("code")


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


def test_a_command_says_where_it_looked(demo_folder, tmp_path):
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
