import ConvergeCore
import Foundation
import Testing

@testable import ConvergeServer

@Suite("The policy file")
struct PolicyFileTests {
    private static let sales = GroupID("g1"), board = GroupID("g2"), odd = GroupID("g3")
    private let file = PolicyFile(groups: [sales: "Sales", board: "The board", odd: "yes: \"no\" # 1"])

    private func problems(_ text: String) -> [String] {
        do {
            _ = try file.read(text)
            return []
        } catch let problems as PolicyFile.Problems {
            return problems.lines
        } catch {
            return ["another error: \(error)"]
        }
    }

    private static let least = "mfa: []\nreset: []\nregistration: []\n"

    @Test("what is written reads back to the same document, whatever it holds")
    func roundTrip() throws {
        #expect(try file.read(file.write(.initial)) == .initial)
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<100 {
            let document = Self.random(&generator), text = file.write(document)
            #expect(try file.read(text) == document, "\(text)")
            #expect(try file.read(text).changes(from: document, groups: file.groups).isEmpty)
        }
    }

    @Test("what is left out has the value that the documentation says")
    func fallbacks() throws {
        let text = """
            mfa:
              - name: A
            reset:
              - name: B
                gates: 1
            registration:
              - name: C
            """
        let document = try file.read(text)
        #expect(document.mfa == [MFARule(name: "A", required: true, allow: [])])
        #expect(document.reset == [ResetRule(name: "B", gates: 1, allow: [])])
        #expect(document.registration == [RegistrationRule(name: "C", requireForMFA: true, requireForReset: true)])
        #expect(document.bridge == BridgePolicy() && document.session == SessionPolicy() && document.password == PasswordPolicy())
    }

