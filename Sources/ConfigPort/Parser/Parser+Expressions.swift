/// Conditions, values and arguments.
extension Parser {
    mutating func parseExpression() throws(Failure) -> Expression {
        guard depth < Self.depthMax else { throw fail("expressions are nested deeper than \(Self.depthMax)") }
        depth += 1
        defer { depth -= 1 }
        return try parseAny()
    }

    private mutating func parseAny() throws(Failure) -> Expression {
        let position = token.position
        var terms = [try parseAll()]
        while token.isSymbol("||") || token.isWord("or") {
            advance()
            terms.append(try parseAll())
        }
        return terms.count == 1 ? terms[0] : Expression(kind: .any(terms), position: position)
    }

    private mutating func parseAll() throws(Failure) -> Expression {
        let position = token.position
        var terms = [try parseNot()]
        while token.isSymbol("&&") || token.isWord("and") {
            advance()
            terms.append(try parseNot())
        }
        return terms.count == 1 ? terms[0] : Expression(kind: .all(terms), position: position)
    }

    /// `!` takes the whole comparison behind it: `!uri==myself` means `!(uri==myself)`.
    private mutating func parseNot() throws(Failure) -> Expression {
        let position = token.position
        guard token.isSymbol("!") || token.isWord("not") else { return try parseComparison() }
        // Of several in a row two are none.
        var isNegated = false
        while token.isSymbol("!") || token.isWord("not") {
            isNegated.toggle()
            advance()
        }
        let operand = try parseComparison()
        return isNegated ? Expression(kind: .not(operand), position: position) : operand
    }

    private static let comparisons = ["==", "!=", "=~", "!~", "<", ">", "<=", ">=", "===", "!=="]
    private static let words = [
        "eq": "==", "ne": "!=", "ieq": "==", "ine": "!=", "seq": "==", "sne": "!=",
    ]

    private mutating func parseComparison() throws(Failure) -> Expression {
        let left = try parseArithmetic(0)
        var operation = token.kind == .symbol && Self.comparisons.contains(token.text) ? token.text : nil
        if token.kind == .identifier { operation = Self.words[token.text] }
        guard let operation else { return left }
        advance()
        let right = try parseArithmetic(0)
        return Expression(kind: .comparison(left, operation, right), position: left.position)
    }

    private static let levels: [[String]] = [["|"], ["^"], ["&"], ["<<", ">>"], ["+", "-", "."], ["*", "/", "%"]]

    /// Terms of one chain of operators at most: each nests the ones before it.
    private static let chainMax = 60

    private mutating func parseArithmetic(_ level: Int) throws(Failure) -> Expression {
        guard level < Self.levels.count else { return try parseUnary() }
        var left = try parseArithmetic(level + 1)
        var count = 0
        while token.kind == .symbol && Self.levels[level].contains(token.text) || level == 5 && token.isWord("mod") {
            count += 1
            guard count < Self.chainMax else { throw fail("a chain of more than \(Self.chainMax) operators") }
            let operation = token.isWord("mod") ? "%" : token.text
            advance()
            let right = try parseArithmetic(level + 1)
            left = Expression(kind: .arithmetic(left, operation, right), position: left.position)
        }
        return left
    }

    private mutating func parseUnary() throws(Failure) -> Expression {
        let position = token.position
        if accept("-") {
            guard depth < Self.depthMax else { throw fail("expressions are nested deeper than \(Self.depthMax)") }
            depth += 1
            defer { depth -= 1 }
            let operand = try parseUnary()
            if case .number(let value) = operand.kind { return Expression(kind: .number(-value), position: position) }
            return Expression(kind: .negative(operand), position: position)
        }
        return try parsePrimary()
    }

    // MARK: Operands

