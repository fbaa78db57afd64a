// swift-tools-version:6.1
import PackageDescription

// The parsers of outside bytes under libFuzzer and AddressSanitizer. `Sources` holds links to the files themselves, so that
// neither the server's web library nor its database is built for it.

let fuzzed: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .unsafeFlags(["-sanitize=fuzzer", "-parse-as-library", "-enable-testing"]),
]

let package = Package(
    name: "fuzz",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
        .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
    ],
    targets: [
        .systemLibrary(name: "CZxcvbn"),
        .target(name: "CPhone", linkerSettings: [.linkedLibrary("phonenumber"), .linkedLibrary("protobuf")]),
        .target(
            name: "ConvergeCore",
            dependencies: [.product(name: "Crypto", package: "swift-crypto"), .product(name: "CryptoExtras", package: "swift-crypto")],
            swiftSettings: fuzzed),
        .target(
            name: "ConvergeServer",
            dependencies: ["ConvergeCore", "CPhone", "CZxcvbn", .product(name: "Yams", package: "Yams")], swiftSettings: fuzzed),
        .executableTarget(
            name: "fuzz", dependencies: ["ConvergeCore", "ConvergeServer"], swiftSettings: fuzzed,
            linkerSettings: [.unsafeFlags(["-sanitize=fuzzer", "-use-ld=lld"])]),
    ],
    swiftLanguageModes: [.v6],
    cxxLanguageStandard: .cxx17
)
