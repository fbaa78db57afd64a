"""A browser without a screen: cookies, the forms that pages really have, and many posts at once. For proofs about rivals and crashes."""

from __future__ import annotations

import html
import http.client
import re
import threading
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field


@dataclass
class Answer:
    status: int
    headers: list[tuple[str, str]]
    text: str

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    @property
    def opens_session(self) -> bool:
        return any(k.lower() == "set-cookie" and re.match(r"converge=[^;]", v) for k, v in self.headers)

    @property
    def heading(self) -> str:
        found = re.search(r"<h1[^>]*>(.*?)</h1>", self.text, re.S)
        return html.unescape(re.sub(r"<[^>]*>", "", found.group(1))).strip() if found else ""


@dataclass
class Request:
    port: int
    path: str
    cookie: str
    body: str
    #: The port that it goes to; None: the one of the address.
    via: int | None = None

    def send(self) -> Answer:
        headers = {"Cookie": self.cookie, "Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
        return exchange(self.port, "POST", self.path, headers, self.body, self.via)


def exchange(port: int, method: str, path: str, headers: dict[str, str], body: str | None = None, via: int | None = None) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", via or port, timeout=60)
    try:
        connection.request(method, path, body, {"Host": f"localhost:{port}", **headers})
        answer = connection.getresponse()
        return Answer(answer.status, answer.getheaders(), answer.read().decode("utf-8", "replace"))
    finally:
        connection.close()


def all_at_once(requests: list[Request]) -> list[Answer]:
    """Every request by a thread of its own, let go together."""
    barrier = threading.Barrier(len(requests))

    def run(request: Request) -> Answer:
        barrier.wait()
        return request.send()

    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(run, requests))


@dataclass
class Raw:
    """One browser, at one of the servers' ports. Behind a balancer `port` is the balancer's, and `via` one node's, past the balancer."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)
    answer: Answer | None = None
    path: str = "/"
    via: int | None = None

    def at(self, port: int) -> Raw:
        """The same browser at another process."""
        return Raw(port, dict(self.cookies), self.answer, self.path)

    def by(self, node: int | None) -> Raw:
        """The same browser, led to one node; None: through the balancer."""
        return Raw(self.port, self.cookies, self.answer, self.path, node)

    @property
    def cookie(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    def get(self, path: str) -> Raw:
        return self._follow(exchange(self.port, "GET", path, {"Cookie": self.cookie}, via=self.via), path)

    def form(self, action: str) -> tuple[str, dict[str, str]]:
        """Address and hidden fields of the form that posts to an action ending so."""
        for attributes, inside in re.findall(r"<form\b([^>]*)>(.*?)</form>", self.answer.text, re.S):
            found = re.search(r'\baction="([^"]*)"', attributes)
            if found and html.unescape(found.group(1)).endswith(action):
                hidden = {}
                for tag in re.findall(r"<input\b[^>]*>", inside):
                    if 'type="hidden"' in tag:
                        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
                        hidden[html.unescape(name.group(1))] = html.unescape(value.group(1)) if value else ""
                return html.unescape(found.group(1)), hidden
        raise AssertionError(f"no form for {action} on “{self.answer.heading}” ({self.answer.status})")

    def has_form(self, action: str) -> bool:
        try:
            self.form(action)
            return True
        except AssertionError:
            return False

    def prepare(self, action: str, **fields: str) -> Request:
        """The request that pressing the button would send, not sent yet."""
        path, hidden = self.form(action)
        return Request(self.port, path, self.cookie, urllib.parse.urlencode({**hidden, **fields}), self.via)

    def submit(self, action: str, **fields: str) -> Raw:
        request = self.prepare(action, **fields)
        return self._follow(request.send(), request.path)

    def sign_in(self, name: str, password: str) -> Raw:
        return self.get("/sign-in").submit("/sign-in", name=name, password=password)

    def find(self, pattern: str) -> str:
        found = re.search(pattern, self.answer.text, re.S)
        assert found, f"nothing like {pattern} on “{self.answer.heading}”"
        return html.unescape(found.group(1)).strip()

    def _follow(self, answer: Answer, path: str) -> Raw:
        for _ in range(10):
            for name, value in answer.headers:
                if name.lower() == "set-cookie":
                    key, _, rest = value.partition("=")
                    secret = rest.split(";")[0]
                    if secret and "Max-Age=0" not in value:
                        self.cookies[key] = secret
                    else:
                        self.cookies.pop(key, None)
            if not 300 <= answer.status < 400:
                break
            path = answer.header("Location")
            answer = exchange(self.port, "GET", path, {"Cookie": self.cookie}, via=self.via)
        self.answer, self.path = answer, path
        return self
