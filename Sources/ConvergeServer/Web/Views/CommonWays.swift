import ConvergeCore

/// Ways on that many pages share.
extension Way {
    static func chooseSomethingElse(_ target: Target) -> Way { Way(Message("part.way.choose-else"), target) }
    /// Leaves the wizard; what is done stays done.
    static func stopForNow(_ target: Target) -> Way { Way(Message("part.way.stop"), target) }
    static func changeNumber(_ target: Target) -> Way { Way(Message("part.way.change-number"), target) }
    static func changeAddress(_ target: Target) -> Way { Way(Message("part.way.change-address"), target) }
    /// For a directory's value that is wrong.
    static func isWrong(_ target: Target) -> Way { Way(Message("part.way.is-wrong"), target) }
    static func cannotUseAny(_ href: String) -> Way { Way(Message("others.none"), .link(href)) }
    static func anotherWay(_ target: Target) -> Way { Way(Message("others.another"), target) }
    /// From the beginning, where nothing more can be tried here.
    static func beginAgain(_ target: Target) -> Way { Way(Message("expired.again"), target) }
    static func cancel(_ href: String) -> Way { Way(Message("part.cancel"), .link(href)) }
}

/// Notices that many pages share.
extension Notice {
    /// "Your authenticator app is connected."
    static func added(_ kind: String) -> Notice { saved(Message("saved.added.\(kind)")) }
    static func changed(_ kind: String) -> Notice { saved(Message("saved.changed", ["method": .message(.yourMethod(kind))])) }
    static func deleted(_ kind: String) -> Notice { saved(Message("saved.deleted", ["method": .message(.yourMethod(kind))])) }
    static func confirmed(_ kind: String) -> Notice { saved(Message("saved.confirmed", ["method": .message(.yourMethod(kind))])) }
    /// "From now on we ask for the code from your authenticator app first."
    static func defaultChanged(_ capability: String) -> Notice {
        saved(Message("saved.default", ["method": .message(.asked(capability))]))
    }
    static let passwordChanged = saved(Message("saved.password"))
    static let codesKept = saved(Message("saved.codes"))
    static let reviewed = saved(Message("saved.reviewed"))
    static let signedOutEverywhere = saved(Message("saved.signed-out-everywhere"))
    /// "A new code is on its way."
    static let sentAgain = saved(Message("saved.sent-again"))
    /// "Thank you. That was right. One more proof to go."
    static func proofs(done: Int, of gates: Int) -> Notice {
        saved(done < gates ? Message("saved.proof-next") : Message("saved.proofs", ["count": .number(gates)]))
    }
}

extension DeadEndPage.Kind {
    /// The page for a dead end of the core.
    init(_ deadEnd: DeadEnd) {
        self =
            switch deadEnd {
            case .policyUnsatisfiable: .unsatisfiable
            case .stranded: .stranded
            case .registrationGuarded: .guarded
            }
    }
}
