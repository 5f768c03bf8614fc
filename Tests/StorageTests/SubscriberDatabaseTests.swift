import Foundation
import GRDB
import Storage
import Testing

@testable import ProxyCore

@Suite("Subscribers in a database")
struct SubscriberDatabaseTests {
    private let folder: TemporaryFolder
    private let path: String

    init() throws {
        folder = try TemporaryFolder()
        path = folder.file("subscribers.sqlite")
    }

    private func make(_ sql: String) throws {
        try neighbour(path).write { try $0.execute(sql: sql) }
    }

    private static let table = """
        CREATE TABLE subscriber (id INTEGER PRIMARY KEY NOT NULL, username VARCHAR(64) DEFAULT '' NOT NULL,
          domain VARCHAR(64) DEFAULT '' NOT NULL, password VARCHAR(64) DEFAULT '' NOT NULL,
          email_address VARCHAR(128) DEFAULT '' NOT NULL, ha1 VARCHAR(128) DEFAULT '' NOT NULL,
          ha1b VARCHAR(128) DEFAULT '' NOT NULL, rpid VARCHAR(128) DEFAULT NULL);
        """

    @Test("users of OpenSER's table are known by password or hash; those with neither are left out")
    func users() throws {
        func hash(_ name: String, _ algorithm: DigestAlgorithm = .md5) -> String {
            let hash = algorithm.userHash(
                name: Array(name.utf8), realm: Array("example.com".utf8), password: Array("secret".utf8))
            return String(decoding: hash ?? [], as: UTF8.self)
        }
        try make(
            Self.table + """
                ALTER TABLE subscriber ADD COLUMN ha1_sha256 VARCHAR(128) DEFAULT NULL;
                INSERT INTO subscriber (username, domain, password, ha1, ha1b, ha1_sha256) VALUES
                  ('alice', 'example.com', 'secret, with a comma', '', '', NULL),
                  ('bob', 'example.com', '', '\(hash("bob"))', '\(hash("bob@example.com"))', '\(hash("bob", .sha256))'),
                  (555010, 'example.com', 'x', '', '', NULL),
                  ('off', 'example.com', '', '', '', NULL);
                """)
        #expect(SubscriberDatabase.isOne(path))
        let table = try SubscriberDatabase.read(path)
        #expect(table.count == 3)
        func found(_ user: String, _ algorithm: DigestAlgorithm = .md5) -> String? {
            table.userHash(of: Array(user.utf8), realm: Array("example.com".utf8), algorithm).map {
                String(decoding: $0, as: UTF8.self)
            }
        }
        #expect(found("bob") == hash("bob"))
        #expect(found("bob", .sha256) == hash("bob", .sha256))
        #expect(found("bob@example.com") == hash("bob@example.com"))
        #expect(found("alice") != nil && found("555010") != nil)
        #expect(found("off") == nil)
    }

    @Test(
        "what cannot be used is told in words",
        arguments: [
            ("CREATE TABLE x (y)", "no such table: subscriber"),
            ("CREATE TABLE subscriber (username, password)", "no column \"domain\""),
            ("CREATE TABLE subscriber (username, domain)", "no column \"password\""),
            (
                table + "INSERT INTO subscriber (username, domain, ha1) VALUES ('a', 'b', 'c')",
                "row 1 of the table subscriber: ha1 is no MD5"
            ),
            (table + "INSERT INTO subscriber (username, password) VALUES ('a', 'b')", "needs a username and a domain"),
        ])
    func unusable(_ sql: String, _ words: String) throws {
        try make(sql)
        #expect { try SubscriberDatabase.read(path) } throws: { "\($0)".contains(words) }
    }

    @Test("text is no database")
    func text() throws {
        try "username,domain,password\n".write(toFile: path, atomically: true, encoding: .utf8)
        #expect(!SubscriberDatabase.isOne(path))
        #expect(!SubscriberDatabase.isOne(folder.file("nowhere")))
    }
}
