/// The files of one conversion and what was found wrong with them.
struct SourceSet {
    private(set) var files: [SourceFile] = []
    private(set) var diagnostics: [SyntaxDiagnostic] = []

    /// Diagnostics that are kept; afterwards the parser gives up, as the rest would only repeat the first.
    static let diagnosticsMax = 50

    var hasErrors: Bool { diagnostics.contains { $0.severity == .error } }
    var isFull: Bool { diagnostics.count >= Self.diagnosticsMax }

    mutating func add(_ file: SourceFile) -> Int {
        files.append(file)
        return files.count - 1
    }

    mutating func error(_ message: String, at position: SourcePosition) {
        note(.error, message, position)
    }

    mutating func warning(_ message: String, at position: SourcePosition) {
        note(.warning, message, position)
    }

    private mutating func note(_ severity: SyntaxDiagnostic.Severity, _ message: String, _ position: SourcePosition) {
        guard !isFull, files.indices.contains(position.file) else { return }
        diagnostics.append(SyntaxDiagnostic(severity, message, at: position, in: files[position.file]))
    }
}
