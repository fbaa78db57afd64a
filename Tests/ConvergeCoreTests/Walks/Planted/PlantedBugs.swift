import Foundation
import Testing

@testable import ConvergeCore

/// What one gets wrong in a second factor product, each planted in a copy of the rules: a walk that does not see it is no walk.
enum PlantedBug: String, CaseIterable, Sendable {
    /// Somebody whose chosen default is not allowed any more never gets past the second step (S41).
    case accessByDefault
    case offeredUsedForGuard, heldUsedForGuard, suspendedAsNeverHeld
    case graceForEverybody
    case deadEndForInterrupt
    case wizardForcedOnBridge
    case passwordBeforeProof
    case wizardWithoutGuard
    case challengeWithoutNotNow

    /// The walk that has to fail.
    var walk: WalkKind {
        switch self {
        case .accessByDefault: .live
        case .offeredUsedForGuard, .heldUsedForGuard, .suspendedAsNeverHeld, .graceForEverybody, .passwordBeforeProof,
            .wizardWithoutGuard:
            .safe
        case .deadEndForInterrupt, .wizardForcedOnBridge, .challengeWithoutNotNow: .fair
        }
    }
}

/// The facts of a sign-in, with the bug that reads them.
struct PlantedFacts: Sendable {
    let facts: SignInFacts
    let bug: PlantedBug?

    var standing: Standing { facts.standing }
    var person: Person { facts.person }
    var policy: ResolvedPolicy { facts.policy }
    var reach: Reachability { facts.reach }
    var request: RequestFacts { facts.request }
    var now: Moment { facts.now }
    var endOfDay: @Sendable (Moment, Int) -> Moment { facts.endOfDay }

    func has(_ bug: PlantedBug) -> Bool { self.bug == bug }

    /// Whether the person has ever held anything, or what a bug takes for that.
    var everHeld: Bool {
        switch bug {
        case .offeredUsedForGuard: !standing.proofsForChange(reach: reach, now: now).isEmpty
        case .heldUsedForGuard: standing.credentials.contains(where: standing.isHeld)
        case .suspendedAsNeverHeld: person.firstHeldAt != nil && !standing.credentials.contains { $0.state == .suspended }
        default: person.firstHeldAt != nil
        }
    }

    /// Whether the default can be asked for; nobody but the bug wants to know.
    var isDefaultThere: Bool {
        guard has(.accessByDefault), let chosen = person.preference.first else { return true }
        return standing.counting(for: .signIn).contains(chosen)
    }
}

extension SignInDecision {
    /// The decision of the copy.
    static func next(_ state: SignInState, _ facts: PlantedFacts) -> SignInDecision {
        var table = PlantedTable(state: state, facts: facts)
        let page = table.read()
        return SignInDecision(page: page, state: table.state, notes: table.notes)
    }
}

extension WalkRules {
    /// The copy of the rules with one bug, or with none.
    static func planted(_ bug: PlantedBug?) -> WalkRules {
        WalkRules(
            begin: { PlantedMachine.begin($0, PlantedFacts(facts: $1, bug: bug)) },
            next: { SignInDecision.next($0, PlantedFacts(facts: $1, bug: bug)) },
            step: { PlantedMachine.step($0, $1, PlantedFacts(facts: $2, bug: bug)) },
            draw: { PlantedMachine.step($0, $1, PlantedFacts(facts: $2, bug: bug)) })
    }
}

/// How the copy is made of the rules of the product.
private enum PlantedCopy {
    /// Every line in which copy and product differ.
    static let changes: [(product: String, copy: String)] = [
        (
            "        if needsProof {  // 2–4\n",
            "        if facts.has(.passwordBeforeProof), mustChangePassword { return .changePassword }\n        if needsProof {  // 2–4\n"
        ),
        ("        if person.firstHeldAt != nil {\n", "        if facts.everHeld {\n"),
        (
            "return isDemanded ? .deadEnd(.stranded) : leaveOut()  // 7b",
            "return isDemanded || facts.has(.deadEndForInterrupt) ? .deadEnd(.stranded) : leaveOut()  // 7b"
        ),
        ("days > 0, person.mfaFirstHeldAt == nil else", "days > 0, person.mfaFirstHeldAt == nil || facts.has(.graceForEverybody) else"),
        ("if mfaMissing, isDemanded {", "if mfaMissing, isDemanded || (facts.has(.wizardForcedOnBridge) && isBridge) {"),
        ("guard isGuardMet else { return nil }", "guard isGuardMet || facts.has(.wizardWithoutGuard) else { return nil }"),
        (
            "var proofPostponement: Postponement { isDemanded ?",
            "var proofPostponement: Postponement { isDemanded || facts.has(.challengeWithoutNotNow) ?"
        ),
        (
            "        let counting = Set(standing.counting(for: .signIn))\n",
            "        guard facts.isDefaultThere else { return false }\n        let counting = Set(standing.counting(for: .signIn))\n"
        ),
    ]

    private static let names = [
        ("SignInTable", "PlantedTable"), ("SignInMachine", "PlantedMachine"), ("SignInFacts", "PlantedFacts"), ("public ", ""),
    ]

    private static let head = """
        // swift-format-ignore-file
        // The rules of Sources/ConvergeCore/SignIn with planted bugs. Made of them and compared with them by PlantedCopyTests:
        // whoever changes the rules changes this too, by hand or by CONVERGE_COPY_RULES=1 swift test --filter PlantedCopyTests.
        @testable import ConvergeCore


        """

    private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    static let file = folder.appending(path: "PlantedRules.swift")

    private static func source(_ name: String) throws -> String {
        let root = folder.appending(path: "../../../..").standardized
        return try String(contentsOf: root.appending(path: "Sources/ConvergeCore/SignIn/\(name).swift"), encoding: .utf8)
    }

    /// The table and the machine, with every change applied.
    static func make() throws -> String {
        let table = try #require(
            source("SignInDecision").section(from: "/// One reading of the table.", to: "/// Authentication method references"))
        let machine = try #require(source("SignInStep").section(from: "/// The state machine of a sign-in.", to: nil))
        var text = table + machine
        for (product, copy) in changes {
            #expect(text.ranges(of: product).count == 1, "the rules have changed here: \(product)")
            text = text.replacing(product, with: copy)
        }
        for (product, copy) in names { text = text.replacing(product, with: copy) }
        return head + text
    }
}

extension String {
    fileprivate func section(from start: String, to end: String?) -> String? {
        guard let first = range(of: start)?.lowerBound else { return nil }
        guard let end else { return String(self[first...]) }
        return range(of: end).map { String(self[first..<$0.lowerBound]) }
    }
}

@Suite("The copy of the rules")
struct PlantedCopyTests {
    @Test func `is the product's, with the planted bugs and nothing else`() throws {
        let made = try PlantedCopy.make()
        if ProcessInfo.processInfo.environment["CONVERGE_COPY_RULES"] != nil {
            try made.write(to: PlantedCopy.file, atomically: true, encoding: .utf8)
        }
        #expect(try String(contentsOf: PlantedCopy.file, encoding: .utf8) == made)
    }
}
