import Testing

@Suite struct SIPPropertyTests {
    @Test(
        "properties of a request",
        arguments: [
            ("req.method", "INVITE"),
            ("req.uri.text", "sip:bob@192.0.2.200"),
            ("req.uri", "sip:bob@192.0.2.200"),
            ("req.uri.scheme", "sip"),
            ("req.uri.user", "bob"),
            ("req.uri.host", "192.0.2.200"),
            ("req.uri.port", "nil"),
            ("req.uri:param('transport')", "nil"),
            ("req.uri.is_local", "false"),
            ("req.from.uri.text", "sip:alice@example.com"),
            ("req.from.display_name", "Alice A."),
            ("req.from.tag", "caller"),
            ("req.from:param('X')", "1"),
            ("req.from:param('y')", "nil"),
            ("req.to.uri.host", "example.com"),
            ("req.to.uri.port", "5070"),
            ("req.to.uri:param('user')", "phone"),
            ("req.to.tag", "nil"),
            ("req.to.display_name", "nil"),
            ("req.contact", "nil"),
            ("req.call_id", "call-1@192.0.2.100"),
            ("req.cseq", "7"),
            ("req.cseq_method", "INVITE"),
            ("req.max_forwards", "70"),
            ("req.source_ip", "192.0.2.100"),
            ("req.source_port", "5060"),
            ("req.body", ""),
            ("req:has_to_tag()", "false"),
            ("req:loose_route()", "false"),
            ("servartuka.version()", "1.2.3"),
        ])
    func requestProperty(expression: String, expected: String) throws {
        #expect(try SIPHarness.value(expression) == expected)
    }

    @Test(
        "properties of a request that has everything",
        arguments: [
            ("req.contact.uri.text", "sip:alice@192.0.2.100:5062;transport=udp"),
            ("req.contact.uri.port", "5062"),
            ("req.contact.uri:param('TRANSPORT')", "udp"),
            ("req.contact:param('expires')", "60"),
            ("req.contact:param('flag') == ''", "true"),
            ("req.to.tag", "callee"),
            ("req:has_to_tag()", "true"),
            ("req:loose_route()", "true"),
            ("req.max_forwards", "nil"),
            ("req.body", "v=0"),
            ("req.uri.user", "nil"),
            ("req.uri.host", "2001:db8::5"),
            ("req.uri.port", "5070"),
            ("req.uri:param('lr') == ''", "true"),
            ("req.headers:get('Subject')", "one two"),
            ("req.headers:get('s')", "one two"),
            ("req.headers:get('x-unknown')", "a, b"),
            ("req.headers:get('Absent')", "nil"),
            ("#req.headers:all('Supported'), table.unpack(req.headers:all('k'))", "3 path timer 100rel"),
            ("table.concat(req.headers:all('X-Unknown'), '|')", "a, b|c"),
            ("#req.headers:all('Absent')", "0"),
            ("#req.headers:all('Via')", "1"),
        ])
    func fullRequest(expression: String, expected: String) throws {
        var request = SIPText(uri: "sip:[2001:db8::5]:5070;lr")
        request.to += ";tag=callee"
        request.maxForwards = nil
        request.extra = [
            "Contact: <sip:alice@192.0.2.100:5062;transport=udp>;expires=60;flag", "Route: <sip:192.0.2.250;lr>",
            "Subject: one\r\n  two", "Supported: path, timer", "k: 100rel", "X-Unknown: a, b", "x-unknown: c",
        ]
        request.body = "v=0"
        #expect(try SIPHarness.value(expression, in: request) == expected)
    }

    @Test(
        "a URI names this proxy by address or domain",
        arguments: ["192.0.2.1", "192.0.2.1:5060", "example.org", "bob@EXAMPLE.org:5060"])
    func localURI(rest: String) throws {
        #expect(try SIPHarness.value("req.uri.is_local", in: SIPText(uri: "sip:" + rest)) == "true")
    }

