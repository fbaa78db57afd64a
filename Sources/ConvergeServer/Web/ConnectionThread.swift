import HummingbirdCore
import Logging
import NIOCore

/// HTTP/1.1 whose requests are answered on the thread that reads their connection: nothing is handed to another one and back, which
/// would cost more than most pages do. What takes long, hashing and writing, has threads of its own.
struct ConnectionThreadChannel: ServerChildChannel {
    let http: HTTP1Channel

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<HTTP1Channel.Value> {
        http.setup(channel: channel, logger: logger)
    }

    func handle(value: HTTP1Channel.Value, logger: Logger) async {
        await withTaskExecutorPreference(EventLoopExecutor(value.channel.eventLoop)) {
            await http.handle(value: value, logger: logger)
        }
    }
}

extension HTTPServerBuilder {
    /// The server of the product. A connection on which nothing happens for a minute is closed.
    static let connectionThread = HTTPServerBuilder { responder in
        ConnectionThreadChannel(http: HTTP1Channel(responder: responder, configuration: .init(idleTimeout: .seconds(60))))
    }
}

/// Runs tasks on an event loop's thread.
private final class EventLoopExecutor: TaskExecutor {
    private let loop: any EventLoop

    init(_ loop: any EventLoop) {
        self.loop = loop
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
