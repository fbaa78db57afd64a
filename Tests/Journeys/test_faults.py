"""The fault run: people at work through a balancer while nodes are killed and paused, cut off from the database with a word and without
one, and the database itself is stopped, restarted and killed, at last for good, so that its standby takes over. Two nodes take part and
three, by turns. What each of them was told is compared with the store.

    CONVERGE_FAULT_RUN=10 CONVERGE_TEST_ENGINE=postgres scripts/with-postgres scripts/journeys -k test_faults"""

from __future__ import annotations

import os
import random
import re
import subprocess
import threading
import time
from collections import Counter

import pytest

import engine
import store
from conftest import _relay
from nodes import Node, Nodes
from relay import Relay
from server import ROOT, wait_for
from standby import TwoServers
from textgateway import TextGateway
from walkers import Walker

#: Rounds, each with one sort of fault.
ROUNDS = int(os.environ.get("CONVERGE_FAULT_RUN", "10" if os.environ.get("CONVERGE_EVERY_CASE") else "0"))
WALKERS = 6
#: How often each round's fault happens.
TIMES = 3
#: Seconds that the balancer waits for a node.
BALANCER = 4.0
#: Seconds that are longer than any limit: a statement's, a transaction's that stands still, a program's that waits for its server.
BEYOND = 18.0

pytestmark = [
    pytest.mark.engines,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not engine.POSTGRES, reason="several nodes need PostgreSQL"),
    pytest.mark.skipif(not ROUNDS, reason="takes minutes: CONVERGE_FAULT_RUN=10"),
]


