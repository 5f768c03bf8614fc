/// The whole script: what the routes use in front of them, the hooks behind them.
struct LuaFile {
    let emitter: Emitter
    let settings: ServerSettings
    let options: ConversionOptions
    let title: String

    func text(endComments: [Comment], main: Bool) -> String {
        var writer = LuaWriter()
        writer.comment(
            "Converted from \(title.split(separator: "/").last.map(String.init) ?? title) by servartuka convert.")
        writer.comment("What the functions of `sip` do: docs/porting.md.")
        writer.blank()
        writer.line("local sip = require \"openser\"")
        let tables = ["avp", "var", "flags", "bflags", "transform"].filter(emitter.uses.contains)
        if !tables.isEmpty {
            writer.line(
                "local \(tables.joined(separator: ", ")) = \(tables.map { "sip.\($0)" }.joined(separator: ", "))")
        }
        if emitter.learned.usesExit { writer.line("local EXIT <const> = sip.EXIT") }
        writer.blank()
        for constant in emitter.flags.constants { writer.line("local \(constant.name) <const> = \(constant.value)") }
        writer.blank()
        let options = settings.libraryOptions(state: options.state, emitter.flags)
        if !options.isEmpty { writer.line("sip.setup { \(options.joined(separator: ", ")) }") }
        stubs(&writer)
        writer.blank()
        writer.line("local route = {}")
        writer.blank()
        var text = writer.text + emitter.writer.text
        var end = LuaWriter()
        end.noBlank()
        for comment in endComments { end.comment(comment) }
        hooks(&end, main)
        text += end.text.isEmpty ? "" : "\n" + end.text
        return text
    }

    /// Calls that stop the script with an error, one a line, with the place of the first.
    private func stubs(_ writer: inout LuaWriter) {
        guard !emitter.stubs.isEmpty else { return }
        writer.blank()
        writer.comment(
            "Without a counterpart here: a call of one of these ends the script with an error, and the request is")
        writer.comment("answered with 500. The report says what to do instead.")
        writer.line("local unsupported = sip.unsupported {")
        writer.depth = 1
        for stub in emitter.stubs { writer.line("\(Lua.quoted(stub.name)), -- line \(stub.position.line)") }
        writer.depth = 0
        writer.line("}")
    }

    private func hooks(_ writer: inout LuaWriter, _ main: Bool) {
        if main {
            writer.line(
                "on_request = sip.on_request(route.\(emitter.names[RouteKey(kind: .request, name: "")] ?? "main"))")
        } else {
            writer.comment("The configuration has no main route.")
            writer.line("on_request = sip.on_request(function() end)")
        }
        for (key, hook) in [
            (RouteKey(kind: .reply, name: ""), "on_reply"), (RouteKey(kind: .branch, name: ""), "on_branch"),
            (RouteKey(kind: .failure, name: ""), "on_failure"),
        ] {
            if let name = emitter.names[key], emitter.routes[key] != nil {
                writer.line("\(hook) = sip.\(hook)(route.\(name))")
            }
        }
    }
}
