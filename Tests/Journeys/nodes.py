"""Several `converge serve` behind a balancer, over one database and one key ring, as an organisation with more than one machine
runs them. To a story it is a server like any other.

The database begins as the demo's, whose people the stories are about; `serve` refuses such a one, so that mark is taken away."""

from __future__ import annotations

import signal
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import engine
from balancer import Balancer
from server import PATIENCE, PROGRAM, Server, code_in, end, free_port, wait_for
from telephone import Carrier
from textgateway import TextGateway

CONFIGURATION = """\
publicURL: {address}
trustedProxies: [127.0.0.0/8]
keyRing: {{path: {data}/keys.json}}
log: {{level: warning, format: text}}
organisation:
  name: Harbour & Vale
  zone: Europe/London
  mailDomains: [example.org]
  helpdesk: Weekdays from 8 to 18
  helpdeskPhone: 0117 496 0123
"""


class Node:
    """One of them."""

    def __init__(self, number: int, folder: Path) -> None:
        self.number, self.folder, self.port = number, folder, free_port()
        self.log = folder / f"node-{number}.log"
        self.process: subprocess.Popen | None = None
        #: What is set for it alone.
        self.environment: dict[str, str] = {}

    def launch(self, configuration: Path, environment: dict[str, str]) -> None:
        assert self.process is None, f"node {self.number} runs already"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [PROGRAM, "serve", "--config", configuration], stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                env=environment | self.environment | {"CONVERGE_LISTEN_PORT": str(self.port)}, cwd=self.folder,
            )

    def wait_ready(self) -> None:
        wait_for(f"node {self.number} to answer", self._is_ready, PATIENCE)

    def _is_ready(self) -> bool | None:
        if self.process.poll() is not None:
            raise AssertionError(f"node {self.number} ended with {self.process.returncode}:\n{self.tail()}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=2) as answer:
                return answer.status == 200 or None
        except (urllib.error.URLError, OSError):
            return None

    def stop(self, kill: bool = False) -> None:
        process, self.process = self.process, None
        end(process, kill, self.tail)

    def pause(self) -> None:
        """It keeps its connections and locks and does nothing."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def tail(self, lines: int = 40) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.exists() else ""


class Nodes(Server):
    """Texts go to a gateway that all of them ask, or a carrier; there is no box."""

    def __init__(self, folder: Path, environment: dict[str, str], count: int, gateway: TextGateway | Carrier, patience: float = 60) -> None:
        assert engine.POSTGRES, "several nodes need PostgreSQL"
        super().__init__(folder, environment | gateway.environment)
        self.gateway = gateway
        self.nodes = [Node(number + 1, folder) for number in range(count)]
        self.balancer = Balancer(self.port, [node.port for node in self.nodes], patience)
        self._configuration = folder / "converge.yaml"

    # --- their life

    @property
    def running(self) -> list[Node]:
        return [node for node in self.nodes if node.process]

    def let_run(self, count: int) -> None:
        """Only so many of them from now on; to the balancer the others are places where nobody listens."""
        for node in self.nodes[count:]:
            if node.process:
                node.stop()
        missing = [node for node in self.nodes[:count] if not node.process]
        for node in missing:
            self.launch(node)
        for node in missing:
            node.wait_ready()

    def start(self) -> None:
        if not self._configuration.exists():
            self._make()
        for node in self.nodes:
            self.launch(node)
        for node in self.nodes:
            node.wait_ready()
        self.balancer.start()

    def launch(self, node: Node) -> None:
        """Starts one of them, whose breached passwords lie where `passwords import` has put them."""
        listed = self.data / "breached.bin"
        node.launch(self._configuration, self._environment | ({"CONVERGE_PASSWORDS_BREACHEDLIST": str(listed)} if listed.exists() else {}))

    def _make(self) -> None:
        super().start()
        process, self._process = self._process, None
        end(process, False, self.tail)
        engine.change(self.data, "UPDATE organisation SET is_demo = FALSE")
        self._configuration.write_text(CONFIGURATION.format(address=self.address, data=self.data))

    @property
    def pid(self) -> int:
        raise AssertionError("several processes have no one id")

    def stop(self, kill: bool = False) -> None:
        running = self.running
        if not running:
            return
        self._learn()
        self.balancer.stop()
        for node in running:
            node.stop(kill)
        self._search("\n".join(log.read_text(errors="replace") for log in [self.log, *(node.log for node in self.nodes)] if log.exists()))

    def _read_metrics(self, _: str) -> None:
        for node in self.nodes:
            if node.process and node.process.poll() is None:
                super()._read_metrics(f"http://127.0.0.1:{node.port}")

    def tail(self, lines: int = 40) -> str:
        return "\n".join(f"node {node.number}:\n{node.tail(lines)}" for node in self.nodes)

    # --- what they sent

    def outbox(self) -> list[dict]:
        """Texts, then mails, each kind in the order in which it came."""
        texts = [{"kind": "text", "to": text.to, "subject": "", "body": text.body, "at": text.number} for text in list(self.gateway.texts)]
        mails = [
            {"kind": "mail", "to": to, "subject": mail.subject, "body": mail.text, "at": mail.number}
            for mail in (list(self.mailbox.mails) if self.mailbox else []) for to in mail.to
        ]
        for message in texts + mails:
            message["code"] = code_in(message["body"])
        return texts + mails
