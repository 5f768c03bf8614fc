/// Whether a route comes back to its caller, and whether it may end the script.
struct RouteFlow {
    /// Its end or a `return` can be reached.
    var comesBack = false
    /// An `exit` can be reached, here or in a route that it calls.
    var mayExit = false

    /// The flows of routes that call each other, by a fixed point: O(routes × statements) at worst.
    static func analyse(_ routes: [String: Route]) -> [String: RouteFlow] {
        var flows = routes.mapValues { _ in RouteFlow() }
        for name in routes.keys { flows[name] = RouteFlow() }
        var isChanged = true
        while isChanged {
            isChanged = false
            for (name, route) in routes {
                var analysis = RouteFlow.Analysis(flows: flows)
                let fallsThrough = analysis.block(route.body)
                let flow = RouteFlow(comesBack: fallsThrough || analysis.returns, mayExit: analysis.exits)
                if flow.comesBack != flows[name]?.comesBack || flow.mayExit != flows[name]?.mayExit {
                    flows[name] = flow
                    isChanged = true
                }
            }
        }
        return flows
    }

    /// One walk through a route with what is known about the others.
    struct Analysis {
        let flows: [String: RouteFlow]
        var returns = false
        var exits = false
        private var loops = 0

        init(flows: [String: RouteFlow]) { self.flows = flows }

        /// Whether its end is reached.
        mutating func block(_ block: Block) -> Bool {
            for statement in block.statements where !self.statement(statement) { return false }
            return true
        }

        mutating func statement(_ statement: Statement) -> Bool {
            switch statement.kind {
            case .exit, .drop:
                exits = true
                return false
            case .result(let value):
                if let value, case .number(0) = value.kind { exits = true } else { returns = true }
                return false
            case .leave:
                // At the level of a route it returns; in a loop or a switch it goes on behind them.
                if loops > 0 { return true }
                returns = true
                return false
            case .block(let inner): return block(inner)
            case .call(let call): return self.call(call)
            case .assign: return true
            case .loop(let condition, let body):
                expression(condition)
                loops += 1
                _ = block(body)
                loops -= 1
                return true
            case .iteration(_, _, let body):
                loops += 1
                _ = block(body)
                loops -= 1
                return true
            case .selection(let subject, let cases):
                expression(subject)
                loops += 1
                defer { loops -= 1 }
                var ends = !cases.contains { $0.isDefault }
                for item in cases where block(item.body) { ends = true }
                return ends
            case .choice(let branches, let otherwise):
                var ends = otherwise == nil
                for branch in branches {
                    expression(branch.condition)
                    if block(branch.body) { ends = true }
                }
                if let otherwise, block(otherwise) { ends = true }
                return ends
            }
        }

        private mutating func call(_ call: Call) -> Bool {
            guard let name = RouteFlow.target(of: call), let flow = flows[name] else { return true }
            if flow.mayExit { exits = true }
            return flow.comesBack
        }

        private mutating func expression(_ expression: Expression) {
            switch expression.kind {
            case .call(let call): _ = self.call(call)
            case .not(let inner), .negative(let inner): self.expression(inner)
            case .all(let terms), .any(let terms): for term in terms { self.expression(term) }
            case .comparison(let left, _, let right), .arithmetic(let left, _, let right):
                self.expression(left)
                self.expression(right)
            case .string, .number, .word, .variable, .selected, .missing: break
            }
        }
    }

    /// The route that `route(…)` calls.
    static func target(of call: Call) -> String? {
        guard call.name == "route", let argument = call.arguments.first else { return nil }
        switch argument.kind {
        case .number(let number): return String(number)
        case .string(let text), .word(let text): return text
        default: return nil
        }
    }
}
