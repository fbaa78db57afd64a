import Foundation
import Testing

@testable import ConvergeServer

/// What it is worth that writes which wait together share a transaction and its flush: beside a commit for each of them, in one run.
@Suite(.serialized) struct GroupCommitMeasure {
    private static let writers = 32, each = 64

    /// Seconds for all writes.
    private func seconds(together: Int) async throws -> Double {
        let database = try SQLiteDatabase.temporary(together: together)
        try await database.write { try $0.execute("CREATE TABLE n (id BIGINT PRIMARY KEY, v TEXT NOT NULL)") }
        let clock = ContinuousClock(), begun = clock.now
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<Self.writers {
                group.addTask {
                    for n in 0..<Self.each {
                        try await database.write { try $0.execute("INSERT INTO n VALUES (\(writer * Self.each + n), 'some text')") }
                    }
                }
            }
            try await group.waitForAll()
        }
        let spent = clock.now - begun
        #expect(try await database.read { try $0.row("SELECT COUNT(*) AS n FROM n")?.int("n") } == Self.writers * Self.each)
        try await database.close()
        return Double(spent.components.attoseconds) / 1e18 + Double(spent.components.seconds)
    }

    @Test(.enabled(if: ProcessInfo.processInfo.environment["CONVERGE_MEASURE"] != nil))
    func `writes that share a commit, beside a commit for each`() async throws {
        // In turns, the better of three.
        var shared = Double.infinity, alone = Double.infinity
        for _ in 0..<3 {
            shared = min(shared, try await seconds(together: GroupedWriter.most))
            alone = min(alone, try await seconds(together: 1))
        }
        let count = Double(Self.writers * Self.each)
        print("writes a second, \(Self.writers) at once: \(Int(count / shared)) that share a commit, \(Int(count / alone)) with one each")
        // Where a flush costs nothing there is nothing to save.
        #expect(shared < 1.5 * alone, "sharing a flush costs more than it saves")
    }
}
