import ConvergeCore

/// Tries to activate a hardware token: counted before a code is compared, for the person and against the serial number, however many
/// registrations somebody begins. Codes of a token in use are counted elsewhere, so that nobody closes it to its owner.
struct TokenTries {
    let serial: String
    private let budgets: [(key: String, rule: BudgetRule, what: String)]
    private let store: BudgetStore

    /// Nil: nothing would be compared.
    init?(_ input: EnrolmentInput, _ state: EnrolmentState, _ person: PersonID, _ instance: Instance) {
        guard state.method == .hardwareToken, case .answer(let answer) = input, HardwareToken.incomplete(state, answer) == nil else {
            return nil
        }
        serial = answer["serial"].trimmingSpaces()
        store = instance.budgets
        budgets = [
            (Budgets.tokenTries(person), Budgets.tokenTriesPerPerson, "person"),
            (
                Budgets.tokenTries(serial, keptFor: answer.token?.standing == .kept ? person : nil, instance),
                Budgets.tokenTriesPerSerial, "serial number"
            ),
        ]
    }

    /// Counts one.
    ///
    /// - Returns: a refusal that says until when, where one of the budgets is used up; it cost nothing then.
    func spend(at now: Moment, _ db: any Connection) throws -> Refusal? {
        for (index, budget) in budgets.enumerated() {
            guard let until = try store.spend(budget.key, budget.rule, now: now, db) else { continue }
            if index > 0 { try store.giveBack(budgets.prefix(index).map(\.key), db) }
            return Refusal(.tokenTooMany, until: until, detail: "tries of the \(budget.what)")
        }
        return nil
    }

    /// It was right.
    func giveBack(_ db: any Connection) throws { try store.giveBack(budgets.map(\.key), db) }
}
