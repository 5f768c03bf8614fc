/// Writes a configuration's routes as Lua.
///
/// It runs twice: what the first pass learns (which routes give codes, whether decisions stand where a script ends)
/// the second one writes by.
struct Emitter {
    /// What stands behind a statement when it has been carried out.
    enum Continuation {
        /// The end of the script.
        case exits
        /// The end of a route that comes back to its caller.
        case returns
        case goesOn
    }

    /// What the first pass finds out.
    struct Knowledge {
        /// A request may be answered or relayed in the middle of a script, which then goes on.
        var decidesEarly = false
        /// Routes that are called in a condition, and those whose `$retcode` is read.
        var conditionRoutes: Set<String> = []
        var codeRoutes: Set<String> = []
        var usesExit = false
    }

    let options: ConversionOptions
    let names: [RouteKey: String]
    let routes: [RouteKey: Route]
    let flows: [String: RouteFlow]
    let aliases: [String: String]
    /// The table of the location service that `save` writes to.
    let locationTable: String
    var flags: FlagNames
    var knowledge: Knowledge
    var learned = Knowledge()
    var report: ConversionReport
    var writer = LuaWriter()
    /// Functions without a counterpart that are called, with their first places.
    var stubs: [(name: String, position: SourcePosition)] = []
    /// `avp`, `var`, `flags`, `bflags`, `transform`: which locals are needed.
    var uses: Set<String> = []

    // Of the route being written:
    var route = Route(kind: .request, name: "", body: Block())
    var message = "req"
    /// It is what the proxy calls, not another route.
    var isEntry = true
    /// The local that holds the last return code; nil where none does.
    var returnCode: String?
    var loops = 0
    var switches = 0

    var flow: RouteFlow { isEntry ? RouteFlow(comesBack: false, mayExit: true) : flows[route.name] ?? RouteFlow() }

    /// Leaving the route by `exit` needs to be told to the caller.
    var tellsExit: Bool { !isEntry && flow.comesBack }

    // MARK: Routes

    mutating func write(_ route: Route, comments: [Comment], at position: SourcePosition, message: String) {
        let key = RouteKey(route)
        self.route = route
        self.message = message
        isEntry = route.kind != .request || key.isMain
        returnCode = nil
        writer.blank()
        for comment in comments {
            if comment.followsBlankLine { writer.blank() }
            writer.comment(comment)
        }
        writer.line("function route.\(names[key] ?? "route")(\(message))")
        writer.depth = 1
        writer.noBlank()
        block(route.body, after: flow.comesBack ? .returns : .exits)
        if !isEntry, flow.comesBack, let value = resultAtEnd(), endIsReached(route.body) { writer.line(value) }
        writer.depth = 0
        writer.line("end")
        report.note(
            .route, "\(route.kind.rawValue)[\(route.name.isEmpty ? "0" : route.name)]", .converted, at: position)
    }

    private func endIsReached(_ block: Block) -> Bool {
        var analysis = RouteFlow.Analysis(flows: flows)
        return analysis.block(block)
    }

    /// What a route gives that ends without `return`.
    private func resultAtEnd() -> String? {
        if knowledge.codeRoutes.contains(route.name) { return "return 1" }
        if knowledge.conditionRoutes.contains(route.name) { return "return true" }
        return nil
    }

    // MARK: Blocks

    mutating func block(_ block: Block, after: Continuation) {
        var index = 0
        while index < block.statements.count {
            let statement = block.statements[index]
            let rest = block.statements[(index + 1)...]
            let next = rest.first.map { continuation(of: $0, after: rest.count == 1 ? after : .goesOn) } ?? after
            if statement.followsBlankLine { writer.blank() }
            for comment in statement.comments {
                if comment.followsBlankLine { writer.blank() }
                writer.comment(comment)
            }
            let isEnd = ends(statement, next)
            let isDead = isEnd && rest.contains { !isBare($0) }
            if isDead {
                writer.line("do")
                writer.depth += 1
            }
            self.statement(statement, next, before: rest.first)
            if !readsCode(rest.first) { returnCode = nil }
            if isDead {
                writer.depth -= 1
                writer.line("end")
            }
            if (isEnd && !isDead) || (!rest.contains { !isBare($0) } && returns(statement, next)) {
                for left in rest { noteBare(left) }
                break
            }
            index += 1
        }
        for comment in block.endComments {
            if comment.followsBlankLine { writer.blank() }
            writer.comment(comment)
        }
    }

