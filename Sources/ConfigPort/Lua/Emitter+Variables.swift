/// Pseudo-variables, AVPs and assignments.
extension Emitter {
    // MARK: Reading

    mutating func value(_ variable: PseudoVariable, at position: SourcePosition) -> LuaExpression {
        var result = plainValue(variable, at: position)
        for transformation in variable.transformations {
            guard Self.transformations.contains(transformation.name) else {
                report.note(.variable, "{\(transformation.name)}", .unsupported, "its value is nil", at: position)
                return LuaExpression("nil", .any, optional: true)
            }
            uses.insert("transform")
            var arguments = [result.code]
            for argument in transformation.arguments {
                let text = argument.trimmed
                if text.hasPrefix("$"), let inner = PseudoVariable(text) {
                    arguments.append(value(inner, at: position).code)
                } else {
                    arguments.append(Int(text).map(String.init) ?? Lua.quoted(text))
                }
            }
            let isNumber = transformation.name == "s.int" || transformation.name == "s.len"
            result = LuaExpression(
                "transform[\(Lua.quoted(transformation.name))](\(arguments.joined(separator: ", ")))",
                isNumber ? .integer : .text, optional: !isNumber)
        }
        return result
    }

    static let transformations: Set<String> = [
        "s.len", "s.int", "s.md5", "s.substr", "s.select", "s.encode.hexa", "s.decode.hexa", "s.escape.user",
        "s.unescape.user", "s.escape.param", "s.unescape.param", "s.tolower", "s.toupper", "s.trim", "s.strip",
        "s.striptail", "uri.user", "uri.host", "uri.domain", "uri.passwd", "uri.port", "uri.params", "uri.param",
        "uri.headers",
        "uri.scheme", "uri.transport", "param.value", "param.in", "param.valueat", "param.name", "param.count",
        "nameaddr.name", "nameaddr.uri", "nameaddr.len", "tobody.uri", "tobody.tag", "tobody.display", "tobody.user",
        "tobody.host", "tobody.params",
    ]

    private mutating func plainValue(_ variable: PseudoVariable, at position: SourcePosition) -> LuaExpression {
        switch variable.name {
        case "avp":
            report.note(.variable, "$avp", .converted, at: position)
            if let index = variable.index {
                if index == "*" { return LuaExpression("table.concat(sip.avps(\(avpKey(variable))), \",\")", .text) }
                return LuaExpression("sip.avps(\(avpKey(variable)))[\((Int(index) ?? 0) + 1)]", .any, optional: true)
            }
            uses.insert("avp")
            return LuaExpression(avpPlace(variable), .any, optional: true)
        case "var":
            report.note(.variable, "$var", .converted, at: position)
            uses.insert("var")
            return LuaExpression(Lua.member("var", variable.argument ?? ""), .any)
        case "rc", "retcode":
            report.note(.variable, "$retcode", .converted, at: position)
            return LuaExpression(returnCode ?? "sip.retcode()", .integer)
        case "hdr" where variable.index != nil:
            report.note(.variable, "$hdr", .converted, at: position)
            let index = Int(variable.index ?? "") ?? 0
            let number = index < 0 ? String(index) : String(index + 1)
            return LuaExpression(
                "sip.header(\(message), \(Lua.quoted(variable.argument ?? "")), \(number))", .text, optional: true)
        default: break
        }
        guard let entry = VariableCatalogue.all[variable.name] else {
            report.note(.variable, variable.text, .unsupported, "its value is nil", at: position)
            return LuaExpression("nil", .any, optional: true)
        }
        report.note(.variable, "$\(variable.name)", entry.support, entry.note, at: position)
        var code = entry.template.replacing("@", by: message)
        if let argument = variable.argument { code = code.replacing("%", by: Lua.quoted(argument)) }
        if code.contains("transform") && code.hasPrefix("sip.transform") { uses.insert("sip") }
        return LuaExpression(code, entry.kind, optional: entry.isOptional, code.hasPrefix("#") ? .unary : .primary)
    }

