"""A text-message gateway on this machine that keeps what it is given, and breaks when it is told to."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from server import News, code_in, wait_for


@dataclass(frozen=True)
class Text:
    number: int
    to: str
    body: str
    #: The same for every try of one message.
    key: str


class TextGateway:
    """`answer`, when set, is the status that refuses a text (503); `silent` leaves the other side waiting for any answer at all."""

    def __init__(self) -> None:
        self.texts: list[Text] = []
        self.answer: int | None = None
        self.silent = False
        #: How many texts it would not take.
        self.refused = 0
        self._news = News()
        self._over = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}/texts"

    def _handler(gateway) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if gateway.silent or gateway.answer:
                    gateway.refused += 1
                    if gateway.silent:
                        gateway._over.wait(60)
                        return
                else:
                    gateway.texts.append(Text(len(gateway.texts), sent["to"], sent["text"], sent["idempotencyKey"]))
                self.send_response(gateway.answer or 202)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_) -> None:
                pass

        return Handler

    def start(self) -> None:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()

    def mend(self) -> None:
        self.answer, self.silent = None, False

    def to(self, number: str) -> list[Text]:
        return [text for text in list(self.texts) if text.to == number]

    def latest_code(self, to: str) -> str:
        """The code of the newest text to a number that was not handed out before; waits for it."""
        text = wait_for(f"a text to {to}", lambda: self._news.newest([(text.number, text) for text in self.to(to)], unread=True))
        code = code_in(text.body)
        assert code, f"no code in this text: {text.body}"
        return code

    def wait_refused(self, times: int = 1) -> None:
        """Until so many tries of texts were refused."""
        wait_for(f"{times} refused texts", lambda: self.refused >= times or None)
