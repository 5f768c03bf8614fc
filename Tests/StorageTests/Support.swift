import Foundation
import GRDB
import ProxyCore
import Reactor
import Storage

/// A folder of a test's own, which goes with it.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "servartuka-storage-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { path + "/" + name }
}

func address(_ user: String, _ host: String = "example.com") -> AddressOfRecord {
    AddressOfRecord(user: user.utf8, host: host.utf8)!
}

func contact(
    _ uri: String, seconds: UInt64 = 600, q: Int? = nil, callID: String = "c1", cSeq: UInt32 = 1,
    source: SocketAddress = .none
) -> ContactBinding {
    ContactBinding(
        uri: Array(uri.utf8), q: q, expiresAt: StoreClock.now.monotonicMilliseconds + seconds * 1_000,
        callID: Array(callID.utf8), cSeq: cSeq, source: source)
}

/// A table with the store that keeps it in a file.
struct Kept {
    let table: LocationTable
    let changes: LocationChanges
    let store: LocationStore
    let notices = Monitor<[LocationStore.Notice]>([])

    init(_ path: String, waitingMax: Int = 1_000, flushMilliseconds: Int = 10, busySeconds: Double = 0.01) throws {
        changes = LocationChanges(addressesMax: waitingMax)
        table = LocationTable(changes: [changes])
        var settings = LocationStore.Settings(path: path)
        settings.flushMilliseconds = flushMilliseconds
        settings.busySeconds = busySeconds
        let notices = notices
        store = try LocationStore(settings, table: table, changes: changes) { notice in
            notices.withLock { $0.append(notice) }
            notices.notify()
        }
    }

    func set(_ address: AddressOfRecord, _ bindings: [ContactBinding]) {
        table.update(address, now: StoreClock.now.monotonicMilliseconds) { $0 = bindings }
    }

    func bindings(of address: AddressOfRecord) -> [ContactBinding] {
        table.bindings(of: address, now: StoreClock.now.monotonicMilliseconds)
    }

    /// The store's thread; ends with `store.stop()`.
    func start() -> Ending {
        let ending = Ending()
        let store = store
        Thread.detachNewThread {
            store.run()
            ending.reached()
        }
        return ending
    }
}

/// The end of a thread, to be waited for.
final class Ending: Sendable {
    private let isReached = Monitor(false)

    func reached() {
        isReached.withLock { $0 = true }
        isReached.notify()
    }

    /// False when it took longer than twenty seconds.
    func wait() -> Bool { isReached.wait(milliseconds: 20_000, until: { $0 }, then: { $0 }) }
}

/// Waits until a condition holds, for at most twenty seconds.
func eventually(_ condition: () throws -> Bool) rethrows -> Bool {
    for _ in 0..<2_000 {
        if try condition() { return true }
        usleep(10_000)
    }
    return false
}

/// Another program with the same file.
func neighbour(_ path: String) throws -> DatabaseQueue {
    var configuration = Configuration()
    configuration.busyMode = .timeout(20)
    configuration.allowsUnsafeTransactions = true
    return try DatabaseQueue(path: path, configuration: configuration)
}