    /// `avp.name` or `avp[5]`.
    func avpPlace(_ variable: PseudoVariable) -> String {
        let key = avpKey(variable)
        if key.hasPrefix("\"") {
            let name = key.dropFirst().dropLast()
            if Lua.isName(String(name)) { return "avp.\(name)" }
        }
        return "avp[\(key)]"
    }

    /// The key of an AVP: its number, or its name in quotes. Names that `avp_aliases` gives stand for both.
    func avpKey(_ variable: PseudoVariable) -> String {
        let text = (variable.argument ?? "").trimmed
        let full = aliases[text] != nil ? text : aliases.first { $0.value == text }?.key ?? text
        if full.hasPrefix("i:"), let number = Int(full.dropFirst(2)) { return String(number) }
        return Lua.quoted(full.hasPrefix("s:") ? String(full.dropFirst(2)) : full)
    }

    // MARK: Formats

    /// A string in which pseudo-variables are filled in, as a concatenation.
    mutating func format(_ text: String, _ position: SourcePosition) -> LuaExpression {
        let pieces = FormatPiece.parse(text)
        guard pieces.count > 1 || pieces.contains(where: { if case .variable = $0 { true } else { false } }) else {
            return LuaExpression(Lua.quoted(text), .text)
        }
        let parts = pieces.map { piece -> LuaExpression in
            switch piece {
            case .text(let text): return LuaExpression(Lua.quoted(text), .text)
            case .variable(let variable): return value(variable, at: position)
            }
        }
        if parts.count == 1 { return parts[0] }
        return LuaExpression(
            parts.map(\.concatenated).joined(separator: LuaWriter.concatenation), .text, .concatenation)
    }

    // MARK: Writing

    mutating func assignment(_ target: Expression, _ operation: String, _ value: Expression, _ trailing: String) {
        guard case .variable(let variable) = target.kind else { return }
        var right = self.value(value)
        if operation != "=", operation != ":=", operation.count > 1 {
            let left = self.value(variable, at: target.position)
            let symbol = String(operation.dropLast())
            right = self.arithmetic(left, symbol, right)
        }
        if let line = assign(variable, right) {
            if operation == ":=", variable.name == "avp" { writer.line("\(avpPlace(variable)) = nil") }
            writer.line(line + trailing)
            report.note(.variable, "$\(variable.name)", .converted, at: target.position)
        } else {
            let note = "cannot be assigned"
            report.note(.variable, variable.text, .unsupported, note, at: target.position)
            stub("assignment", target.position)
            writer.line("unsupported.assignment(\(message), \(Lua.quoted(variable.text)))\(trailing)")
        }
    }

    /// Nil when it cannot be assigned.
    mutating func assign(_ variable: PseudoVariable, _ value: LuaExpression) -> String? {
        switch variable.name {
        case "avp":
            uses.insert("avp")
            return "\(avpPlace(variable)) = \(value.code)"
        case "var":
            uses.insert("var")
            return "\(Lua.member("var", variable.argument ?? "")) = \(value.code)"
        default:
            guard let setter = VariableCatalogue.all[variable.name]?.setter else { return nil }
            let code = variable.name == "rp" && value.kind != .integer ? "tonumber(\(value.code))" : value.code
            return setter.replacing("@", by: message).replacing("%", by: code)
        }
    }

    // MARK: avpops

