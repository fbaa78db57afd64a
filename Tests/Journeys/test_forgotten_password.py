"""A new password with two independent proofs, for whoever has forgotten the old one or was locked out."""

import hashlib
import re

import pytest

from stories import (
    BEN_MAIL,
    BEN_PHONE,
    CARA_MAIL,
    PASSWORDS,
    add_app,
    answer_app,
    answer_text,
    audit,
    begin_reset,
    cara_app,
    change_policy,
    choose_password,
    prove_by_app,
    prove_by_mail,
    prove_by_text,
    sign_in,
    sign_in_ben,
)

NEW = "tall ships leaving at dusk"
LEAKED = "correct horse battery staple"


def keep_a_list_of_leaked_passwords(server) -> None:
    digest = hashlib.sha1(LEAKED.encode()).hexdigest().upper()
    file = server.folder / "leaked.txt"
    file.write_text("".join(f"{line}:7\n" for line in sorted([digest, "0" * 40, "F" * 40])))
    assert "Imported 3" in server.cli("passwords", "import", str(file)).text


@pytest.mark.engines
@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no-script"])
def test_ben_forgets_his_password(server, new_person, javascript):
    keep_a_list_of_leaked_passwords(server)
    server.restart()
    change_policy(server, ("bannedWords: []", "bannedWords: [lighthouse]"))
    ben = new_person(server, javascript=javascript)
    sign_in_ben(ben, server)
    app = add_app(ben, server)
    server.mailbox.latest(BEN_MAIL)  # the app was told
    server.advance(days=2)  # what was added just now is no proof yet
    elsewhere = new_person(server)
    sign_in(elsewhere, "ben")
    answer_app(elsewhere, server, app)
    elsewhere.goto("/profile").see_heading("Profile")

    ben.goto("/sign-in").picture("sign-in").follow("Can’t access your account?")
    ben.see_heading("Let’s get you back in").picture("reset-find")
    ben.fill("Work email or user name", "ben").press("Continue").see_heading("What is the trouble?").picture("reset-reason")
    ben.press("I forgot my password")
    # What the policy offers, the same for every name; nothing of Ben's.
    offered = ["Code from my authenticator app", "Text a code to my phone", "Email a code to me"]
    assert ben.page.locator("label.choice b").all_inner_texts() == offered
    ben.see_no("31", BEN_MAIL).picture("reset-choose")
    prove_by_text(ben, server, BEN_PHONE, "07700 900131")
    # Now his own, but not the phone again.
    ben.see("Now one more, which must be a different one")
    assert set(ben.page.locator("label.choice b").all_inner_texts()) == {offered[0], offered[2]}
    ben.picture("reset-second")
    prove_by_app(ben, server, app)

    ben.see_heading("Choose your new password").see("Both proofs were right").see("At least 12 characters").picture("reset-password")
    ben.page.get_by_text("What else matters?").click()
    ben.see("Not a password that was leaked from another site.", "Hard to guess, even for a fast computer.", "Not your last password.")
    for refused, why in [
        ("short", "Use at least 12 characters"),
        (LEAKED, "It was leaked from another site"),
        ("lighthouse99", "It is too close to a common word"),
        ("aaaaaaaaaaaaaa", "too easy to guess"),
        (PASSWORDS["ben"], "It is the password you have now"),
        ("ben castell harbour", "Leave it out"),
    ]:
        choose_password(ben, refused).see(why)
        assert ben.page.title().startswith("Error:")
    choose_password(ben, NEW, NEW + "!").see("Type the same new password in both fields")
    ben.picture("reset-password-error")
    choose_password(ben, NEW).see_heading("Your new password works").picture("reset-done")

    told = server.mailbox.latest(BEN_MAIL)
    assert told.subject == "Your password was changed" and "/not-me/" in told.text and NEW not in told.text
    assert elsewhere.goto("/profile").path.startswith("/sign-in"), "whoever was signed in is out"
    ben.page.get_by_role("link", name="Sign in").first.click()
    sign_in(ben, "ben", NEW)
    answer_app(ben, server, app)  # a reset never signs in, and is no second step
    assert ben.path == "/"
    stranger = new_person(server)
    sign_in(stranger, "ben").see("We could not sign you in")

    rows = audit(server, "--category", "Self-service Password Management")
    assert (rows[0]["activity"], rows[0]["result"]) == ("Reset password (self-service)", "success")
    steps = [row["details"]["step"] for row in reversed(rows) if row["activity"].endswith("flow activity progress")]
    assert steps == ["user identified", "reason given", "code sent", "gate 1 passed", "gate 2 passed"]


def test_an_administrators_reset_is_told_to_the_others(server, new_person):
    server.cli("user", "role", "cara", "--add", "helpdesk")
    server.cli("user", "role", "ben", "--add", "user")
    cara = new_person(server)
    begin_reset(cara, "cara")
    prove_by_app(cara, server, cara_app())
    prove_by_mail(cara, server, CARA_MAIL)
    choose_password(cara, NEW).see_heading("Your new password works")
    told = server.mailbox.latest(BEN_MAIL)
    assert told.subject == "An administrator’s password was reset" and "Cara Lind" in told.text
    assert "/not-me/" not in told.text, "that link is Cara's alone"


