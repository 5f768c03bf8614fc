/// Functions that are written by code of their own.
extension Emitter {
    mutating func special(_ special: FunctionEntry.Special, _ call: Call, _ comment: String?) -> LuaExpression {
        let entry = FunctionCatalogue.entry(call.name)
        let first = call.arguments.first
        switch special {
        case .reply: return reply(call)
        case .recordRoute:
            guard let first, Self.plain(first)?.isEmpty != true else {
                return LuaExpression("\(message):record_route()", .boolean)
            }
            report.note(
                .function, "record_route", .approximated, "our Record-Route takes no parameters", at: call.position)
            return LuaExpression("sip.record_route(\(message), \(argument(first, .text)))", .boolean)
        case .relay:
            let target = first.map { argument($0, .text) }
            let isFlags = first.flatMap(Self.plain).map { Int($0) != nil || $0.hasPrefix("0x") } ?? true
            return LuaExpression("sip.t_relay(\(message)\(isFlags ? "" : target.map { ", \($0)" } ?? ""))", .boolean)
        case .isMethod: return isMethod(first)
        case .appendHeader: return appendHeader(call)
        case .log, .loggingLevel: return log(call)
        case .formattedLog: return formattedLog(call)
        case .setFlag, .resetFlag, .setBranchFlag, .resetBranchFlag:
            let isBranch =
                if case .setBranchFlag = special { true } else if case .resetBranchFlag = special { true } else {
                    false
                }
            let isSet =
                if case .setFlag = special { true } else if case .setBranchFlag = special { true } else { false }
            guard let first else { return LuaExpression("true", .boolean) }
            let table = isBranch ? "bflags" : "flags"
            uses.insert(table)
            return LuaExpression(
                "\(table)[\(flag(first, isBranch: isBranch, comment))] = \(isSet ? "true" : "nil")", .boolean)
        case .isFlagSet, .isBranchFlagSet:
            let isBranch = if case .isBranchFlagSet = special { true } else { false }
            guard let first else { return LuaExpression("false", .boolean) }
            let table = isBranch ? "bflags" : "flags"
            uses.insert(table)
            return LuaExpression("\(table)[\(flag(first, isBranch: isBranch, nil))]", .boolean)
        case .checkStatus: return checkStatus(first)
        case .lookup:
            let table = first.flatMap(Self.plain) ?? locationTable
            if table == locationTable { return LuaExpression("sip.lookup(\(message))", .boolean) }
            report.note(
                .function, "lookup(\"\(table)\")", .approximated, "there is one location table; this one is empty",
                at: call.position)
            return LuaExpression("sip.lookup_in(\(message), \(Lua.quoted(table)))", .boolean)
        case .save: return LuaExpression("sip.save(\(message))", .boolean)
        case .route: return LuaExpression("true", .boolean)
        case .deleteAVP, .copyAVP, .pushAVP, .isAVPSet, .substituteAVP, .printAVP, .checkAVP:
            _ = entry
            return variableOperation(special, call)
        }
    }

    private mutating func reply(_ call: Call) -> LuaExpression {
        let code = call.arguments.first.map { argument($0, .number) } ?? "500"
        let reason = call.arguments.count > 1 ? ", " + argument(call.arguments[1], .text) : ""
        let isFinal = Int(code).map { $0 >= 200 } ?? false
        guard isFinal else {
            if code.hasPrefix("1") {
                report.note(
                    .function, "\(call.name)(\"\(code)\")", .approximated,
                    "the core sends 100 for an INVITE by itself; other provisional replies are not sent",
                    at: call.position)
            }
            return LuaExpression("sip.reply(\(message), \(code)\(reason))", .boolean)
        }
        // A redirection names the branches, which the library knows.
        let isRedirection = code.hasPrefix("3")
        let isNative = !isRedirection && !knowledge.decidesEarly && !tellsExit && route.kind == .request && isEntry
        return LuaExpression(
            isNative ? "\(message):reply(\(code)\(reason))" : "sip.reply(\(message), \(code)\(reason))", .boolean)
    }

