internal import Reactor

/// The requests that client transactions sent lately, for the moment when the kernel says that it could not send one.
///
/// A refusal comes back within the next turn of the worker, so a short ring knows nearly all of them; what it has
/// forgotten times out as if nobody had answered.
struct RecentSends: ~Copyable {
    /// Sends remembered; a power of two, more than one turn's batch.
    private static let capacity = 1_024
    private let slots: UnsafeMutablePointer<UInt32>
    private var count = 0

    init() {
        slots = .allocate(capacity: Self.capacity)
        slots.initialize(repeating: 0, count: Self.capacity)
    }

    deinit {
        slots.deallocate()
    }

    mutating func note(client: UInt32) {
        slots[count & (Self.capacity - 1)] = client
        count &+= 1
    }

    /// Client slots, the latest first; the caller checks that they still are what they were.
    func latest(_ index: Int) -> UInt32? {
        guard index < min(count, Self.capacity) else { return nil }
        return slots[(count - 1 - index) & (Self.capacity - 1)]
    }
}