    mutating func variableOperation(_ special: FunctionEntry.Special, _ call: Call) -> LuaExpression {
        let specs = call.arguments.map { Self.plain($0) ?? "" }
        guard let first = specs.first, let source = AVPReference(first) else { return unsupportedOperation(call) }
        if source.variable.name == "avp" { uses.insert("avp") }
        let place =
            source.variable.name == "avp" ? avpPlace(source.variable) : value(source.variable, at: call.position).code
        switch special {
        case .deleteAVP:
            guard source.variable.name == "avp" else { return unsupportedOperation(call) }
            if source.options.contains("g") { return LuaExpression("\(place) = nil", .boolean) }
            return LuaExpression("sip.avp_delete(\(avpKey(source.variable)))", .boolean)
        case .isAVPSet:
            let type = source.options.contains("s") ? "string" : source.options.contains("n") ? "number" : nil
            return LuaExpression(type.map { "type(\(place)) == \"\($0)\"" } ?? "\(place) ~= nil", .boolean, .comparison)
        case .copyAVP:
            guard specs.count > 1, let target = AVPReference(specs[1]), target.variable.name == "avp" else {
                return unsupportedOperation(call)
            }
            if target.options.contains("g") || target.options.contains("d") {
                let all = target.options.contains("g") ? ", \"g\"" : ", \"\""
                let delete = target.options.contains("d") ? ", true" : ""
                return LuaExpression(
                    "sip.avp_copy(\(avpKey(source.variable)), \(avpKey(target.variable))\(all)\(delete))", .boolean)
            }
            return LuaExpression("\(avpPlace(target.variable)) = \(place)", .boolean)
        case .pushAVP:
            guard specs.count > 1, let from = AVPReference(specs[1]) else { return unsupportedOperation(call) }
            let part = ["username": "rU", "domain": "rd"][source.options]
            guard
                let target = part.flatMap({ PseudoVariable("$\($0)") })
                    ?? (source.options.isEmpty ? source.variable : nil),
                let line = assign(target, value(from.variable, at: call.position))
            else { return unsupportedOperation(call) }
            return LuaExpression(line, .boolean)
        case .substituteAVP:
            guard specs.count > 1 else { return unsupportedOperation(call) }
            return LuaExpression("\(place) = sip.substitute(\(place), \(Lua.quoted(specs[1])))", .boolean)
        case .printAVP:
            let text = call.arguments.count > 1 ? argument(call.arguments[1], .text) : "\"\""
            return LuaExpression("\(place) = \(text)", .boolean)
        case .checkAVP: return checkAVP(source, place, specs, call)
        default: return unsupportedOperation(call)
        }
    }

    /// `avp_check("$avp(x)", "eq/value/i")`
    private mutating func checkAVP(_ source: AVPReference, _ place: String, _ specs: [String], _ call: Call)
        -> LuaExpression
    {
        let parts = (specs.count > 1 ? specs[1] : "").split(separator: "/", omittingEmptySubsequences: false).map(
            String.init)
        guard parts.count >= 2 else { return unsupportedOperation(call) }
        let value = format(
            parts[1].hasPrefix("s:") || parts[1].hasPrefix("i:") ? String(parts[1].dropFirst(2)) : parts[1],
            call.position)
        switch parts[0] {
        case "eq": return LuaExpression("tostring(\(place)) == \(value.concatenated)", .boolean, .comparison)
        case "ne": return LuaExpression("tostring(\(place)) ~= \(value.concatenated)", .boolean, .comparison)
        case "re": return LuaExpression("sip.matches(\(place), \(value.code))", .boolean)
        default: return unsupportedOperation(call)
        }
    }

    private mutating func unsupportedOperation(_ call: Call) -> LuaExpression {
        report.note(.function, call.name, .unsupported, "this form of its arguments", at: call.position)
        stub(call.name, call.position)
        let list = ([message] + call.arguments.compactMap(Self.plain).map(Lua.quoted)).joined(separator: ", ")
        return LuaExpression("unsupported.\(call.name)(\(list))", .boolean)
    }
}

/// `$avp(s:name)/flags` as functions of avpops take it.
struct AVPReference {
    var variable: PseudoVariable
    var options: String

    init?(_ text: String) {
        guard case .variable(let variable)? = FormatPiece.parse(text).first else { return nil }
        self.variable = variable
        let rest = text.dropFirst(variable.text.count)
        options = rest.first == "/" ? String(rest.dropFirst()) : ""
    }
}
