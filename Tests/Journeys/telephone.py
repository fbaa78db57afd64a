"""A telephone carrier on this machine, with the API of Twilio (2010-04-01): it takes texts and calls, and plays what happens on the
telephone by asking the server what to say, pressing keys and reporting how the call goes, each request signed.

A test that has its page in front of it says what happens: `carrier.call(number).ring().answer().press("#").hang_up()`."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree as xml

from loopback import Loopback, Request
from server import News, code_in, wait_for
from textgateway import Text

ACCOUNT = "AC0123456789abcdef0123456789abcdef"
TOKEN = "carrier-token-of-the-tests-9f3b"
CALLER = "+441174960199"


class Call:
    """One call, as the telephone and the carrier between them see it."""

    def __init__(self, carrier: Carrier, fields: dict[str, str], sid: str) -> None:
        self.carrier, self.fields, self.sid = carrier, fields, sid
        self.to = fields["To"]
        #: What was said so far, one text for each answer of the server.
        self.said: list[str] = []
        #: Where the keys go that are listened for now; None when nobody listens.
        self.listens: str | None = None
        #: Statuses of the server's answers.
        self.answers: list[int] = []

    @property
    def handle(self) -> str:
        return urllib.parse.urlsplit(self.fields["Url"]).path.split("/")[3]

    def ring(self) -> Call:
        return self.report("ringing")

    def report(self, status: str) -> Call:
        """How the call goes: `initiated`, `ringing`, `in-progress`, `busy`, `no-answer`, `failed`, `completed`."""
        self.carrier.request(self.fields["StatusCallback"], {"CallSid": self.sid, "CallStatus": status}, self)
        return self

    def answer(self, by: str | None = None) -> Call:
        """Somebody picks up; `by="machine_start"`: a voicemail that the carrier noticed."""
        fields = {"CallSid": self.sid, "CallStatus": "in-progress"}
        if by:
            fields["AnsweredBy"] = by
        return self._hear(self.fields["Url"], fields)

    def press(self, keys: str) -> Call:
        """Presses keys, each of the sort that is listened for then."""
        for key in keys:
            assert self.listens, f"nobody listens for {key}"
            self._hear(self.listens, {"CallSid": self.sid, "Digits": key})
        return self

    def hang_up(self) -> Call:
        return self.report("completed")

    def _hear(self, url: str, fields: dict[str, str]) -> Call:
        status, body = self.carrier.request(url, fields, self)
        self.listens = None
        if status == 200:
            self._understand(body)
        return self

    def _understand(self, body: str) -> None:
        whole = xml.fromstring(body)
        assert whole.tag == "Response", body
        self.said.append(" ".join(say.text for say in whole.iter("Say")))
        gather = whole.find("Gather")
        if gather is not None:
            assert gather.get("finishOnKey") == "", "# would end the input instead of being it"
            self.listens = gather.get("action")
            assert whole[-1].tag == "Hangup", "a call that nobody answers must end"


class Carrier(Loopback):
    """`answer`, when set, is the status that refuses everything (503)."""

    def __init__(self) -> None:
        self.texts: list[Text] = []
        self.calls: list[Call] = []
        self.asked: list[str] = []
        self.answer: int | None = None
        self.refused = 0
        self._news = News()
        self._keys: dict[str, str] = {}
        super().__init__()

    @property
    def environment(self) -> dict[str, str]:
        return {
            "CONVERGE_CARRIER_URL": self.origin,
            "CONVERGE_CARRIER_ACCOUNT": ACCOUNT,
            "CONVERGE_CARRIER_TOKEN": TOKEN,
            "CONVERGE_CARRIER_TEXTSFROM": CALLER,
            "CONVERGE_CARRIER_CALLSFROM": CALLER,
        }

    # --- what the server asks of it

    def _handler(carrier) -> type[Request]:
        class Handler(Request):
            def do_POST(self) -> None:
                carrier.asked.append(self.path)
                body = self.body().decode()
                assert self.headers["Content-Type"] == "application/x-www-form-urlencoded"
                fields = dict(urllib.parse.parse_qsl(body))
                login = base64.b64decode(self.headers["Authorization"].removeprefix("Basic ")).decode()
                right = login == f"{ACCOUNT}:{TOKEN}"
                if not right or carrier.answer:
                    carrier.refused += 1
                    return self.say(carrier.answer or 401, json.dumps({"code": 20003}).encode())
                sid = carrier._take(self.path, fields, self.headers["Idempotency-Key"])
                self.say(201, json.dumps({"sid": sid}).encode())

        return Handler

    def _take(self, path: str, fields: dict[str, str], key: str) -> str:
        if key in self._keys:
            return self._keys[key]
        if path == f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json":
            sid = f"SM{len(self.texts):032x}"
            self.texts.append(Text(len(self.texts), fields["To"], fields["Body"], key))
            self._keys[key] = sid
            self._last_text = (fields, sid)
            return sid
        assert path == f"/2010-04-01/Accounts/{ACCOUNT}/Calls.json", path
        sid = f"CA{len(self.calls):032x}"
        self._keys[key] = sid
        self.calls.append(Call(self, fields, sid))
        return sid

    # --- what it asks of the server

    def request(self, url: str, fields: dict[str, str], call: Call | None = None, signature: str | None = None) -> tuple[int, str]:
        """A signed request; `signature`: another one than the right one, empty for none."""
        fields = {"AccountSid": ACCOUNT, "From": CALLER} | fields
        signed = url + "".join(name + fields[name] for name in sorted(fields))
        right = base64.b64encode(hmac.new(TOKEN.encode(), signed.encode(), hashlib.sha1).digest()).decode()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if signature != "":
            headers["X-Twilio-Signature"] = signature or right
        request = urllib.request.Request(url, urllib.parse.urlencode(fields).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                status, body = answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            status, body = error.code, error.read().decode()
        if call:
            call.answers.append(status)
        return status, body

    def text_status(self, status: str) -> int:
        """What became of the last text."""
        fields, sid = self._last_text
        return self.request(fields["StatusCallback"], {"MessageSid": sid, "MessageStatus": status, "To": fields["To"], "ErrorCode": "30003"})[0]

    # --- what a test says

    def call(self, to: str) -> Call:
        """The newest call to a number that was not handed out before; waits for it."""
        return wait_for(
            f"a call to {to}",
            lambda: self._news.newest([(call.sid, call) for call in list(self.calls) if call.to == to], unread=True),
        )

    def to(self, number: str) -> list[Text]:
        return [text for text in list(self.texts) if text.to == number]

    def latest_code(self, to: str) -> str:
        text = wait_for(f"a text to {to}", lambda: self._news.newest([(text.number, text) for text in self.to(to)], unread=True))
        code = code_in(text.body)
        assert code, f"no code in this text: {text.body}"
        return code


def is_busy(call: Call) -> None:
    call.report("initiated").report("busy")


def nobody_answers(call: Call) -> None:
    call.report("initiated").ring().report("no-answer")


def voicemail(call: Call) -> None:
    """A machine speaks, listens to a question that is not meant for it, and hangs up without a key."""
    call.report("initiated").ring().answer().hang_up()


def voicemail_noticed(call: Call) -> None:
    call.report("initiated").ring().answer(by="machine_start").hang_up()
