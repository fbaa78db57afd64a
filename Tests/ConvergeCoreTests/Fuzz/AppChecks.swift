import Crypto
import Foundation

@testable import ConvergeCore

/// What installed apps send, the push services that they name, and the answers that people type.
extension CoreChecks {
    // MARK: the app's key

    /// Key, signature and what is signed, each in a line as a form carries it.
    static let appKey = ParserCheck("app-key") { bytes in
        let parts = lines(bytes, 3)
        guard let point = Base64URL.decode(text(parts[0])), let key = AppKey(point) else { return }
        try hold(key.point == point && point.count == 65 && point[0] == 4, "another point")
        let again = try JSONDecoder().decode(AppKey.self, from: JSONEncoder().encode(key))
        try hold(again == key, "what is kept of it is another key")
        guard let signature = Base64URL.decode(text(parts[1])), key.signed(parts[2], signature) else { return }
        try hold(signature.count == 64, "\(signature.count) bytes of signature")
        try hold(!key.signed(parts[2] + [0], signature) && !key.signed([0] + parts[2], signature), "it signed this too")
    }

    // MARK: what the app signs

    /// The reader that nobody has: texts behind their lengths can be read in one way only.
    private static func fields(_ bytes: [UInt8]) -> [String]? {
        var rest = bytes[...], fields: [String] = []
        while !rest.isEmpty {
            guard let colon = rest.firstIndex(of: UInt8(ascii: ":")), let count = Int(text(rest[..<colon])) else { return nil }
            rest = rest[(colon + 1)...]
            guard count >= 0, count < rest.count, rest[rest.startIndex + count] == UInt8(ascii: ",") else { return nil }
            fields.append(text(rest.prefix(count)))
            rest = rest.dropFirst(count + 1)
        }
        return fields
    }

    private static func same(_ left: [String], _ right: [String]) -> Bool {
        left.count == right.count && zip(left, right).allSatisfy { $0.utf8.elementsEqual($1.utf8) }
    }

    /// A poll, an activation or a subscription: time, then texts.
    static let appRequest = ParserCheck("app-request", units: ["1:", "é"], parse: { _ = SignedText.bytes([text($0)]) }) { bytes in
        let parts = lines(bytes, 5).map { text($0) }, now = Moment(ms: 1_700_000_000_000)
        guard let time = Int64(parts[0]) else { return }
        let request = AppRequest(.subscribe, subject: parts[1], origin: "https://o", at: Moment(ms: time), more: Array(parts[2...]))
        let wanted = ["converge-subscribe-1", parts[1], "https://o", String(time)] + parts[2...]
        try hold(fields(request.bytes).map { same($0, wanted) } ?? false, "reads back as \(fields(request.bytes) ?? [])")
        // Further away than an integer counts, too.
        let isNear = time.subtractingReportingOverflow(now.ms).partialValue.magnitude <= 60_000
        try hold(request.isFresh(at: now) == isNear, "\(time) is fresh: \(!isNear)")
        let other = AppRequest(
            .subscribe, subject: parts[1] + parts[2], origin: "https://o", at: Moment(ms: time), more: Array(parts[3...]))
        try hold(other.bytes != request.bytes, "two requests with one signature")
    }

    /// Application, number, decision; then a signature that nobody made.
    static let appAnswer = ParserCheck("app-answer") { bytes in
        let parts = lines(bytes, 4), number = text(parts[1]), person = PersonID("p"), app = CredentialID("c")
        guard let decision = AppDecision(rawValue: text(parts[2])) else { return }
        let approval = Approval(
            id: ApprovalID("a"), person: person, credential: nil, capability: .appNotification, purpose: .signIn, flow: nil,
            until: Moment(ms: 60_000), asked: AskedFacts(application: text(parts[0])))
        let statement = ApprovalStatement(
            challenge: approval.id, person: person, credential: app, origin: "o", application: text(parts[0]), number: number,
            decision: decision, expiry: approval.until)
        let wanted = ["converge-approval-1", "a", "p", "c", "o", text(parts[0]), number, decision.rawValue, "60000"]
        try hold(fields(statement.bytes).map { same($0, wanted) } ?? false, "reads back as \(fields(statement.bytes) ?? [])")
        let own = try P256.Signing.PrivateKey(rawRepresentation: [UInt8](repeating: 7, count: 32))
        let key = try must(AppKey(Array(own.publicKey.x963Representation)), "its key")
        let signature = Array(try own.signature(for: statement.bytes).rawRepresentation)
        func verdict(_ signature: [UInt8], origin: String = "o", at ms: Int64 = 0) -> AppAnswer.Verdict {
            AppAnswer(decision: decision, number: number, signature: signature).judge(
                approval, by: app, of: person, key: key, origin: origin, number: "42", at: Moment(ms: ms))
        }
        let isRight = decision == .approve && number.utf8.elementsEqual("42".utf8)
        try hold((verdict(signature) == .ends(.approved, nil)) == isRight, "\(verdict(signature)) with \(number)")
        try hold(verdict(signature, at: 60_000) == .ignored(.late), "too late, and yet \(verdict(signature, at: 60_000))")
        try hold(verdict(signature, origin: "x") == .ignored(.foreign), "an answer for another server")
        try hold(verdict(Base64URL.decode(text(parts[3])) ?? parts[3]) == .ignored(.foreign), "nobody signed this")
    }

