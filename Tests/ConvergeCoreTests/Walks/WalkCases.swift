import ConvergeCore

/// One case of the product.
struct WalkCase: Sendable {
    /// The chosen value of each dimension, by position.
    let choices: [Int]
    let factor: FirstFactor
    let outside: [WalkOutside]

    var setting: WalkSetting {
        var setting = WalkSetting()
        for (dimension, choice) in zip(WalkSpace.dimensions, choices) { dimension.choices[choice].apply(&setting) }
        setting.factor = factor
        return setting
    }

    var names: String {
        zip(WalkSpace.dimensions, choices).map { "\($0.name): \($0.choices[$1].name)" }.joined(separator: ", ") + ", \(factor.rawValue)"
            + ", outside: " + outside.map(\.rawValue).joined(separator: " ")
    }
}

enum WalkCases {
    /// The product of demand, allowed methods, registration, credentials and what opens a door, less what makes no difference by
    /// the facts alone: a guard where something was held, a bridge where something counts. Those, outages, the password, campaigns and
    /// the change from outside take turns instead.
    ///
    /// - Parameter half: every other one, as the fields of a chessboard: any three values still meet.
    static func all(half: Bool) -> [WalkCase] {
        var cases: [WalkCase] = []
        for demand in WalkSpace.demand.choices.indices {
            for allow in WalkSpace.allow.choices.indices {
                for wants in WalkSpace.wants.choices.indices {
                    for holding in WalkSpace.holding.choices.indices where !half || (demand + allow + wants + holding) % 2 == 0 {
                        add([demand, allow, wants, holding], &cases)
                    }
                }
            }
        }
        return cases
    }

    private static func add(_ fixed: [Int], _ cases: inout [WalkCase]) {
        var setting = WalkSetting()
        for (dimension, choice) in zip(WalkSpace.dimensions, fixed) { dimension.choices[choice].apply(&setting) }
        for door in doors(setting, cases.count) {
            for factor in factors(setting) {
                var turns = Repeatable(seed: UInt64(cases.count))
                let trouble = troubles(setting).randomElement(using: &turns) ?? 0
                let others = [WalkSpace.password, WalkSpace.campaign].map { Int.random(in: $0.choices.indices, using: &turns) }
                let outside = WalkOutside.allCases.shuffled(using: &turns).prefix(1)
                cases.append(WalkCase(choices: fixed + [door, trouble] + others, factor: factor, outside: Array(outside)))
            }
        }
    }

    private static func doors(_ setting: WalkSetting, _ turn: Int) -> [Int] {
        let guards = Array(0..<4), bridges = Array(4..<8)
        if setting.person.firstHeldAt == nil { return guards }
        if WalkWorld(setting).facts.standing.anythingCountsForSignIn { return [turn % 8] }
        return [turn % 4] + bridges
    }

    /// Outages of what nobody holds are none.
    private static func troubles(_ setting: WalkSetting) -> [Int] {
        let can = setting.credentials.reduce(into: Set<Capability>()) { $0.formUnion($1.capabilities) }
        return WalkTrouble.allCases.indices.filter { index in
            let trouble = WalkTrouble.allCases[index]
            return trouble == .none || can.contains { trouble.cuts($0) && !WalkTrouble.none.cuts($0) }
        }
    }

    private static func factors(_ setting: WalkSetting) -> [FirstFactor] {
        if setting.credentials.contains(where: { $0.method == .temporaryAccessPass && $0.isUsable(at: noon) }) {
            return [.password, .accessPass]
        }
        return setting.credentials.contains { $0.method == .passkey } ? [.password, .passkey] : [.password]
    }
}