def lock_out(person, name: str) -> None:
    for guess in range(10):  # ten different ones: the same mistake twice counts once
        sign_in(person, name, f"guess number {guess}")
    sign_in(person, name).see("Too many wrong passwords")


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no-script"])
def test_ben_knows_it_but_is_locked_out(server, new_person, javascript):
    ben = new_person(server, javascript=javascript)
    lock_out(ben, "ben")
    ben.picture("sign-in-locked")
    begin_reset(ben, "ben", "I know it, but I am locked out")
    prove_by_text(ben, server, BEN_PHONE)
    prove_by_mail(ben, server, BEN_MAIL)
    ben.see_heading("Open your account again?").picture("reset-unlock")
    ben.press("Unlock my account").see_heading("Your account is unlocked").picture("reset-unlocked")
    ben.page.get_by_role("link", name="Sign in").first.click()
    sign_in(ben, "ben")
    answer_text(ben, server, BEN_PHONE)
    assert ben.path == "/"
    assert audit(server, "--activity", "Unlock user account (self-service)")[0]["result"] == "success"
    assert audit(server, "--activity", "Reset password (self-service)") == []


def test_at_the_unlock_he_chooses_a_new_one_after_all(server, new_person):
    ben = new_person(server)
    lock_out(ben, "ben")
    begin_reset(ben, "ben", "I know it, but I am locked out")
    prove_by_mail_first(ben, server)
    prove_by_text_second(ben, server)
    ben.press("Choose a new password instead")
    choose_password(ben, NEW).see_heading("Your new password works")
    ben.page.get_by_role("link", name="Sign in").first.click()
    sign_in(ben, "ben", NEW)
    answer_text(ben, server, BEN_PHONE)
    assert ben.path == "/"


def prove_by_mail_first(person, server) -> None:
    person.choose("Email a code to me").press("Continue")
    person.fill("Email address", BEN_MAIL.upper()).press("Send the code").see("a code is on its way")
    person.fill("8-digit code", server.mailbox.latest_code(BEN_MAIL)).press("Continue")


def prove_by_text_second(person, server) -> None:
    person.choose("Text a code to my phone").press("Continue")
    person.fill("6-digit code", server.latest_code(BEN_PHONE)).press("Continue")


def test_without_unlocking_nobody_is_asked_for_the_trouble(server, new_person):
    change_policy(server, ("unlockWithoutReset: true", "unlockWithoutReset: false"))
    ben = new_person(server)
    ben.goto("/reset-password").fill("Work email or user name", "ben").press("Continue")
    ben.see_heading("How would you like to prove it’s you?")


def test_the_page_is_the_same_for_every_name(server, new_person):
    pages = []
    for name in ("ben", "gita", "nobody-at-all"):
        person = new_person(server)
        begin_reset(person, name)
        seen = [person.text()]
        person.choose("Text a code to my phone").press("Continue")
        person.select("Country", "United Kingdom +44")
        person.fill("Number", "07700 900999").press("Send the code")
        seen.append(person.text())
        person.fill("6-digit code", "123456").press("Continue")
        seen.append(person.text())
        # A code is good until another minute for who comes a minute later.
        pages.append([re.sub(r"until \d\d:\d\d", "until TIME", text.replace(name, "NAME")) for text in seen])
    assert pages[0] == pages[1] == pages[2]
    assert server.outbox() == []


def test_fifteen_minutes_for_the_whole(server, new_person):
    ben = new_person(server)
    begin_reset(ben, "ben")
    prove_by_text(ben, server, BEN_PHONE)
    server.advance(minutes=15, milliseconds=1)
    ben.choose("Email a code to me").press("Continue")
    ben.see_heading("That took a little too long").picture("expired")
    ben.follow("Begin again").see_heading("Let’s get you back in")
    assert server.mailbox.to(BEN_MAIL) == []


def test_one_proof_alone_leads_to_somebody_who_can_help(server, new_person):
    """Dana has nothing registered, Ben only what he has used already: the page says whom to ask, and the log knows the case."""
    change_policy(server, ("allow: [appCode, text, emailCode]\n", "allow: [appCode, text]\n"))
    ben = new_person(server)
    begin_reset(ben, "ben")
    prove_by_text(ben, server, BEN_PHONE)
    ben.see_heading("This is not enough").picture("reset-not-enough")
    code = ben.page.locator("dd .mono").inner_text()
    assert code in server.cli("explain", "--reference", code).text or "ben" in server.cli("explain", "--reference", code).text
    assert server.mailbox.latest(BEN_MAIL).subject == "Somebody tried to reset your password"


def test_whoever_can_do_neither_is_told_whom_to_ask(server, new_person):
    ben = new_person(server)
    begin_reset(ben, "ben").press("I can’t use two of these").see_heading("We can’t reset this password here")
    ben.see("0117 496 0123").picture("dead-end-reset")
    code = ben.page.locator("dd .mono").inner_text()
    assert "no way to prove" in str([row["details"] for row in audit(server) if row.get("reference") == code])
