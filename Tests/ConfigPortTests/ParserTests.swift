import Testing

@testable import ConfigPort

@Suite("Reading configurations")
struct ParserTests {
    @Test(
        "every file of the corpus is read without a complaint",
        .enabled(if: PortCorpus.isThere, "no corpus: set SIP_CORPUS"))
    func corpus() throws {
        for name in PortCorpus.names {
            let result = Reading(path: name, bytes: try PortCorpus.bytes(name)) { _ in nil }
            #expect(result.diagnostics.isEmpty, "\(name): \(result.diagnostics)")
            #expect(!result.tree.items.isEmpty)
        }
    }

    @Test("a negation takes the whole comparison, with and without parentheses")
    func negation() throws {
        for text in ["if (!uri==myself) exit;", "if !(uri==myself) exit;", "if (not uri==myself) exit;"] {
            guard case .choice(let branches, _) = try #require(statements(text).first).kind,
                case .not(let inner) = branches[0].condition.kind, case .comparison(_, "==", _) = inner.kind
            else {
                Issue.record("\(text) is read otherwise")
                continue
            }
        }
    }

    @Test("addresses, hosts and protocols need no quotes")
    func words() throws {
        for word in ["192.0.2.10", "192.0.2.0/24", "backup.example.com", "[2001:db8::1]", "tls:a-b.example.com:5061"] {
            guard case .choice(let branches, _) = try #require(statements("if (src_ip==\(word)) drop();").first).kind,
                case .comparison(_, _, let right) = branches[0].condition.kind, case .word(let read) = right.kind
            else {
                Issue.record("\(word) is read otherwise")
                continue
            }
            #expect(read == word)
        }
    }

    @Test("else if chains are one choice, however long")
    func chains() throws {
        let chain = (0..<5_000).map { "if (method==\"M\($0)\") exit;" }.joined(separator: " else ")
        guard case .choice(let branches, nil) = try #require(statements(chain).first).kind else {
            Issue.record("no choice")
            return
        }
        #expect(branches.count == 5_000)
    }

    @Test("comments stay with what they are about")
    func comments() throws {
        let read = statements(
            """
            # why
            setflag(1); # accounting
            if (proxy_authorize("" /* realm */)) { # known
                exit;
                // the end
            }
            """)
        #expect(read[0].comments.map(\.lines) == [["why"]])
        #expect(read[0].trailing?.lines == ["accounting"])
        guard case .choice(let branches, _) = read[1].kind else {
            Issue.record("no choice")
            return
        }
        #expect(branches[0].body.statements[0].comments.map(\.lines) == [["realm"], ["known"]])
        #expect(branches[0].body.endComments.map(\.lines) == [["the end"]])
    }

    @Test("pseudo-variables are taken apart")
    func variables() throws {
        let variable = try #require(PseudoVariable("$(hdr(From){param.value,tag}{s.int})"))
        #expect(variable.name == "hdr")
        #expect(variable.argument == "From")
        #expect(variable.transformations.map(\.name) == ["param.value", "s.int"])
        #expect(variable.transformations[0].arguments == ["tag"])
        #expect(PseudoVariable("$(avp(i:10)[2])")?.index == "2")
        let pieces = FormatPiece.parse("<$fu> costs $5, $avp(s:x)/s")
        #expect(pieces.count == 5)
        #expect(pieces.last == .text("/s"))
    }

    @Test("escapes of strings are resolved, those of regular expressions stay")
    func escapes() throws {
        guard case .call(let call) = try #require(statements(#"append_hf("a\r\n\"\+[0-9]\1");"#).first).kind,
            case .string(let text) = try #require(call.arguments.first).kind
        else {
            Issue.record("no string")
            return
        }
        #expect(text == "a\r\n\"\\+[0-9]\\1")
    }
}

@Suite("Mistakes in configurations")
struct SyntaxErrorTests {
    @Test("each mistake is told with its place, its line and a caret, and the next one is found too")
    func several() {
        let result = reading(
            "route {\n\tsl_send_reply(\"404\" \"x\"\n\tt_relay();\n\tif () exit;\n\tsetflag(1;\n}\nlisten 5\n")
        #expect(result.diagnostics.map { [$0.line, $0.column] } == [[3, 2], [4, 6], [5, 11], [7, 8]])
        #expect(
            result.diagnostics[1].description
                == "test.cfg:4:6: error: expected a value, got ')'\n    \tif () exit;\n    \t    ^")
    }

    @Test("what is never closed is told where it began")
    func unclosed() {
        #expect(problems("route {\n  exit;\n").first == "1:7 this block has no closing brace")
        #expect(problems("debug=3 /* what").first == "1:9 this comment is never closed by */")
        #expect(problems("mpath=\"x").first == "1:7 this string is never closed")
    }
}

@Suite("The preprocessor")
struct PreprocessorTests {
    @Test("#!ifdef follows definitions, #!define replaces words")
    func definitions() {
        let text = """
            #!define WITH_NAT
            #!define PORT 5080
            #!ifdef WITH_NAT
            port=PORT
            #!else
            port=1
            #!endif
            #!ifndef WITH_NAT
            debug=3
            #!endif
            """
        let result = reading(text)
        #expect(result.diagnostics.isEmpty)
        #expect(result.tree.items.count == 1)
        guard case .setting("port", let values)? = result.tree.items.first?.kind else {
            Issue.record("no port")
            return
        }
        #expect(values[0].text == "5080")
        #expect(result.leftOut.map(\.condition) == ["ifndef WITH_NAT"])
        #expect(reading("#!ifdef A\nport=1\n#!endif\n", definitions: ["A"]).tree.items.count == 1)
    }

    @Test("#!subst reaches into strings, #!substdef defines as well")
    func substitution() {
        let result = reading(
            "#!subst \"/DOMAIN/example.com/\"\n#!substdef \"!DEPTH!4!g\"\nalias=\"DOMAIN\"\ndebug=DEPTH\n")
        #expect(result.diagnostics.isEmpty)
        guard case .setting(_, let alias)? = result.tree.items.first?.kind,
            case .setting(_, let depth)? = result.tree.items.last?.kind
        else {
            Issue.record("no settings")
            return
        }
        #expect(alias[0].text == "example.com")
        #expect(depth[0].text == "4")
    }

    @Test("included files are read in their place, and errors name them")
    func includes() {
        let files = ["etc/a.cfg": "debug=3\ninclude_file \"b.cfg\"\n", "etc/b.cfg": "port=\n"]
        let result = reading("include_file \"etc/a.cfg\"\nfork=no\n", files: files)
        #expect(result.files.map(\.name) == ["test.cfg", "etc/a.cfg", "etc/b.cfg"])
        #expect(result.diagnostics.map(\.file) == ["test.cfg"])
        #expect(problems("include_file \"gone.cfg\"\n") == ["1:1 cannot read gone.cfg"])
        #expect(problems("import_file \"gone.cfg\"\n").isEmpty)
    }

    @Test("files that include themselves and definitions that lead to themselves are errors")
    func cycles() {
        #expect(problems("include_file \"test.cfg\"\n") == ["1:1 test.cfg includes itself"])
        let files = ["a.cfg": "include_file \"b.cfg\"\n", "b.cfg": "include_file \"a.cfg\"\n"]
        #expect(problems("include_file \"a.cfg\"\n", files: files) == ["1:1 a.cfg includes itself"])
        #expect(!problems("#!define A B B\n#!define B A A\ndebug=A\n").isEmpty)
    }
}
