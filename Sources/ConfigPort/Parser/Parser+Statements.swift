/// What routes are made of.
extension Parser {
    /// `{ … }`. Mistakes in its statements are noted and skipped; it fails only when it never ends.
    mutating func parseBlock() throws(Failure) -> Block {
        let opening = token.position
        try expect("{", "at the start of a block")
        guard depth < Self.depthMax else {
            throw fail("blocks are nested deeper than \(Self.depthMax)")
        }
        depth += 1
        defer { depth -= 1 }
        var block = Block()
        while !token.isSymbol("}") {
            guard token.kind != .end, !preprocessor.sources.isFull else {
                preprocessor.sources.error("this block has no closing brace", at: opening)
                throw Failure()
            }
            do throws(Failure) {
                if let statement = try parseStatement() { block.statements.append(statement) }
            } catch {
                skipStatement()
            }
        }
        block.endComments = takeComments()
        advance()
        return block
    }

    /// Behind the next semicolon, or to the brace that closes the block, or to what begins a route.
    private mutating func skipStatement() {
        var braces = 0
        while token.kind != .end {
            if braces == 0, token.isSymbol(";") { return advance() }
            if token.isSymbol("{") { braces += 1 }
            if token.isSymbol("}") {
                if braces == 0 { return }
                braces -= 1
                advance()
                if braces == 0 { return }
                continue
            }
            advance()
        }
    }

    /// Nil for an empty one.
    mutating func parseStatement() throws(Failure) -> Statement? {
        let (position, isBlank) = (token.position, token.followsBlankLine)
        if token.isSymbol(";") {
            // Comments before it go to what follows.
            let comments = takeComments()
            advance()
            token.comments = comments + token.comments
            return nil
        }
        let comments = takeComments()
        _ = takeStray()
        let kind = try parseKind()
        var statement = Statement(
            kind: kind, position: position, comments: comments + takeStray(), followsBlankLine: isBlank)
        statement.trailing = takeTrailing()
        // `};` is common in older configurations.
        if token.isSymbol(";"), !token.startsLine, statement.trailing == nil, token.comments.isEmpty {
            advance()
            statement.trailing = takeTrailing()
        }
        return statement
    }

    private mutating func parseKind() throws(Failure) -> Statement.Kind {
        if token.isSymbol("{") { return .block(try parseBlock()) }
        if token.kind == .variable { return try parseAssignment() }
        guard token.kind == .identifier else { throw fail("expected a statement, got \(token.quoted)") }
        switch token.text {
        case "if": return try parseChoice()
        case "switch": return try parseSelection()
        case "while": return try parseLoop()
        case "for": return try parseIteration()
        case "return": return try parseReturn()
        case "exit", "drop", "break": return try parsePlain()
        default: return try parseCallStatement()
        }
    }

    /// A block, or one statement as if it stood in one.
    private mutating func parseBody() throws(Failure) -> Block {
        if token.isSymbol("{") { return try parseBlock() }
        guard depth < Self.depthMax else { throw fail("statements are nested deeper than \(Self.depthMax)") }
        depth += 1
        defer { depth -= 1 }
        var block = Block()
        if let statement = try parseStatement() { block.statements.append(statement) }
        return block
    }

    // MARK: Choices

    private mutating func parseChoice() throws(Failure) -> Statement.Kind {
        advance()
        var branches = [Statement.Branch(condition: try parseExpression(), body: try parseBranchBody())]
        while true {
            // A semicolon between a block and its else is a mistake that older parsers took.
            guard token.isWord("else") else { return .choice(branches: branches, otherwise: nil) }
            let comments = takeComments()
            advance()
            if token.isWord("if"), !comments.isEmpty || token.comments.isEmpty {
                advance()
                let condition = try parseExpression()
                branches.append(
                    Statement.Branch(condition: condition, body: try parseBranchBody(), comments: comments))
                continue
            }
            token.comments = comments + token.comments
            return .choice(branches: branches, otherwise: try parseBranchBody())
        }
    }

