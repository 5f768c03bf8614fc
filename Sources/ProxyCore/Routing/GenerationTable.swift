/// The routing logics in use: the current one, and older ones that transactions still refer to.
///
/// A generation goes when its last transaction ends, on the worker's thread.
struct GenerationTable: ~Copyable {
    /// Reloads whose transactions may be under way at a time. Beyond that a reload is refused.
    static let generationsMax = 4_096

    private var logics: [(any RoutingLogic)?]
    private var uses: [Int]
    private(set) var current: UInt16 = 0
    private(set) var liveCount = 1

    init(current logic: any RoutingLogic) {
        logics = [logic]
        uses = [0]
    }

    /// False: too many generations are still in use.
    mutating func install(_ logic: any RoutingLogic) -> Bool {
        var slot = logics.firstIndex { $0 == nil }
        if slot == nil {
            guard logics.count < Self.generationsMax else { return false }
            logics.append(nil)
            uses.append(0)
            slot = logics.count - 1
        }
        guard let slot else { return false }
        let previous = current
        logics[slot] = logic
        uses[slot] = 0
        current = UInt16(slot)
        liveCount += 1
        dropIfUnused(previous)
        return true
    }

    func logic(_ generation: UInt16) -> any RoutingLogic {
        guard let logic = logics[Int(generation)] else { preconditionFailure("generation is gone") }
        return logic
    }

    mutating func retain(_ generation: UInt16) {
        uses[Int(generation)] += 1
    }

    mutating func release(_ generation: UInt16) {
        uses[Int(generation)] -= 1
        dropIfUnused(generation)
    }

    private mutating func dropIfUnused(_ generation: UInt16) {
        guard generation != current, uses[Int(generation)] == 0 else { return }
        logics[Int(generation)] = nil
        liveCount -= 1
    }
}
