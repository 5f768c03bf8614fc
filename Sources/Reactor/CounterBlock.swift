public import CLinux

/// A row of counters that one thread writes and any thread may read.
///
/// Owned by a worker. Adding is a relaxed load and store, as cheap as plain memory and clean under ThreadSanitizer. Rows start on
/// cache lines of their own, so that workers don't disturb each other.
public struct CounterBlock: @unchecked Sendable {
    /// Two cache lines: adjacent-line prefetching pairs them.
    public static let alignmentBytes = 128

    @usableFromInline let base: UnsafeMutablePointer<UInt64>
    public let count: Int

    /// All zero. Whoever creates the block frees it with `deallocate`.
    public init(count: Int) {
        precondition(count > 0)
        let bytes = (count * 8 + Self.alignmentBytes - 1) / Self.alignmentBytes * Self.alignmentBytes
        let memory = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: Self.alignmentBytes)
        self.base = memory.initializeMemory(as: UInt64.self, repeating: 0, count: bytes / 8)
        self.count = count
    }

    public func deallocate() { UnsafeMutableRawPointer(base).deallocate() }

    /// Adds, wrapping around; the owning thread only.
    @inlinable public func add(_ index: Int, _ amount: UInt64 = 1) {
        precondition(index >= 0 && index < count)
        cl_counter_add(base + index, amount)
    }

    /// Replaces a gauge's value; the owning thread only.
    @inlinable public func set(_ index: Int, _ value: UInt64) {
        precondition(index >= 0 && index < count)
        cl_counter_set(base + index, value)
    }

    /// Reads from any thread: a recent value.
    @inlinable public func value(_ index: Int) -> UInt64 {
        precondition(index >= 0 && index < count)
        return cl_counter_get(base + index)
    }

    /// Like `set`; all that was written to the block before is there for who reads this value by `acquired`.
    @inlinable public func publish(_ index: Int, _ value: UInt64) {
        precondition(index >= 0 && index < count)
        cl_counter_set_release(base + index, value)
    }

    /// Reads from any thread what `publish` wrote.
    @inlinable public func acquired(_ index: Int) -> UInt64 {
        precondition(index >= 0 && index < count)
        return cl_counter_get_acquire(base + index)
    }
}
