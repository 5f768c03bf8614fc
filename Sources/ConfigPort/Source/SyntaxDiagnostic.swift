/// Something wrong with a configuration, in the form of compilers: `file:line:column: error: message`, then the
/// line and a caret under the place.
public struct SyntaxDiagnostic: Error, Sendable, CustomStringConvertible {
    public enum Severity: String, Sendable {
        case error
        case warning
    }

    public var severity: Severity
    public var file: String
    public var line: Int
    public var column: Int
    public var message: String
    /// The line as it stands, or the part of it around the column when it is long.
    public var excerpt: String
    /// Character of the excerpt that the caret points at, from 0.
    public var caret: Int

    /// Longest part of a line that is shown.
    static let excerptCharactersMax = 120

    init(_ severity: Severity, _ message: String, at position: SourcePosition, in file: SourceFile) {
        self.severity = severity
        self.file = file.name
        line = position.line
        column = position.column
        self.message = message
        (excerpt, caret) = file.excerpt(
            line: position.line, column: position.column, charactersMax: Self.excerptCharactersMax)
    }

    public var description: String {
        let head = "\(file):\(line):\(column): \(severity.rawValue): \(message)"
        guard !excerpt.allSatisfy(\.isWhitespace) else { return head }
        // Tabs stay tabs, so that the caret stands under its character whatever their width.
        let margin = String(excerpt.unicodeScalars.prefix(caret).map { $0 == "\t" ? "\t" : " " })
        return "\(head)\n    \(excerpt)\n    \(margin)^"
    }
}
