/// A comment of the configuration, without its marks; one of several lines has several texts.
public struct Comment: Hashable, Sendable {
    public var lines: [String]
    /// It stands behind code on the same line.
    public var isTrailing: Bool
    /// An empty line stands before it.
    public var followsBlankLine: Bool
}

/// The smallest piece of a configuration.
struct Token: Sendable {
    enum Kind: Sendable {
        case identifier
        /// Decimal or hexadecimal digits.
        case number
        /// A quoted string; `text` is what it stands for, its escapes resolved.
        case string
        /// `$name`, `$name(argument)` or `$(…)`; `text` is all of it.
        case variable
        case symbol
        /// A line of the preprocessor; `text` is what follows `#!`.
        case directive
        case end
    }

    var kind: Kind
    var text: String
    var position: SourcePosition
    /// No white space and no comment stand between this and the token before it.
    var isAdjacent = false
    /// The first one of its line.
    var startsLine = false
    /// What stands between the token before and this one.
    var comments: [Comment] = []
    /// An empty line stands before it and its comments.
    var followsBlankLine = false

    func isSymbol(_ symbol: String) -> Bool { kind == .symbol && text == symbol }
    func isWord(_ word: String) -> Bool { kind == .identifier && text == word }

    /// As messages show it.
    var quoted: String {
        switch kind {
        case .end: "the end of the file"
        case .string: "the string \"\(text.prefix(40))\""
        default: "'\(text.prefix(40))'"
        }
    }
}