    /// Comments between a condition and its block belong into the block.
    private mutating func parseBranchBody() throws(Failure) -> Block {
        let comments = takeStray() + takeComments()
        var body = try parseBody()
        guard !comments.isEmpty else { return body }
        if body.statements.isEmpty {
            body.endComments = comments + body.endComments
        } else {
            body.statements[0].comments = comments + body.statements[0].comments
        }
        return body
    }

    private mutating func parseSelection() throws(Failure) -> Statement.Kind {
        advance()
        let subject = try parseExpression()
        try expect("{", "behind switch")
        var cases: [Statement.Case] = []
        while !token.isSymbol("}") {
            var labels: [Expression] = []
            var isDefault = false
            var comments = takeComments()
            guard token.isWord("case") || token.isWord("default") else {
                throw fail("expected 'case', 'default' or '}', got \(token.quoted)")
            }
            while token.isWord("case") || token.isWord("default") {
                comments += takeComments()
                let isCase = token.isWord("case")
                advance()
                if isCase { labels.append(try parseExpression()) } else { isDefault = true }
                try expect(":", "behind \(isCase ? "case" : "default")")
            }
            var body = Block()
            token.comments = comments + token.comments
            while !token.isSymbol("}"), !token.isWord("case"), !token.isWord("default") {
                guard token.kind != .end else { throw fail("this switch has no closing brace") }
                if let statement = try parseStatement() { body.statements.append(statement) }
            }
            body.endComments = takeComments()
            cases.append(Statement.Case(labels: labels, isDefault: isDefault, body: body))
        }
        advance()
        return .selection(subject, cases: cases)
    }

    // MARK: Loops

    private mutating func parseLoop() throws(Failure) -> Statement.Kind {
        advance()
        let condition = try parseExpression()
        return .loop(condition, try parseBranchBody())
    }

    /// `for ($var(x) in $(avp(y)[*])) …` of OpenSIPS.
    private mutating func parseIteration() throws(Failure) -> Statement.Kind {
        advance()
        try expect("(", "behind for")
        let variable = try parsePrimary()
        guard token.isWord("in") else { throw fail("expected 'in', got \(token.quoted)") }
        advance()
        let list = try parsePrimary()
        try expect(")", "behind the list")
        return .iteration(variable: variable, over: list, try parseBranchBody())
    }

    // MARK: Plain statements

    private mutating func endStatement() throws(Failure) {
        guard !token.isSymbol("}") else { return }
        try expect(";", "at the end of the statement")
    }

    private mutating func parseReturn() throws(Failure) -> Statement.Kind {
        advance()
        var value: Expression?
        if token.isSymbol("("), peek().isSymbol(")") {
            advance()
            advance()
        } else if !token.isSymbol(";"), !token.isSymbol("}") {
            value = try parseExpression()
        }
        try endStatement()
        return .result(value)
    }

    private mutating func parsePlain() throws(Failure) -> Statement.Kind {
        let word = token.text
        advance()
        if accept("(") {
            // `drop("487")` of OpenSIPS is of no consequence for what follows.
            if token.kind == .string || token.kind == .number { advance() }
            try expect(")", "behind \(word)")
        }
        try endStatement()
        switch word {
        case "exit": return .exit
        case "drop": return .drop
        default: return .leave
        }
    }

    private mutating func parseAssignment() throws(Failure) -> Statement.Kind {
        let target = try parsePrimary()
        let operations = ["=", ":=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", ".=", "<<=", ">>="]
        guard token.kind == .symbol, operations.contains(token.text) else {
            throw fail("expected '=' behind a pseudo-variable, got \(token.quoted)")
        }
        let operation = token.text
        advance()
        let value = try parseExpression()
        try endStatement()
        return .assign(target: target, operation: operation, value: value)
    }

    private mutating func parseCallStatement() throws(Failure) -> Statement.Kind {
        let (name, position) = (token.text, token.position)
        advance()
        var arguments: [Expression] = []
        if token.isSymbol("(") {
            arguments = try parseArguments()
        } else if !token.isSymbol(";") {
            throw fail("expected '(' behind \(name), got \(token.quoted)")
        }
        try endStatement()
        return .call(Call(name: name, arguments: arguments, position: position))
    }
}
