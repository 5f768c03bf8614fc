import Foundation
import GRDB
import ProxyCore
import Reactor
import Storage
import Testing

@Suite("Location store")
struct LocationStoreTests {
    private let folder: TemporaryFolder
    private let path: String

    init() throws {
        folder = try TemporaryFolder()
        path = folder.file("location.sqlite")
    }

    @Test("what was registered before a restart is served after it")
    func restart() throws {
        let before = try Kept(path)
        let bob = [
            contact("sip:bob@192.0.2.7:5070;transport=tcp", q: 500, callID: "a", cSeq: 7),
            contact(
                "sip:bob@10.0.0.9", seconds: 90, callID: "b", cSeq: .max,
                source: SocketAddress("[2001:db8::7]:1024")!.withTransport(.tcp)),
        ]
        before.set(address("bob"), bob)
        before.set(address("", "gateway.example.com"), [contact("sips:gateway.example.com", q: 0)])
        before.set(address("o'neil;x"), [contact("sip:o'neil%3Bx@192.0.2.8")])
        try before.store.flush()
        let after = try Kept(path)
        #expect(try after.store.restore() == LocationStore.Restored(bindings: 4, unusable: 0))
        #expect(after.table.count == 4)
        let restored = after.bindings(of: address("bob"))
        for (old, new) in zip(bob, restored) {
            // The file keeps whole seconds and shortens nothing.
            #expect(new.expiresAt >= old.expiresAt && new.expiresAt < old.expiresAt + 2_000)
        }
        #expect(restored.map(\.uri) == bob.map(\.uri))
        #expect(restored.map(\.q) == [500, nil])
        #expect(restored.map(\.callID) == bob.map(\.callID))
        #expect(restored.map(\.cSeq) == [7, .max])
        #expect(restored.map(\.source) == bob.map(\.source))
        #expect(after.bindings(of: address("", "gateway.example.com")).map(\.q) == [0])
        #expect(after.bindings(of: address("o'neil;x")).count == 1)
        #expect(after.changes.count == 0, "what comes from the file is no change")
    }

    @Test("names that are no text come back byte for byte")
    func bytes() throws {
        let before = try Kept(path)
        let odd = AddressOfRecord(user: [0x61, 0x00, 0x62, 0xFF, 0x40, 0x0A], host: "example.com".utf8)!
        var binding = contact("sip:x@192.0.2.7")
        binding.callID = [0xC3, 0x28, 0x00]
        before.set(odd, [binding])
        try before.store.flush()
        let after = try Kept(path)
        #expect(try after.store.restore().bindings == 1)
        #expect(after.bindings(of: odd).map(\.callID) == [binding.callID])
    }

    @Test("bindings that end are taken out of the file, others of the address stay")
    func removal() throws {
        let kept = try Kept(path)
        kept.set(address("bob"), [contact("sip:bob@192.0.2.7"), contact("sip:bob@192.0.2.8")])
        try kept.store.flush()
        kept.set(address("bob"), [contact("sip:bob@192.0.2.8")])
        try kept.store.flush()
        #expect(try contacts() == ["sip:bob@192.0.2.8"])
        kept.set(address("bob"), [])
        try kept.store.flush()
        #expect(try contacts() == [])
    }

