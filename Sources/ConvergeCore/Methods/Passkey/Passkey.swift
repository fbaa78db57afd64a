import Crypto

/// What ceremonies with passkeys are bound to, and what is known of the person's other passkeys.
public struct PasskeyContext: Sendable {
    /// The origin of the public address.
    public let origin: String
    /// The person's id: the user handle, with which an authenticator finds the passkey again.
    public let person: PersonID
    public let displayName: String
    /// Every passkey of the person that is registered.
    public let held: [PasskeyContent]
    public let trust: any AttestationTrust

    public init(
        origin: String = "", person: PersonID = PersonID(""), displayName: String = "", held: [PasskeyContent] = [],
        trust: any AttestationTrust = NoAttestationTrust()
    ) {
        self.origin = origin
        self.person = person
        self.displayName = displayName
        self.held = held
        self.trust = trust
    }
}

/// A passkey as a browser is told of it.
public struct PasskeyDescriptor: Hashable, Sendable {
    public let id: [UInt8]
    public let transports: [String]

    public init(id: [UInt8], transports: [String]) {
        self.id = id
        self.transports = transports
    }
}

/// How much an authenticator is asked to check its user.
public enum UserVerification: String, Hashable, Sendable {
    case required, preferred, discouraged
}

/// What a browser needs to make a passkey.
public struct PasskeyCreation: Hashable, Sendable {
    public let challenge: [UInt8]
    public let relyingParty: String
    public let relyingPartyName: String
    public let userHandle: [UInt8]
    public let name: String
    public let displayName: String
    public let algorithms: [PasskeyAlgorithm]
    /// Passkeys that the person has: an authenticator that holds one of them makes no second.
    public let exclude: [PasskeyDescriptor]
    public let asksForAttestation: Bool
    /// The name that was typed, so that an error loses nothing.
    public let typed: String

    public init(
        challenge: [UInt8], relyingParty: String, relyingPartyName: String, userHandle: [UInt8], name: String, displayName: String,
        algorithms: [PasskeyAlgorithm] = PasskeyAlgorithm.allCases, exclude: [PasskeyDescriptor], asksForAttestation: Bool, typed: String
    ) {
        self.challenge = challenge
        self.relyingParty = relyingParty
        self.relyingPartyName = relyingPartyName
        self.userHandle = userHandle
        self.name = name
        self.displayName = displayName
        self.algorithms = algorithms
        self.exclude = exclude
        self.asksForAttestation = asksForAttestation
        self.typed = typed
    }
}

/// What a browser needs to use a passkey.
public struct PasskeyRequest: Hashable, Sendable {
    public let challenge: [UInt8]
    public let relyingParty: String
    /// Empty: any that the authenticator knows for the relying party.
    public let allow: [PasskeyDescriptor]
    public let verification: UserVerification

    public init(challenge: [UInt8], relyingParty: String, allow: [PasskeyDescriptor], verification: UserVerification) {
        self.challenge = challenge
        self.relyingParty = relyingParty
        self.allow = allow
        self.verification = verification
    }
}

/// Passkeys: a second step, or a sign-in without a password.
public enum Passkey: AuthenticationMethod {
    public static let traits = MethodTraits(
        .passkey, icon: "passkey",
        capabilities: [
            CapabilityTraits(
                .passkey, .ceremony, signIn: .counts, reset: .counts, change: .counts, conditions: [.reset: [.resetSetting(.passkey)]])
        ],
        group: .passkey, strength: 0, limit: 10, inWizard: true)

    /// Longest name that a person gives one.
    public static let nameLength = 40

    // MARK: registering

    public static func beginEnrolment(_ state: EnrolmentState, _ context: MethodContext) -> EnrolmentStep {
        var state = state
        if state.challenge == nil { state.challenge = context.random(PasskeyCeremony.challengeLength) }
        return EnrolmentStep(state, prompt(state, context))
    }

    public static func prompt(_ state: EnrolmentState, _ context: MethodContext) -> Prompt {
        let passkeys = context.passkeys
        return .createPasskey(
            PasskeyCreation(
                challenge: state.challenge ?? [], relyingParty: context.host, relyingPartyName: context.issuer,
                userHandle: Array(passkeys.person.text.utf8), name: context.accountName, displayName: passkeys.displayName,
                exclude: passkeys.held.map(\.descriptor),
                asksForAttestation: context.settings.passkeys.asksForAttestation, typed: state.typed ?? ""))
    }

