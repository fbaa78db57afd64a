"""Converge apps for the benchmark, all with one key, and a push service that counts what it is handed."""

from __future__ import annotations

import base64
import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlencode

from passkey import Passkey, text


def signed(*fields: str) -> str:
    """What the app signs: each text behind its length. The two numbers of the signature one after the other, as browsers sign."""
    r, s = Passkey.sign("".join(f"{len(field.encode())}:{field}," for field in fields).encode())
    return text(r.to_bytes(32, "big") + s.to_bytes(32, "big"))


class App:
    """One installed app. It lives on a phone, so its requests bear no cookie."""

    #: The point, uncompressed; and a secret of sixteen bytes, which only whoever decrypts would need.
    point = text(b"\x04" + b"".join(part.to_bytes(32, "big") for part in Passkey.point))
    secret = text(bytes(16))

    def __init__(self, port: int, number: int) -> None:
        self.port, self.number, self.origin = port, number, f"http://localhost:{port}"
        self.credential = self.person = ""
        self.key = b""

    def _post(self, path: str, **fields: str) -> bytes:
        body, n = urlencode(fields), self.number
        return (
            f"POST /authenticator/{path} HTTP/1.1\r\nHost: localhost:{self.port}\r\nOrigin: {self.origin}\r\n"
            f"X-Forwarded-For: 11.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}\r\n"
            "User-Agent: Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        ).encode()

    def activate(self, page: str) -> bytes:
        code = re.sub(r"[^0-9A-Z]", "", re.search(r'<p class="key wide">(.*?)</p>', page).group(1))
        now = str(int(time.time() * 1000))
        return self._post(
            "activate", code=code, key=self.point, time=now, signature=signed("converge-activate-1", code, self.origin, now, self.point)
        )

    def take(self, told: str) -> None:
        """What the server tells an app that came with a good code."""
        account = json.loads(told)
        self.credential, self.person, letters = account["credential"], account["person"], account["secret"]
        self.key = base64.b32decode(letters + "=" * (-len(letters) % 8))

    def subscribe(self, service: str) -> bytes:
        now, endpoint = str(int(time.time() * 1000)), f"{service}/push/{self.number}"
        signature = signed("converge-subscribe-1", self.credential, self.origin, now, endpoint, self.point, self.secret)
        return self._post(
            "subscribe", credential=self.credential, time=now, endpoint=endpoint, p256dh=self.point, auth=self.secret, signature=signature
        )

    def poll(self) -> bytes:
        now = str(int(time.time() * 1000))
        return self._post(
            "poll", credential=self.credential, time=now, seen="", wait="no",
            signature=signed("converge-poll-1", self.credential, self.origin, now),
        )

    def approve(self, told: str, number: str, code: str = "") -> bytes:
        """Types the number that stands on the other screen."""
        asked = json.loads(told)["requests"][0]
        signature = signed(
            "converge-approval-1", asked["challenge"], self.person, self.credential, self.origin, asked["application"], number, "approve",
            str(asked["until"]),
        )
        return self._post(
            "answer", credential=self.credential, challenge=asked["challenge"], decision="approve", number=number, code=code,
            signature=signature,
        )

    @staticmethod
    def number_on(page: str) -> str:
        return re.search(r"<output>(\d+)</output>", page).group(1)


class PushService:
    """Takes push messages (RFC 8030) and counts those that look like one."""

    def __init__(self) -> None:
        self.taken = 0
        self._lock = threading.Lock()
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                # The record's own head: salt, size, and the sender's key (RFC 8188, RFC 8291).
                good = self.headers["Content-Encoding"] == "aes128gcm" and body[20] == 65 and "vapid t=" in self.headers["Authorization"]
                with service._lock:
                    service.taken += good
                self.send_response(201 if good else 400)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.origin = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def wait(self, count: int, seconds: float = 60) -> int:
        """How many came, when there are so many or nothing more is to be hoped for."""
        until = time.monotonic() + seconds
        while self.taken < count and time.monotonic() < until:
            time.sleep(0.02)
        return self.taken

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
