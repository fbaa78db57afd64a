import ConvergeCore

@testable import ConvergeServer

extension CodePage {
    /// What the examples say of a page, in one go.
    init(
        ask: Ask, form: Form, lead: Message? = nil, errors: [FieldError] = [], rememberDays: Int? = nil, sendAgain: Form? = nil,
        others: Choices = Choices([]), othersOpen: Bool = true, notNow: Form? = nil, notNowUntil: Moment? = nil, who: Who? = nil,
        progress: Progress? = nil, crumb: Way? = nil, ways: [Way] = []
    ) {
        self.init(
            ask: ask,
            around: Around(
                form: form, lead: lead, errors: errors, rememberDays: rememberDays, sendAgain: sendAgain, others: others,
                othersOpen: othersOpen, notNow: notNow, notNowUntil: notNowUntil, who: who, progress: progress, crumb: crumb, ways: ways))
    }
}
