/// The reference page of what scripts may use, made from the binding table.
public enum ScriptReference {
    /// `docs/scripting-reference.md`.
    public static func markdown() -> String {
        let table = SIPBindings.table
        var page = """
            # Scripting reference

            Made from the binding table; a test compares them. How it all fits together: [scripting.md](scripting.md).

            `?` marks what may be nil or left out. Names of hooks in brackets say where something may be used; without
            them it may be used wherever the object is at hand.

            ## Hooks

            | function | called | returns |
            |---|---|---|
            | `on_start()` | once the script is loaded; an error refuses the script | – |
            | `on_request(req)` | for every request that the core lets through; the only one a script must have | – |
            | `on_branch(req)` | for each branch before it leaves | – |
            | `on_reply(reply)` | for each reply but 100, before it goes back | – |
            | `on_failure(req, code)` | when every branch failed | – |
            | `choose_state_mode(req, view)` | for requests that leave `state` at `auto` | `"stateful"` or `"stateless"` |


            """
        page += "## Objects\n\n"
        for group in table.kinds { append(group, isObject: true, to: &page) }
        page += "## Functions\n\n"
        for group in table.namespaces { append(group, isObject: false, to: &page) }
        return page.trimmingBlankEnd() + "\n"
    }

    private static func append(_ group: BindingGroup, isObject: Bool, to page: inout String) {
        page += group.name.isEmpty ? "### Global functions\n\n" : "### \(group.label)\n\n\(group.summary)\n\n"
        let properties = group.members.filter { $0.form == .property }
        if !properties.isEmpty {
            page += "| property | type | |\n|---|---|---|\n"
            for member in properties {
                let access =
                    member.write == nil
                    ? "" : " Assignable\(places(member.writePhases, .handlers)): \(type(member.parameters[0]))."
                page +=
                    "| `\(group.label).\(member.name)` | \(code(member.returns)) | \(cell(member.summary))\(access)\(places(member.phases, usual(group))) |\n"
            }
            page += "\n"
        }
        for member in group.members where member.form != .property {
            append(member, of: group, isObject: isObject, to: &page)
        }
    }

    private static func append(_ member: BindingMember, of group: BindingGroup, isObject: Bool, to page: inout String) {
        var arguments = member.parameters.map { $0.isOptional ? "\($0.name)?" : $0.name }
        if member.isVariadic { arguments.append("…") }
        if member.takesOptions { arguments.append("{ … }?") }
        // Global functions belong to nothing.
        let owner = group.name.isEmpty ? "" : group.label + (isObject ? ":" : ".")
        let result = member.returns == "nil" ? "" : " → \(member.returns)"
        page += "#### `\(owner)\(member.name)(\(arguments.joined(separator: ", ")))\(result)`\n\n"
        page += "\(member.summary)\(places(member.phases, usual(group)))\n\n"
        for parameter in member.parameters { append(parameter, isOption: false, to: &page) }
        for option in member.options { append(option, isOption: true, to: &page) }
        if !member.parameters.isEmpty || !member.options.isEmpty { page += "\n" }
    }

    private static func append(_ parameter: BindingParameter, isOption: Bool, to page: inout String) {
        let summary = parameter.summary.isEmpty ? "" : " – \(parameter.summary)"
        page +=
            "- \(isOption ? "option " : "")`\(parameter.name)`\(parameter.isOptional ? "?" : ""): \(type(parameter))\(summary)\n"
    }

    /// What a group's members can be used in at most, which goes without saying.
    private static func usual(_ group: BindingGroup) -> ScriptPhases {
        group.members.reduce(into: []) { $0.formUnion($1.phases) }
    }

    private static func places(_ phases: ScriptPhases, _ usual: ScriptPhases) -> String {
        guard phases != usual else { return "" }
        let names = ScriptPhase.allCases.filter { phases.contains(ScriptPhases($0)) }.map { "`\($0.name)`" }
        return " [\(names.joined(separator: ", "))]"
    }

    private static func type(_ parameter: BindingParameter) -> String {
        if !parameter.choices.isEmpty { return parameter.choices.map { "`\"\($0)\"`" }.joined(separator: ", ") }
        var names: [String] = []
        if parameter.types.contains(.boolean) { names.append("boolean") }
        if parameter.types.contains(.integer) {
            let range = parameter.range
            names.append(range == Int64.min...Int64.max ? "integer" : "integer \(range.lowerBound)…\(range.upperBound)")
        }
        if parameter.types.contains(.number) { names.append("number") }
        if parameter.types.contains(.string) { names.append("string") }
        if parameter.types.contains(.function) { names.append("function") }
        if parameter.types.contains(.list) { names.append("list") }
        if parameter.types.contains(.record) { names.append("table") }
        if parameter.types.contains(.object) { names += parameter.kinds }
        if parameter.types.contains(.null) { names.append("nil") }
        return names.joined(separator: ", ")
    }

    private static func code(_ type: String) -> String { "`\(type)`" }

    /// Bars would end the cell.
    private static func cell(_ text: String) -> String { text.replacing("|", with: "\\|") }
}

extension String {
    fileprivate func trimmingBlankEnd() -> String {
        var text = self
        while text.last == "\n" { text.removeLast() }
        return text
    }
}
