import CMaxMind
import ConvergeCore
import Foundation

/// Roughly where a network address is, by a file of places that the operator keeps up to date (MaxMind DB format 2.0, which others
/// publish in, too). Nothing is asked of anybody else.
final class PlaceFinder: Sendable {
    /// Reading is safe from many threads; nothing writes after the opening.
    private final class File: @unchecked Sendable {
        let database = UnsafeMutablePointer<MMDB_s>.allocate(capacity: 1)
        private let isOpen: Bool

        init(path: String) throws {
            database.initialize(to: MMDB_s())
            let status = MMDB_open(path, UInt32(MMDB_MODE_MMAP), database)
            isOpen = status == MMDB_SUCCESS
            guard isOpen else {
                throw PlaceFileError(path: path, reason: MMDB_strerror(status).map { String(cString: $0) } ?? "unknown")
            }
        }

        deinit {
            // What could not be opened the library has closed.
            if isOpen { MMDB_close(database) }
            database.deallocate()
        }
    }

    private let file: File
    /// What the file says it is, for example `DBIP-City-Lite`.
    let kind: String

    /// Opens a file and maps it into memory.
    ///
    /// - Throws: `PlaceFileError` where it is not there or of another format.
    init(path: String) throws {
        file = try File(path: path)
        kind = file.database.pointee.metadata.database_type.map { String(cString: $0) } ?? ""
    }

    /// The town and the country of an address, as far as the file knows them; nil: it does not.
    ///
    /// - Parameter language: as the names of the file are keyed, for example `en`; English where it has no such name.
    func place(of address: IPAddress, language: String) -> String? {
        var unreadable: Int32 = 0, broken: Int32 = 0
        var found = MMDB_lookup_string(file.database, address.description, &unreadable, &broken)
        guard unreadable == 0, broken == MMDB_SUCCESS, found.found_entry else { return nil }
        func name(_ what: String) -> String? {
            text(&found.entry, [what, "names", language]) ?? text(&found.entry, [what, "names", "en"])
        }
        let parts = [name("city"), name("country")].compactMap { $0 }
        return parts.isEmpty ? nil : parts.joined(separator: ", ")
    }

    private func text(_ entry: inout MMDB_entry_s, _ path: [String]) -> String? {
        var data = MMDB_entry_data_s()
        let keys = path.map { strdup($0) }
        defer { for key in keys { free(key) } }
        var ends = keys.map { UnsafePointer($0) } + [nil]
        guard MMDB_aget_value(&entry, &data, &ends) == MMDB_SUCCESS, data.has_data, data.type == UInt32(MMDB_DATA_TYPE_UTF8_STRING),
            let start = data.utf8_string
        else { return nil }
        // Not ended by a zero, and no longer than fits a line.
        let bytes = UnsafeRawBufferPointer(start: start, count: min(Int(data.data_size), 100))
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// A file of places that cannot be used.
struct PlaceFileError: Error, CustomStringConvertible {
    let path: String
    let reason: String

    var description: String { "places.file: \(path) cannot be read: \(reason)." }
}
