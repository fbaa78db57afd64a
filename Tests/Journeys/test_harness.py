"""The harness, tested on itself: a check that finds nothing must have been seen finding something."""

from __future__ import annotations

import json
import re
import smtplib
import sqlite3
import sys
import urllib.error
import urllib.request
from email.message import EmailMessage

import pytest

import checks
import oath
import pictures
import server
from checks import PageFault, accessibility_faults, keyboard_faults, layout_faults, text_twice_as_large
from mailserver import Mailbox
from server import News, Server, code_in
from textgateway import TextGateway

pytestmark = pytest.mark.without_server

ORIGIN = "http://localhost:9"
POLICY = "default-src 'self'; script-src 'self'; style-src 'self'"
GOOD = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A good page</title>
<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/look.css"><link rel="icon" href="/look.css"></head>
<body><main><h1>A good page</h1>{0}</main></body></html>"""
STYLE = "body { font: 16px sans-serif } .large { font-size: 1rem } .bare { outline: none } .button, .input { min-height: 44px; min-width: 44px } .sr { position: absolute; left: 9999px }"


class Clock:
    """As much of a server as an authenticator app needs."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def now(self) -> float:
        return self.seconds

    def advance(self, seconds: float) -> None:
        self.seconds += seconds


class Site:
    """Pages out of a dictionary, served without a server."""

    def __init__(self, person) -> None:
        self.pages: dict[str, str] = {"/": GOOD.format("")}
        self.status: dict[str, int] = {}
        self.asked: list[str] = []
        self.person = person
        person.context.route("**/*", self._answer)

    def _answer(self, route) -> None:
        path = route.request.url.removeprefix(ORIGIN).split("?")[0]
        self.asked.append(f"{route.request.method} {path}")
        if path == "/look.css":
            return route.fulfill(content_type="text/css", body=STYLE)
        body = self.pages.get(path)
        status = self.status.get(path, 200 if body else 404)
        route.fulfill(status=status, content_type="text/html", body=body or "", headers={"content-security-policy": POLICY})

    def show(self, body: str):
        """One page with this in it, visited."""
        checks._looked_at.clear()
        self.pages["/"] = body if body.startswith("<!") else GOOD.format(body)
        return self.person.goto("/")

    def faults(self, body: str) -> str:
        with pytest.raises(PageFault) as caught:
            self.show(body)
        return str(caught.value)


@pytest.fixture
def site(new_person):
    return Site(new_person(ORIGIN))


@pytest.fixture
def page(browser):
    context = browser.new_context(viewport=checks.NARROW)
    yield context.new_page()
    context.close()


# --- the authenticator app

SEED = b"12345678901234567890"


@pytest.mark.parametrize(
    ("counter", "code"),
    list(enumerate(["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"])),
)
def test_codes_of_rfc_4226(counter, code):
    assert oath.hotp(SEED, counter) == code


@pytest.mark.parametrize(
    ("seconds", "sha1", "sha256", "sha512"),
    [
        (59, "94287082", "46119246", "90693936"),
        (1111111109, "07081804", "68084774", "25091201"),
        (1111111111, "14050471", "67062674", "99943326"),
        (1234567890, "89005924", "91819424", "93441116"),
        (2000000000, "69279037", "90698825", "38618901"),
        (20000000000, "65353130", "77737706", "47863826"),
    ],
)
def test_codes_of_rfc_6238(seconds, sha1, sha256, sha512):
    for algorithm, length, code in (("sha1", 20, sha1), ("sha256", 32, sha256), ("sha512", 64, sha512)):
        secret = (SEED * 4)[:length]
        assert oath.totp(secret, seconds, digits=8, algorithm=algorithm) == code