    public static func continueEnrolment(_ state: EnrolmentState, _ input: EnrolmentInput, _ context: MethodContext) -> EnrolmentStep {
        guard case .answer(let answer) = input else { return beginEnrolment(state, context) }
        var state = state
        let name = answer["name"].trimmingSpaces()
        state.typed = name
        if name.count > nameLength { return refused(state, Refusal(.nameTooLong, count: nameLength), context) }
        if let refusal = browserRefusal(answer) { return refused(state, refusal, context) }
        guard let client = Base64URL.decode(answer["clientData"]), let attestation = Base64URL.decode(answer["attestation"]),
            !client.isEmpty, !attestation.isEmpty
        else { return refused(state, Refusal(.passkeyNoScript), context) }
        let expected = expectation(state.challenge ?? [], verification: false, context)
        let transports = answer["transports"].split(separator: ",").prefix(8).map(String.init)
        do throws(PasskeyProblem) {
            let made = try PasskeyCeremony.register(
                clientData: client, attestation: attestation, transports: transports, expected, rules: context.settings.passkeys,
                trust: context.passkeys.trust, now: context.now)
            guard !context.passkeys.held.contains(where: { $0.id == made.passkey.id }) else {
                return refused(state, Refusal(.passkeyHeld), context)
            }
            return EnrolmentStep(state, prompt(state, context), finished: credential(state, made.passkey, made.counter, name, context))
        } catch {
            // What was signed for is spent, right or wrong.
            state.challenge = context.random(PasskeyCeremony.challengeLength)
            return refused(state, Refusal(error.refusal, detail: error.code), context)
        }
    }

    private static func refused(_ state: EnrolmentState, _ refusal: Refusal, _ context: MethodContext) -> EnrolmentStep {
        EnrolmentStep(state, prompt(state, context), refusal: refusal)
    }

    private static func credential(
        _ state: EnrolmentState, _ passkey: PasskeyContent, _ counter: UInt32, _ typed: String, _ context: MethodContext
    ) -> NewCredential {
        let label = typed.isEmpty ? AuthenticatorNames.name(of: passkey.kind) : typed
        return NewCredential(
            method: .passkey, capabilities: [.passkey], verifiedBy: .passkey, content: CredentialContent(label: label, passkey: passkey),
            channelSource: "passkey:" + Base64URL.encode(passkey.id), hint: "", spentStep: counter == 0 ? nil : Int64(counter),
            replaces: state.replaces, confirms: state.confirms, authenticator: passkey.kind,
            references: references(passkey, isVerified: passkey.verifiesUser))
    }

    // MARK: using

    public static func beginChallenge(
        _ state: ChallengeState, _ credential: OpenCredential, _ context: MethodContext
    ) -> (state: ChallengeState, message: CodeMessage?) {
        var state = state
        if state.seed == nil { state.seed = context.random(PasskeyCeremony.challengeLength) }
        return (state, nil)
    }

    public static func challengePrompt(_ state: ChallengeState, _ credential: OpenCredential, _ context: MethodContext) -> Prompt {
        // Any of the person's will do; one that policy shut out since is not asked for.
        let usable = context.passkeys.held.filter { context.settings.passkeys.allows($0.kind) }
        return .usePasskey(request(state.seed ?? [], state.triesLeft, usable, state.purpose, context))
    }

    /// What is asked before anybody is known: whichever passkey the authenticator has for this place.
    public static func anonymousPrompt(seed: [UInt8], triesLeft: Int, _ purpose: Purpose, _ context: MethodContext) -> Prompt {
        .usePasskey(request(seed, triesLeft, [], purpose, context))
    }

    private static func request(
        _ seed: [UInt8], _ triesLeft: Int, _ allow: [PasskeyContent], _ purpose: Purpose, _ context: MethodContext
    ) -> PasskeyRequest {
        // After the password it is enough that somebody touches it: no PIN each time. Elsewhere it may well ask.
        PasskeyRequest(
            challenge: challenge(seed, triesLeft), relyingParty: context.host, allow: allow.map(\.descriptor),
            verification: purpose == .signIn ? .discouraged : .preferred)
    }