    mutating func parsePrimary() throws(Failure) -> Expression {
        let position = token.position
        switch token.kind {
        case .string:
            var text = token.text
            advance()
            while token.kind == .string {
                text += token.text
                advance()
            }
            return Expression(kind: .string(text), position: position)
        case .variable:
            guard let variable = PseudoVariable(token.text) else {
                throw fail("'\(token.text.prefix(60))' cannot be read as a pseudo-variable")
            }
            advance()
            return Expression(kind: .variable(variable), position: position)
        case .number, .identifier:
            return try parseWordOrCall()
        case .symbol where token.text == "(":
            advance()
            let inner = try parseExpression()
            try expect(")", "behind the expression")
            return inner
        case .symbol where token.text == "[":
            return Expression(kind: .word(try parseWord("an address")), position: position)
        case .symbol where token.text == "@":
            advance()
            return Expression(kind: .selected(try parseWord("a name behind '@'")), position: position)
        case .symbol where token.text == "!":
            return try parseInner { (parser) throws(Failure) in try parser.parseNot() }
        default:
            throw fail("expected a value, got \(token.quoted)")
        }
    }

    private mutating func parseInner(
        _ parse: (inout Parser) throws(Failure) -> Expression
    ) throws(Failure) -> Expression {
        guard depth < Self.depthMax else { throw fail("expressions are nested deeper than \(Self.depthMax)") }
        depth += 1
        defer { depth -= 1 }
        return try parse(&self)
    }

    private mutating func parseWordOrCall() throws(Failure) -> Expression {
        let position = token.position
        let isNumber = token.kind == .number
        let isIdentifier = token.kind == .identifier
        if isIdentifier, peek().isSymbol("(") {
            let name = token.text
            advance()
            guard depth < Self.depthMax else { throw fail("calls are nested deeper than \(Self.depthMax)") }
            depth += 1
            defer { depth -= 1 }
            let call = Call(name: name, arguments: try parseArguments(), position: position)
            return Expression(kind: .call(call), position: position)
        }
        let text = try parseWord("a value")
        if isNumber, let value = Self.number(text) { return Expression(kind: .number(value), position: position) }
        return Expression(kind: .word(text), position: position)
    }

    static func number(_ text: String) -> Int? {
        text.hasPrefix("0x") || text.hasPrefix("0X") ? Int(text.dropFirst(2), radix: 16) : Int(text)
    }

    /// `(a, b, …)`; each may be left out.
    mutating func parseArguments() throws(Failure) -> [Expression] {
        try expect("(", "before the arguments")
        var arguments: [Expression] = []
        guard !accept(")") else { return [] }
        while true {
            if token.isSymbol(",") || token.isSymbol(")") {
                arguments.append(Expression(kind: .missing, position: token.position))
            } else {
                arguments.append(try parseExpression())
            }
            if accept(",") { continue }
            try expect(")", "behind the arguments")
            return arguments
        }
    }

    /// Tokens without white space between them that together are one name, address or number:
    /// `192.0.2.10/24`, `udp:eth0:5060`, `tls:[2001:db8::1]`, `backup.example.com`.
    mutating func parseWord(_ what: String) throws(Failure) -> String {
        guard token.kind == .identifier || token.kind == .number || token.isSymbol("[") || token.isSymbol("*") else {
            throw fail("expected \(what), got \(token.quoted)")
        }
        var text = ""
        var brackets = 0
        repeat {
            if token.isSymbol("[") { brackets += 1 }
            if token.isSymbol("]") { brackets -= 1 }
            text += token.text
            advance()
        } while token.isAdjacent && continuesWord(text, inBrackets: brackets > 0)
        return text
    }

    private mutating func continuesWord(_ text: String, inBrackets: Bool) -> Bool {
        if inBrackets { return token.kind == .number || token.kind == .identifier || ":].".contains(token.text) }
        let hasDot = text.contains(".") || text.contains(":")
        let joins = text.hasSuffix(".") || text.hasSuffix(":") || text.hasSuffix("-") || text.hasSuffix("/")
        switch token.kind {
        case .number, .identifier: return hasDot || joins || text.first?.isNumber == true
        case .symbol:
            switch token.text {
            case ".", ":": return isFollowedByName
            case "-", "/": return hasDot && isFollowedByName
            case "[": return text.hasSuffix(":")
            case "*": return text.hasSuffix(":")
            default: return false
            }
        default: return false
        }
    }

    /// Whether a name, number or bracket touches the current token, which is a dot, colon, hyphen or slash.
    private var isFollowedByName: Bool {
        mutating get {
            let next = peek()
            return next.isAdjacent
                && (next.kind == .number || next.kind == .identifier || next.text == "["
                    || next.text == "*" || next.text == ":")
        }
    }
}