@pytest.mark.parametrize("key", ["GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "gezd gnbv gy3t qojq gezd gnbv gy3t qojq", "GEZD-GNBV-GY3T-QOJQ-GEZD-GNBV-GY3T-QOJQ"])
def test_a_key_is_read_as_people_type_it(key):
    assert oath.secret_from_base32(key) == SEED


def test_a_key_that_does_not_fill_its_last_block():
    assert oath.secret_from_base32("MZXW6YQ") == b"foob"


def test_an_account_from_a_qr_code():
    app = oath.AuthenticatorApp.from_uri("otpauth://totp/Harbour%20%26%20Vale:ada?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Harbour%20%26%20Vale")
    assert (app.secret, app.issuer, app.account) == (SEED, "Harbour & Vale", "ada")
    assert app.code_at(59) == "287082"


@pytest.mark.parametrize("rest", ["digits=8", "period=60", "algorithm=SHA256"])
def test_an_account_that_plain_apps_get_wrong_is_refused(rest):
    with pytest.raises(ValueError):
        oath.AuthenticatorApp.from_uri(f"otpauth://totp/a:b?secret=GEZDGNBV&{rest}")


def test_an_app_never_shows_a_used_code():
    app, clock = oath.AuthenticatorApp(SEED), Clock(59)
    assert app.code(clock) == oath.hotp(SEED, 1)
    assert app.code(clock) == oath.hotp(SEED, 2)
    assert clock.seconds == 60
    assert app.code(clock) == oath.hotp(SEED, 3)
    clock.advance(300)
    assert app.code(clock) == oath.hotp(SEED, 13)


# --- codes and news

@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Your code is 123456. It works until 14:07.", "123456"),
        ("Your code is 12345678.", "12345678"),
        ("Call 0207946010099 about 654321", "654321"),
        ("123456 is your code.\n\n@localhost #654321", "654321"),
        ("Your security info was changed on 24 November 2025.", None),
    ],
)
def test_the_code_in_a_message(text, code):
    assert code_in(text) == code


def test_news_are_handed_out_once():
    news = News()
    assert news.newest([], unread=True) is None
    assert news.newest([(1, "first"), (2, "second")], unread=True) == "second"
    assert news.newest([(1, "first"), (2, "second")], unread=True) is None
    assert news.newest([(1, "first"), (2, "second")], unread=False) == "second"
    assert news.newest([(1, "first"), (2, "second"), (3, "third")], unread=True) == "third"


def test_the_clock_of_a_server_is_a_file(tmp_path):
    server = Server(tmp_path)
    assert server.clock.read_text() == "0\n"
    server.advance(days=1, minutes=2, milliseconds=3)
    assert server.clock.read_text() == "86520003\n"
    server.advance(seconds=-1)
    assert server.clock.read_text() == "86519003\n"


FAKE = """#!{python}
import http.server, json, os, pathlib, signal, sys
if sys.argv[1] != "demo":
    print(json.dumps(sys.argv[1:])); sys.exit(3 if "fail" in sys.argv else 0)
if "CONVERGE_BREAK" in os.environ:
    sys.exit("the port is taken")
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        name = {"/dev/outbox": "outbox.json", "/metrics": "metrics"}.get(self.path.split("?")[0], "")
        file = pathlib.Path(sys.argv[sys.argv.index("--data") + 1]).parent / name
        self.send_response(200); self.end_headers()
        self.wfile.write(file.read_bytes() if file.is_file() else b"process_start_time_seconds 1")
http.server.HTTPServer(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Handler).serve_forever()
"""


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """A program that behaves as the built one does at its edges."""
    program = tmp_path / "converge"
    program.write_text(FAKE.replace("{python}", sys.executable))
    program.chmod(0o755)
    monkeypatch.setattr(server, "PROGRAM", program)


