/// Delivers the tokens of a configuration: defines replaced, `#!ifdef` followed, files included.
struct Preprocessor {
    /// Files that include each other deeper than this are an error.
    static let includeDepthMax = 10
    /// Files of one conversion: a few includes that each name the next several times would grow without bound.
    static let filesMax = 200
    /// Bytes of all files of one conversion.
    static let bytesMax = 16 << 20
    /// Definitions that stand for further definitions, one inside the other.
    static let expansionDepthMax = 16
    /// Tokens that all definitions together may grow to.
    static let expandedTokensMax = 1 << 20

    /// A string that is longer is substituted into no further: it could double with each substitution.
    static let substitutedBytesMax = 1 << 16

    typealias Reader = (_ path: String) -> [UInt8]?

    var sources = SourceSet()
    /// Lines that were left out as a condition did not hold, for the report.
    private(set) var leftOut: [(condition: String, position: SourcePosition)] = []
    /// `KAMAILIO`, `OPENSIPS` …, as a line `#!KAMAILIO` says.
    private(set) var declaredDialect: String?

    private let read: Reader
    private var levels: [Level] = []
    private var pending: [Token] = []
    private var definitions: [String: [Token]]
    private var substitutions: [(from: String, to: String)] = []
    private var conditions: [Condition] = []
    private var bytesRead = 0
    private var tokensExpanded = 0

    private struct Level {
        var lexer: Lexer
        var path: String
        var conditionCount: Int
    }

    private struct Condition {
        /// Tokens are delivered in this branch.
        var isTaken: Bool
        /// Some branch was taken already, or the surroundings are left out.
        var isDone: Bool
        var position: SourcePosition
    }

    init(path: String, bytes: [UInt8], definitions: [String], read: @escaping Reader) {
        self.read = read
        self.definitions = Dictionary(definitions.map { ($0, []) }, uniquingKeysWith: { first, _ in first })
        enter(path: path, bytes: bytes)
    }

    private mutating func enter(path: String, bytes: [UInt8]) {
        bytesRead += bytes.count
        let file = sources.add(SourceFile(name: path, bytes: bytes))
        levels.append(
            Level(lexer: Lexer(file: file, bytes: bytes), path: path, conditionCount: conditions.count))
    }

    // MARK: Tokens

    /// The next token; `.end` for ever once the last file is read.
    mutating func next() -> Token {
        while true {
            if let token = pending.popLast() { return token }
            var token = levels[levels.count - 1].lexer.next()
            drainProblems()
            if token.kind == .end {
                if leave(at: token.position) { continue }
                return token
            }
            if token.kind == .directive {
                follow(token)
                continue
            }
            if conditions.last?.isTaken == false { continue }
            if token.startsLine, token.kind == .identifier, includes(token) { continue }
            if token.kind == .string { substitute(&token.text) }
            if token.kind == .identifier, definitions[token.text] != nil {
                expand(token)
                continue
            }
            return token
        }
    }

    private mutating func drainProblems() {
        let top = levels.count - 1
        for problem in levels[top].lexer.problems { sources.error(problem.message, at: problem.position) }
        levels[top].lexer.problems.removeAll()
    }

    /// The file on top is read. False when it was the last.
    private mutating func leave(at position: SourcePosition) -> Bool {
        while conditions.count > levels[levels.count - 1].conditionCount {
            let open = conditions.removeLast()
            sources.error("this condition has no #!endif", at: open.position)
        }
        guard levels.count > 1 else { return false }
        levels.removeLast()
        return true
    }

    // MARK: Definitions

    private mutating func expand(_ token: Token) {
        var result: [Token] = []
        append(token, to: &result, depth: 0)
        if var first = result.first {
            first.comments = token.comments
            first.followsBlankLine = token.followsBlankLine
            first.startsLine = token.startsLine
            first.isAdjacent = token.isAdjacent
            result[0] = first
        }
        pending = result.reversed()
    }

    private mutating func append(_ token: Token, to result: inout [Token], depth: Int) {
        guard token.kind == .identifier, let definition = definitions[token.text] else {
            result.append(token)
            return
        }
        tokensExpanded += definition.count + 1
        guard depth < Self.expansionDepthMax, tokensExpanded < Self.expandedTokensMax else {
            sources.error("the definition of \(token.text) leads to itself or grows too large", at: token.position)
            return
        }
        for var piece in definition {
            piece.position = token.position
            append(piece, to: &result, depth: depth + 1)
        }
    }

    private mutating func substitute(_ text: inout String) {
        for substitution in substitutions where text.utf8.count < Self.substitutedBytesMax {
            text = text.replacing(substitution.from, by: substitution.to)
        }
    }

    // MARK: Directives

