/// Calls of functions and routes.
extension Emitter {
    // MARK: As statements

    mutating func callStatement(
        _ call: Call, _ next: Continuation, comment: Comment?, above: Comment? = nil, before: Statement?
    ) {
        let trailing = comment?.lines.first.map { " -- \($0)" } ?? ""
        if let flow = calledFlow(call) { return callRoute(call, flow, trailing, before) }
        let entry = FunctionCatalogue.entry(call.name)
        let decides = decides(call) && !isStubbed(call)
        if decides, next != .exits { learned.decidesEarly = true }
        if let entry, entry.support != .unsupported {
            switch entry.form {
            case .constant(_, let why), .nothing(let why):
                noteFunction(call)
                return writer.line("-- \(call.name): \(why)")
            default: break
            }
            if call.name == "t_check_trans" {
                noteFunction(call)
                return writer.line("-- t_check_trans: retransmissions were absorbed before the script ran")
            }
        }
        let isEnd = decides && next == .exits && !tellsExit
        let readsBehind = readsCode(before) && !isEnd
        let flagComment = comment?.lines.first ?? above?.lines.last
        let code = expression(call, comment: flagComment).code
        if readsBehind, code.hasPrefix("sip.") {
            writer.line("local _, rc = \(code)\(trailing)")
            returnCode = "rc"
            return
        }
        writer.line(isStatement(code) ? "\(isEnd ? "return " : "")\(code)\(trailing)" : "local _ = \(code)\(trailing)")
    }

