"""Nothing but the keyboard; and the colours of the system in place of ours."""

from __future__ import annotations

from checks import keyboard_faults
from oath import AuthenticatorApp
from stories import ADA_PHONE, PASSWORDS, TEXT_CODE, begin_reset, sign_in_ben


def corrects_an_error(person, words: str, field: str) -> None:
    """The focus lands on the summary, which says what is wrong; its link leads to the field."""
    person.see(words)
    assert person.page.title().startswith("Error:")
    assert words in person.focused(), f"the focus is on “{person.focused()}”"
    person.page.keyboard.press("Tab")
    person.press_key("Enter", leads_on=False)
    assert field in person.focused(), f"the link of the summary leads to “{person.focused()}”"


def test_the_first_day_without_a_mouse(server, new_person):
    ada = new_person(server)
    ada.goto("/profile")  # where she was going
    assert "Work email or user name" in ada.focused()
    ada.type("ada").tab_to("Password").type("a wrong one").press_key("Enter")
    corrects_an_error(ada, "We could not sign you in", "Password")
    ada.type(PASSWORDS["ada"]).press_key("Enter").see_heading("Add two ways to prove it’s you")

    ada.tab_to("Why am I being asked?").press_key("Enter", leads_on=False).see("Sign-in for everyone")
    ada.press_key("Space", leads_on=False).see_no("Sign-in for everyone")
    ada.tab_to("Start").press_key("Enter")

    # She cannot hold a phone before the screen, and types the key instead.
    ada.see("Step 1 of 2").tab_to("Can’t scan the code?").press_key("Enter", leads_on=False)
    app = AuthenticatorApp.from_key(ada.page.locator("p.key").inner_text())
    wrong = "000000" if app.code(server) != "000000" else "111111"
    ada.tab_to("6-digit code").type(wrong).press_key("Enter")
    corrects_an_error(ada, "That code did not match", "6-digit code")
    ada.type(app.code(server)).press_key("Enter")

    ada.see("Step 2 of 2")
    assert ada.focused() == "Number"
    ada.tab_to("Country", back=True).type("United K")
    assert ada.page.get_by_label("Country").input_value() == "GB"
    ada.tab_to("Number").type("07700 900184").tab_to("Send the code").press_key("Space")
    ada.see_heading(TEXT_CODE).type(server.latest_code(ADA_PHONE)).press_key("Enter")

    ada.see_heading("Your recovery codes").tab_to("I have put them somewhere safe").press_key("Space", leads_on=False)
    ada.tab_to("Continue").press_key("Enter").see_heading("You’re all set, Ada")
    ada.tab_to("Done").press_key("Enter")
    assert ada.path == "/profile"

    # The first stop leads past the header and the menu.
    ada.page.keyboard.press("Tab")
    assert ada.focused() == "Skip to content" and ada.page.get_by_text("Skip to content").bounding_box()["width"] > 44
    ada.press_key("Enter", leads_on=False).page.keyboard.press("Tab")
    assert ada.focused() == "Edit security info"
    ada.press_key("Enter").see_heading("Security info")

    # Arrows choose, as in every list of one.
    ada.tab_to("Change default").press_key("Enter").tab_to("The code from your authenticator app")
    ada.page.keyboard.press("ArrowDown")
    assert "A text to your mobile phone" in ada.focused()
    ada.press_key("Enter").see("Saved. We ask for this first")

    ada.tab_to("Delete Authenticator app").press_key("Enter").see_heading("Add another method first")
    ada.tab_to("Security info").press_key("Enter").see_heading("Security info")
    ada.tab_to("Sign out").press_key("Enter").see_heading("You are signed out")


def test_the_menu_of_a_phone_opens_and_closes(server, new_person):
    ben = new_person(server, width=360)
    sign_in_ben(ben, server)
    menu = ben.page.locator("#nav")
    ben.tab_to("Menu").press_key("Enter", leads_on=False)
    assert menu.is_visible()
    ben.page.keyboard.press("Tab")
    assert ben.focused() == "Close"
    ben.press_key("Escape", leads_on=False)
    assert menu.is_hidden() and ben.focused() == "Menu", "the focus is back where it was"
    ben.press_key("Enter", leads_on=False).tab_to("Security info").press_key("Enter").see_heading("Security info")


