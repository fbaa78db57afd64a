import ConvergeCore

/// A CSV file with a header, as administrators give one: every broken row is told by its number.
struct CSVTable {
    /// One row, values by column.
    struct Row: Sendable {
        let number: Int
        let values: [String: String]

        subscript(_ column: String) -> String { values[column] ?? "" }
    }

    /// What is wrong with one row.
    struct Problem: Sendable {
        let row: Int
        let text: String
    }

    private(set) var rows: [Row] = []
    private(set) var problems: [Problem] = []

    /// - Parameters:
    ///   - columns: every column there may be.
    ///   - required: the columns that have to be.
    ///   - nothing: what to say when the whole file is refused, for example "Nobody was added."
    init(_ bytes: [UInt8], columns: [String], required: [String], nothing: String) throws {
        let read: [CSVRow]
        do {
            read = try CSV.read(bytes, allowsUneven: true)
        } catch {
            throw AdministrationProblem(
                "Row \(error.row), column \(error.column): the file is not CSV (\(error.kind.rawValue)). \(nothing)")
        }
        guard let header = read.first?.fields.map({ $0.trimmingSpaces() }) else { throw AdministrationProblem("The file is empty.") }
        for column in header where !columns.contains(column) {
            let near = Nearest.nearest(to: column, in: columns).map { " Did you mean “\($0)”?" } ?? ""
            throw AdministrationProblem("There is no column “\(column)”.\(near) \(nothing)")
        }
        guard Set(header).count == header.count else { throw AdministrationProblem("A column stands there twice. \(nothing)") }
        for column in required where !header.contains(column) {
            throw AdministrationProblem("The column “\(column)” is missing. \(nothing)")
        }
        for row in read.dropFirst() {
            guard row.fields.count == header.count else {
                problems.append(Problem(row: row.number, text: "\(row.fields.count) fields instead of \(header.count)."))
                continue
            }
            let values = zip(header, row.fields.map { CSV.unguarded($0).trimmingSpaces() })
            rows.append(Row(number: row.number, values: Dictionary(values, uniquingKeysWith: { $1 })))
        }
    }

    /// Throws everything that is wrong, in the order of the rows.
    static func refuse(_ problems: [Problem], nothing: String) throws {
        guard !problems.isEmpty else { return }
        let lines = problems.sorted { $0.row < $1.row }.map { "Row \($0.row): \($0.text)" }
        throw AdministrationProblem((lines + [nothing]).joined(separator: "\n"))
    }
}
