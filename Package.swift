// swift-tools-version: 6.2
import PackageDescription

/// Every Swift target: language mode 6 with the upcoming features we rely on. Never `-Ounchecked`.
let swiftSettings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

let package = Package(
    name: "servartuka",
    products: [
        .executable(name: "servartuka", targets: ["servartuka"])
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", "1.8.0"..<"2.0.0"),
        .package(url: "https://github.com/apple/swift-log", "1.16.0"..<"2.0.0"),
        .package(url: "https://github.com/apple/swift-nio", "2.101.0"..<"3.0.0"),
        .package(url: "https://github.com/groue/GRDB.swift", "7.10.0"..<"8.0.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", "2.37.0"..<"3.0.0"),
        .package(url: "https://github.com/jpsim/Yams", "6.2.0"..<"7.0.0"),
    ],
    targets: [
        // Ground floor: C headers and shims.
        .systemLibrary(
            name: "CLua", pkgConfig: "lua5.4", providers: [.apt(["liblua5.4-dev"])]),
        // Lua modules that scripts find by `require`: text in the program.
        .target(
            name: "CLuaLibrary",
            exclude: [
                "openser.lua", "openser_messages.lua", "openser_nat.lua", "openser_regex.lua", "openser_sets.lua",
                "openser_values.lua",
            ]),
        .target(name: "CLuaShim", dependencies: ["CLua", "CLuaLibrary"]),
        // What spec files of `servartuka test` find: text in the program as well.
        .target(
            name: "CSpecLibrary",
            exclude: ["compose.lua", "expect.lua", "json.lua", "message.lua", "proxy.lua", "show.lua", "suite.lua"]),
        .target(name: "CLinux"),
        .systemLibrary(
            name: "CAres", pkgConfig: "libcares", providers: [.apt(["libc-ares-dev"])]),
        // Loads GLPK when a plan is made; it is not linked.
        .target(name: "CLinearProgram", linkerSettings: [.linkedLibrary("dl"), .linkedLibrary("pthread")]),

        // Pure modules: no I/O, no clock.
        .target(name: "SIPMessage", swiftSettings: swiftSettings),
        .target(name: "StatePolicy", swiftSettings: swiftSettings),
        // The shipped policies over simulated proxies, and the best that any policy could do.
        .target(
            name: "NetworkSimulator", dependencies: ["CLinearProgram", "StatePolicy"], swiftSettings: swiftSettings),
        // Configurations of OpenSER, OpenSIPS and Kamailio to Lua and YAML.
        .target(name: "ConfigPort", swiftSettings: swiftSettings),
        .target(name: "SIPTransaction", dependencies: ["SIPMessage"], swiftSettings: swiftSettings),

        // Message digests of OpenSSL's libcrypto.
        .target(name: "CCrypto", linkerSettings: [.linkedLibrary("crypto")]),

        // Data plane.
        .target(name: "Reactor", dependencies: ["CLinux"], swiftSettings: swiftSettings),
        .target(
            name: "ProxyCore",
            dependencies: ["CCrypto", "SIPMessage", "SIPTransaction", "StatePolicy", "Reactor"],
            swiftSettings: swiftSettings),
        .target(
            name: "Scripting", dependencies: ["CLuaShim", "ProxyCore", "Reactor", "SIPMessage", "StatePolicy"],
            swiftSettings: swiftSettings),

        // The world outside the packet path.
        .target(
            name: "SIPTransport",
            dependencies: [
                "ProxyCore", "Reactor", "SIPMessage",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "NIOTLS", package: "swift-nio"),
                .product(name: "NIOWebSocket", package: "swift-nio"),
            ],
            swiftSettings: swiftSettings),
        .target(name: "DNSResolver", dependencies: ["CAres", "Reactor"], swiftSettings: swiftSettings),
        .target(
            name: "Storage", dependencies: ["ProxyCore", "Reactor", .product(name: "GRDB", package: "GRDB.swift")],
            swiftSettings: swiftSettings),

        // The program.
        .target(
            name: "Server",
            dependencies: [
                "ProxyCore", "Scripting", "Reactor", "SIPTransaction", "StatePolicy",
                "SIPTransport", "DNSResolver", "Storage",
                .product(name: "Logging", package: "swift-log"), "Yams",
            ],
            swiftSettings: swiftSettings),
        // Networks as files and reports: what `plan` and `simulate` need beside the simulator.
        .target(
            name: "NetworkDescription", dependencies: ["NetworkSimulator", "Server", "StatePolicy"],
            swiftSettings: swiftSettings),
        // Unit tests of routing scripts, without a network.
        .target(
            name: "SpecRunner",
            dependencies: ["CSpecLibrary", "ProxyCore", "Reactor", "Scripting", "Server", "StatePolicy", "Storage"],
            swiftSettings: swiftSettings),
        .executableTarget(
            name: "servartuka",
            dependencies: [
                "ConfigPort", "NetworkDescription", "NetworkSimulator", "Server", "SpecRunner", "StatePolicy",
                "Storage",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: swiftSettings),

        // Not a test and not shipped: nanoseconds a message, for scripts/microbench.
        .executableTarget(
            name: "microbenchmarks", dependencies: ["ProxyCore", "Reactor", "StatePolicy", "Storage"],
            path: "Tests/Microbenchmarks", swiftSettings: swiftSettings),

        .testTarget(name: "ConfigPortTests", dependencies: ["ConfigPort", "Server"], swiftSettings: swiftSettings),
        .testTarget(name: "SIPMessageTests", dependencies: ["SIPMessage"], swiftSettings: swiftSettings),
        .testTarget(name: "StatePolicyTests", dependencies: ["StatePolicy"], swiftSettings: swiftSettings),
        .testTarget(
            name: "NetworkSimulatorTests", dependencies: ["NetworkSimulator", "StatePolicy"],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "NetworkDescriptionTests",
            dependencies: ["NetworkDescription", "NetworkSimulator", "Server", "StatePolicy"],
            swiftSettings: swiftSettings),
        .testTarget(name: "ReactorTests", dependencies: ["Reactor"], swiftSettings: swiftSettings),
        .testTarget(
            name: "SIPTransactionTests", dependencies: ["SIPTransaction", "SIPMessage"], swiftSettings: swiftSettings),
        .testTarget(
            name: "DNSResolverTests", dependencies: ["DNSResolver", "Reactor"], swiftSettings: swiftSettings),
        .target(name: "CAllocationCounter", path: "Tests/CAllocationCounter"),
        .testTarget(
            name: "ProxyCoreTests",
            dependencies: [
                "ProxyCore", "SIPTransaction", "SIPMessage", "Reactor", "StatePolicy", "CAllocationCounter",
            ],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "ScriptingTests",
            dependencies: [
                "ConfigPort", "Scripting", "ProxyCore", "Reactor", "SIPMessage", "SIPTransaction", "StatePolicy",
                "CAllocationCounter",
            ],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "StorageTests",
            dependencies: ["Storage", "ProxyCore", "Reactor", .product(name: "GRDB", package: "GRDB.swift")],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "SIPTransportTests",
            dependencies: [
                "SIPTransport", "ProxyCore", "Reactor", .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "ServerTests",
            dependencies: [
                "Server", "ProxyCore", "Reactor", "StatePolicy", "Storage",
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "SpecRunnerTests", dependencies: ["Scripting", "Server", "SpecRunner"], swiftSettings: swiftSettings),
        .testTarget(
            name: "EndToEndTests", dependencies: ["Server"], swiftSettings: swiftSettings),
    ]
)
