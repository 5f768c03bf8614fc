/// White space and comments.
extension Lexer {
    struct Space {
        var comments: [Comment] = []
        /// An empty line is among it, before the first comment.
        var isBlankLine = false
        var isEmpty = true
    }

    /// - Parameter line: where the token before ended; 0 at the start of the file.
    mutating func skipSpace(behindLine line: Int) -> Space {
        var space = Space()
        // Line ends since the last code or comment.
        var lineEnds = 0
        while !isAtEnd {
            let first = byte()
            if first.isSpace {
                space.isEmpty = false
                if first == UInt8(ascii: "\n") { lineEnds += 1 }
                advance()
                continue
            }
            let comment: [String]
            let isTrailing = self.line == line && space.comments.isEmpty
            if first == UInt8(ascii: "#"), byte(1) != UInt8(ascii: "!") || isTrailing || !isAtLineStart {
                comment = [readLine(skipping: UInt8(ascii: "#"))]
            } else if first == UInt8(ascii: "/"), byte(1) == UInt8(ascii: "/") {
                comment = [readLine(skipping: UInt8(ascii: "/"))]
            } else if first == UInt8(ascii: "/"), byte(1) == UInt8(ascii: "*") {
                comment = readBlock()
            } else {
                break
            }
            let isBlank = lineEnds > 1 || (line == 0 && lineEnds > 0)
            if space.comments.isEmpty, isBlank { space.isBlankLine = true }
            space.comments.append(Comment(lines: comment, isTrailing: isTrailing, followsBlankLine: isBlank))
            space.isEmpty = false
            lineEnds = 0
        }
        if space.comments.isEmpty, lineEnds > 1 { space.isBlankLine = true }
        if let last = space.comments.last, last.isTrailing, lineEnds > 1 { space.isBlankLine = true }
        return space
    }

    private var isAtLineStart: Bool {
        var place = index
        while place > 0 {
            let before = bytes[place - 1]
            if before == UInt8(ascii: "\n") { return true }
            guard before.isSpace else { return false }
            place -= 1
        }
        return true
    }

    /// A comment to the end of the line, without the marks it begins with and the space behind them.
    private mutating func readLine(skipping mark: UInt8) -> String {
        while byte() == mark { advance() }
        let start = index
        while !isAtEnd, byte() != UInt8(ascii: "\n") { advance() }
        return Self.tidy(text(start, index))
    }

    private mutating func readBlock() -> [String] {
        let place = position
        advance(2)
        let start = index
        while !isAtEnd, !(byte() == UInt8(ascii: "*") && byte(1) == UInt8(ascii: "/")) { advance() }
        let end = index
        if isAtEnd { problem("this comment is never closed by */", at: place) }
        advance(2)
        var lines = text(start, end).split(separator: "\n", omittingEmptySubsequences: false).map {
            Self.tidy(String($0))
        }
        while lines.first?.isEmpty == true { lines.removeFirst() }
        while lines.last?.isEmpty == true { lines.removeLast() }
        return lines
    }

    /// Without white space at the end and one space, or the tabs, at the start.
    private static func tidy(_ line: String) -> String {
        var text = Substring(line)
        while let last = text.unicodeScalars.last, last.value <= 32 { text.unicodeScalars.removeLast() }
        if text.first == " " { text.removeFirst() }
        return text.filter { $0 != "\r" }.replacingTabs
    }
}

extension String {
    /// Tabs as four spaces.
    var replacingTabs: String {
        guard utf8.contains(9) else { return self }
        return reduce(into: "") { $0 += $1 == "\t" ? "    " : String($1) }
    }
}
