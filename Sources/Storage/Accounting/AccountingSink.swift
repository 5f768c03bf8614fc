public import ProxyCore

/// Where accounting records are written. Used by one thread, which may wait for it.
public protocol AccountingSink: Sendable {
    /// In metrics and messages.
    var name: String { get }
    /// Records that one `write` takes.
    var batchMax: Int { get }

    /// Writes all of the records or none.
    func write(_ records: [AccountingRecord], _ clock: StoreClock) throws(StoreError)

    /// Opens a file anew that may have been moved away. From any thread.
    func reopen() throws(StoreError)

    func close()
}
