/// Conditions and values.
extension Emitter {
    // MARK: Conditions

    /// An expression that holds or does not.
    mutating func condition(_ expression: Expression) -> LuaExpression {
        switch expression.kind {
        case .call(let call):
            if call.name == "route" { return routeCondition(call) }
            if decides(call) { learned.decidesEarly = true }
            let result = self.expression(call)
            // An assignment or a line of the log always succeeds, and cannot stand in a condition.
            if result.code.contains(" = ") || result.code.hasPrefix("log.") { return wrapped(result) }
            return result
        case .not(let inner): return negated(condition(inner))
        case .all(let terms): return joined(terms, isAny: false)
        case .any(let terms): return joined(terms, isAny: true)
        case .comparison(let left, let operation, let right): return comparison(left, operation, right)
        case .number(let number): return .always(number > 0, "\(number) is always \(number > 0)")
        case .word(let word):
            if word == "retcode" { return LuaExpression("\(value(expression).code) > 0", .boolean, .comparison) }
            return value(expression)
        default:
            let value = self.value(expression)
            switch value.kind {
            case .boolean: return value
            case .integer: return LuaExpression("\(value.compared) > 0", .boolean, .comparison)
            case .text:
                return value.isOptional ? value : LuaExpression("\(value.compared) ~= \"\"", .boolean, .comparison)
            case .any: return LuaExpression("sip.is_true(\(value.code))", .boolean)
            }
        }
    }

    private func wrapped(_ expression: LuaExpression) -> LuaExpression {
        LuaExpression("sip.done(function() \(expression.code) end)", .boolean)
    }

    private mutating func routeCondition(_ call: Call) -> LuaExpression {
        let result = expression(call)
        guard let name = RouteFlow.target(of: call) else { return result }
        learned.conditionRoutes.insert(name)
        if calledFlow(call)?.mayExit == true {
            report.note(
                .function, "route", .approximated, "an exit in a route that a condition calls does not end the script",
                at: call.position)
        }
        if knowledge.codeRoutes.contains(name) { return LuaExpression("sip.is_true(\(result.code))", .boolean) }
        return result
    }

    func negated(_ inner: LuaExpression) -> LuaExpression {
        if let always = inner.always { return .always(!always.value, always.why) }
        for (operation, opposite) in [(" == ", " ~= "), (" ~= ", " == ")] where inner.strength == .comparison {
            let parts = inner.code.components(separatedBy: operation)
            if parts.count == 2 { return LuaExpression(parts[0] + opposite + parts[1], .boolean, .comparison) }
        }
        return LuaExpression("not \(inner.operand(of: .unary))", .boolean, .unary)
    }

    private mutating func joined(_ terms: [Expression], isAny: Bool) -> LuaExpression {
        var parts: [LuaExpression] = []
        var why = ""
        for term in terms {
            let part = condition(term)
            guard let always = part.always else {
                parts.append(part)
                continue
            }
            why = always.why
            // One true of several makes `or` true, one false makes `and` false; the others change nothing.
            if always.value == isAny, parts.isEmpty { return part }
            if always.value == isAny {
                parts.append(part)
                break
            }
        }
        guard parts.count > 1 else { return parts.first ?? .always(!isAny, why) }
        let strength: LuaExpression.Strength = isAny ? .or : .and
        return LuaExpression(
            parts.map { $0.operand(of: strength) }.joined(
                separator: isAny ? LuaWriter.disjunction : LuaWriter.conjunction), .boolean, strength)
    }

    // MARK: Comparisons

    private mutating func comparison(_ left: Expression, _ operation: String, _ right: Expression) -> LuaExpression {
        let isEqual = operation == "==" || operation == "==="
        if isEqual || operation == "!=" || operation == "!==" {
            if let result = special(left, right) ?? special(right, left) { return isEqual ? result : negated(result) }
        }
        var leftValue = self.value(left)
        var rightValue = self.value(right)
        switch operation {
        case "=~", "!~":
            let match = LuaExpression("sip.matches(\(leftValue.code), \(rightValue.code))", .boolean)
            return operation == "=~" ? match : negated(match)
        case "<", ">", "<=", ">=":
            if leftValue.kind != .integer { leftValue = LuaExpression("sip.number(\(leftValue.code))", .integer) }
            if rightValue.kind != .integer { rightValue = LuaExpression("sip.number(\(rightValue.code))", .integer) }
            if case .word("max_len") = right.kind, case .word("msg:len") = left.kind {
                return .always(operation.hasPrefix("<"), "the core answers 513 to what is too large")
            }
            return LuaExpression("\(leftValue.compared) \(operation) \(rightValue.compared)", .boolean, .comparison)
        default:
            // A number in quotes is compared with a number.
            if leftValue.kind == .integer, case .string(let text) = right.kind, let number = Int(text) {
                rightValue = LuaExpression(String(number), .integer)
            }
            return LuaExpression(
                "\(leftValue.compared) \(isEqual ? "==" : "~=") \(rightValue.compared)", .boolean, .comparison)
        }
    }

