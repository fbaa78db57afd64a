import ConvergeCore
import Foundation
import Synchronization
import Testing

@testable import ConvergeServer

/// Whose turn it is at PostgreSQL: what collides runs again, and what waits does so in a line that ends somewhere.
@Suite(.ofPostgres) struct PostgresTurnTests {
    // MARK: collisions

    /// Both read both rows, then each writes the one that it did not look at for: none of the two orders gives what both would leave.
    @Test func `of two that overtake each other one runs again and sees what the other did`() async throws {
        try await TestPostgres.withNumbers { database, _ async throws in
            let both = Meeting(2), runs = Tally()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (mine, other) in [("a", "b"), ("b", "a")] {
                    group.addTask {
                        try await database.write { connection in
                            let sum = try connection.row("SELECT SUM(v) AS n FROM n")?.int("n") ?? -1
                            runs.add()
                            both.arrive()
                            // At most one of the two is to be taken.
                            guard sum == 0 else { return }
                            try connection.execute("UPDATE n SET v = 1 WHERE id = \(mine)")
                            _ = other
                        }
                    }
                }
                try await group.waitForAll()
            }
            let sum = try await database.read { try $0.row("SELECT SUM(v) AS n FROM n")?.int("n") }
            #expect(sum == 1 && runs.count == 3)
        }
    }

    @Test func `of two that wait for each other's rows one runs again`() async throws {
        try await TestPostgres.withNumbers { database, _ async throws in
            let both = Meeting(2), runs = Tally()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (first, second) in [("a", "b"), ("b", "a")] {
                    group.addTask {
                        try await database.write { connection in
                            runs.add()
                            try connection.execute("UPDATE n SET v = v + 1 WHERE id = \(first)")
                            both.arrive()
                            try connection.execute("UPDATE n SET v = v + 1 WHERE id = \(second)")
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await [database.number("a"), database.number("b")] == [2, 2])
            #expect(runs.count > 2)
        }
    }

    @Test func `what collides again and again ends as busy, after so many tries`() async throws {
        try await TestPostgres.withNumbers { database, _ async throws in
            let tries = Tally()
            await #expect(throws: StoreError.busy) {
                try await database.write { connection in
                    tries.add()
                    _ = try connection.rows("DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = 'serialization_failure'; END $$")
                }
            }
            // On a machine that is busy the time for all of them may be over first.
            #expect(tries.count > 3 && tries.count <= PostgresDatabase.collisionsMax)
        }
    }

    @Test func `a collision that a closure takes for something else runs again all the same`() async throws {
        try await TestPostgres.withNumbers { database, _ async throws in
            let tries = Tally()
            try await database.write { connection in
                let isFirst = tries.add() == 1
                guard isFirst else { return }
                do {
                    _ = try connection.rows("DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = 'deadlock_detected'; END $$")
                } catch {
                    throw DatabaseTests.Stop()
                }
            }
            #expect(tries.count == 2)
        }
    }

    @Test func `collisions let fewer in at once, successes more again, and nobody is forgotten`() async throws {
        let gate = WriteGate(most: 8, mostWaiting: 6, seconds: 60), inside = Tally()
        for _ in 0..<20 {
            try await gate.enter()
            gate.leave(collided: true)
        }
        #expect(gate.width == 2)
        for _ in 0..<2 { try await gate.enter() }
        let waiting = (0..<6).map { _ in
            Task {
                try await gate.enter()
                inside.add()
                gate.leave(collided: false)
            }
        }
        await until("six wait") { gate.waiting == 6 }
        #expect(inside.count == 0)
        for _ in 0..<2 { gate.leave(collided: false) }
        for task in waiting { try await task.value }
        #expect(inside.count == 6)
        for _ in 0..<40 {
            try await gate.enter()
            gate.leave(collided: false)
        }
        #expect(gate.width == 8)
    }

    @Test func `who collided has the next turn, however many wait`() async throws {
        let gate = WriteGate(most: 2, mostWaiting: 1, seconds: 60), order = Heard()
        for _ in 0..<2 { try await gate.enter() }
        func come(_ name: String, first: Bool) -> Task<Void, any Error> {
            Task {
                try await gate.enter(first: first)
                order.append(name)
                gate.leave(collided: false)
            }
        }
        let patient = come("patient", first: false)
        await until("one waits") { gate.waiting == 1 }
        await #expect(throws: StoreError.busy, "the line is as long as it may be") { try await gate.enter() }
        let again = come("again", first: true)
        await until("both wait") { gate.waiting == 2 }
        gate.leave(collided: false)
        for task in [patient, again] { try await task.value }
        #expect(order.all == ["again", "patient"])
    }

    // MARK: waiting

    @Test func `a statement that takes too long is ended, and the session works on`() async throws {
        try await TestPostgres.withNumbers(sessions: 1, seconds: 1) { database, _ async throws in
            await #expect(throws: StoreError.busy) { try await database.read { _ = try $0.rows("SELECT pg_sleep(30)") } }
            #expect(try await database.number("a") == 0)
        }
    }

    @Test func `who waits for a lock for too long is told, and the holder is not disturbed`() async throws {
        try await TestPostgres.withNumbers(seconds: 1) { database, _ async throws in
            let holds = Meeting(2), done = Meeting(2)
            let holder = Task {
                try await database.write { connection in
                    try connection.execute("UPDATE n SET v = 5 WHERE id = 'a'")
                    holds.arrive()
                    done.arrive()
                }
            }
            await holds.arriveAsync()
            await #expect(throws: StoreError.busy) { try await database.write { try $0.execute("UPDATE n SET v = 6 WHERE id = 'a'") } }
            await done.arriveAsync()
            try await holder.value
            #expect(try await database.number("a") == 5)
        }
    }

    /// Holds every session while something runs.
    private func holding(
        _ database: PostgresDatabase, sessions: Int, writing: Bool = false, _ run: () async throws -> Void
    ) async throws {
        let holds = Meeting(sessions + 1), done = Meeting(sessions + 1)
        let hold: @Sendable (any ConvergeServer.Connection) -> Void = { _ in
            holds.arrive()
            done.arrive()
        }
        let holders = (0..<sessions).map { _ in
            Task { if writing { try await database.write(hold) } else { try await database.read(hold) } }
        }
        await holds.arriveAsync()
        let outcome: Result<Void, any Error>
        do { outcome = .success(try await run()) } catch { outcome = .failure(error) }
        await done.arriveAsync()
        for holder in holders { try await holder.value }
        try outcome.get()
    }

    @Test(arguments: [false, true])
    func `a caller that is cancelled while it waits for its turn goes away, and the others get theirs`(writing: Bool) async throws {
        try await TestPostgres.withNumbers(sessions: 2) { database, _ async throws in
            let ran = Tally(), both = Tally()
            let work: @Sendable (Tally) async throws -> Void = { tally in
                if writing { try await database.write { _ in _ = tally.add() } } else { try await database.read { _ in _ = tally.add() } }
            }
            func waiting() -> Int { writing ? database.gate.waiting : database.pool.waiting }
            var patient: Task<Void, any Error>?
            try await holding(database, sessions: 2, writing: writing) {
                let waiter = Task { try await work(ran) }
                await until("one waits") { waiting() == 1 }
                patient = Task { try await work(both) }
                await until("both wait") { waiting() == 2 }
                waiter.cancel()
                await #expect(throws: CancellationError.self) { try await waiter.value }
                #expect(waiting() == 1)
            }
            try await patient?.value
            #expect(ran.count == 0 && both.count == 1)
        }
    }

    @Test func `nobody waits for a session for ever, and what comes beyond a long line is told at once`() async throws {
        try await TestPostgres.withNumbers(sessions: 1, seconds: 1) { database, _ async throws in
            try await holding(database, sessions: 1) {
                await #expect(throws: StoreError.busy) { try await database.number("a") }
                await #expect(throws: StoreError.busy) { try await database.write { try $0.execute("UPDATE n SET v = 1") } }
                #expect(database.pool.waiting == 0 && database.gate.waiting == 0)
            }
            #expect(try await database.number("a") == 0)
        }
        try await TestPostgres.withNumbers(sessions: 1) { database, _ async throws in
            var line: [Task<Int?, any Error>] = []
            try await holding(database, sessions: 1) {
                line = (0..<PostgresDatabase.waitersEach).map { _ in Task { try await database.number("a") } }
                await until("the line is full") { database.pool.waiting == PostgresDatabase.waitersEach }
                await #expect(throws: StoreError.busy) { try await database.number("a") }
                #expect(database.pool.waiting == PostgresDatabase.waitersEach)
            }
            for task in line { #expect(try await task.value == 0) }
        }
    }

    @Test func `many callers share few sessions`() async throws {
        try await TestPostgres.withNumbers(sessions: 2) { database, _ async throws in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<40 {
                    group.addTask { _ = try await database.write { try $0.execute("UPDATE n SET v = v + 1 WHERE id = 'a'") } }
                }
                try await group.waitForAll()
            }
            #expect(try await database.number("a") == 40)
            let open = try await database.read {
                try $0.row("SELECT COUNT(*) AS n FROM pg_stat_activity WHERE datname = current_database()")?.int("n")
            }
            #expect(open == 2)
        }
    }
}
