// swift-tools-version: 6.2
import PackageDescription

// The project's modules as libFuzzer wants them: they say which way they went, and AddressSanitizer watches their
// memory. The flags for that are for the modules of a root package only, so they are listed here once more; what they
// depend on is built without. scripts/fuzz builds and runs it.

let sanitizers = "-sanitize=fuzzer,address"

let strict: [SwiftSetting] = [
    .treatAllWarnings(as: .error), .enableUpcomingFeature("MemberImportVisibility"), .unsafeFlags(["-O", sanitizers]),
]

let collections = Target.Dependency.product(name: "OrderedCollections", package: "swift-collections")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")

let package = Package(
    name: "v6-flower-fuzz",
    dependencies: [
        .package(url: "https://github.com/apple/swift-collections", exact: "1.6.0"),
        .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
    ],
    targets: [
        // Sources is a link to the project's own; scripts/fuzz makes it.
        .systemLibrary(name: "CCurl", path: "Sources/CCurl", pkgConfig: "libcurl"),
        .systemLibrary(name: "CZstd", path: "Sources/CZstd", pkgConfig: "libzstd"),
        .systemLibrary(name: "CZlib", path: "Sources/CZlib", pkgConfig: "zlib"),
        .systemLibrary(name: "COpenSSL", path: "Sources/COpenSSL", pkgConfig: "libcrypto"),
        .systemLibrary(name: "CPostgres", path: "Sources/CPostgres", pkgConfig: "libpq"),
        .systemLibrary(name: "CXGBoost", path: "Sources/CXGBoost"),
        .target(name: "_ProcessShims"),
        .target(
            name: "Wire", dependencies: ["CZstd", "COpenSSL", "_ProcessShims", collections], swiftSettings: strict),
        .target(name: "Flower", dependencies: ["Wire", collections], swiftSettings: strict),
        .target(name: "Arguments", dependencies: ["Flower", "Wire", collections], swiftSettings: strict),
        .target(name: "Vantage6", dependencies: ["Wire", "CCurl", collections], swiftSettings: strict),
        .target(name: "Journal", dependencies: ["Flower", "Wire", collections, grdb], swiftSettings: strict),
        .target(
            name: "Parquet", dependencies: ["Wire", "CZlib", "CZstd", collections], swiftSettings: strict),
        .target(
            name: "LocalData", dependencies: ["Parquet", "Wire", "CPostgres", collections, grdb],
            swiftSettings: strict),
        .target(
            name: "LocalModels",
            dependencies: ["Arguments", "Flower", "LocalData", "Wire", "CXGBoost", collections],
            swiftSettings: strict),
        .target(
            name: "V6Flower",
            dependencies: [
                "Arguments", "Flower", "Vantage6", "Journal", "LocalData", "LocalModels", "Parquet", "Wire",
                "_ProcessShims", collections,
            ],
            resources: [.copy("Resources/v6_flower_worker")], swiftSettings: strict),

        .systemLibrary(name: "CFuzzer", path: "CFuzzer"),
        // A target for each parser of foreign bytes.
        .executableTarget(
            name: "v6-flower-fuzz",
            dependencies: [
                "CFuzzer", "Wire", "Flower", "Vantage6", "Journal", "LocalData", "LocalModels", "Parquet", "V6Flower",
                collections,
            ],
            path: "Targets",
            swiftSettings: strict, linkerSettings: [.unsafeFlags([sanitizers, "-use-ld=lld"])]),
    ],
    swiftLanguageModes: [.v6]
)
