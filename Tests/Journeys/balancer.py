"""What stands in front of several nodes: each request, also those of one kept connection, goes to the next node in turn.

As plain as a balancer can be. It keeps `Host`, adds the client to `X-Forwarded-For`, leaves out a node that refuses the connection,
and never sends a request twice: where a node has taken it and is silent or gone, the client is told (502, 504) and cannot know."""

from __future__ import annotations

import asyncio
import re
import threading

HEAD_MAX = 65_536


class Balancer:
    """`patience`: seconds that a node has for the first line of its answer."""

    def __init__(self, port: int, nodes: list[int], patience: float = 60) -> None:
        self.port, self.nodes, self.patience = port, nodes, patience
        #: Which node answered each request, by its place in the row.
        self.answered_by: list[int] = []
        self._turn = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        assert ready.wait(10), f"no balancer on port {self.port}"

    def stop(self) -> None:
        if self._thread:
            self._loop.call_soon_threadsafe(self._over.set)
            self._thread.join(10)
            self._thread = None

    def _run(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve(ready))
        finally:
            self._loop.close()

    async def _serve(self, ready: threading.Event) -> None:
        self._over = asyncio.Event()
        clients: set[asyncio.Task] = set()

        async def client(reader, writer) -> None:
            clients.add(asyncio.current_task())
            try:
                await self._client(reader, writer)
            except (OSError, EOFError, asyncio.LimitOverrunError, asyncio.CancelledError):
                pass  # It went away, or we do.
            finally:
                clients.discard(asyncio.current_task())
                writer.close()

        server = await asyncio.start_server(client, "127.0.0.1", self.port, limit=HEAD_MAX, backlog=512)
        ready.set()
        await self._over.wait()
        server.close()
        for task in list(clients):
            task.cancel()
        await asyncio.gather(*clients, return_exceptions=True)

    # --- one client

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = writer.get_extra_info("peername")[0]
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.readexactly(int(_field(head, b"content-length") or 0))
            goes_on = await self._pass_on(head, body, peer, writer)
            await writer.drain()
            if not goes_on or (_field(head, b"connection") or b"").lower() == b"close":
                return

    async def _pass_on(self, head: bytes, body: bytes, peer: str, writer: asyncio.StreamWriter) -> bool:
        """Whether the client's connection may be used again."""
        node, upstream = await self._next()
        if upstream is None:
            return _refuse(writer, b"503 Service Unavailable")
        answers, requests = upstream
        try:
            requests.write(_forwarded(head, peer) + body)
            await requests.drain()
            async with asyncio.timeout(self.patience):
                answer = await answers.readuntil(b"\r\n\r\n")
            self.answered_by.append(node)
            return await _answer(head, answer, answers, writer)
        except TimeoutError:
            return _refuse(writer, b"504 Gateway Timeout")
        except (OSError, EOFError):
            return _refuse(writer, b"502 Bad Gateway")
        finally:
            requests.close()

    async def _next(self):
        """The node whose turn it is, or the next one that takes connections; a place and the two streams."""
        first, self._turn = self._turn, self._turn + 1
        for step in range(len(self.nodes)):
            node = (first + step) % len(self.nodes)
            try:
                return node, await asyncio.open_connection("127.0.0.1", self.nodes[node], limit=HEAD_MAX)
            except OSError:
                continue
        return None, None


def _field(head: bytes, name: bytes) -> bytes | None:
    found = re.search(rb"\r\n" + re.escape(name) + rb":[ \t]*([^\r\n]*)", head, re.IGNORECASE)
    return found.group(1).strip() if found else None


def _without(head: bytes, *names: bytes) -> list[bytes]:
    lines = head[:-4].split(b"\r\n")
    return lines[:1] + [line for line in lines[1:] if line.split(b":")[0].strip().lower() not in names]


def _forwarded(head: bytes, peer: str) -> bytes:
    hops = [hop for hop in (_field(head, b"x-forwarded-for"), peer.encode()) if hop]
    lines = _without(head, b"connection", b"keep-alive", b"x-forwarded-for")
    return b"\r\n".join([*lines, b"X-Forwarded-For: " + b", ".join(hops), b"Connection: close", b"", b""])


async def _answer(head: bytes, answer: bytes, answers: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Passes an answer on. Pieces (`chunked`) go as they are: the node closes after the last one."""
    length, pieces = _field(answer, b"content-length"), _field(answer, b"transfer-encoding")
    writer.write(b"\r\n".join([*_without(answer, b"connection", b"keep-alive"), b"", b""]))
    if head.startswith(b"HEAD ") or answer.split(b" ")[1] in (b"204", b"304"):
        return True
    if length is not None:
        writer.write(await answers.readexactly(int(length)))
        return True
    while piece := await answers.read(HEAD_MAX):
        writer.write(piece)
        await writer.drain()
    return pieces is not None


def _refuse(writer: asyncio.StreamWriter, status: bytes) -> bool:
    writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    return False