def test_a_server_is_started_asked_and_stopped(fake, tmp_path):
    running = Server(tmp_path)
    running.start()
    try:
        texts = [
            {"kind": "mail", "to": "ada@example.com", "subject": "Code", "body": "Code 12345678", "at": 3},
            {"kind": "text", "to": "+44 1", "subject": "", "body": "Code 222222", "at": 2},
            {"kind": "text", "to": "+44 1", "subject": "", "body": "Code 111111", "at": 2},
        ]
        (running.folder / "outbox.json").write_text(json.dumps(texts))
        assert running.latest_code("+44 1") == "222222"
        assert running.latest_code("+44 1", unread=False) == "222222"
        assert running.latest_code("ada@example.com") == "12345678"
        address = running.address
        running.restart()
        running.restart(kill=True)
        assert running.address == address and len(running.outbox()) == 3
        assert running.cli("user", "pass", "ben").json == ["user", "pass", "ben", "--data", str(running.data)]
        with pytest.raises(AssertionError, match="converge fail ended with 3"):
            running.cli("fail")
        assert running.cli("fail", check=False).code == 3
    finally:
        running.stop()


def test_a_server_that_does_not_start_says_why(fake, tmp_path):
    with pytest.raises(AssertionError, match="ended with 1:\nthe port is taken"):
        Server(tmp_path, {"CONVERGE_BREAK": "1"}).start()


# --- silence

PLACES = ["nowhere", "table", "another column", "words of another language", "log", "file", "address", "metrics", "gateway", "lost gateway"]


@pytest.mark.parametrize("place", PLACES)
def test_a_planted_leak_is_found(fake, tmp_path, place):
    running = Server(tmp_path)
    (tmp_path / "outbox.json").write_text(
        json.dumps([{"kind": "text", "to": "+447700900131", "subject": "", "body": "Code 271828", "code": "271828", "at": 2}])
    )
    running.secrets.typed("password", "seven lanterns on a hill")
    running.secrets.typed("password", "ein Kürbis für zwölf Gäste")
    running.secrets.typed("name", "ben castell")
    running.secrets.seen("http://localhost:1/sign-in?name=ben%20castell", '<p class="key mono">JBSW Y3DP EHPK 3PXP</p>')
    running.secrets.seen("http://localhost:1/x", '<ol class="codes"><li>ABCDE-FGH23</li></ol>')
    running.start()
    database = sqlite3.connect(running.data / "converge.db")
    database.execute("CREATE TABLE note (a TEXT, b TEXT)")
    # None of these is a leak: the digits belong to something longer, or the words are nobody's.
    database.execute("INSERT INTO note VALUES ('at 1795271828000', 'ben castell')")
    if place == "table":
        database.execute("INSERT INTO note VALUES ('the code is 271828', '')")
    if place == "another column":
        database.execute("INSERT INTO note VALUES ('', 'ABCDEFGH23')")
    if place == "words of another language":
        database.execute("INSERT INTO note VALUES ('', 'she typed ein Kürbis für zwölf Gäste')")
    database.commit()
    database.close()
    # A time that looks like a code is none.
    lines = ["process_start_time_seconds 1795271828.271828"]
    if place == "metrics":
        lines.append('converge_sent_total{to="447700900131"} 1')
    (running.folder / "metrics").write_text("\n".join(lines))
    running.gateway = TextGateway()
    running.gateway.start()
    body = json.dumps({"to": "+447700900131", "text": "Code 173205", "idempotencyKey": "k"}).encode()
    for path in {"gateway": ["?code=173205"], "lost gateway": ["/to/%2B447700900131"]}.get(place, [""]):
        running.gateway.answer = 503 if place == "lost gateway" else None
        try:
            urllib.request.urlopen(running.gateway.address + path, body)
        except urllib.error.HTTPError as error:
            assert error.code == 503
    with running.log.open("a") as log:
        log.write("Sign in as\n  ben   seven lanterns on a hill\nData is kept in data. Stop with Ctrl-C.\n")
        if place == "log":
            log.write("info sent to +447700900131\n")
    if place == "file":
        (running.data / "draft").write_text("key JBSWY3DPEHPK3PXP")
    if place == "address":
        running.secrets.seen("http://localhost:1/reset?with=seven+lanterns+on+a+hill", "")
    if place == "nowhere":
        running.stop()
    else:
        with pytest.raises(AssertionError, match="written down in clear"):
            running.stop()
    running.gateway.stop()


# --- the mail server

