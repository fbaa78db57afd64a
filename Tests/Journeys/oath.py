"""An authenticator app, written from RFC 4226 and RFC 6238 and sharing nothing with the server's own code."""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
import urllib.parse


def secret_from_base32(key: str) -> bytes:
    """The key as people type it: capitals, spaces, hyphens and the padding at the end don't matter."""
    letters = key.replace(" ", "").replace("-", "").replace("\u00a0", "").rstrip("=").upper()
    return base64.b32decode(letters + "=" * (-len(letters) % 8))


def hotp(secret: bytes, counter: int, digits: int = 6, algorithm: str = "sha1") -> str:
    digest = hmac.new(secret, struct.pack(">Q", counter), getattr(hashlib, algorithm)).digest()
    offset = digest[-1] & 0x0F
    number = struct.unpack(">I", digest[offset : offset + 4])[0] & 0x7FFF_FFFF
    return str(number % 10**digits).zfill(digits)


def totp(secret: bytes, seconds: float, digits: int = 6, period: int = 30, algorithm: str = "sha1") -> str:
    return hotp(secret, int(seconds // period), digits, algorithm)


class AuthenticatorApp:
    """One account in a person's authenticator app."""

    period = 30

    def __init__(self, secret: bytes, issuer: str = "", account: str = "") -> None:
        self.secret = secret
        self.issuer = issuer
        self.account = account
        self._last_step = -1

    @classmethod
    def from_key(cls, key: str) -> AuthenticatorApp:
        """The way of "can't scan the code?"."""
        return cls(secret_from_base32(key))

    @classmethod
    def from_uri(cls, uri: str) -> AuthenticatorApp:
        """What the QR code holds. Refuses whatever a plain app would not understand."""
        parts = urllib.parse.urlsplit(uri)
        given = dict(urllib.parse.parse_qsl(parts.query, strict_parsing=True))
        if parts.scheme != "otpauth" or parts.netloc != "totp":
            raise ValueError(f"not a time-based account: {uri}")
        if given.get("algorithm", "SHA1").upper() != "SHA1" or given.get("digits", "6") != "6" or given.get("period", "30") != "30":
            raise ValueError(f"many apps silently ignore these settings: {parts.query}")
        label = urllib.parse.unquote(parts.path.lstrip("/"))
        issuer, _, account = label.rpartition(":")
        return cls(secret_from_base32(given["secret"]), given.get("issuer", issuer), account.strip())

    def code_at(self, seconds: float) -> str:
        """The code at a moment, whether or not it was used before."""
        return totp(self.secret, seconds, period=self.period)

    def code(self, server) -> str:
        """A code that was not shown before. A step works only once, so where this one was used, the server's clock moves to the next."""
        step = int(server.now() // self.period)
        if step <= self._last_step:
            server.advance(seconds=(self._last_step + 1) * self.period - server.now())
            step = self._last_step + 1
        self._last_step = step
        return hotp(self.secret, step)
