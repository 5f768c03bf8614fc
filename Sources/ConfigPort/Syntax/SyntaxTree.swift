/// A configuration as it was read: settings, modules and routes in their order, comments with what they stand at.
public struct SyntaxTree: Sendable {
    var items: [Item] = []
    /// Comments behind the last item.
    var endComments: [Comment] = []
}

/// Something at the top level.
struct Item: Sendable {
    enum Kind: Sendable {
        /// `name = value …`
        case setting(name: String, values: [SettingValue])
        case loadModule(path: String)
        /// `modparam("module", "name", value)`; the value is absent for parameters that are functions.
        case moduleParameter(module: String, name: String, value: SettingValue?)
        case route(Route)
    }

    var kind: Kind
    var position: SourcePosition
    var comments: [Comment] = []
    var followsBlankLine = false
    var trailing: Comment?
}

struct SettingValue: Sendable {
    enum Kind: Sendable {
        case string
        case number
        case word
    }
    var kind: Kind
    var text: String
}

struct Route: Sendable {
    enum Kind: String, Sendable {
        case request = "route"
        case branch = "branch_route"
        case failure = "failure_route"
        case reply = "onreply_route"
        case error = "error_route"
        case local = "local_route"
        case startup = "startup_route"
        case timer = "timer_route"
        case event = "event_route"
        case send = "onsend_route"
    }

    var kind: Kind
    /// What stands in its brackets; empty or "0" for the main one.
    var name: String
    var body: Block
}

struct Block: Sendable {
    var statements: [Statement] = []
    /// Comments before the closing brace.
    var endComments: [Comment] = []
}

struct Statement: Sendable {
    indirect enum Kind: Sendable {
        case call(Call)
        case assign(target: Expression, operation: String, value: Expression)
        /// Conditions in their order, each with what follows it, and the last `else`.
        case choice(branches: [Branch], otherwise: Block?)
        case selection(Expression, cases: [Case])
        case loop(Expression, Block)
        case iteration(variable: Expression, over: Expression, Block)
        /// `return`, with a value or without.
        case result(Expression?)
        case exit
        case drop
        case leave
        case block(Block)
    }

    struct Branch: Sendable {
        var condition: Expression
        var body: Block
        /// Comments before this `else if`.
        var comments: [Comment] = []
    }

    struct Case: Sendable {
        /// What it is compared with; none for `default`.
        var labels: [Expression]
        var isDefault: Bool
        var body: Block
    }

    var kind: Kind
    var position: SourcePosition
    var comments: [Comment] = []
    var followsBlankLine = false
    var trailing: Comment?
}

struct Call: Sendable {
    var name: String
    var arguments: [Expression]
    var position: SourcePosition
}

struct Expression: Sendable {
    indirect enum Kind: Sendable {
        case string(String)
        case number(Int)
        /// A bare word: a keyword such as `uri`, `myself`, `msg:len`, or a host, address or method.
        case word(String)
        case variable(PseudoVariable)
        /// `@name.field` of Kamailio.
        case selected(String)
        case call(Call)
        case not(Expression)
        case negative(Expression)
        case all([Expression])
        case any([Expression])
        case comparison(Expression, String, Expression)
        case arithmetic(Expression, String, Expression)
        /// An argument that was left out, as OpenSIPS allows.
        case missing
    }

    var kind: Kind
    var position: SourcePosition
}
