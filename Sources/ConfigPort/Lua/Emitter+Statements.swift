/// Statements.
extension Emitter {
    mutating func statement(_ statement: Statement, _ next: Continuation, before: Statement?) {
        let trailing = statement.trailing?.lines.first.map { " -- \($0)" } ?? ""
        switch statement.kind {
        case .call(let call):
            callStatement(call, next, comment: statement.trailing, above: statement.comments.last, before: before)
        case .assign(let target, let operation, let value):
            assignment(target, operation, value, trailing)
            report.note(.statement, "assignment", .converted, at: statement.position)
        case .choice(let branches, let otherwise):
            choice(statement, branches, otherwise, next, before: before)
        case .selection(let subject, let cases):
            selection(subject, cases, next, at: statement.position)
        case .loop(let condition, let body):
            writer.line("while \(self.condition(condition).code) do\(trailing)")
            inner(body, isLoop: true)
            writer.line("end")
            report.note(.statement, "while", .converted, at: statement.position)
        case .iteration(let variable, let list, let body):
            iteration(variable, list, body, at: statement.position)
        case .result(let value):
            result(value, next, at: statement.position)
        case .exit:
            exit(next)
            report.note(.statement, "exit", .converted, at: statement.position)
        case .drop:
            drop(next, at: statement.position)
        case .leave:
            leave(next, at: statement.position)
        case .block(let body):
            writer.line("do")
            writer.depth += 1
            block(body, after: next)
            writer.depth -= 1
            writer.line("end")
        }
    }

    private mutating func inner(_ body: Block, isLoop: Bool = false) {
        if isLoop { loops += 1 }
        let outer = switches
        if isLoop { switches = 0 }
        writer.depth += 1
        writer.noBlank()
        block(body, after: .goesOn)
        writer.depth -= 1
        if isLoop { loops -= 1 }
        switches = outer
    }

    // MARK: Ends

    private mutating func exit(_ next: Continuation) {
        if tellsExit {
            learned.usesExit = true
            writer.line("return EXIT")
        } else if next != .exits || loops > 0 {
            writer.line("return")
        }
    }

    private mutating func drop(_ next: Continuation, at position: SourcePosition) {
        switch route.kind {
        case .reply:
            writer.line("sip.drop_reply(\(message))")
            writer.line("return")
            report.note(.statement, "drop", .approximated, "provisional replies only; final ones go on", at: position)
        case .branch:
            report.note(
                .statement, "drop", .unsupported, "a branch cannot be dropped; leave its target out", at: position)
            stub("drop", position)
            writer.line("return unsupported.drop(\(message))")
        default:
            exit(next)
            report.note(.statement, "drop", .converted, at: position)
        }
    }

    private mutating func leave(_ next: Continuation, at position: SourcePosition) {
        report.note(.statement, "break", .converted, at: position)
        if switches > 0 { return }  // the end of a case
        if loops > 0 { return writer.line("break") }
        if flow.comesBack || next != .exits { writer.line("return") }
    }

    private mutating func result(_ value: Expression?, _ next: Continuation, at position: SourcePosition) {
        report.note(.statement, "return", .converted, at: position)
        if let value, case .number(0) = value.kind { return exit(next) }
        guard !isEntry else {
            if next != .exits { writer.line("return") }
            return
        }
        var number = 1
        var isLiteral = true
        if let value {
            if case .number(let literal) = value.kind { number = literal } else { isLiteral = false }
        }
        if knowledge.codeRoutes.contains(route.name) {
            writer.line("return \(isLiteral ? String(number) : numeric(value).code)")
        } else if knowledge.conditionRoutes.contains(route.name) {
            writer.line("return \(isLiteral ? String(number > 0) : "sip.is_true(\(numeric(value).code))")")
        } else if next != .returns || loops > 0 {
            writer.line("return")
        }
    }

    private mutating func numeric(_ value: Expression?) -> LuaExpression {
        value.map { self.value($0) } ?? LuaExpression("1", .integer)
    }

