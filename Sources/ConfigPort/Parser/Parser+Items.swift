/// Settings, modules and routes.
extension Parser {
    /// `loadmodule "path"` or `loadmodule("path")`.
    mutating func parseLoadModule() throws(Failure) -> Item.Kind {
        advance()
        let hasParenthesis = accept("(")
        guard token.kind == .string else { throw fail("expected the path of a module in quotes, got \(token.quoted)") }
        let path = token.text
        advance()
        if hasParenthesis {
            if accept(","), token.kind == .string { advance() }
            try expect(")", "behind the path of the module")
        }
        return .loadModule(path: path)
    }

    /// `modparam("module", "name", value)`.
    mutating func parseModuleParameter() throws(Failure) -> Item.Kind {
        advance()
        try expect("(", "behind modparam")
        let module = try parseQuoted("the name of a module")
        try expect(",", "behind the name of the module")
        let name = try parseQuoted("the name of a parameter")
        var value: SettingValue?
        if accept(",") { value = try parseValue() }
        try expect(")", "at the end of modparam")
        return .moduleParameter(module: module, name: name, value: value)
    }

    private mutating func parseQuoted(_ what: String) throws(Failure) -> String {
        guard token.kind == .string else { throw fail("expected \(what) in quotes, got \(token.quoted)") }
        defer { advance() }
        return token.text
    }

    /// A string, of which several behind each other are one; a number; or a word such as `yes` or `udp:eth0:5060`.
    mutating func parseValue() throws(Failure) -> SettingValue {
        switch token.kind {
        case .string:
            var text = token.text
            advance()
            while token.kind == .string, !token.startsLine {
                text += token.text
                advance()
            }
            return SettingValue(kind: .string, text: text)
        case .variable:
            defer { advance() }
            return SettingValue(kind: .word, text: token.text)
        default:
            let isNegative = token.isSymbol("-") && accept("-")
            let isNumber = token.kind == .number
            let text = try parseWord("a value")
            let isPlain = isNumber && text.utf8.allSatisfy { $0.isWordPart }
            return SettingValue(kind: isPlain ? .number : .word, text: isNegative ? "-" + text : text)
        }
    }

    /// `name = value`, with more values behind it on the same line: `listen = udp:eth0 advertise example.com`.
    mutating func parseSetting() throws(Failure) -> Item.Kind {
        var name = token.text
        advance()
        while token.isSymbol("."), token.isAdjacent {
            advance()
            guard token.kind == .identifier else { throw fail("expected a name behind the dot, got \(token.quoted)") }
            name += "." + token.text
            advance()
        }
        // `flags NAME:1, NAME` and `avpflags` declare names without an equals sign.
        if !token.isSymbol("=") {
            guard name == "flags" || name == "avpflags" || name == "import_file" else {
                throw fail("expected '=' behind \(name), got \(token.quoted)")
            }
        } else {
            advance()
        }
        var values = [try parseValue()]
        while !token.startsLine || token.isSymbol(","), token.kind != .end, !token.isSymbol(";") {
            if accept(",") { continue }
            values.append(try parseValue())
        }
        return .setting(name: name, values: values)
    }

    /// `route[name] { … }`.
    mutating func parseRoute(_ kind: Route.Kind) throws(Failure) -> Route {
        advance()
        var name = ""
        if accept("[") {
            while !token.isSymbol("]") {
                guard token.kind != .end, !token.isSymbol("{") else { throw fail("the name of this route has no ']'") }
                name += token.text
                advance()
            }
            advance()
        }
        guard token.isSymbol("{") else {
            throw fail("expected '{' and the statements of the route, got \(token.quoted)")
        }
        return Route(kind: kind, name: name, body: try parseBlock())
    }
}
