// swift-tools-version: 6.2
import PackageDescription

// The architecture at a glance: each module may know only those above it.
// docs/architecture.md follows a round through them.

let strict: [SwiftSetting] = [.treatAllWarnings(as: .error), .enableUpcomingFeature("MemberImportVisibility")]

let collections = Target.Dependency.product(name: "OrderedCollections", package: "swift-collections")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let grdbSQLite = Target.Dependency.product(name: "GRDBSQLite", package: "GRDB.swift")
let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let flyingFox = Target.Dependency.product(name: "FlyingFox", package: "FlyingFox")
let flyingSocks = Target.Dependency.product(name: "FlyingSocks", package: "FlyingFox")

let package = Package(
    name: "v6-flower",
    products: [
        .library(name: "V6Flower", targets: ["V6Flower"]),
        .executable(name: "v6-flower", targets: ["v6-flower"]),
        .executable(name: "v6-flower-sandbox", targets: ["v6-flower-sandbox"]),
    ],
    // To the version, so that the same source gives the same program.
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", exact: "1.6.0"),
        .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
        .package(url: "https://github.com/swhitty/FlyingFox", exact: "0.27.1"),
    ],
    targets: [
        .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CPostgres", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(name: "CXGBoost", providers: [.apt(["libxgboost-dev"])]),

        // Calls of Linux that Swift's Glibc module lacks: giving up root, a file in memory.
        .target(name: "_ProcessShims"),

        // Bytes on their way: sources of bytes, base64, Zstandard, ordered JSON, digests, seeded randomness.
        .target(
            name: "Wire", dependencies: ["CZstd", "COpenSSL", "_ProcessShims", collections], swiftSettings: strict),

        // Flower without its transport: records, messages, apps, strategies.
        .target(name: "Flower", dependencies: ["Wire", collections], swiftSettings: strict),

        // Arguments as a method, a strategy or a model declares them.
        .target(name: "Arguments", dependencies: ["Flower", "Wire", collections], swiftSettings: strict),

        // The container contract and the node's proxy.
        .target(name: "Vantage6", dependencies: ["Wire", "CCurl", collections], swiftSettings: strict),

        // Central's checkpoint in SQLite.
        .target(
            name: "Journal", dependencies: ["Flower", "Wire", collections, grdb, grdbSQLite], swiftSettings: strict),

        // Parquet files with flat schemas: read by column and row group, written as a stream.
        .target(
            name: "Parquet", dependencies: ["Wire", "CZlib", "CZstd", collections], swiftSettings: strict),

        // An organization's table: CSV, Parquet, SQL, column kinds, missing values.
        .target(
            name: "LocalData", dependencies: ["Parquet", "Wire", "CPostgres", collections, grdb, grdbSQLite],
            swiftSettings: strict),

        // The ready-made models and their ClientApp.
        .target(
            name: "LocalModels",
            dependencies: ["Arguments", "Flower", "LocalData", "Wire", "CXGBoost", collections],
            swiftSettings: strict),

        // `central` and `partial`: where Flower meets vantage6.
        .target(
            name: "V6Flower",
            dependencies: [
                "Arguments", "Flower", "Vantage6", "Journal", "LocalData", "LocalModels", "Parquet", "Wire",
                "_ProcessShims", collections,
            ],
            // The Python process that runs a Flower app.
            resources: [.copy("Resources/v6_flower_worker")],
            swiftSettings: strict),

        // The program in the image.
        .executableTarget(name: "v6-flower", dependencies: ["V6Flower", argumentParser], swiftSettings: strict),

        // Algorithms of one's own in one file each, as a Swift developer writes them.
        .executableTarget(
            name: "federated-mean", dependencies: ["V6Flower"], path: "examples/FederatedMean", swiftSettings: strict),
        .executableTarget(
            name: "category-counts", dependencies: ["V6Flower"], path: "examples/CategoryCounts",
            swiftSettings: strict),

        // A stand-in for vantage6's server and node proxies on loopback; not in the image.
        .target(
            name: "Sandbox",
            dependencies: [
                "V6Flower", "Vantage6", "Flower", "Journal", "LocalData", "LocalModels", "Wire", collections, flyingFox,
                flyingSocks,
            ], swiftSettings: strict),
        // Starts the program, so that is built with it.
        .executableTarget(
            name: "v6-flower-sandbox", dependencies: ["Sandbox", "v6-flower", argumentParser], swiftSettings: strict),

        // Parts of the program alone, for scripts/benchmark.
        .executableTarget(
            name: "v6-flower-benchmark", dependencies: ["V6Flower", "Flower", "LocalData", "Parquet", "Wire"],
            path: "Benchmarks",
            swiftSettings: strict),

        .testTarget(name: "WireTests", dependencies: ["Wire", collections], swiftSettings: strict),
        .testTarget(
            name: "FlowerTests", dependencies: ["Flower", "Wire", collections], resources: [.copy("Vectors")],
            swiftSettings: strict),
        .testTarget(
            name: "Vantage6Tests", dependencies: ["Vantage6", "Wire", collections, flyingFox, flyingSocks],
            swiftSettings: strict),
        .testTarget(
            name: "JournalTests", dependencies: ["Journal", "Flower", "Wire", collections], swiftSettings: strict),
        .testTarget(
            name: "ParquetTests", dependencies: ["Parquet", "Wire", collections], resources: [.copy("Files")],
            swiftSettings: strict),
        .testTarget(
            name: "LocalDataTests", dependencies: ["LocalData", "Wire", collections, grdb, grdbSQLite],
            resources: [.copy("Cases")],
            swiftSettings: strict),
        .testTarget(
            name: "LocalModelsTests",
            dependencies: ["Arguments", "LocalModels", "LocalData", "Flower", "Wire", collections],
            resources: [.copy("Reference"), .copy("Tables")], swiftSettings: strict),
        .testTarget(
            name: "V6FlowerTests",
            dependencies: ["Arguments", "LocalData", "Parquet", "V6Flower", "Vantage6", "Wire", collections],
            swiftSettings: strict),
        .executableTarget(
            name: "strategy-app", dependencies: ["V6Flower", "Flower"], path: "Tests/StrategyApp",
            swiftSettings: strict),
        // Reads and writes Parquet files beside pyarrow, for Tests/Reference/parquet_conformance.py.
        .executableTarget(
            name: "parquet-tool", dependencies: ["Parquet", "Wire"], path: "Tests/ParquetTool", swiftSettings: strict),
        .testTarget(
            name: "SandboxTests",
            dependencies: [
                "Sandbox", "Journal", "Vantage6", "v6-flower", "v6-flower-sandbox", "federated-mean", "category-counts",
                "strategy-app", collections,
            ],
            swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6]
)
