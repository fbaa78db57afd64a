import Foundation

/// The check that `FUZZ_TARGET` names; without it the names are printed.
private let target: ParserCheck = {
    let name = ProcessInfo.processInfo.environment["FUZZ_TARGET"] ?? ""
    let all = CoreChecks.all + ServerChecks.all
    guard let check = all.first(where: { $0.name == name }) else {
        print(all.map(\.name).joined(separator: "\n"))
        exit(name.isEmpty ? 0 : 2)
    }
    return check
}()

/// One input. A broken rule ends the run as a trap does, and the input is kept.
private let feed: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt = { start, count in
    do {
        try target.run(Array(UnsafeBufferPointer(start: start, count: count)))
    } catch {
        fatalError("\(target.name): \(error)")
    }
    return 0
}

@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<CInt>, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ feed: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

/// What the package manager takes for the start of the program `fuzz`.
@_cdecl("fuzz_main")
public func main(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
    _ = target
    var count = count, arguments = arguments
    return runDriver(&count, &arguments, feed)
}
