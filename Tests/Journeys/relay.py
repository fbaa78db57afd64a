"""What lies between a program and its database, and can fall silent: nothing is refused and nothing closed, and nothing comes through,
as when a cable is pulled. Once it is mended everything arrives that was on its way."""

from __future__ import annotations

import contextlib
import socket
import threading


class Relay:
    def __init__(self, port: int) -> None:
        """`port`: where it leads."""
        self._to = port
        self._passes = threading.Event()
        self._passes.set()
        self._over = False
        self._ends: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]

    def start(self) -> None:
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        self._over = True
        self._passes.set()
        for end in [self._listener, *self._ends]:
            end.close()

    def fall_silent(self) -> None:
        self._passes.clear()

    def mend(self) -> None:
        self._passes.set()

    def _accept(self) -> None:
        while not self._over:
            with contextlib.suppress(OSError):
                near, _ = self._listener.accept()
                threading.Thread(target=self._connect, args=(near,), daemon=True).start()

    def _connect(self, near: socket.socket) -> None:
        self._passes.wait()
        try:
            far = socket.create_connection(("127.0.0.1", self._to))
        except OSError:
            return near.close()
        self._ends += [near, far]
        for source, target in ((near, far), (far, near)):
            threading.Thread(target=self._pump, args=(source, target), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(65_536):
                self._passes.wait()
                target.sendall(piece)
        self._passes.wait()
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