    /// Whether an expression may stand by itself: an assignment or a call that nothing is made of.
    private func isStatement(_ code: String) -> Bool {
        var depth = 0
        var inString = false
        var escaped = false
        var spaced = false
        for byte in code.utf8 {
            if inString {
                if escaped {
                    escaped = false
                } else if byte == UInt8(ascii: "\\") {
                    escaped = true
                } else if byte == UInt8(ascii: "\"") {
                    inString = false
                }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""): inString = true
            case UInt8(ascii: "("), UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: ")"), UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            case UInt8(ascii: " ") where depth == 0: spaced = true
            default: break
            }
        }
        return code.hasSuffix(")") && !spaced || code.contains(" = ")
    }

    private mutating func callRoute(_ call: Call, _ flow: RouteFlow, _ trailing: String, _ before: Statement?) {
        let code = expression(call).code
        if !flow.comesBack { return writer.line("return \(code)\(trailing)") }
        if readsCode(before), let name = RouteFlow.target(of: call) {
            learned.codeRoutes.insert(name)
            writer.line("local rc = \(code)\(trailing)")
            returnCode = "rc"
            if flow.mayExit { returnOnExit("rc") }
            return
        }
        guard flow.mayExit else { return writer.line("\(code)\(trailing)") }
        learned.usesExit = true
        writer.line("if \(code) == EXIT then return\(tellsExit ? " EXIT" : "") end\(trailing)")
    }

    private func isStubbed(_ call: Call) -> Bool {
        FunctionCatalogue.entry(call.name).map { $0.support == .unsupported } ?? true
    }

    private mutating func noteFunction(_ call: Call, support: Support? = nil, note: String? = nil) {
        guard let entry = FunctionCatalogue.entry(call.name) else { return }
        report.note(.function, call.name, support ?? entry.support, note ?? entry.note, at: call.position)
    }

    // MARK: As values

    /// The call as an expression of Lua; statements use it as well.
    mutating func expression(_ call: Call, comment: String? = nil) -> LuaExpression {
        if call.name == "route" { return routeCall(call) }
        guard let entry = FunctionCatalogue.entry(call.name) else {
            report.note(.function, call.name, .unsupported, "no function of that name is known", at: call.position)
            return stubCall(call)
        }
        noteFunction(call)
        guard entry.support != .unsupported else { return stubCall(call) }
        switch entry.form {
        case .library(let name):
            let arguments = self.arguments(call, entry)
            return LuaExpression(
                "sip.\(name ?? call.name)(\(([message] + arguments).joined(separator: ", ")))", .boolean)
        case .template(let template):
            return fill(template, self.arguments(call, entry))
        case .constant(let value, let why):
            return .always(value, why)
        case .nothing(let why):
            return .always(true, why)
        case .special(let special):
            return self.special(special, call, comment)
        }
    }

    private func fill(_ template: String, _ arguments: [String]) -> LuaExpression {
        var code = template.replacing("@", by: message)
        for (index, argument) in arguments.enumerated() { code = code.replacing("%\(index + 1)", by: argument) }
        let isComparison =
            code.contains(" ~= ") || code.contains(" < ") || code.contains(" > ") || code.contains(" == ")
        return LuaExpression(code, .boolean, isComparison ? .comparison : .primary)
    }

    private mutating func routeCall(_ call: Call) -> LuaExpression {
        guard let name = RouteFlow.target(of: call), let function = names[RouteKey(kind: .request, name: name)] else {
            report.note(.function, "route", .unsupported, "there is no route of that name", at: call.position)
            return stubCall(call)
        }
        report.note(.function, "route", .converted, at: call.position)
        return LuaExpression("route.\(function)(\(message))", .any)
    }

    private mutating func stubCall(_ call: Call) -> LuaExpression {
        stub(call.name, call.position)
        let arguments = call.arguments.compactMap { argument -> String? in
            if case .string(let text) = argument.kind { return Lua.quoted(text) }
            if case .missing = argument.kind { return nil }
            return value(argument).code
        }
        let list = ([message] + arguments).joined(separator: ", ")
        return LuaExpression("\(Lua.member("unsupported", call.name))(\(list))", .boolean)
    }

    // MARK: Arguments

    mutating func arguments(_ call: Call, _ entry: FunctionEntry) -> [String] {
        var result: [String] = []
        for (index, argument) in call.arguments.enumerated() {
            let kind = index < entry.parameters.count ? entry.parameters[index] : .text
            if case .ignored = kind { continue }
            result.append(self.argument(argument, kind))
        }
        while result.last == "nil" { result.removeLast() }
        return result
    }

    mutating func argument(_ expression: Expression, _ kind: FunctionEntry.Parameter) -> String {
        switch kind {
        case .ignored: return "nil"
        case .text:
            let value = value(expression)
            // A string that is one pseudo-variable is never nil.
            if case .string = expression.kind, value.isOptional { return value.concatenated }
            return value.code
        case .number:
            if case .string(let text) = expression.kind, let number = Parser.number(text) { return String(number) }
            let value = value(expression)
            return value.kind == .integer ? value.code : "tonumber(\(value.code))"
        case .literal:
            if case .string(let text) = expression.kind { return Lua.quoted(text) }
            return value(expression).code
        case .flag: return flag(expression, isBranch: false, nil)
        case .branchFlag: return flag(expression, isBranch: true, nil)
        case .route(let kind):
            guard let name = Self.plain(expression) else { return value(expression).code }
            if name == "0" || name.isEmpty { return "nil" }
            guard let function = names[RouteKey(kind: kind, name: name)] else {
                report.note(
                    .route, "\(kind.rawValue)[\(name)]", .unsupported, "there is no such route", at: expression.position
                )
                return "nil"
            }
            return "route.\(function)"
        }
    }

    /// A string, number or word as it stands.
    static func plain(_ expression: Expression) -> String? {
        switch expression.kind {
        case .string(let text), .word(let text): text
        case .number(let number): String(number)
        default: nil
        }
    }

    mutating func flag(_ expression: Expression, isBranch: Bool, _ comment: String?) -> String {
        guard let value = Self.plain(expression) else { return self.value(expression).code }
        return flags.constant(value, isBranch: isBranch, comment: comment)
    }
}
