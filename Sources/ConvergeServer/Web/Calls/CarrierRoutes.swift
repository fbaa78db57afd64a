import ConvergeCore
import HTTPTypes
import Logging

/// What the telephone carrier reports: every request signed by it, bound to the public address.
enum CarrierRoutes {
    static let routes: [Route] = [
        .carrier("/callbacks/voice/:handle") { request, instance in
            let machine = request.form["AnsweredBy"]
            let isMachine = machine.hasPrefix("machine") || machine == "fax"
            return try await said(request, instance) { try await $0.answered($1, call: $2, isMachine: isMachine) }
        },
        .carrier("/callbacks/voice/:handle/key") { request, instance in
            try await said(request, instance) { try await $0.pressed(request.form["Digits"], $1, call: $2) }
        },
        .carrier("/callbacks/voice/:handle/report") { request, instance in
            try await said(request, instance) { try await $0.reported(request.form["Digits"], $1, call: $2) }
        },
        .carrier("/callbacks/voice/:handle/status") { request, instance in
            let desk = CallDesk(instance: instance, now: request.now)
            return taken(
                try await desk.status(request.form["CallStatus"], handle(request), call: request.form["CallSid"]), "voice", instance)
        },
        .carrier("/callbacks/text/:id", textStatus),
    ]

    private static func handle(_ request: AnonymousRequest) -> Secret { Secret(request.parameters["handle"] ?? "") }

    private static func said(
        _ request: AnonymousRequest, _ instance: Instance, _ ask: (CallDesk, Secret, String) async throws -> CallDesk.Turn
    ) async throws -> Reply {
        let handle = handle(request), callbacks = CarrierCallbacks(publicURL: instance.config.publicURL)
        let turn = try await ask(CallDesk(instance: instance, now: request.now), handle, request.form["CallSid"])
        instance.metrics.count(.reports, "voice", turn.outcome.rawValue)
        guard turn.outcome != .unknown else { return .text(CallMarkup.hangUp, type: CallMarkup.type, status: 404) }
        let markup = turn.script.map { CallMarkup.render($0) { callbacks.voice(handle, $0) } } ?? CallMarkup.hangUp
        return .text(markup, type: CallMarkup.type)
    }

    private static func taken(_ outcome: CallDesk.Outcome, _ kind: String, _ instance: Instance) -> Reply {
        instance.metrics.count(.reports, kind, outcome.rawValue)
        return .text("", status: outcome == .unknown ? 404 : 204)
    }

    /// A text that did not arrive: its number is in trouble, not the gateway.
    private static func textStatus(_ request: AnonymousRequest, _ instance: Instance) async throws -> Reply {
        let id = request.parameters["id"] ?? "", status = request.form["MessageStatus"], now = request.now, outbox = instance.outbox
        let channel = PhoneNumber(e164: request.form["To"]).map { instance.credentials.channelKey("tel:" + $0.e164) }
        let sid = request.form["MessageSid"]
        let outcome = try await instance.database.write { db -> CallDesk.Outcome in
            guard try outbox.isCarried(id, as: sid, db), let channel else { return .unknown }
            switch status {
            case "failed", "undelivered": try outbox.noteTrouble(channel, at: now, db)
            case "delivered": try outbox.clearTrouble([channel], db)
            default: break
            }
            return .taken
        }
        if outcome == .taken, ["failed", "undelivered"].contains(status) {
            let code = Int(request.form["ErrorCode"]).map(String.init) ?? "none"
            instance.log.notice("text not delivered", metadata: ["message": "\(id)", "error": "\(code)"])
        }
        return taken(outcome, "text", instance)
    }
}

extension Route {
    /// A report of the carrier: refused unless it bears the carrier's signature.
    static func carrier(
        _ path: String, _ run: @escaping @Sendable (AnonymousRequest, Instance) async throws -> Reply
    ) -> Route {
        Route(method: .post, path: path, access: .carrier, demoOnly: false) { request, instance in
            if let reason = refusal(request, instance) {
                instance.metrics.count(.reports, path.contains("/voice/") ? "voice" : "text", "forged")
                instance.log.warning(
                    "carrier's report refused", metadata: ["request": "\(request.id)", "route": "\(path)", "reason": "\(reason)"])
                return .text("", status: 403)
            }
            return try await run(request, instance)
        }
    }

    private static func refusal(_ request: AnonymousRequest, _ instance: Instance) -> String? {
        guard let carrier = instance.config.carrier else { return "no carrier is configured" }
        guard let signature = request.carrierSignature else { return "no signature" }
        let isRight = CarrierSignature.isRight(
            signature, path: request.path, request.form.all, publicURL: instance.config.publicURL, token: carrier.token)
        return isRight ? nil : "wrong signature"
    }
}
