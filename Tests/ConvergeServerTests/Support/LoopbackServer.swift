import Foundation
import NIOCore
import NIOPosix
import Synchronization

/// One side of a conversation over TCP, told what arrived and saying what goes back.
protocol Conversation: Sendable {
    /// Said before anything arrives.
    mutating func opening() -> String
    /// Said after some bytes arrived; nil closes the connection.
    mutating func received(_ bytes: [UInt8]) -> String?
}

/// A TCP server on loopback for one test, on a port the system chose.
final class LoopbackServer: Sendable {
    let port: Int
    private let channel: any Channel
    private let accepted: Accepted

    private final class Accepted: Sendable {
        let channels = Mutex<[any Channel]>([])
    }

    init(_ conversation: @escaping @Sendable () -> any Conversation) async throws {
        let accepted = Accepted()
        self.accepted = accepted
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                accepted.channels.withLock { $0.append(channel) }
                return channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(ConversationHandler(conversation()))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = channel.localAddress?.port ?? 0
    }

    /// Takes no more connections and hangs up on those there are.
    func close() async throws {
        try await channel.close()
        for channel in accepted.channels.withLock({ $0 }) { channel.close(promise: nil) }
    }
}

private final class ConversationHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private var conversation: any Conversation

    init(_ conversation: any Conversation) {
        self.conversation = conversation
    }

    func channelActive(context: ChannelHandlerContext) {
        say(conversation.opening(), context)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = unwrapInboundIn(data)
        let bytes = buffer.readBytes(length: buffer.readableBytes) ?? []
        if let answer = conversation.received(bytes) { say(answer, context) } else { context.close(promise: nil) }
    }

    private func say(_ text: String, _ context: ChannelHandlerContext) {
        guard !text.isEmpty else { return }
        context.writeAndFlush(NIOAny(context.channel.allocator.buffer(string: text)), promise: nil)
    }
}

/// What a server heard, for a test to read afterwards.
final class Heard: Sendable {
    private let texts = Mutex<[String]>([])
    var all: [String] { texts.withLock { $0 } }
    func append(_ text: String) { texts.withLock { $0.append(text) } }
}

/// A mail server that does as it is told: `replies` maps a command's first word (`GREETING` and `CONTENT` too) to
/// what is answered in place of success.
struct MailConversation: Conversation {
    let heard: Heard
    var replies: [String: String] = [:]
    var pending = ""
    var inContent = false

    mutating func opening() -> String { reply("GREETING", "220 loopback ready") }

    mutating func received(_ bytes: [UInt8]) -> String? {
        pending += String(decoding: bytes, as: UTF8.self)
        var answer = ""
        while true {
            if inContent {
                guard let end = pending.range(of: "\r\n.\r\n") else { return answer }
                heard.append("CONTENT " + pending[..<end.lowerBound] + "\r\n")
                pending = String(pending[end.upperBound...])
                inContent = false
                answer += reply("CONTENT", "250 2.0.0 taken")
            } else {
                guard let end = pending.range(of: "\r\n") else { return answer }
                let line = String(pending[..<end.lowerBound])
                pending = String(pending[end.upperBound...])
                heard.append(line)
                answer += command(line)
            }
        }
    }

    private mutating func command(_ line: String) -> String {
        let word = String(line.prefix { $0 != " " && $0 != ":" }).uppercased()
        if word == "DATA", replies["DATA"] == nil { inContent = true }
        let success = ["EHLO": "250-loopback\r\n250 AUTH PLAIN", "DATA": "354 go on", "QUIT": "221 bye", "STARTTLS": "502 no"]
        return reply(word, success[word] ?? "250 2.1.0 good")
    }

    private func reply(_ word: String, _ success: String) -> String {
        let text = replies[word] ?? success
        return text.isEmpty ? "" : text + "\r\n"
    }
}

/// An HTTP server that hears one request for each connection and gives one answer, or none.
struct WebConversation: Conversation {
    let heard: Heard
    let answer: String
    var pending = ""

    mutating func opening() -> String { "" }

    mutating func received(_ bytes: [UInt8]) -> String? {
        pending += String(decoding: bytes, as: UTF8.self)
        guard let end = pending.range(of: "\r\n\r\n") else { return "" }
        let length = pending.firstMatch(of: /(?i)\r\ncontent-length: *(\d+)/).flatMap { Int($0.1) } ?? 0
        guard pending[end.upperBound...].utf8.count >= length else { return "" }
        heard.append(pending)
        pending = ""
        return answer
    }

    /// A whole answer with its length.
    static func answer(_ status: String, headers: [String] = [], body: String = "") -> String {
        (["HTTP/1.1 \(status)", "Content-Length: \(body.utf8.count)"] + headers).joined(separator: "\r\n") + "\r\n\r\n" + body
    }
}
