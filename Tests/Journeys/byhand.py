"""Forms sent by hand: at once, twice, with a megabyte in a field. What no browser does by itself, and anybody can do."""

from __future__ import annotations

import http.client
import re
import threading
import urllib.parse
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Answer:
    status: int
    #: Where a redirect leads.
    location: str
    text: str
    #: Whether it began a session: somebody is signed in by it.
    session: bool


@dataclass(frozen=True)
class Form:
    """A form of a page that somebody has open, with that person's cookies."""

    host: str
    path: str
    fields: dict[str, str]
    cookie: str

    @classmethod
    def on(cls, person, button: str) -> Form:
        """The form that a button of the page sends, with all that stands in it."""
        found = person._one("button", button, None).evaluate(
            """e => ({action: new URL(e.form.action).pathname,
                      fields: Object.fromEntries(new FormData(e.form, e.name ? e : undefined).entries())})"""
        )
        cookie = "; ".join(f"{name}={cookie['value']}" for name, cookie in person.cookies().items())
        return cls(urllib.parse.urlsplit(person.address).netloc, found["action"], found["fields"], cookie)

    def filled(self, **fields: str) -> Form:
        return replace(self, fields=self.fields | fields)

    def post(self) -> Answer:
        connection = http.client.HTTPConnection(self.host, timeout=60)
        try:
            return self._over(connection)
        finally:
            connection.close()

    def _over(self, connection: http.client.HTTPConnection) -> Answer:
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": self.cookie}
        connection.request("POST", self.path, urllib.parse.urlencode(self.fields), headers)
        answer = connection.getresponse()
        session = any(re.match(r"(__Host-)?converge=[^;]", cookie) for cookie in answer.headers.get_all("Set-Cookie") or [])
        return Answer(answer.status, answer.getheader("Location") or "", answer.read().decode(errors="replace"), session)


def at_once(forms: list[Form]) -> list[Answer]:
    """Sends them all in the same moment: every connection is open before the first one sends."""
    ready = threading.Barrier(len(forms))
    answers: list[Answer | None] = [None] * len(forms)

    def send(number: int, form: Form) -> None:
        connection = http.client.HTTPConnection(form.host, timeout=60)
        try:
            connection.connect()
            ready.wait(60)
            answers[number] = form._over(connection)
        finally:
            connection.close()

    threads = [threading.Thread(target=send, args=pair) for pair in enumerate(forms)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert None not in answers, "some were never answered"
    return answers