    // MARK: Choices

    private mutating func choice(
        _ statement: Statement, _ branches: [Statement.Branch], _ otherwise: Block?, _ next: Continuation,
        before: Statement?
    ) {
        report.note(.statement, "if", .converted, at: statement.position)
        if let call = relayOnly(statement) {
            let answer = branches[0].body.statements[0]
            report.note(
                .function, "sl_reply_error", .converted, "the core answers when it cannot relay", at: answer.position)
            for comment in answer.comments { writer.comment(comment) }
            return callStatement(call, next, comment: statement.trailing, before: before)
        }
        var open = false
        for (index, branch) in branches.enumerated() {
            var condition: LuaExpression
            let outerCode = returnCode
            if index == 0, let hoisted = hoist(branch, before: before) {
                condition = hoisted
            } else {
                condition = self.condition(branch.condition)
            }
            if let always = condition.always, !always.value {
                for comment in branch.comments { writer.comment(comment) }
                neverReached(branch, why: always.why)
                returnCode = outerCode
                continue
            }
            for comment in branch.comments { writer.comment(comment) }
            if let always = condition.always {
                // What follows an `if` that always holds is not reached.
                writer.line("\(open ? "else" : "do") -- \(always.why)")
                body(branch.body, next)
                writer.line("end")
                for left in branches[(index + 1)...] { discard(left.body) }
                if let otherwise { discard(otherwise) }
                return
            }
            let line = "\(open ? "elseif" : "if") \(condition.code) then"
            writer.line(line)
            open = true
            body(branch.body, next)
            if before == nil { returnCode = outerCode }
        }
        if let otherwise {
            guard open else {
                return block(otherwise, after: next)
            }
            writer.line("else")
            body(otherwise, next)
        }
        if open { writer.line("end") }
        if let trailing = statement.trailing { writer.comment(trailing) }
    }

    private mutating func body(_ body: Block, _ next: Continuation) {
        writer.depth += 1
        writer.noBlank()
        block(body, after: next)
        writer.depth -= 1
        writer.noBlank()
    }

    private mutating func neverReached(_ branch: Statement.Branch, why: String) {
        writer.comment(why)
        discard(branch.body)
    }

    /// Notes what stands in a block that is not written.
    mutating func discard(_ body: Block) {
        let kept = writer
        block(body, after: .goesOn)
        writer = kept
    }

    /// `if (!lookup("location")) { switch ($retcode) …`: the call comes first, with both of its results.
    private mutating func hoist(_ branch: Statement.Branch, before: Statement?) -> LuaExpression? {
        var inner = branch.condition
        var isNegated = false
        if case .not(let operand) = inner.kind {
            inner = operand
            isNegated = true
        }
        guard case .call(let call) = inner.kind else { return nil }
        let readsInside = branch.body.statements.first.map(readsReturnCode) ?? false
        let readsBehind = before.map(readsReturnCode) ?? false
        let mayExit = calledFlow(call)?.mayExit ?? false
        guard readsInside || readsBehind || mayExit else { return nil }
        let isRoute = calledFlow(call) != nil
        if isRoute, let name = RouteFlow.target(of: call) {
            if readsInside || readsBehind {
                learned.codeRoutes.insert(name)
            } else {
                learned.conditionRoutes.insert(name)
            }
            let result = expression(call)
            writer.line("local rc = \(result.code)")
            if mayExit { returnOnExit("rc") }
            returnCode = "rc"
            let isCode = knowledge.codeRoutes.contains(name)
            let holds = isCode ? "rc \(isNegated ? "<=" : ">") 0" : isNegated ? "not rc" : "rc"
            return LuaExpression(holds, .boolean, .comparison)
        }
        let result = expression(call)
        guard result.always == nil else { return nil }
        writer.line("local ok, rc = \(result.code)")
        returnCode = "rc"
        return LuaExpression(isNegated ? "not ok" : "ok", .boolean, .unary)
    }

