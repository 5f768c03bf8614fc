import Testing

@testable import ConfigPort

/// Whatever a file holds, reading it ends, with errors at worst.
@Suite("Garbage")
struct GarbageTests {
    static let pieces = [
        "route", "{", "}", "(", ")", "[", "]", ";", ",", "if", "else", "switch", "case", "default", ":", "while", "=",
        "==", "=~", "!", "&&", "||", "-", "$ru", "$(", "$avp(s:x)", "\"", "'", "\"text\"", "/*", "*/", "#", "//", "\n",
        "#!ifdef A\n", "#!else\n", "#!endif\n", "#!define A A A\n", "\nmodparam(\"a\",\"b\",1)\n", "\nroute[1]{",
        "failure_route[x]{", "loadmodule", "listen", "192.0.2.1", "5060", "0x1f", "uri", "myself", "exit", "return",
        "t_relay()", "\\", "`", "\u{e9}", "\0", "include_file \"test.cfg\"\n", " ", "\t", "{s.int}", "@", ".",
    ]

    @Test("random words and mutilated configurations")
    func soup() {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("garbage seed \(seed)")
        var random = SeededGenerator(seed: seed)
        for _ in 0..<300 {
            let count = Int.random(in: 1...400, using: &random)
            let text = (0..<count).map { _ in Self.pieces[Int.random(in: 0..<Self.pieces.count, using: &random)] }
            check(Array(text.joined(separator: Bool.random(using: &random) ? " " : "").utf8))
        }
        let model = Array(Samples.everything.utf8)
        for _ in 0..<300 {
            var bytes = model
            for _ in 0..<Int.random(in: 1...20, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.removeSubrange(place..<min(bytes.count, place + 40))
                default: bytes.insert(contentsOf: bytes[place..<min(bytes.count, place + 60)], at: place)
                }
                if bytes.isEmpty { bytes = [0] }
            }
            check(bytes)
        }
    }

    @Test("a megabyte of bytes, and long runs of brackets, operators, quotes")
    func large() {
        var random = SeededGenerator(seed: 7)
        check((0..<1_000_000).map { _ in UInt8.random(in: 0...255, using: &random) })
        for piece in [
            "{", "(", "!", "-", "[", "$(", "\"", "/*", "a.", "if(", "route[1]{if(a){", "\u{1} ", "x=", "1+", "a||",
            "else if ",
        ] {
            let body = String(repeating: piece, count: 20_000 / piece.utf8.count)
            check(Array(body.utf8))
            check(Array("route{ if (\(body)".utf8))
            check(Array("route{ \(body)".utf8))
        }
    }

    @Test("nesting as deep as allowed is read, deeper is an error")
    func nesting() {
        let deep = String(repeating: "if (a==1) {", count: 90) + "exit;" + String(repeating: "}", count: 90)
        #expect(problems("route{\(deep)}").isEmpty)
        let deeper = String(repeating: "if (a==1) {", count: 5_000) + "exit;" + String(repeating: "}", count: 5_000)
        #expect(problems("route{\(deeper)}").first?.contains("deeper than") == true)
    }

    private func check(_ bytes: [UInt8]) {
        let result = Reading(path: "test.cfg", bytes: bytes) { _ in bytes }
        #expect(result.diagnostics.count <= SourceSet.diagnosticsMax)
        for diagnostic in result.diagnostics { #expect(diagnostic.description.utf8.count < 4_000) }
        if !result.hasErrors {
            #expect(Conversion(path: "test.cfg", bytes: bytes, read: { _ in bytes }).lua.contains("on_request"))
        }
    }
}
