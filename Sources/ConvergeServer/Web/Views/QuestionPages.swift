import ConvergeCore

extension SecurityQuestion {
    /// The question as people read it.
    var words: Message {
        switch self {
        case .predefined(let id): Message("question.\(id)")
        case .custom(let text): Message("question.custom", ["text": .text(text)])
        }
    }
}

/// Chooses questions and answers them: a whole set on one page, which takes no more than a few lines.
struct ChooseQuestionsPage: Page {
    static let template = "wizard/questions"
    var pool: [SecurityQuestion]
    /// As many as there have to be, with what was chosen and typed so far.
    var chosen: [ChosenAnswer]
    var around: Around

    var frame: Frame {
        var frame = around.frame(heading: Message("wizard.questions.heading", ["count": .number(chosen.count)]))
        frame.lead = Message("wizard.questions.lead")
        return frame
    }

    func body(_ say: Speaker) -> Slots {
        let sets = chosen.enumerated().map { index, one -> Slots in
            let number = index + 1, id = "question-\(number)"
            let error = around.errors.first { $0.field == id }.map { say($0.message) as String }
            let answer = Field(
                "answer-\(number)", .text, label: Message("wizard.questions.answer", ["number": .number(number)]),
                value: one.answer.text)
            return [
                "id": id,
                "label": say(Message("wizard.questions.question", ["number": .number(number)])), "error": error,
                "described": error.map { _ in id + "-error" }, "choose": say(Message("wizard.questions.choose")),
                "isOpen": one.question == nil,
                "options": pool.map { question in
                    [
                        "value": question.formValue, "label": say(question.words), "chosen": question == one.question,
                    ] as Slots
                },
                "answer": answer.slots(say, errors: around.errors),
            ]
        }
        return around.slots(say).merging([
            "sets": sets, "submit": say(Message("wizard.questions.submit")), "hint": say(Message("wizard.questions.hint")),
        ])
    }
}

/// Answers security questions, all at once.
struct QuestionsPage: Page {
    static let template = "challenge/questions"
    var questions: [SecurityQuestion]
    var around: Around

    var frame: Frame {
        var frame = around.frame(heading: Message("questions.heading"))
        frame.lead = around.lead ?? Message("questions.lead")
        return frame
    }

    func body(_ say: Speaker) -> Slots {
        let fields = questions.enumerated().map { index, question in
            Field("answer-\(index + 1)", .text, label: question.words, takesFocus: index == 0).slots(say, errors: around.errors)
        }
        return around.slots(say).merging(["fields": fields, "submit": say(Message("questions.submit"))])
    }
}
