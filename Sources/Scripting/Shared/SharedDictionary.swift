/// A dictionary that all workers share, kept through reloads: `shared.NAME` in scripts.
///
/// Entries are divided among parts by the hash of their key, each with a lock and its share of the memory, so that
/// workers seldom wait for each other.
public final class SharedDictionary: Sendable {
    public let name: String
    private let parts: [DictionaryPart]

    /// Longest key, in bytes.
    public static let keyBytesMax = 1_024
    /// A part gets at least so much, so that a small dictionary is one part and evicts in exact order.
    static let partBytesMin = 1 << 20
    static let partsMax = 16

    public init(name: String, bytesMax: Int) {
        self.name = name
        let count = min(max(bytesMax / Self.partBytesMin, 1), Self.partsMax)
        parts = (0..<count).map { _ in DictionaryPart(bytesMax: bytesMax / count) }
    }

    /// Gives the dictionary another size; what no longer fits goes, least recently used first.
    public func limit(bytes: Int) {
        for part in parts { part.limit(bytes: bytes / parts.count) }
    }

    public var figures: SharedFigures {
        parts.reduce(into: SharedFigures()) { $0 += $1.figures }
    }

    /// Runs `body` with the value, whose bytes live until it returns, and with the time of its end, `.max` for none. The
    /// dictionary must not be used from inside.
    public func read<Result>(
        _ key: UnsafeRawBufferPointer, now: UInt64, _ body: (SharedValue, UInt64) -> Result
    ) -> Result? {
        let hash = Self.hash(key)
        return part(hash).read(key, hash, now: now, body)
    }

    /// - Parameter expires: in milliseconds of the same clock as `now`; `.max`: never.
    public func write(
        _ key: UnsafeRawBufferPointer, _ value: SharedValue, expires: UInt64 = .max,
        if condition: SharedCondition = .always, now: UInt64
    ) -> SharedOutcome {
        let hash = Self.hash(key)
        return part(hash).write(key, hash, value, expires: expires, if: condition, now: now)
    }

    /// Adds to a number as one step: whoever else adds, no addition is lost.
    public func add(
        _ addend: SharedValue, to key: UnsafeRawBufferPointer, initial: SharedValue, expires: UInt64 = .max, now: UInt64
    ) -> SharedSum {
        let hash = Self.hash(key)
        return part(hash).add(key, hash, addend, to: initial, expires: expires, now: now)
    }

    /// Whether there was such a key.
    public func remove(_ key: UnsafeRawBufferPointer, now: UInt64) -> Bool {
        let hash = Self.hash(key)
        return part(hash).remove(key, hash, now: now)
    }

    public func removeAll() {
        for part in parts { part.removeAll() }
    }

    /// Hands out keys that have not expired until `body` says false.
    public func forEachKey(now: UInt64, _ body: (UnsafeRawBufferPointer) -> Bool) {
        for part in parts where !part.forEachKey(now: now, body) { return }
    }

    /// Of a process-wide random seed, so that nobody can choose keys that meet in one place.
    private static func hash(_ key: UnsafeRawBufferPointer) -> UInt64 {
        var hasher = Hasher()
        hasher.combine(bytes: key)
        return UInt64(truncatingIfNeeded: hasher.finalize())
    }

    /// By the upper half of the hash; the place within the part is found by the lower.
    private func part(_ hash: UInt64) -> DictionaryPart {
        parts[Int((hash >> 32 &* UInt64(parts.count)) >> 32)]
    }
}
