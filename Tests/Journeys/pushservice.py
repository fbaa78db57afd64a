"""A push service on this machine (RFC 8030), with the browser's half of the keys: it decrypts with a library that shares nothing with
the server, and looks at who says that they send."""

from __future__ import annotations

import base64
import json
import os
import time
from dataclasses import dataclass

import http_ece
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from loopback import Loopback, Request
from server import wait_for


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def from_base64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass(frozen=True)
class Push:
    shown: dict
    ttl: int
    urgency: str


class PushService(Loopback):
    """`answer`, when set, is the status that refuses a message (410: nobody takes them there)."""

    def __init__(self) -> None:
        self.pushes: list[Push] = []
        self.refused = 0
        self.faults: list[str] = []
        self.answer: int | None = None
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.secret = os.urandom(16)
        super().__init__()

    @property
    def point(self) -> bytes:
        return self.key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)

    def script(self) -> str:
        """What stands for the browser's own push service, which no test machine reaches: it subscribes here. The person has agreed."""
        told = {"endpoint": f"{self.origin}/push/phone", "p256dh": list(self.point), "auth": list(self.secret)}
        return (
            f"const told = {json.dumps(told)};"
            "let taken = null;"
            "Object.defineProperty(Notification, 'permission', { get: () => 'granted' });"
            "const subscription = { endpoint: told.endpoint, getKey: (name) => new Uint8Array(told[name]).buffer,"
            "  unsubscribe: async () => { taken = null; return true; } };"
            "PushManager.prototype.getSubscription = async () => taken;"
            "PushManager.prototype.subscribe = async (options) => {"
            "  if (!options.userVisibleOnly || new Uint8Array(options.applicationServerKey).length !== 65) throw new Error('refused');"
            "  globalThis.subscriptions = (globalThis.subscriptions ?? 0) + 1;"
            "  return (taken = subscription); };"
        )

    def _check_sender(self, header: str) -> None:
        """RFC 8292: signed by the key beside it, for this service, for a day at most."""
        scheme, _, rest = header.partition(" ")
        fields = dict(part.strip().split("=", 1) for part in rest.split(","))
        head, claims, signature = fields["t"].split(".")
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), from_base64url(fields["k"]))
        raw = from_base64url(signature)
        der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
        public.verify(der, f"{head}.{claims}".encode(), ec.ECDSA(hashes.SHA256()))
        said = json.loads(from_base64url(claims))
        assert scheme == "vapid" and json.loads(from_base64url(head)) == {"typ": "JWT", "alg": "ES256"}
        assert said["aud"] == self.origin, said
        assert 0 < said["exp"] - time.time() <= 24 * 3600, said
        assert said["sub"].startswith(("https:", "mailto:", "http://localhost")), said

    @property
    def environment(self) -> dict[str, str]:
        """What a server is told so that it may push here, and nowhere else."""
        return {"CONVERGE_PUSH_HOSTS": self.origin}

    def _handler(service) -> type[Request]:
        class Handler(Request):
            def do_POST(self) -> None:
                body = self.body()
                status = service.answer or 201
                if service.answer:
                    service.refused += 1
                else:
                    try:
                        service._check_sender(self.headers["Authorization"])
                        assert self.headers["Content-Encoding"] == "aes128gcm"
                        plain = http_ece.decrypt(body, private_key=service.key, auth_secret=service.secret, version="aes128gcm")
                        service.pushes.append(Push(json.loads(plain), int(self.headers["TTL"]), self.headers["Urgency"]))
                    except (AssertionError, InvalidSignature, KeyError, ValueError, http_ece.ECEException) as fault:
                        service.faults.append(repr(fault))
                        status = 400
                self.say(status)

        return Handler

    def wait(self, count: int) -> Push:
        """The newest message, when there are so many."""
        wait_for(f"{count} push messages ({self.faults})", lambda: len(self.pushes) >= count or None)
        return self.pushes[-1]
