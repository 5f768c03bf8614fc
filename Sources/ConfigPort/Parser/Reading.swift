/// A configuration as read, with the files that it is made of and what was wrong with them.
struct Reading {
    var tree: SyntaxTree
    var files: [SourceFile]
    var diagnostics: [SyntaxDiagnostic]
    var leftOut: [(condition: String, position: SourcePosition)]
    var declaredDialect: String?

    /// - Parameters:
    ///   - definitions: names that `#!ifdef` finds defined.
    ///   - read: the bytes of an included file; nil when it cannot be read.
    init(path: String, bytes: [UInt8], definitions: [String] = [], read: @escaping (String) -> [UInt8]?) {
        var parser = Parser(Preprocessor(path: path, bytes: bytes, definitions: definitions, read: read))
        tree = parser.parse()
        files = parser.preprocessor.sources.files
        diagnostics = parser.preprocessor.sources.diagnostics
        leftOut = parser.preprocessor.leftOut
        declaredDialect = parser.preprocessor.declaredDialect
    }

    var hasErrors: Bool { diagnostics.contains { $0.severity == .error } }
}
