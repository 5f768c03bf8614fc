import Glibc
import ProxyCore
import Reactor
import Storage

/// What a full location table takes: memory, lookups, registrations, the database, and a start with it.
struct LocationBenchmark {
    let count: Int
    let path: String

    /// Users as telephones register them: one contact of some 50 bytes, a Call-ID of some 40.
    private func address(_ number: Int) -> AddressOfRecord {
        AddressOfRecord(user: "user\(1_000_000 + number)".utf8, host: "sip.example.com".utf8)!
    }

    private func binding(_ number: Int, cSeq: UInt32, now: UInt64) -> ContactBinding {
        let (high, low) = (number >> 8 & 255, number & 255)
        return ContactBinding(
            uri: Array("sip:user\(1_000_000 + number)@10.1.\(high).\(low):5060;transport=udp".utf8),
            expiresAt: now + 3_600_000, callID: Array("6fa459ea-ee8a-3ca4-894e-db77e\(1_000_000 + number)".utf8),
            cSeq: cSeq, source: SocketAddress(ipv4: 0xC000_0200 | UInt32(low), port: 1_024))
    }

    func run() {
        do { try measure() } catch { print("failed: \(error)") }
    }

    private func measure() throws {
        unlink(path)
        let now = StoreClock.now.monotonicMilliseconds
        let changes = LocationChanges(addressesMax: 1_000)
        let table = LocationTable(changes: [changes])
        let before = Self.residentBytes
        let filled = Self.seconds { for number in 0..<count { register(number, 1, in: table, now) } }
        let bytes = Self.residentBytes - before
        print("\(count) bindings, one an address")
        print("  memory        \(bytes / count) bytes a binding, \(bytes >> 20) MiB in all")
        print("  registrations \(Self.rate(count, filled)) a second into an empty table")
        let again = Self.seconds { for number in 0..<count { register(number, 2, in: table, now) } }
        print("                \(Self.rate(count, again)) a second again")
        var found = 0
        let looked = Self.seconds {
            for number in 0..<count { found += table.bindings(of: address(number &* 7_919 % count), now: now).count }
        }
        precondition(found == count)
        print("  lookups       \(Self.rate(count, looked)) a second by one thread, the address made included")
        try measureStore(table, changes)
    }

    private func measureStore(_ table: LocationTable, _ changes: LocationChanges) throws {
        let store = try LocationStore(LocationStore.Settings(path: path), table: table, changes: changes)
        let written = try Self.seconds { try store.flush() }
        // Ends at once: writes what waits, and puts the log into the file.
        store.stop()
        store.run()
        var status = stat()
        stat(path, &status)
        print(
            "  database      \(Self.rate(count, written)) bindings a second, \(Int(status.st_size) / count) bytes each")
        let fresh = LocationTable()
        let other = try LocationStore(LocationStore.Settings(path: path), table: fresh, changes: changes)
        let restored = try Self.seconds { _ = try other.restore() }
        precondition(fresh.count == count)
        print("  start         \(Int(restored * 1_000)) ms")
        unlink(path)
    }

    private func register(_ number: Int, _ cSeq: UInt32, in table: LocationTable, _ now: UInt64) {
        table.update(address(number), now: now) { $0 = [binding(number, cSeq: cSeq, now: now)] }
    }

    private static func rate(_ count: Int, _ seconds: Double) -> Int { Int(Double(count) / seconds) }

    private static func seconds(_ body: () throws -> Void) rethrows -> Double {
        let start = StoreClock.now.monotonicMilliseconds
        try body()
        return max(Double(StoreClock.now.monotonicMilliseconds - start), 1) / 1_000
    }

    private static var residentBytes: Int {
        guard let file = fopen("/proc/self/statm", "r") else { return 0 }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        guard fgets(&line, Int32(line.count), file) != nil else { return 0 }
        let fields = String(decoding: line.map { UInt8(bitPattern: $0) }, as: UTF8.self).split(separator: " ")
        return (fields.count > 1 ? Int(fields[1]) ?? 0 : 0) * Int(sysconf(Int32(_SC_PAGESIZE)))
    }
}
