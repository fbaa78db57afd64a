"""Two nodes over one database: what is decided at one of them holds at the other from the very next request on."""

from __future__ import annotations

import http.client
import http.server
import threading
from collections import Counter

import pytest

import engine
import store
from balancer import Balancer
from mailserver import Mailbox
from nodes import Nodes
from rawhttp import Raw, all_at_once
from server import free_port, wait_for
from stories import BEN_PHONE, PASSWORDS, SIGN_IN_ALLOWS, TEXT_CODE, change_policy
from test_proofs import RIVALS, register
from textgateway import TextGateway

SOMEBODY = "green lamps along the pier"
WRONG, LOCKED = "We could not sign you in", "Too many wrong passwords"
#: Wrong passwords that close an account for a minute.
TRIES = 10
#: Wrong codes that end one sign-in.
CODE_TRIES = 5
on_postgres = pytest.mark.skipif(not engine.POSTGRES, reason="several nodes need PostgreSQL")


# --- the balancer itself


class Echo(http.server.BaseHTTPRequestHandler):
    """A node that says who it is and what it was asked."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        said = f"{self.server.name} {self.path} {self.headers['Host']} {self.headers['X-Forwarded-For']} {self._body()}".encode()
        self.send_response(200)
        if self.path == "/pieces":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for piece in (said, b""):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        else:
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

    do_POST = do_GET

    def _body(self) -> str:
        return self.rfile.read(int(self.headers["Content-Length"] or 0)).decode()

    def log_message(self, *_) -> None:
        pass


@pytest.fixture
def echoes():
    """A balancer before two such nodes and a place where nobody listens."""
    echoes = []
    for name in "ab":
        echoes.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo))
        echoes[-1].name = name
        threading.Thread(target=echoes[-1].serve_forever, daemon=True).start()
    ports = [echo.server_address[1] for echo in echoes]
    balancer = Balancer(free_port(), [ports[0], free_port(), ports[1]], patience=5)
    balancer.start()
    yield balancer
    balancer.stop()
    for echo in echoes:
        echo.shutdown()
        echo.server_close()


@pytest.mark.without_server
def test_the_balancer_goes_round_with_every_request_of_a_connection(echoes):
    connection = http.client.HTTPConnection("127.0.0.1", echoes.port, timeout=10)
    said = []
    for path in ("/1", "/pieces", "/3", "/4"):
        connection.request("POST" if path == "/3" else "GET", path, "form" if path == "/3" else None, {"Host": "id.example.org", "X-Forwarded-For": "192.0.2.1"})
        said.append(connection.getresponse().read().decode())
    # The second place refuses, so the third takes its turn too.
    assert [text.split(" ")[0] for text in said] == ["a", "b", "b", "a"] and echoes.answered_by == [0, 2, 2, 0]
    assert said[2] == "b /3 id.example.org 192.0.2.1, 127.0.0.1 form"
    assert "/pieces" in said[1]


@pytest.mark.without_server
def test_a_balancer_says_what_it_does_not_know():
    """A node that takes a request and says nothing, one that hangs up, and none at all."""
    with http.server.socketserver.TCPServer(("127.0.0.1", 0), None) as silent:
        balancer = Balancer(free_port(), [silent.server_address[1]], patience=0.3)
        balancer.start()
        assert Raw(balancer.port).get("/").answer.status == 504
        threading.Thread(target=lambda: [silent.socket.accept()[0].close() for _ in range(2)], daemon=True).start()
        assert Raw(balancer.port).get("/").answer.status == 502
        balancer.nodes = [free_port()]
        assert Raw(balancer.port).get("/").answer.status == 503
        balancer.stop()


# --- two nodes


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    mailbox, gateway = Mailbox(), TextGateway()
    mailbox.start()
    gateway.start()
    from conftest import _relay

    nodes = Nodes(tmp_path_factory.mktemp("nodes"), _relay(mailbox), 2, gateway)
    nodes.mailbox = mailbox
    try:
        nodes.start()
        yield nodes
        # With nobody at fault each message went out once.
        keys = [text.key for text in gateway.texts]
        assert len(keys) == len(set(keys))
    finally:
        nodes.stop()
        engine.forget(nodes.data)
        gateway.stop()
        mailbox.stop()


def ben_at_his_code(pair: Nodes) -> Raw:
    """Ben's browser with the password right, and a text that came for it."""
    pair.advance(minutes=12)  # one text each ten minutes begins by itself
    before = len(pair.gateway.to(BEN_PHONE))
    raw = Raw(pair.port).sign_in("ben", PASSWORDS["ben"])
    assert raw.answer.heading == TEXT_CODE, raw.answer.heading
    wait_for("the text", lambda: len(pair.gateway.to(BEN_PHONE)) > before or None)
    return raw