    @Test("an unknown key is refused with its line and the nearest known one")
    func unknownKey() {
        #expect(
            problems(Self.least + "trustedNetwork: []\n") == ["Line 4: trustedNetwork is not a policy key; did you mean trustedNetworks?"])
        let text = "reset: []\nregistration: []\nmfa:\n  - name: A\n    graceDay: 3\n    allow: [appCode]\n"
        #expect(problems(text) == ["Line 5: mfa[].graceDay is not a policy key; did you mean graceDays?"])
    }

    @Test("a capability that does not exist yet is refused with those that do")
    func capabilities() {
        let text = { (word: String) in "mfa: [{name: A, allow: [\(word)]}]\nreset: []\nregistration: []\n" }
        let usable = PolicyFile.usable(for: .signIn).map(\.rawValue).joined(separator: ", ")
        #expect(usable.hasPrefix("app") && usable.contains("appCode") && usable.contains("text"))
        for missing in Capability.allCases where !MethodRegistry.implementedCapabilities.contains(missing) {
            let told = "Line 1: mfa[].allow: \(missing.rawValue) does not exist in this release. These do: \(usable)."
            #expect(problems(text(missing.rawValue)) == [told])
        }
        #expect(problems(text("appCod")) == ["Line 1: mfa[].allow: appCod is not a method's capability; did you mean appCode?"])
        #expect(
            problems(text("emailCode")) == [
                "Line 1: mfa[].allow: emailCode cannot serve as a second step at sign-in. These do: \(usable)."
            ])
        #expect(problems(text("recoveryCode")).first?.contains("registration[].recoveryCodes") == true)
        #expect(problems(text("appCode, text")).isEmpty)
        for capability in Capability.allCases where !MethodRegistry.implementedCapabilities.contains(capability) {
            #expect(problems(text(capability.rawValue)).first?.contains("does not exist in this release") == true)
        }
    }

    @Test("groups are known by name; roll-out is for all; sections that decide may not be forgotten")
    func refusals() {
        let rule = { (scope: String) in "mfa: [{name: A, applies: \(scope)}]\nreset: []\nregistration: []\n" }
        #expect(problems(rule("{groups: [Sale]}")).contains { $0.contains("no group “Sale”; did you mean “Sales”?") })
        #expect(problems(rule("{groups: []}")).contains { $0.contains("nobody") })
        #expect(problems(rule("{to: all, groups: [Sales]}")).count == 1)
        #expect(problems(rule("everyone")).count == 1)
        #expect(problems(rule("{groups: [Sales], except: [The board]}")).isEmpty)
        #expect(
            problems("rollOut: selected\n" + Self.least) == [
                "Line 1: rollOut: only all is possible in this release, as the two former registration pages do not exist."
            ])
        #expect(problems("mfa: []\nreset: []\n") == ["Line 1: registration is missing."])
        #expect(
            problems("mfa: [{name: A}, {name: A}]\nreset: [{name: R, gates: 3}]\nregistration: [{name: G, guard: nothing}]\n").count == 3)
        #expect(problems(Self.least + "trustedNetworks: [10.0.0.0/40]\npassword: {minimumLength: 7}\nbridge: {days: soon}\n").count == 3)
        #expect(problems("mfa: [\n").count == 1)
        #expect(problems("").count == 1)
        #expect(problems("mfa: []\nmfa: []\n").count == 1)
        #expect(problems(String(repeating: "#", count: PolicyFile.maximumBytes + 1)).count == 1)
    }

    @Test("a change is named by its place, a rule by its name")
    func changes() {
        var changed = PolicyDocument.initial
        changed.mfa[0].allow = [.appCode]
        changed.bridge.days = 0
        changed.reset[0].skipsMax = 3
        let paths = changed.changes(from: .initial, groups: [:])
        #expect(paths == ["bridge.days", "mfa[Sign-in for everyone].allow", "reset[Password reset].skipsMax"])
    }

    @Test("the documentation holds the tables that the program prints")
    func documentation() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let policy = try String(contentsOf: root.appending(path: "docs/policy.md"), encoding: .utf8)
        #expect(policy.contains(PolicyKey.documentation), "put the output of `converge policy keys` into docs/policy.md")
        let settings = try String(contentsOf: root.appending(path: "docs/configuration.md"), encoding: .utf8)
        #expect(settings.contains(Config.documentation), "put the output of `converge settings` into docs/configuration.md")
    }

    private static func random(_ generator: inout SystemRandomNumberGenerator) -> PolicyDocument {
        func some<Value>(_ values: [Value]) -> [Value] { values.filter { _ in Bool.random(using: &generator) } }
        func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &generator) }
        func maybe(_ range: ClosedRange<Int>) -> Int? { Bool.random(using: &generator) ? number(range) : nil }
        func flag() -> Bool { Bool.random(using: &generator) }
        func scope() -> PolicyScope {
            let all = [sales, board, odd]
            let groups = Set(some(all))
            return switch number(0...2) {
            case 0: PolicyScope(.all, except: Set(some(all)))
            case 1: PolicyScope(.none)
            default: groups.isEmpty ? PolicyScope(.all) : PolicyScope(.selected, groups: groups, except: Set(some(all)))
            }
        }
        let texts = [
            "plain", "yes", "Ünïcode", "a: b", "# no", "with \"quotes\" \\ and\ttabs", " spaced ", "12", "~", "-", "\u{2028}", "x\u{85}y",
        ]
        func words() -> [String] { some(texts) }
        func name(_ index: Int) -> String {
            ["Rule", "no", "Everyone's: \"second\" step", "1", "é"][number(0...4)].trimmingSpaces() + "\(index)"
        }
        return PolicyDocument(
            mfa: (0..<number(0...3)).map {
                MFARule(
                    name: name($0), scope: scope(), required: flag(), allow: Set(some([.appCode, .text])),
                    exclude: Set(some(Capability.allCases)),
                    graceDays: maybe(0...365), rememberBrowserDays: maybe(0...365), exemptTrustedNetworks: flag())
            },
            reset: (0..<number(0...3)).map {
                ResetRule(
                    name: name($0), scope: scope(), includeGuests: flag(), gates: number(1...2),
                    allow: Set(some([.appCode, .text, .emailCode])),
                    exclude: Set(some(Capability.allCases)), options: Set(some([.recoveryCode])), reconfirmDays: maybe(0...730),
                    skipsMax: maybe(0...100), unlockWithoutReset: flag(), notifyPerson: flag(), notifyAdministrators: flag(),
                    minimumAgeHours: number(0...720), ownMailDomainsCount: flag())
            },
            registration: (0..<number(0...3)).map {
                RegistrationRule(
                    name: name($0), scope: scope(), requireForMFA: flag(), requireForReset: flag(),
                    guardKind: RegistrationGuard.allCases[number(0...3)], recoveryCodes: flag())
            },
            bridge: BridgePolicy(days: number(0...365), compromised: Set(some(Capability.allCases))),
            session: SessionPolicy(idleMinutes: number(1...1440), absoluteHours: number(1...720), freshMinutes: number(1...60)),
            password: PasswordPolicy(
                profile: flag() ? .nist : .entra, minimumLength: number(8...64), bannedWords: words(), reuseLast: flag()),
            trustedNetworks: some(["192.0.2.0/24", "2001:db8::/32"]), emergencyAccounts: words())
    }
}