    /// Comparisons whose one side is a keyword.
    private mutating func special(_ left: Expression, _ right: Expression) -> LuaExpression? {
        guard case .word(let other) = right.kind else {
            // `src_ip == "10.0.0.0/8"`, quoted as newer versions want it.
            guard case .word("src_ip") = left.kind, case .string(let network) = right.kind, network.contains("/") else {
                return nil
            }
            return LuaExpression("sip.in_network(\(message).source_ip, \(Lua.quoted(network)))", .boolean)
        }
        if other == "NULL" || other == "null" {
            return LuaExpression("\(value(left).compared) == nil", .boolean, .comparison)
        }
        guard case .word(let word) = left.kind else { return nil }
        if other == "myself" {
            switch word {
            case "uri": return LuaExpression("\(message).uri.is_local", .boolean)
            case "from_uri": return LuaExpression("\(message).from.uri.is_local", .boolean)
            case "to_uri": return LuaExpression("\(message).to.uri.is_local", .boolean)
            case "src_ip": return LuaExpression("\(message).source_ip == \(message).local_ip", .boolean, .comparison)
            case "dst_ip": return .always(true, "requests come in on an address of ours")
            default: return nil
            }
        }
        if word == "src_ip", other.contains("/") {
            return LuaExpression("sip.in_network(\(message).source_ip, \(Lua.quoted(other)))", .boolean)
        }
        if word == "src_ip" || word == "dst_ip", !Self.isAddress(other) {
            report.note(
                .statement, "\(word)==\(other)", .approximated,
                "the name is compared with peers of the configuration only",
                at: left.position)
            return LuaExpression("sip.is_host(\(value(left).code), \(Lua.quoted(other)))", .boolean)
        }
        if word == "proto" {
            return LuaExpression(
                "\(message).source_transport == \(Lua.quoted(other.lowercased()))", .boolean, .comparison)
        }
        return nil
    }

    private static func isAddress(_ text: String) -> Bool {
        text.utf8.allSatisfy {
            $0.isHexadecimal || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: ":") || $0 == 91 || $0 == 93
        }
            && text.utf8.contains { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: ":") }
            && (text.utf8.first.map { $0.isDigit || $0 == 91 } ?? false)
    }

    // MARK: Values

    mutating func value(_ expression: Expression) -> LuaExpression {
        switch expression.kind {
        case .string(let text): return format(text, expression.position)
        case .number(let number):
            return LuaExpression(String(number), .integer, number < 0 ? .unary : .primary)
        case .variable(let variable): return value(variable, at: expression.position)
        case .word(let word): return value(word: word, at: expression.position)
        case .selected(let name):
            report.note(.variable, "@\(name)", .unsupported, "its value is nil", at: expression.position)
            return LuaExpression("nil", .any, optional: true)
        case .call(let call): return self.expression(call)
        case .negative(let inner): return LuaExpression("-\(value(inner).operand(of: .unary))", .integer, .unary)
        case .arithmetic(let left, let operation, let right):
            return arithmetic(value(left), operation, value(right))
        case .not, .all, .any, .comparison: return condition(expression)
        case .missing: return LuaExpression("nil", .any, optional: true)
        }
    }

    private mutating func value(word: String, at position: SourcePosition) -> LuaExpression {
        switch word {
        case "method": return LuaExpression("\(message).method", .text)
        case "uri": return LuaExpression("\(message).uri.text", .text)
        case "from_uri": return LuaExpression("\(message).from.uri.text", .text)
        case "to_uri": return LuaExpression("\(message).to.uri.text", .text)
        case "src_ip": return LuaExpression("\(message).source_ip", .text)
        case "src_port": return LuaExpression("\(message).source_port", .integer)
        case "dst_ip": return LuaExpression("\(message).local_ip", .text)
        case "dst_port": return LuaExpression("\(message).local_port", .integer)
        case "proto": return LuaExpression("\(message).source_transport", .text)
        case "status":
            return LuaExpression(route.kind == .failure ? "\(message).failure_code" : "\(message).code", .integer)
        case "msg:len": return LuaExpression("\(message).size", .integer)
        case "max_len": return LuaExpression("65535", .integer)
        case "retcode": return LuaExpression(returnCode ?? "sip.retcode()", .integer)
        case "NULL", "null": return LuaExpression("nil", .any, optional: true)
        default: return LuaExpression(Lua.quoted(word), .text)
        }
    }

    mutating func arithmetic(_ left: LuaExpression, _ operation: String, _ right: LuaExpression) -> LuaExpression {
        let isText = left.kind == .text || right.kind == .text
        switch operation {
        case "+" where isText, ".":
            return LuaExpression(
                left.concatenated + LuaWriter.concatenation + right.concatenated, .text, .concatenation)
        case "+", "-":
            return LuaExpression("\(number(left, .sum)) \(operation) \(number(right, .product))", .integer, .sum)
        case "*", "%":
            return LuaExpression("\(number(left, .product)) \(operation) \(number(right, .unary))", .integer, .product)
        case "/": return LuaExpression("\(number(left, .product)) // \(number(right, .unary))", .integer, .product)
        case "^": return LuaExpression("\(number(left, .sum)) ~ \(number(right, .sum))", .integer, .bits)
        default: return LuaExpression("\(number(left, .sum)) \(operation) \(number(right, .sum))", .integer, .bits)
        }
    }

    private func number(_ expression: LuaExpression, _ strength: LuaExpression.Strength) -> String {
        expression.kind == .integer ? expression.operand(of: strength) : "sip.number(\(expression.code))"
    }
}

extension String {
    /// The parts between occurrences of a separator.
    func components(separatedBy separator: String) -> [String] {
        var parts: [String] = []
        var bytes = Array(utf8)[...]
        let mark = Array(separator.utf8)
        var current: [UInt8] = []
        while !bytes.isEmpty {
            if bytes.starts(with: mark) {
                parts.append(String(decoding: current, as: UTF8.self))
                current = []
                bytes = bytes.dropFirst(mark.count)
            } else {
                current.append(bytes.removeFirst())
            }
        }
        parts.append(String(decoding: current, as: UTF8.self))
        return parts
    }
}
