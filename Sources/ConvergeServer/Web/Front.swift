import ConvergeCore
import HTTPTypes
public import Hummingbird
import Logging
import NIOCore
public import ServiceLifecycle

/// The context of one request: who is at the other end of the connection.
public struct FrontContext: RequestContext {
    public var coreContext: CoreRequestContextStorage
    let peer: String

    public init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        peer = source.channel.remoteAddress?.ipAddress ?? "127.0.0.1"
    }
}

/// The front door: turns HTTP into requests and replies into HTTP. Every check that belongs to all routes is here.
public struct Front: Sendable {
    let instance: Instance
    let gate: Gate

    public init(_ instance: Instance) {
        self.instance = instance
        gate = Gate(instance)
    }

    /// Largest body that any form sends.
    static let bodyMax = 65_536

    /// The router with the whole table.
    public func router() -> Router<FrontContext> {
        let router = Router(context: FrontContext.self)
        for route in Routes.all where !route.demoOnly || instance.config.isDemo {
            let path = RouterPath(
                route.path.split(separator: "/").map { $0.hasPrefix(":") ? "{\($0.dropFirst())}" : String($0) }
                    .joined(separator: "/"))
            router.on(path, method: route.method) { request, context in
                await respond(request, context, to: route)
            }
        }
        router.addMiddleware { NotFoundMiddleware(front: self) }
        return router
    }

    /// Answers one request; nothing is thrown past this point.
    func respond(_ request: Request, _ context: FrontContext, to route: Route?) async -> Response {
        let began = instance.world.stopwatch(), id = instance.world.newToken(bytes: 9)
        var arrival = gate.arrival(request, context, id: id)
        let access = AccessLog(
            instance, id: id, method: request.method.rawValue, route: route, network: arrival.network, began: began)
        let reply = await reply(request, context, to: route, &arrival)
        return finish(reply, arrival, request, access)
    }

    private func reply(_ request: Request, _ context: FrontContext, to route: Route?, _ arrival: inout Arrival) async -> Reply {
        do {
            if let refused = gate.refuseHost(request, route) { return refused }
            if request.method == .post {
                arrival.form = try await Self.form(request)
                if let refused = gate.refuseForgery(request, arrival, route) { return refused }
            }
            guard let route else { return .page(NotFoundPage(), status: 404) }
            let reply = try await route.run(arrival.request(context), instance)
            if request.method == .post { instance.outboxSignal.wake() }
            return reply
        } catch let overload as Overloaded {
            let seconds = overload.retryAfterSeconds
            return Self.again(OverloadedPage(retryAfter: seconds, again: arrival.path), after: seconds)
        } catch let error as StoreError where error == .busy || error == .held {
            instance.log.warning("store busy", metadata: ["request": "\(arrival.id)", "route": "\(route?.path ?? "none")"])
            return Self.again(OverloadedPage(retryAfter: 2, again: arrival.path), after: 2)
        } catch StoreError.full {
            instance.log.error("disk full", metadata: ["request": "\(arrival.id)", "route": "\(route?.path ?? "none")"])
            return Self.again(FaultPage(kind: .full, requestID: arrival.id), after: 60)
        } catch StoreError.unavailable(let reason) {
            instance.log.error(
                "store unavailable", metadata: ["request": "\(arrival.id)", "route": "\(route?.path ?? "none")", "reason": "\(reason)"])
            return Self.again(FaultPage(kind: .unavailable, requestID: arrival.id), after: 10)
        } catch is Overtaken {
            return .page(ExpiredPage(kind: .elsewhere, start: "/"), status: 409)
        } catch is BodyTooLarge {
            return .page(TooLargePage(again: arrival.path), status: 413)
        } catch {
            instance.log.error(
                "request failed", metadata: ["request": "\(arrival.id)", "route": "\(route?.path ?? "none")", "reason": "\(error)"])
            return .page(FaultPage(requestID: arrival.id), status: 500)
        }
    }

    /// Nothing was done; it makes sense to try again after so many seconds.
    private static func again(_ page: some Page, after seconds: Int) -> Reply {
        var reply = Reply.page(page, status: 503)
        reply.headers.append(("Retry-After", String(seconds)))
        return reply
    }

    struct BodyTooLarge: Error {}

    private static func form(_ request: Request) async throws -> Fields {
        guard request.headers[.contentType]?.lowercased().hasPrefix("application/x-www-form-urlencoded") ?? false else { return Fields() }
        let buffer: ByteBuffer
        do {
            buffer = try await request.body.collect(upTo: bodyMax)
        } catch {
            throw BodyTooLarge()
        }
        return Fields(FormText.parse(String(buffer: buffer)))
    }

    // MARK: the answer

    private func finish(_ reply: Reply, _ arrival: Arrival, _ request: Request, _ access: AccessLog) -> Response {
        var headers = gate.headers(reply), body = ResponseBody()
        switch reply.body {
        case .page(let page):
            let visit = Visit(now: arrival.now, csrf: arrival.csrf, language: arrival.language, person: reply.person)
            headers[.contentType] = "text/html; charset=utf-8"
            body = ResponseBody(byteBuffer: ByteBuffer(string: instance.renderer.html(page, for: visit)))
        case .redirect(let path):
            headers[.location] = path
        case .bytes(let bytes, let type):
            headers[.contentType] = type
            body = ResponseBody(byteBuffer: ByteBuffer(bytes: bytes))
        case .stream(let type, let pieces):
            headers[.contentType] = type
            if request.method != .head { body = streamed(pieces, access, status: reply.status) }
        }
        for (name, value) in reply.headers { if let field = HTTPField.Name(name) { headers[field] = value } }
        for cookie in gate.cookies(reply, arrival) { headers.append(HTTPField(name: .setCookie, value: cookie)) }
        if let field = HTTPField.Name("X-Request-Id") { headers[field] = arrival.id }
        if request.method == .head { body = ResponseBody() }
        if !reply.isStream || request.method == .head { access.answered(status: reply.status) }
        return Response(status: .init(code: reply.status), headers: headers, body: body)
    }
}

extension Front {
    /// A fault on the way cuts the answer off: the browser sees that it is not whole.
    private func streamed(_ pieces: @escaping Reply.Pieces, _ access: AccessLog, status: Int) -> ResponseBody {
        ResponseBody { writer in
            defer { access.answered(status: status) }
            do {
                try await pieces { text in try await writer.write(ByteBuffer(string: text)) }
                try await writer.finish(nil)
            } catch {
                instance.log.error("answer cut off", metadata: ["request": "\(access.id)", "reason": "\(error)"])
                throw error
            }
        }
    }
}

/// Paths that no route knows get the same page as everything else that is not there.
struct NotFoundMiddleware: RouterMiddleware {
    let front: Front

    func handle(
        _ request: Request, context: FrontContext, next: (Request, FrontContext) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let error as HTTPError where error.status == .notFound || error.status == .methodNotAllowed {
            return await front.respond(request, context, to: nil)
        }
    }
}

extension Front {
    /// Serves until it is told to stop; then answers what has begun and ends.
    public func application(extra: [any Service] = []) -> some ApplicationProtocol {
        Application(
            router: router(), server: .connectionThread,
            configuration: .init(
                address: .hostname(instance.config.listenHost, port: instance.config.listenPort), serverName: nil),
            services: extra, logger: instance.log)
    }
}