def test_mail_arrives_over_smtp():
    mailbox = Mailbox()
    mailbox.start()
    try:
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = "converge@example.com", "ada@example.com", "Your code – today"
        mail.set_content("Your code is 12345678.\nNot you? http://localhost:8080/not-me?x=1.\n")
        mail.add_alternative("<p>Your code is <b>12345678</b>.</p>", subtype="html")
        with smtplib.SMTP("127.0.0.1", mailbox.port) as client:
            client.send_message(mail)
        got = mailbox.latest("ada@example.com")
        assert got.subject == "Your code – today"
        assert got.code == "12345678"
        assert "<b>12345678</b>" in got.html
        assert got.links == ["http://localhost:8080/not-me?x=1"]
        mailbox.answer = "451 4.3.0 come back later"
        with smtplib.SMTP("127.0.0.1", mailbox.port) as client, pytest.raises(smtplib.SMTPDataError):
            client.send_message(mail)
        assert mailbox.refused == 1 and len(mailbox.to("ada@example.com")) == 1
    finally:
        mailbox.stop()


# --- the checks of a page, each with a planted fault

def test_a_good_page_has_no_faults(page):
    page.set_content(GOOD.format("<p>Nothing is wrong with it.</p>"))
    assert layout_faults(page) == []
    assert accessibility_faults(page) == []


@pytest.mark.parametrize(
    ("planted", "found"),
    [
        ('<div class="wide">w</div>', "the page scrolls sideways"),
        ('<div class="wide">w</div>', "past the edge: <div.wide>"),
        ('<div class="tight"><p class="wide">w</p></div>', "too narrow for its content: <div.tight>"),
        ('<button id="go">Go</button>', 'smaller than 44 px: <button#go> "Go"'),
        ('<label>Yes<input type="checkbox"></label>', "smaller than 44 px: <input>"),
        ("<h1>Another</h1>", "2 h1 headings"),
        ("<p>Hello, ⟦name⟧</p>", "a sentence is missing: ⟦name⟧"),
        ('<p style="color: #000">x</p>', 'inline style: <p> "x" style='),
        ("<style>p { color: #000 }</style>", "inline style: <style> in <main>"),
        ("<script>1</script>", "inline script: <script> without src"),
        ('<p onclick="x()">x</p>', 'inline script: <p> "x" onclick='),
        ('<a href="javascript:x()">x</a>', "inline script: <a>"),
        ('<p id="a">x</p><p id="a">y</p>', 'the id "a" is used twice'),
    ],
)
def test_planted_layout_and_markup_faults_are_found(page, planted, found):
    page.set_content(GOOD.format(planted))
    page.evaluate(
        """() => { for (const e of document.querySelectorAll('.wide')) e.attributeStyleMap.set('width', CSS.px(500));
                   for (const e of document.querySelectorAll('.tight')) e.attributeStyleMap.set('width', CSS.px(100)); }"""
    )
    assert any(fault.startswith(found) for fault in layout_faults(page)), layout_faults(page)


@pytest.mark.parametrize(
    ("page_source", "found"),
    [
        ('<!doctype html><html lang="en"><title>x</title><body><p>No heading', "0 h1 headings"),
        ('<!doctype html><html lang="en"><title> </title><body><h1>x</h1>', "no title"),
        ("<!doctype html><html><title>x</title><body><h1>x</h1>", "no language"),
        ('<!doctype html><html lang="en"><title>x</title><body><h1> </h1>', "an empty h1"),
    ],
)
def test_what_every_page_has(page, page_source, found):
    page.set_content(page_source)
    assert any(fault.startswith(found) or found in fault for fault in layout_faults(page)), layout_faults(page)


def test_what_a_negative_margin_hangs_out_is_meant(page):
    page.set_content(GOOD.format('<div class="row"><p>x</p></div>'))
    page.evaluate(
        """() => { document.querySelector('.row').attributeStyleMap.set('width', CSS.px(100));
                   document.querySelector('.row p').attributeStyleMap.set('margin-inline-end', CSS.px(-12)); }"""
    )
    # The check sees the style that the line above planted, and nothing else.
    assert [fault for fault in layout_faults(page) if not fault.startswith("inline style")] == []


