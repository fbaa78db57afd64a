import Foundation

/// An advisory lock on a file of its own, held until the value goes. The file stays: removing it would let two processes
/// hold the same lock.
///
/// It stands beside the file that it is about, because SQLite loses its own locks when anybody in the process closes that.
final class FileLock: Sendable {
    /// Who else may hold the lock.
    enum Kind { case shared, exclusive }

    private let descriptor: Int32

    /// Takes the lock beside a file.
    ///
    /// - Parameter wait: false: nil at once when somebody else holds it.
    init?(beside path: String, _ kind: Kind, wait: Bool = true) {
        descriptor = open(path + ".lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return nil }
        let operation = (kind == .shared ? LOCK_SH : LOCK_EX) | (wait ? 0 : LOCK_NB)
        var result = flock(descriptor, operation)
        while result != 0, errno == EINTR { result = flock(descriptor, operation) }
        guard result == 0 else { return nil }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }
}

/// Makes sure that a name stays after the power went.
enum FileFlush {
    /// Flushes the folder that a file was made or renamed in.
    static func folder(of path: String) -> Bool {
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return fsync(descriptor) == 0
    }
}
