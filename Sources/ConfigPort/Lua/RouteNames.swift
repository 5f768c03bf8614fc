/// Names of the Lua functions that routes become.
enum RouteNames {
    /// By kind and name of the route; unlike each other.
    static func choose(_ items: [(route: Route, comments: [Comment])]) -> [RouteKey: String] {
        var names: [RouteKey: String] = [:]
        var taken: Set<String> = []
        for (route, comments) in items {
            let key = RouteKey(route)
            guard names[key] == nil else { continue }
            let wanted = name(route, comments)
            var name = wanted
            var number = 2
            while taken.contains(name) {
                name = "\(wanted)_\(number)"
                number += 1
            }
            taken.insert(name)
            names[key] = name
        }
        return names
    }

    private static let prefixes: [Route.Kind: String] = [
        .request: "route", .branch: "branch", .failure: "failure", .reply: "reply", .error: "error", .local: "local",
        .startup: "startup", .timer: "timer", .event: "event", .send: "send",
    ]

    private static func name(_ route: Route, _ comments: [Comment]) -> String {
        if RouteKey(route).isMain { return "main" }
        if let quoted = quotedName(comments) { return quoted }
        let isNumber = route.name.utf8.allSatisfy(\.isDigit)
        let prefix = prefixes[route.kind] ?? "route"
        if !isNumber, let name = Lua.name(from: route.name) {
            return route.kind == .request ? name : unless(name, prefix)
        }
        if let spoken = spokenName(comments) { return spoken }
        if route.kind == .request, relays(route.body) { return "relay" }
        return route.name.isEmpty ? prefix : "\(prefix)_\(route.name)"
    }

    private static func unless(_ name: String, _ prefix: String) -> String {
        name.contains(prefix) ? name : "\(prefix)_\(name)"
    }

    /// `# Request route 'base-outbound'`
    private static func quotedName(_ comments: [Comment]) -> String? {
        for line in comments.flatMap(\.lines) where line.contains("oute ") {
            let parts = line.split(separator: "'", omittingEmptySubsequences: false)
            if parts.count == 3, let name = Lua.name(from: String(parts[1])) { return name == "main" ? nil : name }
        }
        return nil
    }

    /// `# Presence route`: a few words that end in "route".
    private static func spokenName(_ comments: [Comment]) -> String? {
        guard let line = comments.last(where: { !$0.lines.isEmpty })?.lines.last else { return nil }
        var words = line.split(separator: " ").map { $0.lowercased() }
        guard (2...4).contains(words.count), ["route", "routing"].contains(words.last) else { return nil }
        words.removeLast()
        words.removeAll { ["the", "a", "for", "main", "request"].contains($0) }
        guard !words.isEmpty, words.allSatisfy({ $0.utf8.allSatisfy(\.isWordPart) }) else { return nil }
        return Lua.name(from: words.joined(separator: "_"))
    }

    /// A short route that relays the request whatever it is.
    private static func relays(_ block: Block) -> Bool {
        guard block.statements.count <= 4 else { return false }
        return block.statements.contains { statement in
            switch statement.kind {
            case .call(let call): return call.name.hasPrefix("t_relay")
            case .choice(let branches, _):
                guard case .not(let inner) = branches[0].condition.kind, case .call(let call) = inner.kind else {
                    return false
                }
                return call.name.hasPrefix("t_relay")
            default: return false
            }
        }
    }
}

/// Kind and name of a route: what a configuration calls it by.
struct RouteKey: Hashable {
    var kind: Route.Kind
    var name: String

    init(kind: Route.Kind, name: String) {
        self.kind = kind
        self.name = kind == .request && name == "0" ? "" : name
    }

    init(_ route: Route) { self.init(kind: route.kind, name: route.name) }

    var isMain: Bool { kind == .request && name.isEmpty }
}