def test_data_for_a_script_is_no_script(page):
    page.set_content(GOOD.format('<script type="application/json">{"a": 1}</script>'))
    assert layout_faults(page) == []


def test_a_planted_missing_label_is_found(page):
    page.set_content(GOOD.format('<input type="text">'))
    assert any(fault.startswith("axe label (critical)") for fault in accessibility_faults(page))


def test_planted_weak_contrast_is_found(page):
    page.set_content(GOOD.format('<p style="color: #bbb; background: #fff">Hard to read</p>'))
    assert any("color-contrast" in fault for fault in accessibility_faults(page))


def test_the_keyboard_walks_through_a_good_page(page):
    page.set_content(
        GOOD.format(
            """<p><a class="button" href="#a">One</a></p><details><summary>More</summary><a href="#b">Inside</a></details>
            <p><label>On <input type="date" name="on"></label></p>
            <fieldset><legend>Which</legend><label><input type="radio" name="r"> A</label><label><input type="radio" name="r" checked> B</label></fieldset>
            <p><input aria-label="Two" id="two"> <button disabled>Three</button></p>"""
        )
    )
    page.locator("#two").focus()
    assert keyboard_faults(page) == []
    assert page.evaluate("document.activeElement.id") == "two", "the focus is back where it was"


@pytest.mark.parametrize(
    ("planted", "found"),
    [
        ('<a href="#a" tabindex="3">One</a>', 'takes the Tab key out of order: <a> "One"'),
        ('<a href="#a" class="bare">One</a>', 'the focus does not show: <a> "One"'),
        ('<a href="#a" class="behind">One</a><p class="before">Before</p>', 'has the focus where nobody sees it: <a> "One"'),
        ('<button class="trap">One</button><a href="#b">Two</a>', 'holds the Tab key: <button> "One"'),
        ('<button class="trap">One</button><a href="#b">Two</a>', 'not reached with the Tab key: <a> "Two"'),
    ],
)
def test_planted_keyboard_faults_are_found(page, planted, found):
    page.set_content(GOOD.format(planted))
    page.evaluate(
        """() => {
            const style = new CSSStyleSheet();
            style.replaceSync(`.bare { outline: none } .behind { position: absolute; top: 0; left: 0; width: 9em }
                .before { position: absolute; margin: 0; top: 0; left: 0; width: 12em; background: #fff }`);
            document.adoptedStyleSheets = [style];
            for (const e of document.querySelectorAll('.trap')) e.addEventListener('keydown', (event) => event.preventDefault());
        }"""
    )
    assert any(fault.startswith(found) for fault in keyboard_faults(page)), keyboard_faults(page)


def test_a_header_needs_a_way_past_it(page):
    page.set_content(GOOD.format("").replace("<body>", '<body><header><a href="/">Home</a></header>'))
    assert 'the first stop is no way past the header: <a> "Home"' in keyboard_faults(page)
    page.set_content(GOOD.format("").replace("<body>", '<body><a href="#main">Skip</a><header><a href="/">Home</a></header>'))
    assert keyboard_faults(page) == []


def test_letters_can_be_twice_as_large(page):
    page.set_content(GOOD.format('<p id="p">x</p>'))
    size = "getComputedStyle(document.querySelector('#p')).fontSize"
    with text_twice_as_large(page):
        assert page.evaluate(size) == "32px"
        # 360 px are a little more than eleven letters now, for the breakpoints of the stylesheet too.
        assert page.evaluate("matchMedia('(min-width: 11rem)').matches") and not page.evaluate("matchMedia('(min-width: 12rem)').matches")
    assert page.evaluate(size) == "16px"


# --- a person's steps, and what is looked at after each

def test_a_good_visit_passes_under_the_policy_of_the_server(site):
    assert site.show('<p>Nothing is wrong.</p><a href="/">on</a>').heading() == "A good page"
    assert site.person.status == 200


