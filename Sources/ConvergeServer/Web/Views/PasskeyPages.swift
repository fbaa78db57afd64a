import ConvergeCore
import Foundation

/// A ceremony with a passkey, which the page's script runs in the browser.
enum PasskeyCeremonyKind: Sendable {
    case create(PasskeyCreation)
    case use(PasskeyRequest)
    /// Without a password: offered beside the name as well.
    case signIn(PasskeyRequest)
}

/// The form that the script fills and sends. Without the script it has no button.
struct PasskeyForm: Sendable {
    let kind: PasskeyCeremonyKind
    let form: Form

    /// What the script adds, and what it says when the browser stopped.
    private static let fields = [
        "attestation", "authenticatorData", "clientData", "id", "problem", "signature", "transports", "userHandle",
    ]

    init(_ kind: PasskeyCeremonyKind, _ form: Form) {
        self.kind = kind
        self.form = form
    }

    private var word: String {
        switch kind {
        case .create: "create"
        case .use: "use"
        case .signIn: "sign-in"
        }
    }

    func slots(_ say: Speaker) -> Slots {
        var form = self.form
        for field in Self.fields { form.hidden[field] = "" }
        return form.slots.merging([
            "kind": word, "options": PasskeyOptions.json(kind), "submit": say(Message("passkey.\(word).submit")),
            "waiting": say(Message("passkey.\(word).waiting")), "missing": say(Message("passkey.\(word).missing")),
        ])
    }
}

/// "Use your passkey", and "Create a passkey" with its name.
struct PasskeyPage: Page {
    static let template = "challenge/passkey"
    var ceremony: PasskeyCeremonyKind
    var around: Around

    private var creation: PasskeyCreation? { if case .create(let creation) = ceremony { creation } else { nil } }

    var frame: Frame {
        var around = self.around
        around.lead = around.lead ?? Message(creation == nil ? "passkey.use.lead" : "passkey.create.lead")
        return around.frame(heading: Message(creation == nil ? "passkey.use.heading" : "passkey.create.heading"))
    }

    func body(_ say: Speaker) -> Slots {
        let name = creation.map {
            Field("name", .text, label: Message("passkey.name"), hint: Message("passkey.name-hint"), value: $0.typed, isRequired: false)
        }
        return around.slots(say).merging([
            "passkey": PasskeyForm(ceremony, around.form).slots(say), "field": name?.slots(say, errors: around.errors),
        ])
    }
}

/// Gives a passkey another name.
struct RenamePage: Page {
    static let template = "part/fields"
    var form: Form
    var name: String
    var errors: [FieldError] = []

    var frame: Frame {
        Frame(
            heading: Message("rename.heading"), lead: Message("rename.lead"),
            crumb: .back(Message("layout.nav.security"), "/security-info"),
            errors: errors)
    }

    func body(_ say: Speaker) -> Slots {
        let field = Field("name", .text, label: Message("passkey.name"), value: name, takesFocus: true)
        return ["form": form.slots, "fields": [field.slots(say, errors: errors)], "submit": say(Message("rename.submit"))]
    }
}

/// What a browser is told, in the shape of WebAuthn's own dictionaries; bytes as base64url.
enum PasskeyOptions {
    static func json(_ kind: PasskeyCeremonyKind) -> String {
        switch kind {
        case .create(let creation): text(Creation(creation))
        case .use(let request), .signIn(let request): text(Request(request))
        }
    }

    /// Milliseconds that a browser waits for the person.
    private static let timeout = 120_000

    private static func text(_ value: some Encodable) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let json = (try? encoder.encode(value)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
        // Two braces in a row are a gap of a template to whoever looks for one that was left.
        return json.replacing("}}", with: "} }").replacing("{{", with: "{ {")
    }

    private struct Descriptor: Encodable {
        let type = "public-key", id: String, transports: [String]

        init(_ descriptor: PasskeyDescriptor) {
            id = Base64URL.encode(descriptor.id)
            transports = descriptor.transports
        }
    }

    private struct Request: Encodable {
        let challenge: String, rpId: String, allowCredentials: [Descriptor], userVerification: String, timeout: Int

        init(_ request: PasskeyRequest) {
            challenge = Base64URL.encode(request.challenge)
            rpId = request.relyingParty
            allowCredentials = request.allow.map { Descriptor($0) }
            userVerification = request.verification.rawValue
            timeout = PasskeyOptions.timeout
        }
    }

    private struct Creation: Encodable {
        struct Party: Encodable { let id: String, name: String }
        struct User: Encodable { let id: String, name: String, displayName: String }
        struct Parameter: Encodable { let type = "public-key", alg: Int }
        struct Selection: Encodable { let residentKey = "preferred", userVerification = "preferred" }

        let challenge: String, rp: Party, user: User, pubKeyCredParams: [Parameter], excludeCredentials: [Descriptor]
        let authenticatorSelection = Selection()
        let attestation: String, timeout: Int

        init(_ creation: PasskeyCreation) {
            challenge = Base64URL.encode(creation.challenge)
            rp = Party(id: creation.relyingParty, name: creation.relyingPartyName)
            user = User(id: Base64URL.encode(creation.userHandle), name: creation.name, displayName: creation.displayName)
            pubKeyCredParams = creation.algorithms.map { Parameter(alg: $0.rawValue) }
            excludeCredentials = creation.exclude.map { Descriptor($0) }
            attestation = creation.asksForAttestation ? "direct" : "none"
            timeout = PasskeyOptions.timeout
        }
    }
}