    /// What follows when this statement comes next.
    private func continuation(of statement: Statement, after: Continuation) -> Continuation {
        switch statement.kind {
        case .exit, .drop: return .exits
        case .result(nil) where !flow.comesBack: return .exits
        case .leave where loops + switches == 0 && !flow.comesBack: return .exits
        default:
            _ = after
            return .goesOn
        }
    }

    /// `exit` and the like, of which nothing needs to be written behind a `return`.
    private func isBare(_ statement: Statement) -> Bool {
        switch statement.kind {
        case .exit, .drop, .result, .leave: return statement.comments.isEmpty
        default: return false
        }
    }

    private mutating func noteBare(_ statement: Statement) {
        switch statement.kind {
        case .exit: report.note(.statement, "exit", .converted, at: statement.position)
        case .drop: report.note(.statement, "drop", .converted, at: statement.position)
        case .leave: report.note(.statement, "break", .converted, at: statement.position)
        default: report.note(.statement, "return", .converted, at: statement.position)
        }
    }

    /// Whether the statement is written as a `return`, behind which nothing may stand.
    private func ends(_ statement: Statement, _ next: Continuation) -> Bool {
        switch statement.kind {
        case .exit, .drop, .result: return true
        case .leave: return true
        case .call(let call):
            if let flow = calledFlow(call) { return !flow.comesBack }
            return next == .exits && !tellsExit && decides(call) && !isUnsupported(call)
        case .choice: return relayOnly(statement) != nil && next == .exits && !tellsExit
        default: return false
        }
    }

    /// Whether every way through a choice is written as a `return`.
    private func returns(_ statement: Statement, _ next: Continuation) -> Bool {
        guard case .choice(let branches, let otherwise?) = statement.kind, relayOnly(statement) == nil else {
            return ends(statement, next)
        }
        return (branches.map(\.body) + [otherwise]).allSatisfy { body in
            body.statements.indices.contains { index in
                let rest = body.statements[(index + 1)...]
                let after = rest.first.map { continuation(of: $0, after: .goesOn) } ?? next
                return returns(body.statements[index], after)
            }
        }
    }

    func calledFlow(_ call: Call) -> RouteFlow? {
        guard let name = RouteFlow.target(of: call), routes[RouteKey(kind: .request, name: name)] != nil else {
            return nil
        }
        return flows[name]
    }

    private func isUnsupported(_ call: Call) -> Bool {
        FunctionCatalogue.entry(call.name)?.support == .unsupported
    }

    /// Whether a call answers or relays the request.
    func decides(_ call: Call) -> Bool {
        switch FunctionCatalogue.entry(call.name)?.form {
        case .special(.reply), .special(.relay), .special(.save): return true
        case .library:
            return ["forward", "sl_reply_error", "send_reply_error", "options_reply", "t_relay_to_udp"].contains(
                call.name)
        default: return false
        }
    }

    /// `if (!t_relay()) { sl_reply_error(); }`: the core answers by itself when it cannot relay.
    func relayOnly(_ statement: Statement) -> Call? {
        guard case .choice(let branches, nil) = statement.kind, branches.count == 1,
            case .not(let inner) = branches[0].condition.kind, case .call(let call) = inner.kind,
            decides(call), branches[0].body.statements.count == 1,
            case .call(let answer) = branches[0].body.statements[0].kind,
            answer.name == "sl_reply_error" || answer.name == "send_reply_error"
        else { return nil }
        return call
    }
}
