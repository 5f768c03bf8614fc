internal import Logging
internal import ProxyCore
internal import Storage

/// The stores of a running proxy and their threads.
struct StoreThreads: Sendable {
    private let location: LocationStore
    private let thread: NamedThread

    init(location: LocationStore) throws(SystemError) {
        self.location = location
        thread = try NamedThread.start("location") { location.run() }
    }

    /// Writes what waits and ends the threads. Call it once.
    func stop() {
        location.stop()
        thread.join()
    }

    var values: [RuntimeValue] {
        StoreCounter.allCases.map { counter in
            RuntimeValue(
                family: MetricFamily(
                    "servartuka_\(counter.name)", kind: counter.isGauge ? .gauge : .counter, help: counter.help),
                value: location.value(counter))
        }
    }
}

extension DataPlane {
    /// Opens the stores and fills the tables that they keep; nil when everything is in memory only.
    func makeStores(_ configuration: Configuration) throws -> StoreThreads? {
        guard let path = configuration.location.database, let changes = routing.locationChanges else { return nil }
        var settings = LocationStore.Settings(path: path)
        settings.flushMilliseconds = configuration.location.flushMilliseconds
        let logger = log.logger(label: "location")
        do {
            let store = try LocationStore(settings, table: routing.registrar.locations, changes: changes) { notice in
                switch notice {
                case .failing(let error):
                    logger.error(
                        "bindings cannot be written; they are served from memory and wait",
                        metadata: ["file": "\(path)", "error": "\(error)"])
                case .recovered: logger.notice("bindings are written again", metadata: ["file": "\(path)"])
                }
            }
            let restored = try store.restore()
            logger.notice("bindings restored", metadata: ["file": "\(path)", "bindings": "\(restored.bindings)"])
            if restored.unusable > 0 {
                logger.warning(
                    "rows were passed over that no registrar wrote",
                    metadata: ["file": "\(path)", "rows": "\(restored.unusable)"])
            }
            return try StoreThreads(location: store)
        } catch let error as StoreError {
            throw RuntimeError("location.database: \(path): \(error)")
        }
    }
}
