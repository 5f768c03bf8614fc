/// Quoted strings and pseudo-variables.
extension Lexer {
    /// `"…"` with escapes, or `'…'` as it stands. Strings may span lines.
    mutating func readString(quote: UInt8) -> Token {
        let place = position
        advance()
        var content: [UInt8] = []
        while !isAtEnd, byte() != quote {
            if quote == UInt8(ascii: "\""), byte() == UInt8(ascii: "\\") {
                readEscape(into: &content)
            } else {
                content.append(byte())
                advance()
            }
        }
        if isAtEnd { problem("this string is never closed", at: place) }
        advance()
        return Token(kind: .string, text: String(decoding: content, as: UTF8.self), position: place)
    }

    /// Escapes that OpenSER knows; of others both characters stay, as regular expressions need them.
    private mutating func readEscape(into content: inout [UInt8]) {
        let next = byte(1)
        switch next {
        case UInt8(ascii: "n"): content.append(10)
        case UInt8(ascii: "r"): content.append(13)
        case UInt8(ascii: "t"): content.append(9)
        case UInt8(ascii: "a"): content.append(7)
        case UInt8(ascii: "\\"), UInt8(ascii: "\""): content.append(next)
        case UInt8(ascii: "x") where byte(2).isHexadecimal && byte(3).isHexadecimal:
            content.append(UInt8(text(index + 2, index + 4), radix: 16) ?? 0)
            return advance(4)
        case UInt8(ascii: "\n"):
            break  // the string goes on in the next line
        default:
            content.append(UInt8(ascii: "\\"))
            guard index + 1 < bytes.count else { return advance() }
            content.append(next)
        }
        advance(2)
    }

    /// `$name`, `$name(…)`, `$name[…]`, `$(…)`; parentheses inside are balanced.
    mutating func readVariable() -> Token {
        let start = index
        let place = position
        advance()
        if byte() == UInt8(ascii: "$") {
            advance()
        } else if byte() == UInt8(ascii: "(") {
            skipBalanced(from: place)
        } else {
            guard byte().isWordStart else {
                problem("'$' begins a pseudo-variable; here no name follows", at: place)
                return Token(kind: .variable, text: "$", position: place)
            }
            while byte().isWordPart { advance() }
            if byte() == UInt8(ascii: "(") { skipBalanced(from: place) }
            if byte() == UInt8(ascii: "[") { skipIndex() }
        }
        return Token(kind: .variable, text: text(start, index), position: place)
    }

    private mutating func skipBalanced(from place: SourcePosition) {
        var depth = 0
        while !isAtEnd {
            let current = byte()
            if current == UInt8(ascii: "\n") { break }
            advance()
            if current == UInt8(ascii: "(") { depth += 1 }
            if current == UInt8(ascii: ")") {
                depth -= 1
                if depth == 0 { return }
            }
        }
        problem("the parenthesis of this pseudo-variable is never closed", at: place)
    }

    private mutating func skipIndex() {
        var offset = 1
        while byte(offset).isWordPart || byte(offset) == UInt8(ascii: "*") || byte(offset) == UInt8(ascii: "-") {
            offset += 1
        }
        if byte(offset) == UInt8(ascii: "]") { advance(offset + 1) }
    }
}