@pytest.fixture
def server_of_ours(monkeypatch):
    """A server that may be stopped and killed: nobody else's data is there. Gives what controls it."""
    command = ["sh", "-c", 'echo "$CONVERGE_TEST_POSTGRES"; echo "$CONVERGE_TEST_POSTGRES_CTL"; cat']
    with subprocess.Popen([ROOT / "scripts/with-postgres", *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        monkeypatch.setenv("CONVERGE_TEST_POSTGRES", process.stdout.readline().strip())
        yield process.stdout.readline().strip()
        # Its command ends with its input, and then it cleans up.
        process.stdin.close()


@pytest.fixture
def cable(server_of_ours):
    """Between the second node and that server."""
    cable = Relay(int(re.search(r"port=(\d+)", os.environ["CONVERGE_TEST_POSTGRES"]).group(1)))
    cable.start()
    yield cable
    cable.stop()


@pytest.fixture
def cluster(cable, request, tmp_path, mailbox):
    """Three nodes, of which a round may do without the last, and whose sessions at the database can be told apart. That a commit is there
    when it is confirmed is theirs to ask for: the server's own setting is another one."""
    yield from some_nodes(3, request, tmp_path, mailbox, cable)


@pytest.fixture
def servers(monkeypatch):
    """A primary and its standby; whatever the test starts finds the one that takes writes."""
    servers = TwoServers()
    try:
        servers.start()
        wait_for("the standby to follow", lambda: servers.standbys() == ["sync"] or None)
        monkeypatch.setenv("CONVERGE_TEST_POSTGRES", servers.conninfo)
        yield servers
    finally:
        servers.stop()


@pytest.fixture(params=[2, 3], ids=["two-nodes", "three-nodes"])
def cluster_over_both(servers, request, tmp_path, mailbox):
    """Nodes over that pair of servers."""
    yield from some_nodes(request.param, request, tmp_path, mailbox)


def some_nodes(count: int, request, tmp_path, mailbox, cable: Relay | None = None):
    gateway = TextGateway()
    gateway.start()
    nodes = Nodes(tmp_path, _relay(mailbox), count, gateway, patience=BALANCER)
    nodes.mailbox = mailbox
    request.node.converge_server = nodes
    for node in nodes.nodes:
        node.environment["CONVERGE_DATABASE_POSTGRES"] = f"{engine.conninfo(nodes.data)} application_name=node-{node.number}"
    if cable:
        second = nodes.nodes[1].environment
        second["CONVERGE_DATABASE_POSTGRES"] = re.sub(r"port=\d+", f"port={cable.port}", second["CONVERGE_DATABASE_POSTGRES"])
    try:
        nodes.start()
        yield nodes
    finally:
        nodes.stop()
        engine.forget(nodes.data)
        gateway.stop()


class Faults:
    """What happens to them. Each ends with everything running again."""

    def __init__(self, nodes: Nodes, chance: random.Random, ctl: str, cable: Relay) -> None:
        self.nodes, self.chance, self.ctl, self.cable = nodes, chance, ctl, cable
        self.all = [
            self.one_node_is_killed, self.the_database_is_restarted, self.one_node_is_paused, self.the_database_is_killed,
            self.every_node_is_killed, self.one_node_is_paused_for_long, self.one_node_is_cut_off, self.the_database_is_away,
            self.one_node_is_paused_beyond_every_limit, self.one_node_hears_nothing_of_the_database,
        ]
        #: What takes so long that once is enough.
        self.long = self.all[-2:]

    def _one(self) -> Node:
        return self.chance.choice(self.nodes.running)

    def _start(self, *nodes: Node) -> None:
        for node in nodes:
            self.nodes.launch(node)
        for node in nodes:
            node.wait_ready()

    def one_node_is_killed(self) -> None:
        node = self._one()
        node.stop(kill=True)
        time.sleep(self.chance.uniform(0.5, 2))
        self._start(node)

    def every_node_is_killed(self) -> None:
        nodes = self.nodes.running
        for node in nodes:
            node.stop(kill=True)
        self._start(*nodes)

    def one_node_is_paused(self) -> None:
        self._pause(BALANCER * 0.6)

    def one_node_is_paused_for_long(self) -> None:
        """The balancer gives up first; what the node had taken it does afterwards, unheard."""
        self._pause(BALANCER * 1.6)

    def one_node_is_paused_beyond_every_limit(self) -> None:
        """The database has ended its transactions meanwhile."""
        self._pause(BEYOND)

    def one_node_hears_nothing_of_the_database(self) -> None:
        """Nobody tells either of them. Afterwards what was on its way arrives: the end of a transaction, say, that the node has given up."""
        self.cable.fall_silent()
        time.sleep(BEYOND)
        self.cable.mend()

    def _pause(self, seconds: float) -> None:
        node = self._one()
        node.pause()
        time.sleep(seconds)
        node.go_on()

    def one_node_is_cut_off(self) -> None:
        """Its sessions at the database end as often as it makes new ones."""
        node, end = self._one(), time.monotonic() + 3
        while time.monotonic() < end:
            engine.cut(self.nodes.data, f"node-{node.number}")
            time.sleep(0.1)

    def the_database_is_restarted(self) -> None:
        self._control("restart", "-m", "fast")

    def the_database_is_killed(self) -> None:
        """Without a word, in the middle of whatever it was writing; then it recovers."""
        self._control("restart", "-m", "immediate")

    def the_database_is_away(self) -> None:
        self._control("stop", "-m", "fast")
        time.sleep(self.chance.uniform(1, 4))
        self._control("start")

    def _control(self, *arguments: str) -> None:
        subprocess.run([self.ctl, *arguments], check=True, timeout=60)


def test_nothing_confirmed_is_lost_and_nothing_opens_twice(cluster, server_of_ours, cable):
    work = Work(cluster)
    faults = Faults(cluster, work.chance, server_of_ours, cable)
    for round in range(ROUNDS):
        fault = faults.all[round % len(faults.all)]
        # By turns, and when a fault comes again it meets the other number.
        cluster.let_run(2 + (round + round // len(faults.all)) % 2)
        work.round(fault, times=1 if fault in faults.long else TIMES)
    work.judge(at_least=ROUNDS)
    planted(cluster, work.walkers)


def test_the_primary_dies_and_its_standby_takes_over(cluster_over_both, servers):
    """With nobody who starts a node again or tells it of the other server."""
    work, nodes = Work(cluster_over_both), cluster_over_both.nodes
    before = [node.process.pid for node in nodes]

    def the_primary_is_killed_and_the_standby_promoted() -> None:
        servers.kill_first()
        time.sleep(work.chance.uniform(0.5, 3))
        servers.promote_second()

    work.round(the_primary_is_killed_and_the_standby_promoted, times=1)
    assert [node.process.pid for node in nodes] == before and all(node.process.poll() is None for node in nodes)
    # And everybody goes on there.
    work.round(lambda: None, times=1, name="nothing happens any more")
    # Nodes seek the database for longer than it takes another one to be promoted.
    work.judge(at_least=2, noticed=False)


class Work:
    """Everybody at work, and what was found to be wrong."""

    def __init__(self, nodes: Nodes) -> None:
        self.nodes = nodes
        self.seed = int(os.environ.get("CONVERGE_TEST_SEED", random.randrange(10**6)))
        self.chance = random.Random(self.seed)
        print(f"\nCONVERGE_TEST_SEED={self.seed}")
        self.walkers = [Walker(nodes, number, random.Random(self.seed + number)) for number in range(WALKERS)]
        for walker in self.walkers:
            walker.set_up()
        nodes.advance(days=2)  # what was registered just now is no proof of a reset
        self.wrong: list[tuple[str, str]] = []
        self.rounds = 0

    def told(self) -> Counter:
        return sum((walker.told for walker in self.walkers), Counter())

    def round(self, fault, times: int = TIMES, name: str | None = None) -> None:
        """A fault some times while they work; then they stop, and their books are compared with the store."""
        nodes, walkers, before = self.nodes, self.walkers, self.told()
        running, served = nodes.running, len(nodes.balancer.answered_by)
        for walker in walkers:
            walker.start()
        with Ticking(nodes):
            for _ in range(times):
                time.sleep(self.chance.uniform(0.5, 2.5))
                fault()
            time.sleep(2 if times > 1 else 6)
        for walker in walkers:
            walker.over.set()
        with Ticking(nodes):
            for walker in walkers:
                assert walker.join(120), f"{walker.user} waits for ever, round {self.rounds}"
        assert nodes.running == running, "who began the round ends it"
        for node in running:
            node.wait_ready()
        took_part = sorted(set(nodes.balancer.answered_by[served:]))
        assert took_part == [node.number - 1 for node in running], f"answers came from {took_part}"
        found = [entry for walker in walkers for entry in walker.wrong] + [entry for walker in walkers for entry in settled(walker)]
        found += [("undelivered", text) for text in undelivered(nodes)]
        for walker in walkers:
            walker.wrong = []
        self.wrong += found + [("fault", problem) for problem in store.problems(nodes.data)]
        self.rounds += 1
        did = self.told() - before
        what = name or f"{times} times {fault.__name__.replace('_', ' ')}"
        print(f"{self.rounds:3}. {len(took_part)} nodes, {what}: " + ", ".join(f"{n} {what}" for what, n in sorted(did.items())))
        for kind, text in found:
            print(f"     {kind}: {text}")
        nodes.advance(hours=25)
        for walker in walkers:
            walker.rest_of_the_day()

    def judge(self, at_least: int, noticed: bool = True) -> None:
        """Prints the counts, and fails when they are not what they must be or when next to nothing was done. `noticed`: what happened
        cannot go by without anybody being left without an answer."""
        wrong, told, texts = self.wrong, self.told(), self.nodes.gateway.texts
        keys = Counter(text.key for text in texts)
        bodies = {(text.key, text.body) for text in texts}
        count = Counter(kind for kind, _ in wrong)
        changes = sum(told[what] for what in ("registrations", "deletions", "resets", "sign-outs"))
        print(f"confirmed changes {changes}, lost {count['lost']}")
        print(f"sign-ins {told['sign-ins']}, secrets accepted twice {count['twice']}")
        print(f"ended sessions tried again {told['ended sessions tried again']}, sessions that should not exist {count['alive']}")
        print(f"texts {len(keys)}, sent again with the same key {len(texts) - len(keys)}; "
              f"posts without an answer {told['answers that did not come']}, pages {told['pages that did not come']}")
        assert [entry for entry in wrong if entry[0] != "astray"] == [], f"seed {self.seed}"
        assert len(bodies) == len(keys), "a repeat says the same"
        assert told["sign-ins"] > at_least and changes > at_least and told["resets"], "they really did something"
        assert not noticed or told["answers that did not come"] + told["pages that did not come"], "something really happened to them"
        assert told["astray"] <= sum(told.values()) // 20, [entry for entry in wrong if entry[0] == "astray"]


def settled(walker: Walker) -> list[tuple[str, str]]:
    """What its book and the store say differently, now that everybody is still. A node that was paused may have to finish first."""
    end = time.monotonic() + 10
    while (found := walker.compare()) and time.monotonic() < end:
        time.sleep(0.5)
    browser = walker._at_the_code()
    return found + ([] if browser else [("lost", f"{walker.user} does not get in")])


def undelivered(nodes: Nodes) -> list[str]:
    """Messages that are not on their way although every worker is there, and texts that the store calls sent and the gateway never had.
    What a worker took with it when it died is due again when its lease is over."""
    end, due = time.monotonic() + 20, "SELECT id FROM outbox WHERE state = 'waiting' AND next_ms <= ?"
    with Ticking(nodes):
        since = int(nodes.now() * 1000)
        while (late := store.rows(nodes.data, due, since)) and time.monotonic() < end:
            time.sleep(0.2)
    sent, had = store.rows(nodes.data, "SELECT id FROM outbox WHERE kind = 'text' AND state = 'sent'"), {text.key for text in nodes.gateway.texts}
    return [f"{key} is due" for (key,) in late] + [f"{key} was never sent" for (key,) in sent if key not in had]


class Ticking:
    """The clock of an authenticator's app moves on meanwhile, thirty times as fast as a real one."""

    def __init__(self, nodes: Nodes) -> None:
        self.nodes = nodes

    def __enter__(self) -> None:
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        while not self.over.wait(1):
            self.nodes.advance(seconds=30)

    def __exit__(self, *_) -> None:
        self.over.set()
        self.thread.join()


def planted(nodes: Nodes, walkers: list[Walker]) -> None:
    """The comparison is not blind: a lost credential, a lost password, a code accepted again, a session of nobody's and messages that
    nobody got are found."""
    first, second, third, fourth = walkers[:4]
    person = "(SELECT id FROM person WHERE name = '{}')".format
    engine.change(nodes.data, f"UPDATE credential SET state = 'retired' WHERE id = '{sorted(first.kept)[0]}'")
    assert any(kind == "lost" for kind, _ in first.compare())
    engine.change(nodes.data, f"UPDATE person SET password_hash = (SELECT password_hash FROM person WHERE name = 'ben') WHERE name = '{second.user}'")
    second._at_the_code()
    assert second.wrong and second.wrong[0][0] == "lost"
    answered = store.ACTIVITIES["challengeAnswered"]
    columns = "organisation_id, at_ms, category, activity, result, person_id, person_name, actor_kind, correlation_id, details"
    engine.change(
        nodes.data,
        f"INSERT INTO audit (id, {columns}) SELECT 'planted', {columns} FROM audit WHERE activity = '{answered}' AND result = 'success' "
        f"AND person_name = '{third.user}' ORDER BY at_ms DESC LIMIT 1",
    )
    assert any(kind == "twice" for kind, _ in third.compare())
    engine.change(
        nodes.data,
        f"INSERT INTO audit (id, {columns.replace('correlation_id', 'case_code')}, correlation_id) "
        f"SELECT 'planted too', {columns.replace('correlation_id', 'case_code')}, 'elsewhere' FROM audit "
        f"WHERE activity = '{store.ACTIVITIES['signedIn']}' AND person_id = {person(fourth.user)} LIMIT 1",
    )
    assert any(kind == "alive" for kind, _ in fourth.compare())
    # No worker knows what to do with such a message, so that it stays.
    for key, kind, state in (("lost", "text", "sent"), ("stuck", "nothing", "waiting")):
        columns = "organisation_id, sealed, not_after_ms, tries, next_ms, created_ms"
        engine.change(
            nodes.data,
            f"INSERT INTO outbox (id, kind, state, {columns}) SELECT '{key}', '{kind}', '{state}', {columns} FROM outbox WHERE kind = 'text' LIMIT 1",
        )
    assert undelivered(nodes) == ["stuck is due", "lost was never sent"]
    # What reads the outbox at the end does not know such a message either.
    engine.change(nodes.data, "DELETE FROM outbox WHERE id = 'stuck'")
