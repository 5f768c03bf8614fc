/// Splits a configuration into tokens; comments are kept with the token that follows them.
///
/// Never fails: what is no token becomes a diagnostic and is skipped. O(file).
struct Lexer {
    let file: Int
    let bytes: [UInt8]
    private(set) var index = 0
    var line = 1
    var column = 1
    /// Problems, to be noted by who owns the `SourceSet`.
    var problems: [(message: String, position: SourcePosition)] = []
    private var startsLine = true

    init(file: Int, bytes: [UInt8]) {
        self.file = file
        self.bytes = bytes
    }

    var position: SourcePosition { SourcePosition(file: file, line: line, column: column) }

    func byte(_ offset: Int = 0) -> UInt8 {
        let place = index + offset
        return place < bytes.count ? bytes[place] : 0
    }

    var isAtEnd: Bool { index >= bytes.count }

    mutating func advance(_ count: Int = 1) {
        for _ in 0..<count where index < bytes.count {
            let byte = bytes[index]
            index += 1
            if byte == UInt8(ascii: "\n") {
                line += 1
                column = 1
                startsLine = true
            } else if byte & 0xC0 != 0x80 {
                column += 1
            }
        }
    }

    func text(_ start: Int, _ end: Int) -> String {
        String(decoding: bytes[start..<end], as: UTF8.self)
    }

    mutating func problem(_ message: String, at place: SourcePosition) {
        problems.append((message, place))
    }

    // MARK: Tokens

    mutating func next() -> Token {
        let isBeginning = index == 0
        var space = skipSpace(behindLine: isBeginning ? 0 : line)
        while true {
            guard var token = read() else {
                // Skipped what is no token; comments behind it belong to the next one all the same.
                let more = skipSpace(behindLine: line)
                space.comments += more.comments
                space.isEmpty = false
                continue
            }
            token.comments = space.comments
            token.followsBlankLine = space.isBlankLine
            token.isAdjacent = space.isEmpty && !isBeginning
            return token
        }
    }

    /// Nil when what stands here is no token.
    private mutating func read() -> Token? {
        let place = position
        let isFirst = startsLine
        startsLine = false
        guard !isAtEnd else { return Token(kind: .end, text: "", position: place) }
        var token: Token
        let first = byte()
        let isMark = first == UInt8(ascii: "#") || (first == UInt8(ascii: "!") && byte(2).isWordStart)
        if isMark, byte(1) == UInt8(ascii: "!"), isFirst {
            token = readDirective()
        } else if first.isWordStart {
            token = readWhile(.identifier) { $0.isWordPart }
        } else if first.isDigit {
            token = readNumber()
        } else if first == UInt8(ascii: "\"") || first == UInt8(ascii: "'") {
            token = readString(quote: first)
        } else if first == UInt8(ascii: "$") {
            token = readVariable()
        } else {
            guard let symbol = readSymbol() else { return nil }
            token = symbol
        }
        token.position = place
        token.startsLine = isFirst
        return token
    }

    mutating func readWhile(_ kind: Token.Kind, _ belongs: (UInt8) -> Bool) -> Token {
        let start = index
        while !isAtEnd, belongs(byte()) { advance() }
        return Token(kind: kind, text: text(start, index), position: position)
    }

    private mutating func readNumber() -> Token {
        if byte() == UInt8(ascii: "0"), byte(1) | 0x20 == UInt8(ascii: "x"), byte(2).isHexadecimal {
            let start = index
            advance(2)
            while byte().isHexadecimal { advance() }
            return Token(kind: .number, text: text(start, index), position: position)
        }
        return readWhile(.number) { $0.isDigit }
    }

    private static let symbols3 = ["===", "!==", "<<=", ">>="]
    private static let symbols2 = [
        "==", "!=", "=~", "!~", "<=", ">=", "&&", "||", "<<", ">>", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=",
        ":=", "=>", ".=",
    ]
    private static let symbols1 = Set("{}()[],;:.=!&|^~<>+-*/%@?".utf8)

    private mutating func readSymbol() -> Token? {
        let place = position
        for (length, list) in [(3, Self.symbols3), (2, Self.symbols2)] where index + length <= bytes.count {
            let candidate = text(index, index + length)
            if list.contains(candidate) {
                advance(length)
                return Token(kind: .symbol, text: candidate, position: place)
            }
        }
        let first = byte()
        advance()
        guard Self.symbols1.contains(first) else {
            // One message for a run of such bytes.
            while !isAtEnd, !byte().isKnown { advance() }
            problem("a character that has no meaning here", at: place)
            return nil
        }
        return Token(kind: .symbol, text: String(UnicodeScalar(first)), position: place)
    }

    /// `#!define …` and the like: all of the line, and those joined to it by a backslash at the end.
    private mutating func readDirective() -> Token {
        advance(2)
        var content: [UInt8] = []
        while !isAtEnd, byte() != UInt8(ascii: "\n") {
            if byte() == UInt8(ascii: "\\"), byte(1) == UInt8(ascii: "\n") {
                advance(2)
                content.append(UInt8(ascii: " "))
            } else {
                content.append(byte())
                advance()
            }
        }
        if content.last == UInt8(ascii: "\r") { content.removeLast() }
        return Token(kind: .directive, text: String(decoding: content, as: UTF8.self), position: position)
    }
}

extension UInt8 {
    var isDigit: Bool { self &- UInt8(ascii: "0") < 10 }
    var isHexadecimal: Bool { isDigit || (self | 0x20) &- UInt8(ascii: "a") < 6 }
    var isWordStart: Bool { (self | 0x20) &- UInt8(ascii: "a") < 26 || self == UInt8(ascii: "_") }
    var isWordPart: Bool { isWordStart || isDigit }
    var isSpace: Bool {
        self == UInt8(ascii: " ") || self == UInt8(ascii: "\t") || self == UInt8(ascii: "\r")
            || self == UInt8(ascii: "\n")
    }
    /// Printable ASCII or white space: tokens begin with nothing else, and not with a backslash or a backquote.
    var isKnown: Bool {
        isSpace || (self > 32 && self < 127 && self != UInt8(ascii: "\\") && self != UInt8(ascii: "`"))
    }
}
