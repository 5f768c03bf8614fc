import Testing

@testable import ProxyCore

@Suite("Digest") struct DigestTests {
    private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    private func parse(_ text: String) throws(DigestCredentials.Problem) -> DigestCredentials {
        let bytes = Array(text.utf8)
        let result: Result<DigestCredentials, DigestCredentials.Problem> = bytes.withUnsafeBytes { bytes in
            Result { () throws(DigestCredentials.Problem) in try DigestCredentials(bytes) }
        }
        return try result.get()
    }

    @Test(
        "responses are those of RFC 7616 §3.9.1",
        arguments: [
            (DigestAlgorithm.md5, "8ca523f5e9506fed4657c9700eebdbec"),
            (.sha256, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ])
    func vectors(algorithm: DigestAlgorithm, response: String) throws {
        let hash = try #require(
            algorithm.userHash(
                name: bytes("Mufasa"), realm: bytes("http-auth@example.org"), password: bytes("Circle of Life")))
        let input = DigestInput(
            userHash: hash, method: bytes("GET"), uri: bytes("/dir/index.html"),
            nonce: bytes("7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"), nonceCount: bytes("00000001"),
            clientNonce: bytes("f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"))
        #expect(input.response(algorithm) == bytes(response))
    }

    // MARK: Credentials

    @Test("credentials are read in any order, spelling and spacing")
    func reads() throws {
        let credentials = try parse(
            "dIgEsT  uri=\"sip:example.com\" ,, QOP=auth,\r\n nc=0000000a, cnonce=\"c\\\"n\", realm=\"ex\\ample\",opaque=\"\",response=\"ABCDEF\", nonce=n1, username=\"al ice\",algorithm=sha-256,"
        )
        #expect(credentials.username == bytes("al ice"))
        #expect(credentials.realm == bytes("example"))
        #expect(credentials.clientNonce == bytes("c\"n"))
        #expect(credentials.response == bytes("abcdef"))
        #expect(credentials.algorithm == bytes("SHA-256"))
        #expect(credentials.nonceCount == bytes("0000000a"))
    }

    @Test(
        "what is no credentials is told apart",
        arguments: [
            ("Basic YTpi", DigestCredentials.Problem.otherScheme), ("", .otherScheme), ("Digest", .malformed),
            ("Digest username=\"a\"", .malformed), ("Digest username=\"a", .malformed),
            ("Digest username=\"a\" realm=\"b\"", .malformed), ("Digest =a", .malformed), ("Digest a", .malformed),
            ("Digest username=a,username=b,realm=r,nonce=n,uri=u,response=r", .malformed),
            ("Digest username=a,realm=r,nonce=n,uri=u,response=r,qop=auth", .malformed),
            ("Digest username=a,realm=r,nonce=n,uri=u,response=r,qop=auth,nc=1,cnonce=c", .malformed),
            ("Digest username=a,realm=r,nonce=n,uri=u,response=r,qop=auth,nc=0000000g,cnonce=c", .malformed),
            ("Digest username=\"a\\", .malformed),
        ])
    func malformed(text: String, problem: DigestCredentials.Problem) {
        #expect(throws: problem) { try parse(text) }
    }

    @Test("whatever the bytes, reading returns")
    func soup() {
        let seed = UInt64.random(in: 0 ... .max)
        print("digest soup: seed \(seed)")
        var random = SeededGenerator(seed: seed)
        let parts = [
            "Digest ", "username=", "realm=", "\"", "\\", ",", "=", " ", "nc=00000001", "qop=auth", "é", "a", "\r\n ",
            "\0",
        ]
        var readable = 0
        for _ in 0..<20_000 {
            let text = (0..<Int.random(in: 0...12, using: &random)).map { _ in parts.randomElement(using: &random)! }
            if (try? parse("Digest " + text.joined())) != nil { readable += 1 }
        }
        // None of them has all that credentials need.
        #expect(readable == 0)
    }

    // MARK: Nonces