    @Test("rows have the names and forms of OpenSER's table")
    func columns() throws {
        let kept = try Kept(path)
        kept.set(
            address("bob"),
            [contact("sip:bob@10.0.0.9", q: 250, callID: "c", cSeq: 3, source: SocketAddress("192.0.2.7:1024")!)])
        try kept.store.flush()
        let row = try #require(try neighbour(path).read { try Row.fetchOne($0, sql: "SELECT * FROM location") })
        #expect(row["username"] == "bob")
        #expect(row["domain"] == "example.com")
        #expect(row["contact"] == "sip:bob@10.0.0.9")
        #expect(row["received"] == "sip:192.0.2.7:1024")
        #expect(row["q"] == 0.25)
        #expect(row["callid"] == "c")
        #expect(row["cseq"] == 3)
        for column in ["path", "flags", "cflags", "user_agent", "socket", "methods"] { #expect(row.hasColumn(column)) }
        for column in ["expires", "last_modified"] {
            let text = try #require(row[column] as String?)
            #expect(text.wholeMatch(of: /\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/) != nil, "\(text)")
        }
        let seconds = try neighbour(path).read {
            try Int.fetchOne($0, sql: "SELECT strftime('%s', expires) - strftime('%s', 'now') FROM location")
        }
        #expect((590...602).contains(try #require(seconds)))
    }

    @Test("what has expired meanwhile is not restored")
    func expired() throws {
        let kept = try Kept(path)
        kept.set(address("bob"), [contact("sip:bob@192.0.2.7")])
        try kept.store.flush()
        var later = StoreClock.now
        later.unixMilliseconds += 3_600_000
        let after = try Kept(path)
        #expect(try after.store.restore(later) == LocationStore.Restored(bindings: 0, unusable: 0))
    }

    @Test(
        "rows that no registrar wrote are passed over, whatever is in them",
        arguments: [
            "contact = 'sip:bob@192.0.2.7' || char(13, 10) || 'X: y'", "contact = 'sip:bob@192.0.2.7>;x=<'",
            "contact = 'tel:+1555010'", "contact = ''", "contact = printf('sip:%.600c@192.0.2.7', 'x')",
            "contact = x'00'", "contact = 'sip:bob@192.0.2.7?X=y'", "domain = ''", "username = printf('%.300c', 'x')",
            "callid = printf('%.600c', 'x')", "cseq = -1", "cseq = 4294967296", "q = 7", "q = 1e300",
            "expires = 'soon'", "expires = '2030-13-01 00:00:00'", "expires = x'00'",
        ])
    func hostile(_ change: String) throws {
        let kept = try Kept(path)
        kept.set(address("bob"), [contact("sip:bob@192.0.2.7")])
        kept.set(address("carol"), [contact("sip:carol@192.0.2.8")])
        try kept.store.flush()
        try neighbour(path).write { try $0.execute(sql: "UPDATE location SET \(change) WHERE username = 'bob'") }
        let after = try Kept(path)
        #expect(try after.store.restore() == LocationStore.Restored(bindings: 1, unusable: 1))
        #expect(after.bindings(of: address("carol")).count == 1)
    }

    @Test("while the file cannot be written memory serves on, and all is written afterwards")
    func trouble() throws {
        let kept = try Kept(path)
        let ending = kept.start()
        let other = try neighbour(path)
        try other.inDatabase { try $0.execute(sql: "BEGIN IMMEDIATE") }
        for number in 0..<50 { kept.set(address("user\(number)"), [contact("sip:user@192.0.2.7")]) }
        #expect(eventually { kept.store.value(.locationFailures) >= 2 })
        #expect(kept.bindings(of: address("user7")).count == 1)
        #expect(kept.store.value(.locationWaiting) == 50)
        try other.inDatabase { try $0.execute(sql: "ROLLBACK") }
        #expect(eventually { kept.store.value(.locationWaiting) == 0 && kept.notices.withLock { $0.count } == 2 })
        #expect(try contacts().count == 50)
        #expect(kept.notices.withLock { $0.last } == .recovered)
        kept.store.stop()
        #expect(ending.wait())
    }

    @Test("when more has changed than may wait, the whole table is written and what is gone goes")
    func overflow() throws {
        let kept = try Kept(path, waitingMax: 10)
        kept.set(address("gone"), [contact("sip:gone@192.0.2.7")])
        try kept.store.flush()
        kept.set(address("gone"), [])
        for number in 0..<100 { kept.set(address("user\(number)"), [contact("sip:user\(number)@192.0.2.7")]) }
        #expect(kept.store.value(.locationOverflows) == 1)
        #expect(kept.store.value(.locationWaiting) == 10)
        try kept.store.flush()
        #expect(try Set(contacts()) == Set((0..<100).map { "sip:user\($0)@192.0.2.7" }))
        #expect(kept.store.value(.locationWaiting) == 0)
    }

    @Test("changes are written by themselves, and the last ones when the store stops")
    func thread() throws {
        let kept = try Kept(path, busySeconds: 20)
        let ending = kept.start()
        kept.set(address("bob"), [contact("sip:bob@192.0.2.7")])
        #expect(try eventually { try contacts() == ["sip:bob@192.0.2.7"] })
        kept.set(address("carol"), [contact("sip:carol@192.0.2.8")])
        kept.store.stop()
        #expect(ending.wait())
        #expect(try contacts().count == 2)
        // The log has been put into the file: it can be copied as it is.
        #expect(!FileManager.default.fileExists(atPath: path + "-wal"))
    }

    @Test("a file of another program is left alone")
    func foreign() throws {
        try neighbour(path).write { try $0.execute(sql: "CREATE TABLE location (id INTEGER, username TEXT)") }
        #expect {
            _ = try Kept(path)
        } throws: {
            "\($0)".contains("servartuka ctl location import")
        }
        let text = folder.file("notes.txt")
        try String(repeating: "not a database ", count: 100).write(toFile: text, atomically: true, encoding: .utf8)
        #expect { _ = try Kept(text) } throws: { "\($0)".contains("not a database") }
        #expect { _ = try Kept("/proc/nowhere/location.sqlite") } throws: { "\($0)".contains("unable to open") }
    }

    private func contacts() throws -> [String] {
        try neighbour(path).read { try String.fetchAll($0, sql: "SELECT contact FROM location ORDER BY id") }
    }
}
