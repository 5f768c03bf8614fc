import Foundation

@testable import ConfigPort

/// Configurations that nobody on this project wrote, beside a checkout.
enum PortCorpus {
    static let folder: URL = {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let corpus = ProcessInfo.processInfo.environment["SIP_CORPUS"] ?? "../shared/corpus"
        return URL(fileURLWithPath: corpus, relativeTo: root).appendingPathComponent("openser")
    }()

    static var isThere: Bool { FileManager.default.fileExists(atPath: folder.path) }

    static var names: [String] {
        let all = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return all.filter { $0.hasSuffix(".cfg") }.sorted()
    }

    static func bytes(_ name: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: folder.appendingPathComponent(name)))
    }
}

/// Reads a configuration of one file, or of several that include each other.
func reading(_ text: String, files: [String: String] = [:], definitions: [String] = []) -> Reading {
    Reading(path: "test.cfg", bytes: Array(text.utf8), definitions: definitions) { path in
        files[path].map { Array($0.utf8) }
    }
}

/// The errors and warnings of a text, as lines.
func problems(_ text: String, files: [String: String] = [:]) -> [String] {
    reading(text, files: files).diagnostics.map { "\($0.line):\($0.column) \($0.message)" }
}

/// The statements of the main route.
func statements(_ body: String) -> [Statement] {
    let result = reading("route {\n\(body)\n}\n")
    guard case .route(let route)? = result.tree.items.first?.kind, result.diagnostics.isEmpty else { return [] }
    return route.body.statements
}

/// Random numbers that a printed seed repeats.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