    @Test(
        "the Request-URI can be changed",
        arguments: [
            ("req.uri = 'sip:carol@192.0.2.201:5080'", "sip:carol@192.0.2.201:5080"),
            ("req.uri = 'tel:+1-201-555-0123'", "tel:+1-201-555-0123"),
            ("req.uri = req.to.uri", "sip:bob@example.com:5070;user=phone"),
            ("req.uri.user = 'carol'", "sip:carol:pw@192.0.2.200:5061;a=1;b"),
            ("req.uri.user = nil", "sip:192.0.2.200:5061;a=1;b"),
            ("req.uri.host = 'gateway.example.com'", "sip:bob:pw@gateway.example.com:5061;a=1;b"),
            ("req.uri.host = '2001:db8::7'", "sip:bob:pw@[2001:db8::7]:5061;a=1;b"),
            ("req.uri.host = '[2001:db8::7]'", "sip:bob:pw@[2001:db8::7]:5061;a=1;b"),
            ("req.uri.port = 5099", "sip:bob:pw@192.0.2.200:5099;a=1;b"),
            ("req.uri.port = nil", "sip:bob:pw@192.0.2.200;a=1;b"),
            ("req.uri.port = nil req.uri.port = 5070", "sip:bob:pw@192.0.2.200:5070;a=1;b"),
            ("req.uri:set_param('a', '2')", "sip:bob:pw@192.0.2.200:5061;a=2;b"),
            ("req.uri:set_param('A', nil)", "sip:bob:pw@192.0.2.200:5061;b"),
            ("req.uri:set_param('b', nil)", "sip:bob:pw@192.0.2.200:5061;a=1"),
            ("req.uri:set_param('b', 'x')", "sip:bob:pw@192.0.2.200:5061;a=1;b=x"),
            ("req.uri:set_param('lr', '')", "sip:bob:pw@192.0.2.200:5061;a=1;b;lr"),
            ("req.uri:set_param('c', nil)", "sip:bob:pw@192.0.2.200:5061;a=1;b"),
            (
                "req.uri.user = nil req.uri.user = 'x' req.uri.host = 'example.com' req.uri:set_param('a', nil)",
                "sip:x@example.com:5061;b"
            ),
        ])
    func changedURI(statements: String, expected: String) throws {
        let request = SIPText(uri: "sip:bob:pw@192.0.2.200:5061;a=1;b")
        #expect(try SIPHarness.relayed(statements, request).uri == expected)
        #expect(try SIPHarness.value("req.uri.text", in: request, after: statements) == expected)
    }

    @Test(
        "a Request-URI that could not stand is refused",
        arguments: [
            ("req.uri = 'nonsense'", "req.uri: \"nonsense\" is not a URI such as \"sip:user@example.com\""),
            ("req.uri = 'sip:a@example.com SIP/2.0'", "is not a URI"),
            ("req.uri = 'sip:a@example.com?Subject=x'", "has headers (from '?' on)"),
            ("req.uri = ('sip:' .. ('a'):rep(9000) .. '@example.com')", "is not a URI"),
            ("req.uri = 5", "req.uri: \"5\" is not a URI"),
            ("req.uri.user = 'a@b'", "uri.user: \"a@b\" holds a byte that must be escaped as %XX there"),
            ("req.uri.user = 'a:b'", "must be escaped"),
            ("req.uri.user = 'a b'", "must be escaped"),
            ("req.uri.host = ''", "is neither a domain nor an IP address"),
            ("req.uri.host = 'a;b=c'", "is neither a domain nor an IP address"),
            ("req.uri.host = 'a:5070'", "is neither a domain nor an IP address"),
            ("req.uri.host = 'a@b'", "is neither a domain nor an IP address"),
            ("req.uri.port = 0", "uri.port: expected integer 1…65535 or nil, got 0"),
            ("req.uri.port = 65536", "got 65536"),
            ("req.uri:set_param('a;b', '1')", "must be escaped"),
            ("req.uri:set_param('', '1')", "must be escaped"),
            ("req.uri:set_param('a', '1;b=2')", "must be escaped"),
            ("req.uri:set_param('a', '1?x')", "must be escaped"),
            ("req.from.uri.user = 'x'", "only the Request-URI can be changed"),
            ("req.to.uri:set_param('x', '1')", "only the Request-URI can be changed"),
            ("req.from = 'x'", "req.from: is read-only"),
            ("req.method = 'BYE'", "req.method: is read-only"),
            ("req.metod = 'BYE'", "did you mean 'method'?"),
        ])
    func refusedURI(statements: String, expected: String) throws {
        let error = try SIPHarness.failure(statements)
        #expect(error.contains(expected), "\(error)")
        #expect(error.hasPrefix("on_request: routing.lua:1: "), "\(error)")
    }

    @Test("a tel URI has a user and no host")
    func telURI() throws {
        let request = SIPText(uri: "tel:+1-201-555-0123;phone-context=example.com")
        #expect(
            try SIPHarness.value(
                "req.uri.scheme, req.uri.user, req.uri.host, req.uri:param('phone-context')", in: request)
                == "tel +1-201-555-0123 nil example.com")
        #expect(
            try SIPHarness.relayed("req.uri.user = '+12015550199'", request).uri
                == "tel:+12015550199;phone-context=example.com")
        #expect(try SIPHarness.failure("req.uri.host = 'example.com'", request).contains("a tel URI has no host"))
        #expect(try SIPHarness.failure("req.uri.user = nil", request).contains("a tel URI needs its number"))
        #expect(try SIPHarness.failure("req.uri.port = 5060", request).contains("a tel URI has no port"))
    }
}