    mutating func returnOnExit(_ name: String) {
        learned.usesExit = true
        writer.line("if \(name) == EXIT then return\(tellsExit ? " EXIT" : "") end")
    }

    // MARK: Switches and loops

    private mutating func selection(
        _ subject: Expression, _ cases: [Statement.Case], _ next: Continuation, at position: SourcePosition
    ) {
        report.note(.statement, "switch", .converted, at: position)
        var value = self.value(subject)
        let isSimple = value.code.utf8.allSatisfy { $0.isWordPart || $0 == UInt8(ascii: ".") }
        if !isSimple {
            writer.line("local value = \(value.code)")
            value = LuaExpression("value", value.kind)
        }
        var open = false
        var fallback: Statement.Case?
        switches += 1
        for (index, item) in cases.enumerated() {
            var item = item
            if !endsCase(item.body), index + 1 < cases.count {
                if item.body.statements.count + cases[index + 1].body.statements.count <= 20 {
                    item.body.statements += cases[index + 1].body.statements
                } else {
                    report.note(
                        .statement, "switch", .approximated, "a long case without break ends here", at: position)
                }
            }
            if item.isDefault { fallback = item }
            guard !item.labels.isEmpty else { continue }
            let tests = item.labels.map { "\(value.compared) == \(self.value($0).compared)" }
            writer.line("\(open ? "elseif" : "if") \(tests.joined(separator: LuaWriter.disjunction)) then")
            open = true
            body(item.body, next)
        }
        if let fallback {
            if open { writer.line("else") } else { writer.line("do") }
            body(fallback.body, next)
            open = true
        }
        switches -= 1
        if open { writer.line("end") }
    }

    private func endsCase(_ body: Block) -> Bool {
        guard let last = body.statements.last else { return false }
        switch last.kind {
        case .leave, .exit, .drop, .result: return true
        case .call(let call): return calledFlow(call).map { !$0.comesBack } ?? false
        default: return false
        }
    }

    private mutating func iteration(
        _ variable: Expression, _ list: Expression, _ body: Block, at position: SourcePosition
    ) {
        report.note(.statement, "for", .converted, at: position)
        guard case .variable(let over) = list.kind, over.name == "avp" else {
            report.note(.statement, "for", .unsupported, "only over all values of an AVP", at: position)
            stub("for", position)
            return writer.line("unsupported[\"for\"](\(message))")
        }
        writer.line("for _, value in ipairs(sip.avps(\(avpKey(over)))) do")
        if case .variable(let target) = variable.kind {
            writer.depth += 1
            writer.line(assign(target, LuaExpression("value", .any)) ?? "-- \(target.text)")
            writer.depth -= 1
        }
        inner(body, isLoop: true)
        writer.line("end")
    }

    mutating func stub(_ name: String, _ position: SourcePosition) {
        if !stubs.contains(where: { $0.name == name }) { stubs.append((name, position)) }
    }

    /// Whether a statement reads `$retcode` before it calls anything.
    private func readsReturnCode(_ statement: Statement) -> Bool {
        switch statement.kind {
        case .choice(let branches, _): return reads(branches[0].condition)
        case .selection(let subject, _): return reads(subject)
        case .assign(_, _, let value): return reads(value)
        case .result(let value): return value.map(reads) ?? false
        default: return false
        }
    }

    func readsCode(_ statement: Statement?) -> Bool { statement.map(readsReturnCode) ?? false }

    private func reads(_ expression: Expression) -> Bool {
        switch expression.kind {
        case .variable(let variable): return variable.name == "rc" || variable.name == "retcode"
        case .word(let word): return word == "retcode"
        case .not(let inner), .negative(let inner): return reads(inner)
        case .all(let terms), .any(let terms): return terms.contains(where: reads)
        case .comparison(let left, _, let right), .arithmetic(let left, _, let right):
            return reads(left) || reads(right)
        case .call, .string, .number, .selected, .missing: return false
        }
    }
}