    // MARK: push

    /// The keys of a browser as its subscription tells them, and a message.
    static let pushKeys = ParserCheck("push-keys") { bytes in
        let parts = lines(bytes, 3), random = [UInt8](repeating: 9, count: PushEncryption.randomLength)
        guard let key = Base64URL.decode(text(parts[0])), let secret = Base64URL.decode(text(parts[1])),
            let keys = PushKeys(key: key, secret: secret)
        else { return }
        try hold(key.count == 65 && key[0] == 4 && secret.count == 16 && keys.key == key, "keys that no browser has")
        let sealed = PushEncryption.encrypt(parts[2], to: keys, random: random)
        // Salt, size of the record, the sender's key with its length; then the message with its delimiter and tag.
        let wanted = parts[2].count <= PushEncryption.longest ? 16 + 4 + 1 + 65 + parts[2].count + 1 + 16 : nil
        try hold(sealed?.count == wanted && (wanted ?? 0) <= 4096, "\(sealed?.count ?? -1) bytes of \(parts[2].count)")
    }

    private static let pushHosts = PushHosts([
        "fcm.googleapis.com", "*.push.apple.com", "*.notify.windows.com", "http://127.0.0.1:9999",
    ])

    /// Where an app wants to be told: whoever reads this address later must see no other host in it.
    static let pushHost = ParserCheck("push-host", units: ["a", "/", "%2F", "@", ".", "é"], parse: { _ = pushHosts.origin(of: text($0)) }) {
        bytes in
        let address = text(bytes)
        guard let origin = pushHosts.origin(of: address) else { return }
        let typed = Array(address.utf8), rest = typed.dropFirst(origin.utf8.count)
        try hold(typed.allSatisfy { (0x21...0x7E).contains($0) }, "something that other readers leave out of \(address)")
        try hold(address.lowercased().hasPrefix(origin), "\(origin) does not stand in \(address)")
        try hold(rest.first.map { "/?".utf8.contains($0) } ?? true, "the host goes on in \(address)")
        if origin != "http://127.0.0.1:9999" {
            let host = origin.hasSuffix(":443") ? origin.dropFirst(8).dropLast(4) : origin.dropFirst(8)
            try hold(origin.hasPrefix("https://") && host.utf8.allSatisfy { isUnreserved($0) }, "\(origin) is no host")
            let isListed = host == "fcm.googleapis.com" || host.hasSuffix(".push.apple.com") || host.hasSuffix(".notify.windows.com")
            try hold(isListed, "\(host) is not in the list")
        }
        try hold(pushHosts.origin(of: origin + "/x") == origin, "\(origin) itself is refused")
    }

    // MARK: answers

    static let answerText = ParserCheck(
        "answer-text", units: ["a", "a\u{301}", "ﬁ", ". "], parse: { _ = AnswerText.normalised(text($0)) }
    ) { bytes in
        let typed = text(bytes), normal = AnswerText.normalised(typed)
        func isSame(_ other: String) -> Bool { AnswerText.normalised(other).utf8.elementsEqual(normal.utf8) }
        try hold(isSame(normal) && !normal.hasBlankOrControl, "its normal form is another answer: \(AnswerText.normalised(normal))")
        try hold(normal.utf8.count <= 33 * max(typed.utf8.count, 1), "\(normal.utf8.count) bytes of \(typed.utf8.count)")
        for other in [typed.uppercased(), typed.lowercased(), typed.decomposedStringWithCanonicalMapping, " \(typed). "] {
            try hold(isSame(other), "\(other.debugDescription) is another answer")
        }
        let refusal = AnswerText.refusal(typed)
        let fits = typed.count <= AnswerText.longest && normal.count >= AnswerText.shortest
        try hold((refusal == nil) == fits, "\(refusal?.code.rawValue ?? "taken"): \(typed.count), \(normal.count)")
    }
}
