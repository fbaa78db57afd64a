"""What the journeys start from: a server with real mail, and people in front of browsers."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

import engine
from mailserver import Mailbox
from nodes import Nodes
from person import Person
from pushservice import PushService
from server import ROOT, Server
from telephone import TOKEN, Carrier
from textgateway import TextGateway

#: How many nodes every story's server is; 0: one program.
NODES = int(os.environ.get("CONVERGE_TEST_NODES", "0"))
RESULTS = ROOT / ".build/journeys"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    setattr(item, f"report_{report.when}", report)
    server = getattr(item, "converge_server", None)
    if report.failed and server:
        report.sections.append(("the server's last words", server.tail()))
    return report


def pytest_collection_modifyitems(items):
    """What is about the file has no meaning where there is none; the harness's own tests need no second engine."""
    for item in items:
        if engine.POSTGRES and (item.get_closest_marker("file") or item.get_closest_marker("without_server")):
            item.add_marker(pytest.mark.skip(reason="not about PostgreSQL"))
        if NODES and item.get_closest_marker("one_program"):
            item.add_marker(pytest.mark.skip(reason="about one program"))


def pytest_terminal_summary(terminalreporter):
    """What tests counted is worth reading when they pass, too."""
    for report in terminalreporter.stats.get("passed", []):
        if report.when == "call" and report.capstdout:
            terminalreporter.section(report.nodeid)
            terminalreporter.line(report.capstdout.strip())


@pytest.fixture(scope="session")
def browser():
    expect.set_options(timeout=10_000)
    # The engine without the windows around it, which are half of the work.
    program = os.environ.get("CONVERGE_BROWSER") or shutil.which("chromium-headless-shell") or shutil.which("chromium") or "/usr/bin/chromium"
    with sync_playwright() as playwright:
        # Without its sandbox, because the tests often run as root in a container; they only visit our own pages.
        browser = playwright.chromium.launch(executable_path=program, headless=True, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def server(request, tmp_path, mailbox):
    """`converge demo` that sends mail over SMTP to `server.mailbox`; texts stay in its box. With CONVERGE_TEST_NODES=2 two of
    `converge serve` behind a balancer, whose texts go to `server.gateway`."""
    yield from _run(request, tmp_path, mailbox)


@pytest.fixture
def gateway_server(request, tmp_path, mailbox):
    """The same, and its texts go to `server.gateway`, which can be told to break."""
    with TextGateway() as gateway:
        yield from _run(request, tmp_path, mailbox, gateway)


@pytest.fixture
def carrier_server(request, tmp_path, mailbox):
    """The same, and its texts and calls go through `server.carrier`, a telephone carrier that plays what it is told to."""
    with Carrier() as carrier:
        yield from _run(request, tmp_path, mailbox, carrier)


@pytest.fixture
def push_server(request, tmp_path, mailbox):
    """A server that may push to `server.push_service`, and to nowhere else."""
    with PushService() as service:
        yield from _run(request, tmp_path, mailbox, push=service)


@pytest.fixture
def mailbox():
    mailbox = Mailbox()
    mailbox.start()
    yield mailbox
    mailbox.stop()


def _relay(mailbox: Mailbox) -> dict[str, str]:
    return {
        "CONVERGE_MAIL_HOST": "127.0.0.1",
        "CONVERGE_MAIL_PORT": str(mailbox.port),
        "CONVERGE_MAIL_SECURITY": "none",
        "CONVERGE_MAIL_FROM": "converge@example.org",
    }


def _run(request, folder: Path, mailbox: Mailbox, gateway: TextGateway | Carrier | None = None, push: PushService | None = None):
    """A server with these services around it, as long as a test lasts."""
    if NODES and not gateway:
        with TextGateway() as gateway:
            yield from _run(request, folder, mailbox, gateway, push)
        return
    environment = _relay(mailbox) | (push.environment if push else {})
    if NODES:
        server = Nodes(folder, environment, NODES, gateway)
    else:
        server = Server(folder, environment | (gateway.environment if gateway else {}))
    server.mailbox, server.gateway, server.push_service = mailbox, gateway, push
    if isinstance(gateway, Carrier):
        server.carrier = gateway
        server.secrets.learn(TOKEN, "the carrier's token")
    request.node.converge_server = server
    try:
        server.start()
        yield server
    finally:
        server.stop()
        engine.forget(server.data)


@pytest.fixture
def new_person(request, browser):
    """`new_person(server, width=360, javascript=False, dark=True)`: a browser of its own."""
    people: list[Person] = []

    def make(server, **options) -> Person:
        # How the product's pages look does not depend on the engine: they are looked at closely on SQLite.
        options.setdefault("closer", not (engine.POSTGRES and hasattr(server, "address")))
        people.append(Person(browser, getattr(server, "address", server), **options))
        people[-1].secrets = getattr(server, "secrets", None)
        return people[-1]

    yield make
    failed = getattr(request.node, "report_call", None)
    for number, person in enumerate(people):
        if failed and failed.failed:
            _keep(person, request.node.nodeid, number)
        person.close()


@pytest.fixture
def person(server, new_person):
    """Somebody at 1280 px in front of `server`."""
    return new_person(server)


def _keep(person: Person, test: str, number: int) -> None:
    """What each person saw when the test failed, in .build/journeys."""
    folder = RESULTS / re.sub(r"[^\w.-]+", "_", Path(test).name)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        person.page.screenshot(path=folder / f"{number}.png", full_page=True)
        (folder / f"{number}.html").write_text(f"<!-- {person.page.url} -->\n{person.page.content()}")
        print(f"what person {number} saw: {folder}/{number}.png")
    except Exception as error:  # The test failed already; why there is no picture is a detail.
        print(f"no picture of person {number}: {error}")
