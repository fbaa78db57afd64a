"""What a server must never write down in clear: every code, key, password, number and address that a story has used.

A story does nothing for it. Its server and its people tell what they saw and typed; when the server stops, its database, its
write-ahead log, every other file of its folder, its log, what it counted for monitors (`/metrics`), every address that was visited
and every address that it asked of gateways are searched."""

from __future__ import annotations

import re
import urllib.parse
from pathlib import Path

import engine

#: Words that the demo says on purpose when it starts.
GREETING = re.compile(r"^Sign in as$.*?^Data is kept in .*?$", re.MULTILINE | re.DOTALL)
TOKEN = re.compile(r"(k\d+\.)?[\w-]{20,}")
SECRET_FIELDS = {"password", "new", "again", "current", "code", "pass", "number", "email"}


class Secrets:
    def __init__(self) -> None:
        self.known: dict[str, str] = {}
        self.visited: list[str] = []
        #: Addresses that the server asked of others.
        self.asked: list[str] = []
        #: What `/metrics` said when the server was about to stop.
        self.counted: list[str] = []

    # --- what there is to hide

    def learn(self, secret: str, what: str) -> None:
        secret = secret.strip()
        # Short words are everywhere, and so is 000000.
        if len(secret) >= 6 and len(set(secret)) > 3:
            self.known.setdefault(secret, what)
            # In an address a plus sign is a space.
            if secret.startswith("+") and secret[1:].isdigit():
                self.known.setdefault(secret[1:], what)

    def message(self, message: dict) -> None:
        """A text or mail, as it lies in the box."""
        self.learn(message["to"], "the address of a message")
        self.learn(message.get("code") or "", "a code")
        for token in re.findall(r"/not-me/([\w-]{20,})", message["body"]):
            self.learn(token, "a link")

    def typed(self, field: str, text: str) -> None:
        if field not in SECRET_FIELDS and not field.startswith("answer-"):
            return
        self.learn(text, f"what was typed as {field}")
        if field == "number" and text.startswith("0"):
            self.learn("44" + re.sub(r"\D", "", text)[1:], "a number")

    def seen(self, url: str, html: str) -> None:
        """A page that somebody was shown, and its address."""
        self.visited.append(url)
        for key in re.findall(r'<p class="key[^"]*"[^>]*>(.*?)</p>', html, re.DOTALL):
            self.learn(re.sub(r"<[^>]*>|\s", "", key), "the key of an app")
        for codes in re.findall(r'<ol class="codes[^"]*">(.*?)</ol>', html, re.DOTALL):
            for code in re.findall(r"[A-Z0-9]{5}-[A-Z0-9]{5}", codes):
                self.learn(code, "a recovery code")
                self.learn(code.replace("-", ""), "a recovery code")

    # --- where it is looked for

    def leaks(self, data: Path, log: str) -> list[str]:
        """Every secret that was found, and where."""
        tables = engine.texts(data)
        names = {value.lower() for place, value in tables if place in ("person.name", "person.display_name")}
        wanted = {secret: what for secret, what in self.known.items() if secret.lower() not in names}
        as_bytes = {secret.encode().decode("latin-1"): what for secret, what in wanted.items()}
        found = []
        for path in sorted(data.rglob("*")):
            if path.is_file():
                content = path.read_bytes().decode("latin-1")
                found += _search(as_bytes, content, str(path.relative_to(data)), r"[\w-]")
        for place, value in tables:
            if not TOKEN.fullmatch(value):
                found += _search(wanted, value, place, r"\d")
        found += _search(wanted, GREETING.sub("", log), "the log", r"\d")
        for text in self.counted:
            # A number with a decimal point is a time or an amount.
            found += _search(wanted, text, "/metrics", r"[\d.]")
        for url in self.asked:
            found += _search(wanted, urllib.parse.unquote_plus(url), f"the address {url} of a gateway", r"\d")
        for url in self.visited:
            path = urllib.parse.unquote_plus(url.split("://", 1)[-1].partition("/")[2])
            # The link of a notice is its secret, in the address by its nature.
            found += _search(wanted, re.sub(r"^not-me/[\w-]+$", "", path), f"the address {url}", r"\d")
        return sorted(set(found))


def _search(wanted: dict[str, str], text: str, place: str, edge: str) -> list[str]:
    """Six digits stand in every long number, so a run of digits must stand by itself."""
    found = []
    for secret, what in wanted.items():
        if secret in text and (not secret.isdigit() or re.search(f"(?<!{edge}){secret}(?!{edge})", text)):
            found.append(f"{what}, “{secret}”, stands in {place}")
    return found