    @Test("a nonce is good for its realm and its time, and each count for one request")
    func nonces() {
        let book = NonceBook()
        let realm = bytes("example.com")
        let nonce = book.make(realm: realm, now: 1_000)
        #expect(nonce.count == 64)
        #expect(nonce != book.make(realm: realm, now: 1_000))
        func use(_ nonce: [UInt8], _ count: UInt64, _ request: Int, _ now: UInt64 = 2_000) -> NonceBook.Verdict {
            book.use(nonce, count: count, request: request, realm: realm, now: now, lifetimeMilliseconds: 10_000)
        }
        #expect(use(nonce, 1, 7) == .fresh)
        #expect(use(nonce, 1, 7) == .fresh, "a retransmission")
        #expect(use(nonce, 1, 8) == .stale, "another request with the same count")
        #expect(use(nonce, 3, 9) == .fresh)
        #expect(use(nonce, 2, 10) == .fresh, "requests may overtake each other")
        #expect(use(nonce, 4, 11, 11_000) == .fresh)
        #expect(use(nonce, 5, 12, 11_001) == .stale)
        var forged = nonce
        forged[0] ^= 1
        #expect(use(forged, 1, 1) == .forged)
        #expect(use([], 1, 1) == .forged)
        #expect(
            book.judge(nonce, realm: bytes("example.org"), now: 2_000, lifetimeMilliseconds: 10_000) == .forged)
        #expect(NonceBook().judge(nonce, realm: realm, now: 2_000, lifetimeMilliseconds: 10_000) == .forged)
    }

    @Test("of many uses of a nonce the latest are remembered, and older counts are not believed")
    func window() {
        let book = NonceBook()
        let nonce = book.make(realm: [1], now: 0)
        func use(_ count: UInt64, _ request: Int) -> NonceBook.Verdict {
            book.use(nonce, count: count, request: request, realm: [1], now: 0, lifetimeMilliseconds: 1)
        }
        for count in 10..<UInt64(60) { #expect(use(count, Int(count)) == .fresh) }
        #expect(use(5, 5) == .stale)
        #expect(use(20, 20) == .stale)
        #expect(use(59, 59) == .fresh)
    }

    @Test("the book remembers no more nonces than it may")
    func bound() {
        let book = NonceBook(noncesMax: 100)
        let nonces = (0..<1_000).map { _ in book.make(realm: [], now: 0) }
        for nonce in nonces {
            _ = book.use(nonce, count: 1, request: 1, realm: [], now: 0, lifetimeMilliseconds: 1)
        }
        // The latest first: each that was forgotten takes the place of another.
        let remembered = nonces.reversed().count {
            book.use($0, count: 1, request: 2, realm: [], now: 0, lifetimeMilliseconds: 1) == .stale
        }
        #expect((1...100).contains(remembered))
    }

    // MARK: Subscribers

    @Test("subscribers are known by password or hash, with their domain or the realm's")
    func subscribers() throws {
        let hash = String(
            decoding: DigestAlgorithm.md5.userHash(
                name: bytes("bob"), realm: bytes("example.com"), password: bytes("secret"))!, as: UTF8.self)
        let table = try SubscriberTable(
            csv:
                "# users\n id , username,domain,password,ha1\n\n1,alice,Example.com, wonder land ,\r\n2,bob,example.com,,\(hash)\n"
        )
        #expect(table.count == 2)
        func found(_ user: String, _ algorithm: DigestAlgorithm = .md5, realm: String = "example.com") -> Bool {
            table.userHash(of: bytes(user), realm: bytes(realm), algorithm) != nil
        }
        #expect(found("alice") && found("alice@example.com", realm: "x") && found("alice", .sha256))
        #expect(!found("Alice") && !found("alice", realm: "example.org"))
        #expect(
            table.userHash(of: bytes("alice"), realm: bytes("example.com"), .md5)
                == DigestAlgorithm.md5.userHash(
                    name: bytes("alice"), realm: bytes("example.com"), password: bytes("wonder land")))
        #expect(table.userHash(of: bytes("bob"), realm: bytes("example.com"), .md5) == bytes(hash))
        #expect(!found("bob", .sha256), "of a hash no other can be made")
    }

    @Test("ha1b serves those who give their name with the domain, ha1 the others")
    func longNames() throws {
        func hash(_ name: String) -> String {
            String(
                decoding: DigestAlgorithm.md5.userHash(
                    name: bytes(name), realm: bytes("example.com"), password: bytes("secret"))!, as: UTF8.self)
        }
        let table = try SubscriberTable(
            csv: "username,domain,ha1,ha1b\nbob,example.com,\(hash("bob")),\(hash("bob@example.com"))\n")
        func found(_ user: String) -> [UInt8]? { table.userHash(of: bytes(user), realm: bytes("example.com"), .md5) }
        #expect(found("bob") == bytes(hash("bob")))
        #expect(found("bob@example.com") == bytes(hash("bob@example.com")))
        #expect(found("bob@EXAMPLE.com") == nil, "the hash is of the other spelling")
    }

    @Test(
        "a file that can't be used is told with its line",
        arguments: [
            ("", 1, "is empty"), ("# only this\n", 2, "is empty"), ("alice,example.com,x", 1, "no column \"username\""),
            ("username,domain", 1, "none of the columns"), ("username,domain,domain,password", 1, "\"domain\" twice"),
            ("username,domain,password\nalice,example.com", 2, "has 2 values"),
            ("username,domain,password\n\n,example.com,x", 3, "needs a username"),
            ("username,domain,password\nalice,example.com,", 2, "neither a password"),
            ("username,domain,ha1\nalice,example.com,12", 2, "32 hexadecimal digits"),
            ("username,domain,password\na,b,c\na,B,d", 3, "a@B is there twice"),
        ])
    func mistakes(csv: String, line: Int, message: String) {
        let problem = #expect(throws: SubscriberTable.Problem.self) { try SubscriberTable(csv: csv) }
        #expect(problem?.line == line)
        #expect(problem?.message.contains(message) == true, "\(problem?.message ?? "")")
    }
}