    private mutating func follow(_ token: Token) {
        let (name, rest) = token.text.splitAtSpace
        let isTaken = conditions.last?.isTaken ?? true
        switch name {
        case "ifdef", "ifndef":
            let holds = (definitions[rest.splitAtSpace.0] != nil) == (name == "ifdef")
            open(token, condition: "\(name) \(rest)", holds: holds)
        case "ifexp", "ifexpr":
            if isTaken { sources.warning("#!\(name) is taken as not holding; decide it by hand", at: token.position) }
            open(token, condition: "\(name) \(rest)", holds: false)
        case "else":
            guard let last = conditions.indices.last, last >= levels[levels.count - 1].conditionCount else {
                return sources.error("#!else without #!ifdef", at: token.position)
            }
            conditions[last].isTaken = !conditions[last].isDone
            conditions[last].isDone = true
        case "endif":
            guard conditions.count > levels[levels.count - 1].conditionCount else {
                return sources.error("#!endif without #!ifdef", at: token.position)
            }
            conditions.removeLast()
        case "define", "redefine", "trydef":
            guard isTaken else { return }
            define(rest, isTry: name == "trydef", at: token.position)
        case "undef":
            if isTaken { definitions[rest.splitAtSpace.0] = nil }
        case "subst", "substdef", "substdefs":
            if isTaken { addSubstitution(rest, defines: name != "subst", quoted: name == "substdefs", token.position) }
        case "include_file", "import_file":
            if isTaken { include(rest, isOptional: name == "import_file", at: token.position) }
        case "KAMAILIO", "OPENSER", "OPENSIPS", "SER", "MAXCOMPAT", "ALL":
            declaredDialect = name
        default:
            sources.warning("unknown directive #!\(name); it is ignored", at: token.position)
        }
    }

    private mutating func open(_ token: Token, condition: String, holds: Bool) {
        let surroundings = conditions.last?.isTaken ?? true
        conditions.append(
            Condition(isTaken: surroundings && holds, isDone: holds || !surroundings, position: token.position))
        if surroundings, !holds { leftOut.append((condition, token.position)) }
    }

    private mutating func define(_ rest: String, isTry: Bool, at position: SourcePosition) {
        let (name, value) = rest.splitAtSpace
        guard !name.isEmpty else { return sources.error("#!define without a name", at: position) }
        if isTry, definitions[name] != nil { return }
        definitions[name] = tokens(of: value, at: position)
    }

    private func tokens(of text: String, at position: SourcePosition) -> [Token] {
        var lexer = Lexer(file: position.file, bytes: Array(text.utf8))
        var result: [Token] = []
        while true {
            var token = lexer.next()
            if token.kind == .end { return result }
            token.position = position
            token.comments = []
            token.startsLine = false
            result.append(token)
        }
    }

    /// `/from/to/flags` with any character for the slash.
    private mutating func addSubstitution(
        _ rest: String, defines: Bool, quoted: Bool, _ position: SourcePosition
    ) {
        let text = rest.trimmed.unquoted
        guard let mark = text.first else { return sources.error("#!subst without an expression", at: position) }
        let parts = text.dropFirst().split(separator: mark, omittingEmptySubsequences: false).map(String.init)
        guard parts.count >= 2, !parts[0].isEmpty else {
            return sources.error("expected \"/from/to/\" behind #!subst", at: position)
        }
        guard parts[0].utf8.allSatisfy({ !"\\.^$*+?[](){}|".utf8.contains($0) }) else {
            return sources.warning(
                "#!subst with a regular expression is left out; replace \"\(parts[0])\" by hand", at: position)
        }
        substitutions.append((parts[0], parts[1]))
        if defines { definitions[parts[0]] = tokens(of: quoted ? "\"\(parts[1])\"" : parts[1], at: position) }
    }

    // MARK: Included files

    /// `include_file "…"` and `import_file "…"` without a mark, as the newer versions write them.
    private mutating func includes(_ token: Token) -> Bool {
        guard token.text == "include_file" || token.text == "import_file" else { return false }
        let path = levels[levels.count - 1].lexer.next()
        guard path.kind == .string else {
            sources.error("expected the path of a file in quotes behind \(token.text)", at: path.position)
            return true
        }
        include(path.text, isOptional: token.text == "import_file", at: token.position)
        return true
    }

    private mutating func include(_ argument: String, isOptional: Bool, at position: SourcePosition) {
        var name = argument.trimmed.unquoted
        substitute(&name)
        let from = levels[levels.count - 1].path
        let folder = from.lastIndex(of: "/").map { String(from[...$0]) } ?? ""
        let path = name.hasPrefix("/") ? name : folder + name
        guard !levels.contains(where: { $0.path == path }) else {
            return sources.error("\(path) includes itself", at: position)
        }
        guard levels.count < Self.includeDepthMax, sources.files.count < Self.filesMax else {
            return sources.error("too many included files", at: position)
        }
        guard let bytes = read(path) else {
            if !isOptional { sources.error("cannot read \(path)", at: position) }
            return
        }
        guard bytesRead + bytes.count <= Self.bytesMax else {
            return sources.error("the included files are larger than \(Self.bytesMax) bytes together", at: position)
        }
        enter(path: path, bytes: bytes)
    }
}
