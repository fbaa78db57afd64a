"""An authenticator for the benchmark: ES256 by hand, so that nothing has to be installed. One key, as many passkeys as people."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import secrets

P = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)


def add(a, b):
    """Points of P-256 in plain coordinates; None is zero."""
    if a is None or b is None:
        return a or b
    if a[0] == b[0]:
        if (a[1] + b[1]) % P == 0:
            return None
        slope = (3 * a[0] * a[0] - 3) * pow(2 * a[1], -1, P)
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, P)
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


#: G, 2 G, 4 G …
DOUBLES = [G]
while len(DOUBLES) < 256:
    DOUBLES.append(add(DOUBLES[-1], DOUBLES[-1]))


def times(number: int):
    point = None
    for bit, double in enumerate(DOUBLES):
        if number >> bit & 1:
            point = add(point, double)
    return point


def text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def integer(value: int) -> bytes:
    data = value.to_bytes(value.bit_length() // 8 + 1, "big")
    return b"\x02" + bytes([len(data)]) + data


class Passkey:
    secret = secrets.randbelow(N - 1) + 1
    point = times(secret)
    # One nonce for all signatures gives the key away, and saves a minute: nothing but this benchmark ever trusts the key.
    nonce = secrets.randbelow(N - 1) + 1
    r = times(nonce)[0] % N

    def __init__(self, port: int) -> None:
        self.origin, self.id, self.counter, self.handle = f"http://localhost:{port}", secrets.token_bytes(32), 0, ""

    @classmethod
    def sign(cls, message: bytes) -> tuple[int, int]:
        digest = int.from_bytes(hashlib.sha256(message).digest(), "big")
        return cls.r, pow(cls.nonce, -1, N) * (digest + cls.r * cls.secret) % N

    @staticmethod
    def asked(page: str) -> dict:
        return json.loads(html.unescape(re.search(r'data-options="([^"]*)"', page).group(1)))

    def client(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": f"webauthn.{kind}", "challenge": challenge, "origin": self.origin, "crossOrigin": False}).encode()

    def data(self, flags: int, more: bytes = b"") -> bytes:
        return hashlib.sha256(b"localhost").digest() + bytes([flags]) + self.counter.to_bytes(4, "big") + more

    def create(self, page: str) -> dict[str, str]:
        asked = self.asked(page)
        self.handle = asked["user"]["id"]
        x, y = (part.to_bytes(32, "big") for part in self.point)
        cose = bytes.fromhex("a5010203262001215820") + x + bytes.fromhex("225820") + y
        data = self.data(0x45, bytes(16) + len(self.id).to_bytes(2, "big") + self.id + cose)
        attestation = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58" + bytes([len(data)]) + data
        return {"clientData": text(self.client("create", asked["challenge"])), "attestation": text(attestation), "id": text(self.id)}

    def use(self, page: str) -> dict[str, str]:
        self.counter += 1
        client, data = self.client("get", self.asked(page)["challenge"]), self.data(0x05)
        r, s = self.sign(data + hashlib.sha256(client).digest())
        body = integer(r) + integer(s)
        return {
            "id": text(self.id), "clientData": text(client), "authenticatorData": text(data), "userHandle": self.handle,
            "signature": text(b"\x30" + bytes([len(body)]) + body),
            "ticket": re.search(r'name="ticket" value="([^"]*)"', page).group(1),
        }
