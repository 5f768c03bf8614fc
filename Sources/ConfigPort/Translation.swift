/// Puts the parts of a conversion together: settings, routes, report.
struct Translation {
    let reading: Reading
    private var options: ConversionOptions
    private(set) var lua = ""
    private(set) var yaml = ""
    private(set) var report = ConversionReport()

    private var routes: [(route: Route, comments: [Comment], position: SourcePosition)] = []

    init(_ reading: Reading, _ options: ConversionOptions) {
        self.reading = reading
        self.options = options
        if options.dialect == .auto { self.options.dialect = Self.dialect(reading) }
        for item in reading.tree.items {
            guard case .route(let route) = item.kind else { continue }
            let comments = routes.isEmpty ? Self.ofRoute(item.comments) : item.comments
            routes.append((route, comments, item.position))
        }
    }

    /// What a file is written for, as far as it shows.
    private static func dialect(_ reading: Reading) -> ConversionOptions.Dialect {
        if let declared = reading.declaredDialect {
            return declared == "OPENSIPS" ? .opensips : declared == "OPENSER" ? .openser : .kamailio
        }
        for item in reading.tree.items {
            switch item.kind {
            case .setting("socket", _), .setting("log_level", _), .setting("udp_workers", _): return .opensips
            case .loadModule(let path) where path.contains("proto_"): return .opensips
            case .loadModule(let path) where path.contains("kex.so") || path.contains("tmx.so"): return .kamailio
            case .route(let route) where route.kind == .event: return .kamailio
            default: break
            }
        }
        return .openser
    }

    /// Of the comments between the parameters and the first route those behind the last parameter that is
    /// commented out.
    private static func ofRoute(_ comments: [Comment]) -> [Comment] {
        guard
            let last = comments.lastIndex(where: { comment in
                comment.lines.contains { $0.contains("modparam(") || $0.contains("loadmodule") }
            })
        else { return comments }
        let rest = comments[(last + 1)...]
        return Array(rest.drop { !$0.followsBlankLine })
    }

    mutating func run() {
        var settings = ServerSettings(scriptName: options.scriptName)
        for (condition, position) in reading.leftOut {
            settings.report.note(
                .setting, "#!\(condition)", .approximated, "what it holds is left out; define it to have it",
                at: position)
        }
        for item in reading.tree.items { settings.read(item) }
        yaml = settings.yaml(title: reading.files[0].name)
        let first = emit(knowledge: Emitter.Knowledge(), settings)
        // What the second pass writes teaches nothing new: it depends on the routes only.
        settings.flags = first.flags.unused
        let second = emit(knowledge: first.learned, settings)
        report = second.report
        lua = LuaFile(emitter: second, settings: settings, options: options, title: reading.files[0].name)
            .text(endComments: reading.tree.endComments, main: hasMain)
    }

    private var hasMain: Bool { routes.contains { RouteKey($0.route).isMain } }

    private func emit(knowledge: Emitter.Knowledge, _ settings: ServerSettings) -> Emitter {
        let keyed = Dictionary(routes.map { (RouteKey($0.route), $0.route) }, uniquingKeysWith: { first, _ in first })
        let called = Dictionary(
            routes.filter { $0.route.kind == .request }.map { (RouteKey($0.route).name, $0.route) },
            uniquingKeysWith: { first, _ in first })
        var emitter = Emitter(
            options: options, names: RouteNames.choose(routes.map { ($0.route, $0.comments) }), routes: keyed,
            flows: RouteFlow.analyse(called), aliases: settings.aliases,
            locationTable: settings.locationTable(routes.map(\.route)),
            flags: settings.flags, knowledge: knowledge, report: settings.report)
        let messages = RouteMessages(routes.map(\.route))
        var written: Set<RouteKey> = []
        for (route, comments, position) in routes {
            let key = RouteKey(route)
            guard written.insert(key).inserted else {
                emitter.report.note(
                    .route, "\(route.kind.rawValue)[\(route.name)]", .unsupported,
                    "the name is taken by a route above; this one is left out",
                    at: position)
                continue
            }
            emitter.write(route, comments: comments, at: position, message: messages.name(of: key))
        }
        return emitter
    }
}

/// What routes call their message: `req`, `reply`, or `message` where both kinds come.
struct RouteMessages {
    private var kinds: [RouteKey: Set<Bool>] = [:]

    init(_ routes: [Route]) {
        var calls: [RouteKey: Set<String>] = [:]
        for route in routes {
            var names: Set<String> = []
            Self.collect(route.body, &names)
            calls[RouteKey(route), default: []].formUnion(names)
        }
        for route in routes where route.kind != .request || RouteKey(route).isMain {
            var open = [RouteKey(route)]
            let isReply = route.kind == .reply
            while let key = open.popLast() {
                guard kinds[key, default: []].insert(isReply).inserted else { continue }
                open += (calls[key] ?? []).map { RouteKey(kind: .request, name: $0) }
            }
        }
    }

    func name(of key: RouteKey) -> String {
        switch kinds[key] {
        case [true]: "reply"
        case [true, false]: "message"
        default: "req"
        }
    }

    private static func collect(_ block: Block, _ names: inout Set<String>) {
        for statement in block.statements {
            switch statement.kind {
            case .call(let call): if let name = RouteFlow.target(of: call) { names.insert(name) }
            case .choice(let branches, let otherwise):
                for branch in branches {
                    collect(branch.condition, &names)
                    collect(branch.body, &names)
                }
                if let otherwise { collect(otherwise, &names) }
            case .selection(_, let cases): for item in cases { collect(item.body, &names) }
            case .loop(let condition, let body):
                collect(condition, &names)
                collect(body, &names)
            case .iteration(_, _, let body), .block(let body): collect(body, &names)
            case .assign, .result, .exit, .drop, .leave: break
            }
        }
    }

    private static func collect(_ expression: Expression, _ names: inout Set<String>) {
        switch expression.kind {
        case .call(let call): if let name = RouteFlow.target(of: call) { names.insert(name) }
        case .not(let inner), .negative(let inner): collect(inner, &names)
        case .all(let terms), .any(let terms): for term in terms { collect(term, &names) }
        case .comparison(let left, _, let right), .arithmetic(let left, _, let right):
            collect(left, &names)
            collect(right, &names)
        case .string, .number, .word, .variable, .selected, .missing: break
        }
    }
}