def ben_signed_in(pair: Nodes) -> Raw:
    raw = ben_at_his_code(pair)
    raw.submit("/answer", code=pair.latest_code(BEN_PHONE))
    assert raw.path == "/", raw.answer.heading
    return raw


def each(pair: Nodes, raw: Raw, path: str) -> list[Raw]:
    """What each node says to a browser."""
    return [raw.by(node.port).get(path) for node in pair.nodes]


@on_postgres
@pytest.mark.engines
def test_a_policy_is_in_force_at_every_node_at_once(pair):
    waiting = ben_at_his_code(pair)
    for raw in each(pair, waiting, waiting.path):
        assert raw.answer.heading == TEXT_CODE
    for allow, allowed in (("allow: [appCode]\n", False), (SIGN_IN_ALLOWS, True), ("allow: [appCode]\n", False), (SIGN_IN_ALLOWS, True)):
        change_policy(pair, (SIGN_IN_ALLOWS if not allowed else "allow: [appCode]\n", allow))
        for raw in each(pair, waiting, waiting.path):
            said = "no longer accepts your mobile phone" in raw.answer.text
            assert said != allowed, f"{allow} at {raw.via}: {raw.answer.heading}"


@on_postgres
@pytest.mark.engines
def test_of_fifty_rivals_over_both_nodes_one_wins(pair):
    ben = ben_at_his_code(pair)
    code, before = pair.latest_code(BEN_PHONE), store.audit(pair.data, "ben", "signedIn")
    seen = len(pair.balancer.answered_by)
    answers = all_at_once([ben.prepare("/answer", code=code) for _ in range(RIVALS)])
    assert [a.status for a in answers if a.status >= 500] == []
    assert sum(a.opens_session for a in answers) == 1
    assert store.audit(pair.data, "ben", "signedIn") == before + 1
    served = pair.balancer.answered_by[seen:]
    assert served.count(0) == served.count(1) == RIVALS // 2

    # A step of an app, from a browser at each of twenty sign-ins.
    app, _ = register((pair,), "ada", PASSWORDS["ada"])
    pair.advance(minutes=2)
    browsers = [Raw(pair.port).sign_in("ada", PASSWORDS["ada"]) for _ in range(20)]
    code, before = app.code(pair), store.audit(pair.data, "ada", "signedIn")
    answers = all_at_once([browser.prepare("/answer", code=code) for browser in browsers])
    assert [a.status for a in answers if a.status >= 500] == []
    assert sum(a.opens_session for a in answers) == 1
    assert store.audit(pair.data, "ada", "signedIn") == before + 1
    assert store.problems(pair.data) == []


@on_postgres
@pytest.mark.engines
def test_a_session_ended_at_one_node_is_gone_at_the_other(pair):
    first, second = pair.nodes
    for end in ("sign out", "from elsewhere", "everywhere", "by an administrator"):
        raw = ben_signed_in(pair)
        assert [there.path for there in each(pair, raw, "/profile")] == ["/profile", "/profile"]
        cookies = dict(raw.cookies)
        if end == "sign out":
            raw.by(first.port).get("/sign-out").submit("/sign-out")
        elif end == "from elsewhere":
            other = ben_signed_in(pair).by(second.port).get("/profile")
            other.submit("/profile/sessions/end")
            assert other.get("/profile").path == "/profile", "only that one"
        elif end == "everywhere":
            other = ben_signed_in(pair).by(second.port).get("/sign-out-everywhere")
            other.submit("/sign-out-everywhere")
        else:
            pair.cli("user", "revoke-sessions", "ben")
        gone = Raw(pair.port, cookies)
        assert all(there.path.startswith("/sign-in") for there in each(pair, gone, "/profile")), end


