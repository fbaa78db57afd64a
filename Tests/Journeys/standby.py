"""A PostgreSQL server of a test's own with a standby that has everything before it is confirmed, so that a test may kill the one
and promote the other. Both are gone with the test."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from server import free_port

SETTINGS = {
    # A process that is killed leaves what it wrote to the kernel; only the power would take that, too.
    "fsync": "off", "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "max_connections": "200", "autovacuum": "off",
}
#: Only for the first one: once promoted the other has nobody to wait for.
CONFIRMED_BY_BOTH = {"synchronous_commit": "on", "synchronous_standby_names": "*"}


class TwoServers:
    def __init__(self) -> None:
        self._bin = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
        self._user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.getuid() == 0 else []
        self.folder = Path(tempfile.mkdtemp(prefix="converge-standby-", dir="/tmp"))
        if self._user:
            shutil.chown(self.folder, "postgres", "postgres")
        self.ports = [free_port(), free_port()]
        #: Where programs find whichever of the two takes writes.
        self.conninfo = (
            f"host=127.0.0.1,127.0.0.1 port={self.ports[0]},{self.ports[1]} user=converge target_session_attrs=read-write connect_timeout=2"
        )

    def start(self) -> None:
        first, second = self.folder / "first", self.folder / "second"
        self._run("initdb", "-D", first, "-A", "trust", "-U", "converge", "--locale=C", "-E", "UTF8", "--no-sync")
        self._launch(first, self.ports[0], SETTINGS)
        self._run("pg_basebackup", "-D", second, "-R", "-X", "stream", "-c", "fast", "--no-sync", "-d", f"host=127.0.0.1 port={self.ports[0]} user=converge")
        self._launch(second, self.ports[1], SETTINGS)
        # From now on nothing is confirmed that the standby has not.
        for name, value in CONFIRMED_BY_BOTH.items():
            self._ask(f"ALTER SYSTEM SET {name} = '{value}'")
        self._ask("SELECT pg_reload_conf()")

    def standbys(self) -> list[str]:
        """How the first one's standbys follow it."""
        return self._ask("SELECT sync_state FROM pg_stat_replication").split()

    def kill_first(self) -> None:
        """Its processes end with the first of them, and whoever was being told of a commit is told nothing."""
        pid = int((self.folder / "first/postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)

    def promote_second(self) -> None:
        self._run("pg_ctl", "promote", "-D", self.folder / "second", "-w", "-t", "30")

    def stop(self) -> None:
        for name in ("second", "first"):
            if (self.folder / name / "postmaster.pid").exists():
                self._run("pg_ctl", "stop", "-D", self.folder / name, "-m", "immediate", check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _launch(self, data: Path, port: int, settings: dict[str, str]) -> None:
        options = " ".join([f"-p {port}", *(f"-c {name}={value}" for name, value in settings.items())])
        self._run("pg_ctl", "start", "-D", data, "-l", self.folder / f"{data.name}.log", "-w", "-t", "30", "-o", options)

    def _ask(self, statement: str) -> str:
        place = f"host=127.0.0.1 port={self.ports[0]} user=converge dbname=postgres"
        return subprocess.run([self._bin / "psql", place, "-X", "-q", "-A", "-t", "-c", statement], check=True, capture_output=True, text=True).stdout

    def _run(self, tool: str, *arguments: str | Path, check: bool = True) -> None:
        # Not in a pipe: the server keeps what it is given for as long as it lives.
        with (self.folder.parent / f"{self.folder.name}.said").open("w+") as said:
            done = subprocess.run(
                [*self._user, self._bin / tool, *map(str, arguments)], stdout=said, stderr=said, stdin=subprocess.DEVNULL, cwd="/", timeout=60
            )
            said.seek(0)
            text = said.read()
        Path(said.name).unlink()
        assert done.returncode == 0 or not check, f"{tool}: {text}"
