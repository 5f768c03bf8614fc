import Scripting
import Testing

@Suite("shared.NAME in scripts") struct SharedBindingTests {
    private static func harness(
        _ statements: String, _ dictionaries: [SharedDictionary] = [SharedDictionary(name: "d", bytesMax: 1 << 20)]
    ) throws -> SIPHarness {
        try SIPHarness(
            "function on_request(req) local d = shared.d\n\(statements)\nreq:drop() end",
            services: ScriptServices(dictionaries: dictionaries))
    }

    private func values(_ statements: String) throws -> [String] {
        let harness = try Self.harness(statements)
        harness.receive()
        return harness.log.texts.map { String($0.prefix { $0 != "\n" }) }
    }

    @Test("values come back as what they were")
    func types() throws {
        #expect(
            try values(
                """
                for key, value in pairs { text = "a\\0b", empty = "", whole = 3, part = 0.5, yes = true, no = false } do
                  assert(d:set(key, value))
                  local read = d:get(key)
                  assert(read == value and math.type(read) == math.type(value), key)
                end
                log.info(d:count(), d:get("nothing"), #d:keys(), #d:keys(2))
                """) == ["6 nil 6 2"])
    }

    @Test("set writes where it may, deletes with nil, and says why it did not")
    func set() throws {
        #expect(
            try values(
                """
                log.info(d:set("k", 1, { only = "present" }))
                log.info(d:set("k", 1, { only = "absent" }))
                log.info(d:set("k", 2, { only = "absent" }))
                log.info(d:set("k", 3, { only = "present" }), d:get("k"))
                log.info(d:set("k", string.rep("x", 100000)))
                log.info(d:set("k", string.rep("x", 100000) , { ttl = 1 }), #d:get("k"))
                log.info(d:set("k", nil), d:get("k"), d:set("k", nil, { only = "present" }))
                log.info(d:delete("k"))
                """) == [
                    "false absent", "true", "false present", "true 3", "true", "true 100000", "true nil false absent",
                    "false",
                ])
    }

    @Test("a value that the dictionary could never hold is refused")
    func tooLarge() throws {
        let harness = try Self.harness(
            "log.info(d:set('k', string.rep('x', 70000)))", [SharedDictionary(name: "d", bytesMax: 64 << 10)])
        harness.receive()
        #expect(harness.log.texts == ["false too large"])
    }

    @Test("incr counts within a window of time that the first addition opens")
    func window() throws {
        let harness = try Self.harness("log.info(d:incr('k', 1, { ttl = 10 }), d:ttl('k'))")
        for (index, expected) in ["1 10", "2 6", "3 2", "1 10"].enumerated() {
            harness.receive(SIPText(branch: "z9hG4bK-\(index)"))
            #expect(harness.log.texts.last == expected)
            harness.pass(milliseconds: 4_000)
        }
    }

    @Test("incr adds as Lua does")
    func increment() throws {
        #expect(
            try values(
                """
                log.info(d:incr("k"), d:incr("k", 4), d:incr("k", -2), d:incr("k", 0.5))
                log.info(d:incr("new", 1, { init = 100 }), d:incr("new", 1, { init = 100 }))
                d:set("big", math.maxinteger)
                log.info(d:incr("big") == math.mininteger)
                """) == ["1 5 3 3.5", "101 102", "true"])
    }

    @Test(
        "mistakes are named",
        arguments: [
            (
                "d:set('k', {})",
                "shared.NAME:set: argument 2 (value): expected string or integer or number or boolean or nil, got table"
            ),
            ("d:set('k', 1, { ttl = 0 })", "set: ttl is a number of seconds above 0, got 0.0"),
            ("d:set('k', nil, { only = 'absent' })", "set: nil deletes a key"),
            ("d:get(string.rep('k', 2000))", "get: a key has at most 1024 bytes, got 2000"),
            ("d:set('k', 'text') d:incr('k')", "incr: the value of \"k\" is no number"),
            ("d:size()", "shared.NAME.size: dictionary has no such field"),
            ("shared.calls:get('x')", "there is no shared.calls; the configuration declares d under shared"),
            ("shared.calls = 1", "shared cannot be written"),
            ("shared.d = 1", "shared cannot be written"),
            ("shared[1]:get('x')", "shared is indexed by name, got a number"),
        ])
    func mistakes(statements: String, message: String) throws {
        let lines = try values(statements)
        #expect(lines.count == 1 && lines[0].contains(message), "\(lines)")
    }

    @Test("without a dictionary the error says where to declare one")
    func undeclared() throws {
        let harness = try Self.harness("", [])
        harness.receive()
        #expect(
            harness.log.errors.first?.contains(
                "there is no shared.d; declare it in the configuration: shared: {NAME: 1MiB}") == true)
    }

    @Test("names can be listed, and nothing else is reached that way")
    func listing() throws {
        let dictionaries = ["d", "e"].map { SharedDictionary(name: $0, bytesMax: 1 << 20) }
        let harness = try Self.harness(
            """
            local names = {}
            for name, dictionary in pairs(shared) do names[#names + 1] = name .. dictionary:count() end
            table.sort(names)
            log.info(table.concat(names, " "), getmetatable(shared))
            """, dictionaries)
        harness.receive()
        #expect(harness.log.texts == ["d0 e0 false"])
    }

    @Test("two VMs see the same dictionary, also one of the next generation, and objects of a handler can be kept")
    func sharing() throws {
        let services = ScriptServices(dictionaries: [SharedDictionary(name: "d", bytesMax: 1 << 20)])
        let script = """
            local kept
            function on_start() kept = shared.d kept:incr("starts") end
            function on_request(req) log.info(kept:get("starts"), kept:incr("requests")) req:drop() end
            """
        let first = try SIPHarness(script, services: services)
        let second = try SIPHarness(script, services: services)
        first.receive()
        second.receive()
        #expect(first.log.texts == ["2 1"])
        #expect(second.log.texts == ["2 2"])
    }

    @Test("while a script is loaded, dictionaries are out of reach: a refused script must leave no trace")
    func loading() throws {
        let services = ScriptServices(dictionaries: [SharedDictionary(name: "d", bytesMax: 1 << 20)])
        #expect {
            try SIPHarness("shared.d:set('k', 1) function on_request(req) end", services: services)
        } throws: { error in
            "\(error)".contains("set") && "\(error)".contains("load")
        }
    }
}