def test_a_visit_finds_what_the_policy_stops(site):
    faults = site.faults('<p style="color: #000">x</p>')
    assert "inline style" in faults and "console error" in faults and "Content Security Policy" in faults


def test_a_visit_finds_a_script_error(site):
    site.person.context.add_init_script("addEventListener('DOMContentLoaded', () => { throw new Error('planted') })")
    assert "script error: planted" in site.faults("<p>x</p>")


def test_a_visit_finds_a_request_to_somewhere_else(site):
    assert "a request to somewhere else: GET https://elsewhere.example/a.png" in site.faults(
        '<img alt="" src="https://elsewhere.example/a.png">'
    )


def test_a_visit_finds_a_missing_picture(site):
    assert "404" in site.faults('<img alt="" src="/missing.png">')


def test_a_visit_finds_a_missing_label_at_360_px(site):
    assert "axe label" in site.faults('<input class="input" type="text">')


def test_a_visit_finds_what_only_200_percent_shows(site):
    assert "layout at 200 %: the page scrolls sideways" in site.faults("<pre>" + "0123456789 " * 8 + "</pre>")


def test_a_visit_finds_what_only_large_letters_show(site):
    faults = site.faults('<table class="large"><tr>' + "<td>0123456789</td>" * 9 + "</tr></table>")
    assert "layout with letters twice as large: the page scrolls sideways" in faults and "layout at 1280 px" not in faults


def test_a_visit_finds_a_focus_that_does_not_show(site):
    assert 'keyboard: the focus does not show: <button> "Bare"' in site.faults('<button class="button bare">Bare</button>')


def test_a_visit_finds_what_only_a_phone_shows(site):
    table = "<table><tr>" + "<td>0123456789</td>" * 8 + "</tr></table>"
    faults = site.faults(table)
    assert "layout at 360 px: the page scrolls sideways" in faults and "layout at 1280 px" not in faults


def test_axe_looks_at_a_template_once(site, monkeypatch):
    looks = []
    monkeypatch.setattr(checks, "accessibility_faults", lambda page: looks.append(page.url) or [])
    checks._looked_at.clear()
    for path in ("/flows/8f2kq0sm1", "/flows/0aa72kdj3", "/sign-in", "/sign-in?return_to=/x"):
        site.pages[path.split("?")[0]] = GOOD.format("")
        site.person.goto(path)
    assert len(looks) == 2


def test_a_form_shown_again_with_its_errors_is_no_fault(site):
    site.status["/"] = 422
    site.show("<p>Type a name.</p>")
    assert site.person.status == 422


def test_a_broken_server_is_a_fault_unless_it_is_expected(site):
    site.status["/"] = 503
    assert "answered 503" in site.faults("<p>x</p>")
    with site.person.expecting("answered 503"):
        site.show("<p>x</p>")


FORM = """<form method="post" action="/second"><label for="name">Name</label> <input class="input" id="name" name="name" required>
<button class="button">Go on</button></form><p><a href="/second">Second</a> <a href="#name">Here</a></p>"""


@pytest.mark.parametrize("javascript", [True, False])
def test_steps_wait_for_the_page_they_lead_to(new_person, javascript):
    person = new_person(ORIGIN, javascript=javascript)
    site = Site(person)
    site.pages["/second"] = GOOD.format("").replace("A good page", "The second page")
    site.show(FORM)
    assert person.press("Go on").heading() == "A good page", "an empty field holds the form back"
    assert person.follow("Here").heading() == "A good page"
    assert person.fill("Name", "Ada").press("Go on").heading() == "The second page"
    assert "POST /second" in site.asked
    assert person.goto("/").follow("Second").heading() == "The second page"
    assert person.back().heading() == "A good page"
    person.fill("Name", "Ada").page.get_by_label("Name").focus()
    assert person.press_enter().heading() == "The second page"
    person.see("The second page").see_no("A good page")


