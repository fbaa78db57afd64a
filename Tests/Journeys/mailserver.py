"""A mail server on this machine that keeps what it is given."""

from __future__ import annotations

import email
import email.policy
import re
from dataclasses import dataclass
from email.message import EmailMessage

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP

from server import News, code_in, free_port, wait_for


@dataclass(frozen=True)
class Mail:
    number: int
    to: tuple[str, ...]
    sender: str
    message: EmailMessage

    @property
    def subject(self) -> str:
        return str(self.message["subject"])

    def _part(self, kind: str) -> str:
        part = self.message.get_body((kind,))
        return part.get_content() if part else ""

    @property
    def text(self) -> str:
        return self._part("plain")

    @property
    def html(self) -> str:
        return self._part("html")

    @property
    def links(self) -> list[str]:
        return [link.rstrip(".,)>") for link in re.findall(r"https?://\S+", self.text)]

    @property
    def code(self) -> str:
        code = code_in(self.text)
        assert code, f"no code in this mail: {self.text}"
        return code


class Mailbox:
    """`answer`, when set, is what the server says instead of taking the mail ("451 4.3.0 come back later", "550 no such user")."""

    def __init__(self) -> None:
        self.port = free_port()
        self.mails: list[Mail] = []
        self.answer: str | None = None
        self.refused = 0
        self._news = News()
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)

    # Called by aiosmtpd, in its own thread.
    async def handle_DATA(self, server: SMTP, session, envelope) -> str:
        if self.answer:
            self.refused += 1
            return self.answer
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.mails.append(Mail(len(self.mails), tuple(envelope.rcpt_tos), envelope.mail_from, message))
        return "250 2.0.0 taken"

    def start(self) -> None:
        self._controller.start()

    def stop(self) -> None:
        self._controller.stop()

    def to(self, address: str) -> list[Mail]:
        return [mail for mail in list(self.mails) if address in mail.to]

    def latest(self, to: str, unread: bool = True) -> Mail:
        """The newest mail to an address. Waits for one that was not handed out before, unless told otherwise."""
        return wait_for(f"a mail to {to}", lambda: self._news.newest([(mail.number, mail) for mail in self.to(to)], unread))

    def latest_code(self, to: str, unread: bool = True) -> str:
        return self.latest(to, unread).code
