/// Reads a configuration of OpenSER, OpenSIPS or Kamailio.
///
/// What it cannot read becomes a diagnostic and is skipped to the end of the statement or item, so that one run
/// tells all mistakes. Nesting is bounded; nothing a file holds can exhaust the stack.
struct Parser {
    /// Statements and parentheses inside each other, which is also well below what Lua can compile.
    static let depthMax = 100

    var preprocessor: Preprocessor
    var token: Token
    /// One token behind the current one, read when asked for.
    private var ahead: Token?
    /// Open blocks, parentheses and the like.
    var depth = 0
    /// Comments within a statement, such as one behind an argument.
    private var stray: [Comment] = []

    init(_ preprocessor: Preprocessor) {
        self.preprocessor = preprocessor
        token = self.preprocessor.next()
    }

    /// Why a statement could not be read: noted already.
    struct Failure: Error {}

    // MARK: Tokens

    mutating func advance() {
        stray += token.comments
        if let next = ahead {
            token = next
            ahead = nil
        } else {
            token = preprocessor.next()
        }
    }

    mutating func peek() -> Token {
        if let ahead { return ahead }
        let next = preprocessor.next()
        ahead = next
        return next
    }

    mutating func accept(_ symbol: String) -> Bool {
        guard token.isSymbol(symbol) else { return false }
        advance()
        return true
    }

    mutating func expect(_ symbol: String, _ context: String) throws(Failure) {
        guard token.isSymbol(symbol) else { throw fail("expected '\(symbol)' \(context), got \(token.quoted)") }
        advance()
    }

    /// Notes an error at the current token.
    mutating func fail(_ message: String) -> Failure {
        preprocessor.sources.error(message, at: token.position)
        return Failure()
    }

    /// Takes the comment that stands behind the token before, on its line.
    mutating func takeTrailing() -> Comment? {
        guard let first = token.comments.first, first.isTrailing else { return nil }
        token.comments.removeFirst()
        return first
    }

    mutating func takeComments() -> [Comment] {
        defer { token.comments = [] }
        return token.comments
    }

    /// Those that stood between tokens that were read since.
    mutating func takeStray() -> [Comment] {
        defer { stray = [] }
        return stray.map { Comment(lines: $0.lines, isTrailing: false, followsBlankLine: false) }
    }

    // MARK: Top level

    mutating func parse() -> SyntaxTree {
        var tree = SyntaxTree()
        while token.kind != .end, !preprocessor.sources.isFull {
            do throws(Failure) {
                if let item = try parseItem() { tree.items.append(item) }
            } catch {
                skipItem()
            }
        }
        tree.endComments = takeComments()
        return tree
    }

    private mutating func parseItem() throws(Failure) -> Item? {
        if accept(";") { return nil }
        guard token.kind == .identifier else {
            throw fail("expected a setting, a module or a route, got \(token.quoted)")
        }
        let (position, isBlank) = (token.position, token.followsBlankLine)
        let comments = takeComments()
        let word = token.text
        let kind: Item.Kind
        switch word {
        case "loadmodule", "loadmodulex": kind = try parseLoadModule()
        case "modparam", "modparamx": kind = try parseModuleParameter()
        default:
            if let route = Self.routes[word], !(peek().isSymbol("=")) {
                kind = .route(try parseRoute(route))
            } else {
                kind = try parseSetting()
            }
        }
        if token.isSymbol(";"), token.comments.isEmpty { advance() }
        return Item(
            kind: kind, position: position, comments: comments + takeStray(), followsBlankLine: isBlank,
            trailing: takeTrailing())
    }

    private static let routes: [String: Route.Kind] = [
        "route": .request, "request_route": .request, "branch_route": .branch, "failure_route": .failure,
        "onreply_route": .reply, "reply_route": .reply, "error_route": .error, "local_route": .local,
        "startup_route": .startup, "timer_route": .timer, "event_route": .event, "onsend_route": .send,
    ]

    /// To the next token that begins a line and may begin an item, outside of braces.
    private mutating func skipItem() {
        var braces = 0
        while token.kind != .end {
            if token.isSymbol("{") { braces += 1 }
            if token.isSymbol("}") { braces = max(0, braces - 1) }
            advance()
            guard token.startsLine, token.kind == .identifier else { continue }
            if token.text == "loadmodule" || token.text == "modparam" || Self.beginsRoute(token, peek()) { return }
            if braces == 0, peek().isSymbol("=") { return }
        }
    }

    /// `route[…]` and `route{` at the start of a line: no statement begins so.
    private static func beginsRoute(_ token: Token, _ next: Token) -> Bool {
        routes[token.text] != nil && (next.isSymbol("[") || next.isSymbol("{"))
    }
}