    /// Each try has a challenge of its own: none is signed for twice.
    static func challenge(_ seed: [UInt8], _ triesLeft: Int) -> [UInt8] {
        seed.isEmpty ? [] : Array(SHA256.hash(data: seed + [UInt8(clamping: triesLeft)]))
    }

    public static func incomplete(_ state: ChallengeState, _ answer: Answer) -> Refusal? { incomplete(answer) }

    /// Why an answer is none at all: the browser stopped, or the page's script did not run.
    public static func incomplete(_ answer: Answer) -> Refusal? {
        if let refusal = browserRefusal(answer) { return refusal }
        let isWhole = ["clientData", "authenticatorData", "signature", "id"].allSatisfy { !answer[$0].isEmpty }
        return isWhole ? nil : Refusal(.passkeyNoScript)
    }

    public static func verify(_ state: ChallengeState, _ answer: Answer, _ credential: OpenCredential, _ context: MethodContext)
        -> Verification
    {
        // The try at hand was counted already.
        let challenge = challenge(state.seed ?? [], state.triesLeft + 1)
        return verify(answer, challenge: challenge, needsVerification: false, credential, context)
    }

    /// Compares what a browser brought with one passkey.
    public static func verify(
        _ answer: Answer, challenge: [UInt8], needsVerification: Bool, _ credential: OpenCredential, _ context: MethodContext
    ) -> Verification {
        guard let passkey = credential.content.passkey, Base64URL.decode(answer["id"]) == passkey.id, isOwn(answer["userHandle"], context)
        else { return .wrong }
        guard let client = Base64URL.decode(answer["clientData"]), let data = Base64URL.decode(answer["authenticatorData"]),
            let signature = Base64URL.decode(answer["signature"])
        else { return .wrong }
        let proof: AuthenticatorData
        do throws(PasskeyProblem) {
            proof = try PasskeyCeremony.assert(
                clientData: client, authenticatorData: data, signature: signature, by: passkey,
                expectation(challenge, verification: needsVerification, context))
        } catch {
            return .refused(Refusal(.passkeyWrong, detail: error.code))
        }
        let references = references(passkey, isVerified: proof.isUserVerified), before = credential.spentStep ?? 0
        // Many passkeys have no counter: it stays at zero. One that has it never goes back and never stands still.
        guard proof.counter != 0 || before != 0 else { return .right(nil, references: references) }
        guard Int64(proof.counter) > before else { return .refused(Refusal(.passkeyCopied, detail: PasskeyProblem.counter.code)) }
        return .right(.step(credential.credential.id, Int64(proof.counter)), references: references)
    }

    /// A user handle, where the authenticator gives one, is that of the person.
    private static func isOwn(_ handle: String, _ context: MethodContext) -> Bool {
        handle.isEmpty || Base64URL.decode(handle) == Array(context.passkeys.person.text.utf8)
    }

    private static func expectation(_ challenge: [UInt8], verification: Bool, _ context: MethodContext) -> PasskeyExpectation {
        PasskeyExpectation(
            challenge: challenge, origin: context.passkeys.origin, relyingParty: context.host, needsVerification: verification)
    }

    /// RFC 8176: a key that may be copied from device to device is a software-secured one. `user` says that somebody was there.
    static func references(_ passkey: PasskeyContent, isVerified: Bool) -> [String] {
        [passkey.isBackupEligible ? "swk" : "hwk", "user"]
    }

    /// What the browser could not do, by the name that the page's script sends.
    private static func browserRefusal(_ answer: Answer) -> Refusal? {
        switch answer["problem"] {
        case "": nil
        case "held": Refusal(.passkeyHeld)
        case "unsupported": Refusal(.passkeyUnsupported)
        case "elsewhere": Refusal(.passkeyElsewhere)
        default: Refusal(.passkeyCancelled)
        }
    }
}

extension PasskeyContent {
    /// As a browser is told of it.
    public var descriptor: PasskeyDescriptor { PasskeyDescriptor(id: id, transports: transports) }
}

extension PasskeyProblem {
    /// The sentence for the person who registers.
    var refusal: Refusal.Code {
        switch self {
        case .authenticator, .attestationMissing, .attestationUntrusted: .passkeyKind
        case .algorithm, .format: .passkeyUnreadable
        default: .passkeyWrong
        }
    }
}
