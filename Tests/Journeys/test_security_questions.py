"""Security questions: a second proof for a new password, and nothing else."""

from stories import (
    BEN_MAIL,
    BEN_PHONE,
    RESET_ALLOWS,
    answer_text,
    begin_reset,
    change_policy,
    choose_password,
    keep_codes,
    row,
    sign_in,
)

ANSWERS = {
    "What was your first pet called?": "Mr. Whiskers",
    "Which make and colour was the first car you drove?": "Green Mini",
    "What lies under the lighthouse?": "An old cave",
}


def allow_questions(server) -> None:
    change_policy(
        server,
        (RESET_ALLOWS, "allow: [emailCode, securityQuestions]\n"),
        ("custom: []", 'custom: ["What lies under the lighthouse?"]'),
    )


def fill_set(person, answers: dict[str, str]) -> None:
    for number, (question, answer) in enumerate(answers.items(), start=1):
        person.select(f"Question {number}", question).fill(f"Answer {number}", answer)


def asked(person) -> list[str]:
    return person.page.locator("form.fields label").all_inner_texts()


def answer_round(person, answers: dict[str, str]):
    for question in asked(person):
        person.fill(question, answers[question])
    return person.press("Continue")


def test_ben_answers_three_questions_and_gets_back_in(server, new_person):
    allow_questions(server)
    ben = new_person(server)
    sign_in(ben, "ben")
    answer_text(ben, server, BEN_PHONE)
    # His mailbox is one proof of two: the smallest set for the rest is the questions.
    ben.press("Start").see_heading("Choose 3 questions and answer them").picture("wizard-questions")

    fill_set(ben, ANSWERS | {"What lies under the lighthouse?": "mr whiskers!"})
    ben.press("Save the answers").see("You have given this answer already").picture("wizard-questions-error")
    assert ben.page.get_by_label("Answer 2").input_value() == "Green Mini", "what was typed is still there"
    fill_set(ben, ANSWERS)
    ben.press("Save the answers").see("Your security questions are saved")
    keep_codes(ben)
    ben.press("Done").goto("/security-info")
    assert "lighthouse" not in ben.page.content() and "Whiskers" not in ben.page.content()
    row(ben, "Security questions").wait_for()
    server.mailbox.latest(BEN_MAIL)
    server.advance(days=2)

    stranger = new_person(server)
    begin_reset(stranger, "ben")
    assert stranger.page.locator("label.choice b").all_inner_texts() == ["Email a code to me"], "never the first proof"
    stranger.choose("Email a code to me").press("Continue")
    stranger.fill("Email address", BEN_MAIL).press("Send the code")
    stranger.fill("8-digit code", server.mailbox.latest_code(BEN_MAIL)).press("Continue")
    if stranger.has("button", "Continue") and not stranger.has("heading", "Answer your security questions"):
        stranger.choose("Answer my security questions").press("Continue")
    stranger.see_heading("Answer your security questions").picture("questions")
    assert set(asked(stranger)) == set(ANSWERS)
    answer_round(stranger, dict.fromkeys(ANSWERS, "no idea")).see("At least one answer is not the one you gave")
    stranger.picture("questions-error")
    answer_round(stranger, {question: answer.upper() + "." for question, answer in ANSWERS.items()})
    stranger.see_heading("Choose your new password")
    choose_password(stranger, "tall ships leaving at dusk").see_heading("Your new password works")