    private mutating func isMethod(_ argument: Expression?) -> LuaExpression {
        guard let argument, let text = Self.plain(argument) else { return LuaExpression("false", .boolean) }
        let tests = text.split(separator: "|").map { "\(message).method == \(Lua.quoted(String($0).trimmed))" }
        return LuaExpression(
            tests.joined(separator: LuaWriter.disjunction), .boolean, tests.count > 1 ? .or : .comparison)
    }

    /// `append_hf("Name: value\r\n")`; more than one header in it is left to the library.
    private mutating func appendHeader(_ call: Call) -> LuaExpression {
        guard let first = call.arguments.first, case .string(let text) = first.kind,
            let colon = text.firstIndex(of: ":"), Lua.isHeaderName(text[..<colon])
        else {
            return LuaExpression(
                "sip.append_hf(\(message), \(call.arguments.first.map { argument($0, .text) } ?? "\"\""))", .boolean)
        }
        let name = String(text[..<colon])
        let content = String(text[text.index(after: colon)...]).trimmed
        guard !content.contains("\n"), !content.contains("\r\n") else {
            return LuaExpression("sip.append_hf(\(message), \(argument(first, .text)))", .boolean)
        }
        return LuaExpression(
            "\(message).headers:add(\(Lua.quoted(name)), \(self.text(of: format(content, first.position))))", .boolean)
    }

    /// Never nil.
    private func text(of expression: LuaExpression) -> String {
        expression.isOptional ? expression.concatenated : expression.code
    }

    // MARK: Logging

    private mutating func log(_ call: Call) -> LuaExpression {
        guard let last = call.arguments.last else { return LuaExpression("log.debug(\"\")", .any) }
        var level = 4
        if call.arguments.count > 1, let text = Self.plain(call.arguments[0]), let number = Int(text) { level = number }
        if options.dialect == .kamailio { level += 1 }
        let name =
            level <= -1 ? "error" : level <= 1 ? "warning" : level == 2 ? "notice" : level == 3 ? "info" : "debug"
        return LuaExpression("log.\(name)(\(logText(last)))", .any)
    }

    private mutating func formattedLog(_ call: Call) -> LuaExpression {
        guard let last = call.arguments.last else { return LuaExpression("log.info(\"\")", .any) }
        let levels = [
            "L_ALERT": "error", "L_CRIT": "error", "L_ERR": "error", "L_ERROR": "error", "L_WARN": "warning",
            "L_NOTICE": "notice", "L_INFO": "info", "L_DBG": "debug",
        ]
        var name = "notice"
        if call.arguments.count > 1, let level = Self.plain(call.arguments[0]) { name = levels[level] ?? "notice" }
        return LuaExpression("log.\(name)(\(logText(last)))", .any)
    }

    /// Without the line end, which the log adds.
    private mutating func logText(_ expression: Expression) -> String {
        guard case .string(var text) = expression.kind else { return value(expression).code }
        while text.last?.isNewline == true { text.removeLast() }
        return self.text(of: format(text, expression.position))
    }

    // MARK: Statuses

    private mutating func checkStatus(_ argument: Expression?) -> LuaExpression {
        guard let argument, let pattern = Self.plain(argument) else { return LuaExpression("false", .boolean) }
        let codes = pattern.split(separator: "|").map { $0.filter { $0 != "(" && $0 != ")" } }
        let status = route.kind == .reply ? "\(message).code" : "sip.reply_code(\(message))"
        guard !codes.isEmpty, codes.allSatisfy({ $0.utf8.count == 3 && $0.utf8.allSatisfy(\.isDigit) }) else {
            return LuaExpression("sip.matches(\(status), \(Lua.quoted(pattern)))", .boolean)
        }
        let failure = route.kind == .failure ? "\(message).failure_code" : status
        let tests = codes.map { "\(failure) == \($0)" }
        return LuaExpression(
            tests.joined(separator: LuaWriter.disjunction), .boolean, tests.count > 1 ? .or : .comparison)
    }
}

extension Lua {
    static func isHeaderName(_ text: Substring) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { $0.isWordPart || $0 == UInt8(ascii: "-") }
    }
}