# --- forced colours: no background and no shadow of ours is left


def shot(person, locator) -> bytes:
    """Something with the room around it for a frame. The caret is hidden, so that only a frame tells where the focus is."""
    locator.scroll_into_view_if_needed()
    box = locator.bounding_box()
    clip = {"x": max(0, box["x"] - 8), "y": max(0, box["y"] - 8), "width": box["width"] + 16, "height": box["height"] + 16}
    return person.page.screenshot(clip=clip, animations="disabled", caret="hide")


def shows_the_focus(person, locator, frame=None) -> None:
    frame = frame or locator
    locator.evaluate("element => { element.focus(); element.blur() }")
    before = shot(person, frame)
    locator.focus()
    assert shot(person, frame) != before, f"the focus does not show on {locator} of {person.path}"


def thickness(locator) -> float:
    return locator.evaluate("element => parseFloat(getComputedStyle(element).borderTopWidth)")


def every_stop_shows(person) -> None:
    assert keyboard_faults(person.page) == []


def test_focus_choice_and_errors_show_in_forced_colours(server, new_person):
    ben = new_person(server, width=360)
    ben.page.emulate_media(forced_colors="active")
    ben.goto("/sign-in")
    name, password = ben.page.get_by_label("Work email or user name"), ben.page.get_by_label("Password")
    for control in (name, password, ben.page.get_by_role("button", name="Sign in"), ben.page.get_by_role("link", name="Can’t access")):
        shows_the_focus(ben, control)
    every_stop_shows(ben)
    submit = ben.page.get_by_role("button", name="Sign in")
    primary = shot(ben, submit)
    submit.evaluate("element => element.classList.add('button-secondary')")
    assert shot(ben, submit) != primary, "what the page is for is unlike what else one may press"
    ben.goto("/sign-in")

    # An error has a frame around the summary, a sign beside its words, and a field that is unlike the others.
    ben.fill("Work email or user name", "ben").fill("Password", "a wrong one").press("Sign in").see("We could not sign you in")
    assert thickness(ben.page.locator(".error-summary")) >= 2
    assert thickness(password) > thickness(name)
    sign = ben.page.locator(".error .icon")
    drawn = shot(ben, sign)
    sign.evaluate("element => element.setAttribute('visibility', 'hidden')")
    assert shot(ben, sign) != drawn, "the sign of an error is drawn"
    ben.picture("forced-colours-error")

    # What is chosen differs from what is not, and the focus from both.
    begin_reset(ben, "ben")
    rows = ben.page.locator("label.choice")
    first, second = rows.nth(0), rows.nth(1)
    second.locator("input").check()
    ben.page.evaluate("document.activeElement.blur()")
    not_chosen, chosen = shot(ben, first), shot(ben, second)
    first.locator("input").check()
    ben.page.evaluate("document.activeElement.blur()")
    assert shot(ben, first) != not_chosen and shot(ben, second) != chosen, "what is chosen shows"
    ben.page.keyboard.press("Tab")
    shows_the_focus(ben, first.locator("input"), first)
    every_stop_shows(ben)

    sign_in_ben(ben, server)
    ben.goto("/security-info").see_heading("Security info")
    every_stop_shows(ben)
    ben.page.set_viewport_size({"width": 1280, "height": 900})
    here = ben.page.locator(".nav [aria-current]")
    marked = shot(ben, here)
    here.evaluate("element => element.removeAttribute('aria-current')")
    assert shot(ben, ben.page.locator(".nav a").nth(1)) != marked, "the menu shows which page it is"
    ben.goto("/security-info/add").see_heading("What would you like to add?")
    shows_the_focus(ben, ben.page.get_by_role("button", name="Authenticator app"))


def test_who_wants_no_motion_gets_none(server, new_person):
    ben = new_person(server)
    ben.page.emulate_media(reduced_motion="reduce")
    sign_in_ben(ben, server)
    ben.goto("/security-info")
    moving = ben.page.evaluate(
        """() => [...document.querySelectorAll("*")].filter((element) => {
            const style = getComputedStyle(element);
            return style.animationName !== "none" || style.transitionDuration.split(",").some((time) => parseFloat(time) > 0.001);
        }).map((element) => element.className)"""
    )
    assert moving == []
