import Foundation
import GRDB
import ProxyCore
import Reactor
import Storage
import Testing

/// Records on their way from a queue into files.
@Suite("Accounting sinks")
struct AccountingSinkTests {
    private let folder: TemporaryFolder
    private let path: String
    private let fields = [
        AccountingField(name: "agent", source: .header("User-Agent")), AccountingField(name: "order", source: .script),
    ]

    init() throws {
        folder = try TemporaryFolder()
        path = folder.file("acc.sqlite")
    }

    private func row(
        _ number: Int, method: String = "INVITE", reason: String = "OK", fields: [String] = ["", ""]
    ) -> TransactionRecord {
        TransactionRecord(
            method: Array(method.utf8), callID: Array("call-\(number)".utf8), fromTag: Array("f".utf8),
            toTag: Array("t".utf8), code: 200, reason: Array(reason.utf8), at: StoreClock.now.monotonicMilliseconds,
            fields: fields.map { Array($0.utf8) })
    }

    private func call(fields: [String] = ["", ""]) -> CallRecord {
        let now = StoreClock.now.monotonicMilliseconds
        return CallRecord(
            callID: Array("call-1".utf8), fromTag: Array("f".utf8), toTag: Array("t".utf8),
            caller: Array("sip:a@example.com".utf8), callee: Array("sip:b@example.com".utf8), startedAt: now - 90_500,
            endedAt: now, endedBy: .callee, fields: fields.map { Array($0.utf8) })
    }

    private func callIDs(_ table: String = "acc") throws -> [String] {
        try neighbour(path).read { try String.fetchAll($0, sql: "SELECT callid FROM \(table) ORDER BY id") }
    }

    // MARK: SQLite

