import Foundation
import GRDB
import ProxyCore
import Reactor
import Storage
import Testing

@Suite("Dumps of location tables")
struct LocationFileTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func entries(_ path: String, domain: String = "") throws -> [LocationFile.Entry] {
        var entries: [LocationFile.Entry] = []
        try LocationFile.read(path, domain: domain) { entries.append($0) }
        return entries
    }

    private func text(_ content: String) throws -> String {
        let path = folder.file("dump.txt")
        try content.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    private let rows = [
        LocationRow(
            username: Array("bob, \"the\n builder\"".utf8), domain: Array("example.com".utf8),
            contact: Array("sip:bob@192.0.2.7;x=\"1,2\"".utf8),
            received: SocketAddress("[2001:db8::7]:1024")!.withTransport(.tls), expires: 1_893_456_000, q: 125,
            callID: Array("a@b".utf8), cSeq: 4_294_967_295),
        LocationRow(
            username: [], domain: Array("gateway.example.com".utf8), contact: Array("sip:gateway.example.com".utf8),
            expires: 1_893_456_001, callID: [], cSeq: 0),
    ]

    @Test("what is exported is imported as it was", arguments: ["dump.csv", "dump.sqlite", "dump"])
    func roundTrip(_ name: String) throws {
        let path = folder.file(name)
        let export = try LocationExport(path)
        try export.write(rows)
        try export.write([])
        #expect(try entries(path).map(\.row) == rows)
        #expect(try entries(path).allSatisfy { !$0.hasPath })
        #expect { try LocationExport(path) } throws: { "\($0)".contains("File exists") }
    }

    @Test("a table of Kamailio's, with more columns and times of every kind")
    func kamailio() throws {
        let path = folder.file("kamailio.db")
        try DatabaseQueue(path: path).write { database in
            try database.execute(
                sql: """
                    CREATE TABLE location (id INTEGER PRIMARY KEY NOT NULL, ruid VARCHAR(64) DEFAULT '' NOT NULL,
                      username VARCHAR(64) DEFAULT '' NOT NULL, domain VARCHAR(64) DEFAULT NULL,
                      contact VARCHAR(512) DEFAULT '' NOT NULL, received VARCHAR(128) DEFAULT NULL,
                      path VARCHAR(512) DEFAULT NULL, expires TIMESTAMP WITHOUT TIME ZONE NOT NULL,
                      q REAL DEFAULT 1.0 NOT NULL, callid VARCHAR(255) DEFAULT 'Default-Call-ID' NOT NULL,
                      cseq INTEGER DEFAULT 1 NOT NULL, user_agent VARCHAR(255) DEFAULT '' NOT NULL);
                    INSERT INTO location (ruid, username, contact, expires, q, callid, cseq, received, path) VALUES
                      ('1', 'bob', 'sip:bob@192.0.2.7', '2030-01-01 00:00:00', -1, 'a', 3, 'sip:192.0.2.9:1024;transport=TCP', ''),
                      ('2', 'bob', 'sip:bob@192.0.2.8', 1893456000, 0.5, 'b', 4, 'nonsense', NULL),
                      ('3', '555', 'sip:555@192.0.2.8', 2462502.5, 1.0, 'c', 5, NULL, '<sip:192.0.2.1;lr>'),
                      ('4', 'eve', 'sip:eve@192.0.2.8', 'never', 1.0, 'c', 5, NULL, NULL);
                    """)
        }
        let found = try entries(path, domain: "example.com")
        #expect(found.map(\.row?.expires) == [1_893_456_000, 1_893_456_000, 1_893_456_000, nil])
        #expect(found.map(\.row?.q) == [nil, 500, 1_000, nil])
        #expect(
            found.map { $0.row?.received.description } == ["192.0.2.9:1024", "none", "none", nil])
        #expect(found[0].row?.received.transport == .tcp)
        #expect(found.map(\.hasPath) == [false, false, true, false])
        #expect(found.map(\.line) == [1, 2, 3, 4])
        #expect(found.compactMap(\.row).allSatisfy { $0.domain == Array("example.com".utf8) })
    }

    @Test("tables as MySQL's client prints them, and lines that are no rows")
    func printed() throws {
        let path = try text(
            "id\tusername\tdomain\tcontact\tpath\texpires\tq\tcallid\tcseq\n"
                + "1\tbob\tNULL\tsip:bob@192.0.2.7\tNULL\t2030-01-01 00:00:00\t-1.00\ta\t3\n\n"
                + "2\tbob\tNULL\n"
                + "3\tcarol\texample.org\tsip:carol@192.0.2.7\t\\N\t1893456000\t0.50\ta\t3\r\n"
                + "4\tdan\texample.org\tsip:dan@192.0.2.7\tx\tsoon\t0.50\ta\t3\n"
                + "5\tdan\texample.org\tsip:dan@192.0.2.7\tx\t1893456000\t0.50\ta\t-3")
        let found = try entries(path, domain: "example.com")
        #expect(
            found.map { $0.row.map { String(decoding: $0.username, as: UTF8.self) } } == [
                "bob", nil, "carol", nil, nil,
            ])
        #expect(found.map(\.line) == [2, 4, 5, 6, 7])
        #expect(found[0].row?.domain == Array("example.com".utf8))
        #expect(found[2].row?.callID == Array("a".utf8))
    }

    @Test(
        "what is no dump is refused",
        arguments: [
            ("", "is empty"), ("\n\n", "is empty"), ("username,contact\n", "no column \"expires\""),
            ("\0\"", "no column"),
        ])
    func refused(_ content: String, _ problem: String) throws {
        let path = try text(content)
        #expect { try entries(path) } throws: { "\($0)".contains(problem) }
        #expect { try entries(folder.file("nowhere")) } throws: { "\($0)".contains("cannot be read") }
    }

    @Test("whatever the text, reading returns")
    func garbage() throws {
        var random = SystemRandomNumberGenerator()
        let pieces = [
            "username,", "contact,", "expires\n", "\"", "\"\"", ",", "\n", "\r\n", "a", "\t", "\0", "é", "NULL",
        ]
        for _ in 0..<300 {
            let content = (0..<Int.random(in: 0..<30, using: &random)).map { _ in pieces.randomElement(using: &random)!
            }
            .joined()
            let whole = "username,contact,expires\n" + content
            let path = try text(Bool.random() ? content : whole)
            var count = 0
            try? LocationFile.read(path, domain: "") { _ in count += 1 }
            #expect(count <= content.utf8.count, "\(content.debugDescription)")
        }
    }

    @Test("times of day are those of the calendar")
    func calendar() throws {
        for (text, seconds) in [
            ("1970-01-01 00:00:00", 0), ("2000-02-29 23:59:59", 951_868_799), ("2038-01-19 03:14:08", 2_147_483_648),
            ("2026-11-27T07:00:00.123Z", 1_795_762_800), ("1900-01-01 00:00:01", -2_208_988_799),
        ] as [(String, Int64)] {
            let path = try self.text("username,contact,expires\nbob,sip:bob@192.0.2.7,\(text)\n")
            #expect(try entries(path).first?.row?.expires == seconds, "\(text)")
        }
    }
}