@on_postgres
@pytest.mark.engines
def test_wrong_passwords_are_counted_over_all_nodes(pair):
    pair.cli("user", "add", "walker", "--password-stdin", stdin=SOMEBODY + "\n")
    guesses = [f"guess number {guess}" for guess in range(TRIES - 1)]
    for guess in guesses:  # by turns
        assert WRONG in Raw(pair.port).sign_in("walker", guess).answer.text
    locking = Raw(pair.port).sign_in("walker", "one guess too many")
    assert locking.answer.status < 500
    for node in pair.nodes:
        right = Raw(pair.port, via=node.port).sign_in("walker", SOMEBODY)
        assert LOCKED in right.answer.text, right.answer.heading
    pair.advance(minutes=1, milliseconds=1)
    assert Raw(pair.port).sign_in("walker", SOMEBODY).path.startswith("/flows/"), "a minute, and it is open"

    # Fifty at once: no more than ten are compared, whichever node they came to.
    pair.cli("user", "add", "runner", "--password-stdin", stdin=SOMEBODY + "\n")
    pages = [Raw(pair.port).get("/sign-in") for _ in range(RIVALS)]
    answers = all_at_once([page.prepare("/sign-in", name="runner", password=f"guess {i} of many") for i, page in enumerate(pages)])
    assert [a.status for a in answers if a.status >= 500 and a.status != 503] == []
    compared = [a for a in answers if WRONG in a.text]
    seen = Counter((a.status, a.heading) for a in answers)
    assert 1 <= len(compared) <= TRIES, f"{len(compared)} were compared, the answers were {seen}"
    # Who was told to come back was not counted.
    for guess in range(TRIES - len(compared)):
        assert WRONG in Raw(pair.port).sign_in("runner", f"guess {guess} afterwards").answer.text, seen
    for node in pair.nodes:
        right = Raw(pair.port, via=node.port).sign_in("runner", SOMEBODY)
        assert LOCKED in right.answer.text, f"{right.answer.heading} at node {node.number}, the answers were {seen}"


@on_postgres
@pytest.mark.engines
@pytest.mark.parametrize(("whose", "budget"), [("a stranger's", 10), ("the owner's", 20)], ids=["stranger", "owner"])
def test_wrong_codes_use_up_one_budget_over_all_nodes(pair, whose, budget):
    pair.advance(hours=25)  # what others spent is over
    cookies = {}
    if whose == "the owner's":
        cookies = ben_signed_in(pair).get("/sign-out").submit("/sign-out").cookies
    # One more than the budget is for, which stays untouched.
    waiting = [asked_for_a_code(pair, cookies) for _ in range(budget // CODE_TRIES + 1)]
    untouched, code = waiting.pop()
    for guess in range(budget):
        raw, right = waiting[guess // CODE_TRIES]
        said = raw.by(pair.nodes[guess % 2].port).submit("/answer", code=f"{(int(right) + 1) % 10**6:06}").answer
        last = guess % CODE_TRIES == CODE_TRIES - 1
        assert ("Too many wrong codes" if last else "That code did not match") in said.text, f"{guess + 1}: {said.heading}"
    for node in pair.nodes:
        late = Raw(pair.port, dict(untouched.cookies), untouched.answer, untouched.path, node.port).submit("/answer", code=code)
        anew = Raw(pair.port, dict(cookies), via=node.port).sign_in("ben", PASSWORDS["ben"])
        for raw in (late, anew):
            assert "Too many tries" in raw.answer.text and not raw.has_form("/answer"), f"{raw.answer.heading} at node {node.number}"
    # The budgets are for a day and for an hour.
    pair.advance(hours=1 if cookies else 24)
    raw, code = asked_for_a_code(pair, cookies)
    assert raw.submit("/answer", code=code).path == "/"


def asked_for_a_code(pair: Nodes, cookies: dict[str, str], via: int | None = None) -> tuple[Raw, str]:
    """Ben in this browser with the password right, and the code that was texted for it, asked for or not."""
    raw = Raw(pair.port, dict(cookies), via=via).sign_in("ben", PASSWORDS["ben"])
    if not raw.has_form("/answer"):
        raw.submit("/use")
    assert raw.answer.heading == TEXT_CODE, raw.answer.heading
    return raw, pair.latest_code(BEN_PHONE)


@on_postgres
@pytest.mark.engines
def test_texts_to_one_person_are_counted_over_all_nodes(pair):
    pair.advance(hours=25)
    limit, before = 10, len(pair.gateway.to(BEN_PHONE))
    # The first text comes by itself; the others wait to be asked for, each at the node whose turn it is.
    first, *others = [Raw(pair.port).sign_in("ben", PASSWORDS["ben"]) for _ in range(limit + 4)]
    assert first.answer.heading == TEXT_CODE and all(raw.answer.heading == "Shall we send you a code?" for raw in others)
    for asked, raw in enumerate(others, start=2):
        node = pair.nodes[asked % 2]
        raw = raw.by(node.port).submit("/use")
        if asked <= limit:
            assert raw.answer.heading == TEXT_CODE, f"{asked} at node {node.number}: {raw.answer.heading}"
        else:
            assert "Too many" in raw.answer.text and not raw.has_form("/answer"), f"{asked} at node {node.number}: {raw.answer.heading}"
    wait_for("everything to be sent", lambda: not store.rows(pair.data, "SELECT id FROM outbox WHERE state = 'waiting'") or None)
    assert len(pair.gateway.to(BEN_PHONE)) - before == limit
    pair.advance(hours=1)
    for node in pair.nodes:
        asked_for_a_code(pair, {}, node.port)