    @Test("rows have the names and forms of OpenSER's tables, and the further columns")
    func columns() throws {
        let database = try AccountingDatabase(path: path, fields: fields)
        try database.write(
            [
                .transaction(row(1, fields: ["x'y", "7"])), .missedCall(row(2)),
                .call(call(fields: ["phone", ""])),
            ], .now)
        database.close()
        let file = try neighbour(path)
        let acc = try #require(try file.read { try Row.fetchOne($0, sql: "SELECT * FROM acc") })
        #expect(acc["id"] == 1)
        let names = ["method", "from_tag", "to_tag", "callid", "sip_code", "sip_reason", "agent", "order"]
        let values = ["INVITE", "f", "t", "call-1", "200", "OK", "x'y", "7"]
        #expect(names.map { acc[$0] as String } == values)
        let seconds = try file.read {
            try Int.fetchOne($0, sql: "SELECT strftime('%s', 'now') - strftime('%s', time) FROM acc")
        }
        #expect((0...10).contains(try #require(seconds)))
        #expect(try callIDs("missed_calls") == ["call-2"])
        let cdr = try #require(
            try file.read {
                try Row.fetchOne(
                    $0,
                    sql: "SELECT *, strftime('%s', end_time) - strftime('%s', start_time) AS seconds FROM cdrs")
            })
        #expect(cdr["duration"] == 90.5)
        #expect([90, 91].contains(cdr["seconds"] as Int))
        let texts = ["sip_call_id", "sip_from_tag", "sip_to_tag", "caller", "callee", "ended_by", "agent"]
        let expected = ["call-1", "f", "t", "sip:a@example.com", "sip:b@example.com", "callee", "phone"]
        #expect(texts.map { cdr[$0] as String } == expected)
    }

    @Test("tables of another program are written to, and get the columns that they lack")
    func foreign() throws {
        try neighbour(path).write {
            try $0.execute(
                sql: """
                    CREATE TABLE acc (id INTEGER PRIMARY KEY, method TEXT, from_tag TEXT, to_tag TEXT, callid TEXT,
                        sip_code TEXT, sip_reason TEXT, time TEXT, src_user TEXT DEFAULT '');
                    INSERT INTO acc (callid) VALUES ('old');
                    """)
        }
        let database = try AccountingDatabase(path: path, fields: fields)
        try database.write([.transaction(row(1))], .now)
        #expect(try callIDs() == ["old", "call-1"])
        try neighbour(path).write {
            try $0.execute(sql: "DROP TABLE cdrs; CREATE TABLE cdrs (id INTEGER PRIMARY KEY, start_time TEXT)")
        }
        #expect { _ = try AccountingDatabase(path: path, fields: []) } throws: {
            "\($0)".contains("the table cdrs has no column \"end_time\"")
        }
    }

    @Test("bytes that are no text come back as they were")
    func bytes() throws {
        var odd = row(1)
        odd.callID = [0xC3, 0x28, 0x00, 0x27]
        let database = try AccountingDatabase(path: path, fields: fields)
        try database.write([.transaction(odd)], .now)
        #expect(try neighbour(path).read { try Data.fetchOne($0, sql: "SELECT callid FROM acc") } == Data(odd.callID))
    }

    // MARK: The writer

    @Test("what waits is written by itself, and the rest when the queue is closed")
    func thread() throws {
        let kept = try Written(AccountingDatabase(path: path, fields: fields))
        let ending = kept.start()
        kept.add(.transaction(row(1)))
        #expect(try eventually { try callIDs() == ["call-1"] })
        for number in 2...400 { kept.add(.transaction(row(number))) }
        kept.queue.close()
        #expect(ending.wait())
        #expect(try callIDs() == (1...400).map { "call-\($0)" })
        #expect(kept.writer.writtenCount == 400 && kept.queue.count == 0 && kept.queue.droppedCount == 0)
        // The log has been put into the file: it can be copied as it is.
        #expect(!FileManager.default.fileExists(atPath: path + "-wal"))
    }

    @Test("a queue that is half full does not wait for the interval")
    func halfFull() throws {
        let kept = try Written(
            AccountingDatabase(path: path, fields: fields), recordsMax: 10, flushMilliseconds: 600_000)
        let ending = kept.start()
        for number in 0..<5 { kept.add(.transaction(row(number))) }
        #expect(try eventually { try callIDs().count == 5 })
        kept.queue.close()
        #expect(ending.wait())
    }

    @Test("while the database is locked records wait, the bound holds, and nothing is written twice")
    func locked() throws {
        let kept = try Written(AccountingDatabase(path: path, fields: fields, busySeconds: 0.01), recordsMax: 10)
        let other = try neighbour(path)
        try other.inDatabase { try $0.execute(sql: "BEGIN IMMEDIATE") }
        for number in 0..<8 { kept.add(.transaction(row(number))) }
        for _ in 0..<2 { #expect { try kept.writer.flush() } throws: { "\($0)".contains("locked") } }
        for number in 8..<13 { kept.add(.transaction(row(number))) }
        #expect(kept.queue.count == 10 && kept.queue.droppedCount == 3)
        try other.inDatabase { try $0.execute(sql: "ROLLBACK") }
        try kept.writer.flush()
        #expect(try callIDs() == (0..<10).map { "call-\($0)" })
    }

    @Test("failures are told and counted once, then that all is well again")
    func notices() throws {
        let kept = try Written(AccountingDatabase(path: path, fields: fields, busySeconds: 0.01))
        let other = try neighbour(path)
        try other.inDatabase { try $0.execute(sql: "BEGIN IMMEDIATE") }
        kept.add(.transaction(row(1)))
        let ending = kept.start()
        #expect(eventually { kept.writer.failureCount >= 2 })
        try other.inDatabase { try $0.execute(sql: "ROLLBACK") }
        #expect(eventually { kept.notices.withLock { $0.count } == 2 })
        let notices = kept.notices.withLock { $0 }
        guard case .failing? = notices.first, notices.last == .recovered else {
            Issue.record("\(notices)")
            return
        }
        kept.queue.close()
        #expect(ending.wait())
        #expect(try callIDs() == ["call-1"])
    }

    @Test("what cannot be written at the end is counted as lost and told")
    func lost() throws {
        let kept = try Written(AccountingDatabase(path: path, fields: fields, busySeconds: 0.01))
        let other = try neighbour(path)
        try other.inDatabase { try $0.execute(sql: "BEGIN IMMEDIATE") }
        for number in 0..<3 { kept.add(.transaction(row(number))) }
        kept.queue.close()
        kept.writer.run()
        #expect(kept.notices.withLock { $0.last } == .lost(3))
        #expect(kept.queue.droppedCount == 3)
    }

    @Test("a process that is killed has lost no transaction that was committed, and the file is whole")
    func killed() throws {
        // The file as it is on disk while the writer still has it open is what a killed process leaves.
        let kept = try Written(AccountingDatabase(path: path, fields: fields))
        for number in 0..<100 { kept.add(.transaction(row(number))) }
        try kept.writer.flush()
        for number in 100..<150 { kept.add(.transaction(row(number))) }
        let copy = folder.file("copy.sqlite")
        for suffix in ["", "-wal"] { try FileManager.default.copyItem(atPath: path + suffix, toPath: copy + suffix) }
        let found = try neighbour(copy)
        #expect(try found.read { try String.fetchOne($0, sql: "PRAGMA integrity_check") } == "ok")
        #expect(try found.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM acc") } == 100)
    }

    // MARK: Comma-separated values

    private func lines(_ path: String) throws -> [String] {
        let text = try String(contentsOfFile: path, encoding: .utf8)
        return text.components(separatedBy: "\r\n").dropLast().map { $0 }
    }

    @Test("a file has one header row, and values are quoted by RFC 4180")
    func csv() throws {
        let path = folder.file("acc.csv")
        for turn in 1...2 {
            let file = try AccountingFile(path: path, content: .transactions, fields: fields)
            try file.write(
                [
                    .transaction(row(turn, reason: "No, \"really\"")),
                    .missedCall(row(turn, fields: ["two\nlines", ""])),
                ],
                .now)
            file.close()
        }
        let lines = try lines(path)
        #expect(lines.count == 5)
        #expect(lines[0] == "record,method,from_tag,to_tag,callid,sip_code,sip_reason,time,agent,order")
        #expect(lines[1].hasPrefix("acc,INVITE,f,t,call-1,200,\"No, \"\"really\"\"\",20"))
        #expect(
            lines[2].hasPrefix("missed_calls,INVITE,f,t,call-1,200,OK,20") && lines[2].hasSuffix(",\"two\nlines\","))
        #expect(lines[3].hasPrefix("acc,INVITE,f,t,call-2,"))
        let calls = folder.file("cdrs.csv")
        let file = try AccountingFile(path: calls, content: .calls, fields: [])
        try file.write([.call(call(fields: []))], .now)
        let cdrs = try self.lines(calls)
        #expect(
            cdrs[0]
                == "start_time,end_time,duration,sip_call_id,sip_from_tag,sip_to_tag,caller,callee,ended_by")
        #expect(cdrs[1].hasSuffix(",90.5,call-1,f,t,sip:a@example.com,sip:b@example.com,callee"))
    }

    @Test("a file that was moved away is written on until it is opened anew; the new one has its header")
    func rotation() throws {
        let (path, moved) = (folder.file("acc.csv"), folder.file("acc.csv.1"))
        let file = try AccountingFile(path: path, content: .transactions, fields: [])
        try FileManager.default.moveItem(atPath: path, toPath: moved)
        try file.write([.transaction(row(1, fields: []))], .now)
        try file.reopen()
        try file.write([.transaction(row(2, fields: []))], .now)
        #expect(try lines(moved).count == 2 && lines(path).count == 2)
        #expect(try lines(path)[1].contains("call-2"))
        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        #expect { try file.reopen() } throws: { "\($0)".contains("directory") }
    }

    @Test("a full disk is told")
    func fullDisk() throws {
        #expect { _ = try AccountingFile(path: "/dev/full", content: .transactions, fields: []) } throws: {
            "\($0)".contains("No space left")
        }
    }

    @Test("a queue takes only the kinds that its sink writes")
    func kinds() throws {
        let kept = try Written(
            AccountingFile(path: folder.file("cdrs.csv"), content: .calls, fields: []), kinds: [.call])
        kept.add(.transaction(row(1, fields: [])))
        kept.add(.call(call(fields: [])))
        #expect(kept.queue.count == 1)
        try kept.writer.flush()
        #expect(try lines(folder.file("cdrs.csv")).count == 2)
    }
}

/// A sink with its queue and writer.
private struct Written {
    let queue: AccountingQueue
    let writer: AccountingWriter
    let notices = Monitor<[AccountingWriter.Notice]>([])

    init(
        _ sink: any AccountingSink, recordsMax: Int = 1_000, flushMilliseconds: Int = 10,
        kinds: [AccountingKind] = AccountingKind.allCases
    ) {
        queue = AccountingQueue(recordsMax: recordsMax, kinds: kinds)
        let notices = notices
        writer = AccountingWriter(sink, queue: queue, flushMilliseconds: flushMilliseconds) { notice in
            notices.withLock { $0.append(notice) }
        }
    }

    func add(_ record: AccountingRecord) { queue.add(record) }

    /// The writer's thread; ends with `queue.close()`.
    func start() -> Ending {
        let ending = Ending()
        let writer = writer
        Thread.detachNewThread {
            writer.run()
            ending.reached()
        }
        return ending
    }
}
