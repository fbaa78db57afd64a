"""A password for one program that cannot ask for a second step."""

from stories import change_policy, sign_in_ben


def test_ben_makes_one_for_his_mail_program_and_deletes_it(server, new_person):
    change_policy(server, ("appPasswords:\n  allowed: false", "appPasswords:\n  allowed: true"))
    ben = new_person(server)
    sign_in_ben(ben, server)
    ben.goto("/security-info").picture("security-info-app-passwords").follow("New app password")
    ben.see_heading("Make an app password").picture("app-password-new")
    ben.fill("Name", "Mail on my laptop").fill("Site or protocol", "imap").press("Make it")
    ben.see_heading("Password for “Mail on my laptop”").picture("app-password")
    shown = ben.page.locator("p.key").inner_text()
    assert len(shown.replace("-", "")) == 32
    ben.follow("Done").see("Mail on my laptop", "For imap.")
    assert shown not in ben.page.content()
    ben.page.locator("li.row").filter(has_text="Mail on my laptop").get_by_role("link", name="Delete").click()
    ben.press("Delete")
    assert "Mail on my laptop" not in ben.page.content()
