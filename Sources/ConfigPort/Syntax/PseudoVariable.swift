/// A pseudo-variable such as `$rU`, `$avp(s:uuid)` or `$(hdr(From){param.value,tag})`, taken apart.
struct PseudoVariable: Sendable, Hashable {
    struct Transformation: Sendable, Hashable {
        /// Such as `uri.user`.
        var name: String
        /// As they stand, separated by commas.
        var arguments: [String]
    }

    /// Without its dollar sign: `rU`, `avp`, `hdr`.
    var name: String
    /// What stands in its parentheses.
    var argument: String?
    /// What stands in its brackets: a number, or `*` for all.
    var index: String?
    var transformations: [Transformation] = []
    /// All of it as it was written.
    var text: String

    /// Takes a token's text apart; nil when it is none.
    init?(_ text: String) {
        self.text = text
        var bytes = Array(text.utf8.dropFirst())[...]
        guard !bytes.isEmpty else { return nil }
        if bytes.first == UInt8(ascii: "(") {
            guard bytes.last == UInt8(ascii: ")") else { return nil }
            bytes = bytes.dropFirst().dropLast()
            Self.trim(&bytes)
        }
        if bytes.elementsEqual("$".utf8) {
            name = "$"
            return
        }
        let nameEnd = bytes.firstIndex { !$0.isWordPart } ?? bytes.endIndex
        name = String(decoding: bytes[..<nameEnd], as: UTF8.self)
        guard !name.isEmpty else { return nil }
        bytes = bytes[nameEnd...]
        if bytes.first == UInt8(ascii: "(") {
            guard let inside = Self.balanced(bytes, "(", ")") else { return nil }
            argument = String(decoding: inside, as: UTF8.self)
            bytes = bytes[(inside.endIndex + 1)...]
        }
        if bytes.first == UInt8(ascii: "[") {
            guard let inside = Self.balanced(bytes, "[", "]") else { return nil }
            index = String(decoding: inside, as: UTF8.self)
            bytes = bytes[(inside.endIndex + 1)...]
        }
        while bytes.first == UInt8(ascii: "{") {
            guard let inside = Self.balanced(bytes, "{", "}") else { return nil }
            transformations.append(Self.transformation(inside))
            bytes = bytes[(inside.endIndex + 1)...]
        }
        guard bytes.isEmpty else { return nil }
    }

    private static func trim(_ bytes: inout ArraySlice<UInt8>) {
        while let first = bytes.first, first.isSpace { bytes.removeFirst() }
        while let last = bytes.last, last.isSpace { bytes.removeLast() }
    }

    private static func balanced(
        _ bytes: ArraySlice<UInt8>, _ open: Unicode.Scalar, _ close: Unicode.Scalar
    ) -> ArraySlice<UInt8>? {
        var depth = 0
        for place in bytes.indices {
            if bytes[place] == UInt8(ascii: open) { depth += 1 }
            if bytes[place] == UInt8(ascii: close) {
                depth -= 1
                if depth == 0 { return bytes[(bytes.startIndex + 1)..<place] }
            }
        }
        return nil
    }

    private static func transformation(_ inside: ArraySlice<UInt8>) -> Transformation {
        var parts = String(decoding: inside, as: UTF8.self).split(separator: ",", omittingEmptySubsequences: false)
            .map(String.init)
        let name = parts.removeFirst()
        return Transformation(name: name, arguments: parts)
    }
}

/// A string that pseudo-variables are filled into, as `xlog` and most functions take it.
enum FormatPiece: Sendable, Hashable {
    case text(String)
    case variable(PseudoVariable)

    /// O(text). A dollar sign that begins no pseudo-variable stays text.
    static func parse(_ text: String) -> [FormatPiece] {
        guard text.utf8.contains(UInt8(ascii: "$")) else { return text.isEmpty ? [] : [.text(text)] }
        var pieces: [FormatPiece] = []
        var lexer = Lexer(file: 0, bytes: Array(text.utf8))
        var start = 0
        while !lexer.isAtEnd {
            guard lexer.byte() == UInt8(ascii: "$") else {
                lexer.advance()
                continue
            }
            let place = lexer.index
            let token = lexer.readVariable()
            guard let variable = PseudoVariable(token.text) else { continue }
            if place > start { pieces.append(.text(lexer.text(start, place))) }
            pieces.append(variable.name == "$" ? .text("$") : .variable(variable))
            start = lexer.index
        }
        if start < lexer.bytes.count { pieces.append(.text(lexer.text(start, lexer.bytes.count))) }
        return pieces
    }
}