def test_what_is_missing_is_told_with_what_is_there(site):
    site.show(FORM)
    site.person.patience = 300
    with pytest.raises(AssertionError, match=r"no button “Stop” on /, “A good page”; there are \['Go on'\]"):
        site.person.press("Stop")
    with pytest.raises(AssertionError, match=r"no field “Town” on /.*\['Name'\]"):
        site.person.fill("Town", "York")


@pytest.mark.parametrize("javascript", [True, False])
def test_faults_are_found_without_javascript_too(new_person, javascript):
    site = Site(new_person(ORIGIN, javascript=javascript))
    faults = site.faults('<input class="input" type="text"><button>x</button>')
    assert "axe label" in faults and "smaller than 44 px" in faults


def test_axe_reads_what_stands_in_noscript(new_person):
    site = Site(new_person(ORIGIN, javascript=False))
    assert "axe label" in site.faults('<noscript><input class="input" type="text"></noscript>')


def test_two_tabs_share_cookies_but_not_faults(site):
    person = site.person
    site.show("<p>x</p>")
    first = person.page
    person.context.add_cookies([{"name": "converge", "value": "1", "url": ORIGIN}])
    person.open_tab()
    person.goto("/")
    assert "converge" in person.cookies()
    person.use(first)
    assert person.heading() == "A good page"


def test_a_qr_code_is_read_from_the_screen(site, tmp_path):
    rows = QR_CONVERGE.split()
    path = "".join(f"M{x + 4} {y + 4}h1v1h-1z" for y, row in enumerate(rows) for x, module in enumerate(row) if module == "#")
    size = len(rows) + 8
    site.show(
        f'<div><svg width="240" height="240" viewBox="0 0 {size} {size}" role="img" aria-label="QR code" shape-rendering="crispEdges">'
        f'<path fill="#000" d="{path}"/></svg></div>'
    )
    assert site.person.scan() == "converge"


def test_pictures_come_in_two_widths_and_two_schemes(site, tmp_path, monkeypatch):
    monkeypatch.setenv("CONVERGE_PICTURES", str(tmp_path))
    monkeypatch.delenv("CONVERGE_PICTURES_OF", raising=False)
    site.show("<p>x</p>")
    size = site.person.page.viewport_size
    monkeypatch.setattr(pictures, "DOCUMENTED", {"a-page"})
    site.person.picture("a-page").picture("another")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a-page-360-dark.png", "a-page-360.png", "a-page-dark.png", "a-page.png"]
    assert site.person.page.viewport_size == size
    monkeypatch.setenv("CONVERGE_PICTURES_OF", "every-page")
    pictures.visited(site.person.page)
    assert (tmp_path / "a-good-page.png").exists()


QR_CONVERGE = """
#######.#...#.#######
#.....#.##.#..#.....#
#.###.#.#####.#.###.#
#.###.#.#.#.#.#.###.#
#.###.#..####.#.###.#
#.....#.#.#.#.#.....#
#######.#.#.#.#######
.....................
##..###.....#..#.####
.#..#..####.#.#.##.#.
.##...##..#.##..#.##.
#..#.#..##.##......##
..###.#..###.###...##
........#.###...##.#.
#######....#..#.####.
#.....#.###..###.....
#.###.#.###.###..#.#.
#.###.#.....#########
#.###.#..#..##..###..
#.....#.#..##...#....
#######.####..##....#
"""


# --- what is written down about the tests


def test_each_story_has_a_test_that_runs_through_two_nodes():
    """The table of CONTRIBUTING.md names tests that are there and marked."""
    rows = re.findall(r"^\| (\d)\. [^|]+\| `(test_\w+\.py)` \| (.+) \|$", (server.ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    assert [number for number, _, _ in rows] == list("12345678")
    for _, file, names in rows:
        marked = re.findall(r"^@pytest\.mark\.engines\n(?:@.+\n)*def (\w+)", (server.ROOT / "Tests/Journeys" / file).read_text(), re.MULTILINE)
        named = re.findall(r"`(\w+)`", names)
        assert named and set(named) <= set(marked), f"{file}: {named}"
