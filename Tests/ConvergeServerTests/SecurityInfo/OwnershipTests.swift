import ConvergeCore
import Testing

@Suite("What owners may add and delete")
struct OwnershipTests {
    private static let now = Moment(ms: 1_800_000_000_000)

    private static func policy(
        mfa: Set<Capability> = [.appCode, .text], reset: Set<Capability> = [.appCode, .text, .emailCode], gates: Int = 2,
        required: Bool = true
    ) -> PolicyDocument {
        PolicyDocument(
            mfa: [MFARule(name: "Sign-in", required: required, allow: mfa)],
            reset: [ResetRule(name: "Reset", gates: gates, allow: reset)],
            registration: [RegistrationRule(name: "Register", requireForMFA: required, requireForReset: required)])
    }

    private static func held(_ name: String, _ kind: MethodKind, state: CredentialState = .active) -> Credential {
        let capabilities = Set(MethodRegistry.traits(of: kind).capabilities.map(\.capability))
        return Credential(
            id: CredentialID(name), method: kind, state: state, capabilities: capabilities,
            verifiedBy: capabilities.min(), verifiedAt: now, channel: name, addedAt: now)
    }

    private static func standing(
        _ credentials: [Credential], _ document: PolicyDocument = policy(), person: Person = Person(id: PersonID("p"))
    ) -> Standing {
        Standing(person: person, credentials: credentials, policy: document.resolve(for: person))
    }

    // MARK: adding

    @Test func `what policy allows for either feature can be added, up to its limit, and recovery codes are not in the list`() {
        let standing = Self.standing([Self.held("p1", .mobilePhone)], Self.policy(mfa: [.appCode], reset: [.text]))
        let list = Dictionary(uniqueKeysWithValues: standing.addable.map { ($0.kind, $0.addability) })
        #expect(list[.totpApp] == .open && list[.mobilePhone] == .limit(1) && list[.email] == .notAllowed)
        #expect(list[.recoveryCodes] == nil && list[.temporaryAccessPass] == nil && list[.appPassword] == nil)
    }

    @Test func `a guest whom reset leaves out cannot add what serves reset only`() {
        let guest = Person(id: PersonID("g"), kind: .guest)
        #expect(Self.standing([], person: guest).addability(of: .email) == .notAllowed)
        #expect(Self.standing([]).addability(of: .email) == .open)
    }

    @Test func `a second phone comes after a mobile phone`() {
        let policy = Self.policy(mfa: [.appCode, .alternateCall])
        #expect(Self.standing([Self.held("a", .totpApp)], policy).addability(of: .alternatePhone) == .needs(.mobilePhone))
        #expect(
            Self.standing([Self.held("p", .mobilePhone, state: .suspended)], policy).addability(of: .alternatePhone)
                == .needs(.mobilePhone))
        #expect(Self.standing([Self.held("p", .mobilePhone)], policy).addability(of: .alternatePhone) == .open)
    }

    @Test func `a suspended one leaves room for another, and one that is replaced does too`() {
        #expect(Self.standing([Self.held("p1", .mobilePhone, state: .suspended)]).addability(of: .mobilePhone) == .open)
        let standing = Self.standing([Self.held("p1", .mobilePhone)])
        #expect(standing.addability(of: .mobilePhone, replacing: CredentialID("p1")) == .open)
    }

    // MARK: deleting

    @Test func `the only second step cannot go while one is wanted, and what could take its place is named`() throws {
        let standing = Self.standing([Self.held("a", .totpApp), Self.held("e", .email)])
        let deletion = try #require(standing.deletion(of: CredentialID("a")))
        #expect(deletion.refusedFor == [.signIn, .reset])
        #expect(deletion.replacements == [.totpApp, .mobilePhone])
    }

    @Test func `one of three may go, one of two that reset needs may not`() throws {
        let three = Self.standing([Self.held("a", .totpApp), Self.held("p", .mobilePhone), Self.held("e", .email)])
        #expect(try #require(three.deletion(of: CredentialID("p"))).refusedFor.isEmpty)
        let two = Self.standing([Self.held("a", .totpApp), Self.held("e", .email)])
        let deletion = try #require(two.deletion(of: CredentialID("e")))
        #expect(deletion.refusedFor == [.reset])
        #expect(deletion.replacements == [.mobilePhone, .email])
    }

    @Test func `what counts for nothing may always go`() throws {
        let standing = Self.standing(
            [Self.held("a", .totpApp), Self.held("p", .mobilePhone)], Self.policy(mfa: [.appCode], reset: [.appCode], gates: 1))
        #expect(try #require(standing.deletion(of: CredentialID("p"))).refusedFor.isEmpty)
    }

    @Test func `where nothing is wanted the last may go, and that is said`() throws {
        let open = Self.policy(required: false)
        let last = try #require(Self.standing([Self.held("a", .totpApp)], open).deletion(of: CredentialID("a")))
        #expect(last.refusedFor.isEmpty && last.isLast && last.isLastSecondStep)
        let other = try #require(
            Self.standing([Self.held("a", .totpApp), Self.held("e", .email)], open).deletion(of: CredentialID("a")))
        #expect(!other.isLast && other.isLastSecondStep)
    }

    @Test func `one that was switched off by a report is still the person's`() throws {
        let standing = Self.standing(
            [Self.held("a", .totpApp, state: .suspended), Self.held("e", .email)], Self.policy(required: false))
        let deletion = try #require(standing.deletion(of: CredentialID("e")))
        #expect(!deletion.isLast && !deletion.isLastSecondStep)
    }

    @Test func `deleting the default says what comes first then`() throws {
        let standing = Self.standing([Self.held("a", .totpApp), Self.held("p", .mobilePhone), Self.held("e", .email)])
        let deletion = try #require(standing.deletion(of: CredentialID("a")))
        #expect(deletion.newDefault == CredentialUse(credential: CredentialID("p"), capability: .text))
        #expect(deletion.resetStays == true)
        #expect(try #require(standing.deletion(of: CredentialID("p"))).newDefault == nil)
    }

    @Test func `what the directory keeps is not the owner's to delete`() {
        #expect(Self.standing([Self.held("o", .officePhone)]).deletion(of: CredentialID("o")) == nil)
        #expect(Self.standing([]).deletion(of: CredentialID("x")) == nil)
    }
}
