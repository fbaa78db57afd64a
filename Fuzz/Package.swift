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
        .package(url: "https://github.com/apple/swift-certificates", exact: "1.21.1"),
        .package(url: "https://github.com/apple/swift-asn1", exact: "1.7.4"),
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
            name: "ConvergeCertificates",
            dependencies: [
                "ConvergeCore", .product(name: "Crypto", package: "swift-crypto"), .product(name: "X509", package: "swift-certificates"),
                .product(name: "SwiftASN1", package: "swift-asn1"),
            ], swiftSettings: fuzzed),
        .target(
            name: "ConvergeServer",
            dependencies: [
                "ConvergeCore", "CPhone", "CZxcvbn", .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Yams", package: "Yams"),
            ], swiftSettings: fuzzed),
        .executableTarget(
            name: "fuzz",
            dependencies: [
                "ConvergeCore", "ConvergeCertificates", "ConvergeServer", .product(name: "Crypto", package: "swift-crypto"),
            ], swiftSettings: fuzzed,
            linkerSettings: [.unsafeFlags(["-sanitize=fuzzer", "-use-ld=lld"])]),
    ],
    swiftLanguageModes: [.v6],
    cxxLanguageStandard: .cxx17
)
