"""A text-message gateway on this machine that keeps what it is given, and breaks when it is told to."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass

from loopback import Loopback, Request
from server import News, code_in, wait_for


@dataclass(frozen=True)
class Text:
    number: int
    to: str
    body: str
    #: The same for every try of one message.
    key: str


class TextGateway(Loopback):
    """`answer`, when set, is the status that refuses a text (503); `silent` leaves the other side waiting for any answer at all."""

    def __init__(self) -> None:
        self.texts: list[Text] = []
        #: The address of every request, whatever came of it.
        self.asked: list[str] = []
        self.answer: int | None = None
        self.silent = False
        #: How many texts it would not take.
        self.refused = 0
        self._news = News()
        self._over = threading.Event()
        super().__init__()

    @property
    def environment(self) -> dict[str, str]:
        """What a server is told so that its texts come here."""
        return {"CONVERGE_TEXT_URL": self.address}

    @property
    def address(self) -> str:
        return f"{self.origin}/texts"

    def _handler(gateway) -> type[Request]:
        class Handler(Request):
            def parse_request(self) -> bool:
                understood = super().parse_request()
                if understood:
                    gateway.asked.append(self.path)
                return understood

            def do_POST(self) -> None:
                sent = json.loads(self.body())
                if gateway.silent or gateway.answer:
                    gateway.refused += 1
                    if gateway.silent:
                        gateway._over.wait(60)
                        return
                else:
                    gateway.texts.append(Text(len(gateway.texts), sent["to"], sent["text"], sent["idempotencyKey"]))
                self.say(gateway.answer or 202)

        return Handler

    def stop(self) -> None:
        self._over.set()
        super().stop()

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
