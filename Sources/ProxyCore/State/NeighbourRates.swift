internal import StatePolicy

/// Smoothed requests a second of one worker, by neighbour: for splitting what the node is allowed over its workers, and
/// for display. Policies smooth their own.
struct NeighbourRates {
    /// Of one next hop.
    struct Outgoing {
        var kept = 0.0
        var delegated = 0.0
        var others = 0.0
        var open: Double { kept + delegated }
    }

    /// Of one upstream.
    struct Incoming {
        var open = 0.0
        var held = 0.0
        var total: Double { open + held }
    }

    /// Time over which rates are smoothed.
    private static let smoothingSeconds = 1.0

    private(set) var total = 0.0
    private(set) var exits = 0.0
    private(set) var outgoing: [Outgoing] = []
    private(set) var incoming: [Incoming] = []

    mutating func update(_ paths: [PathSample], neighbourCount: Int, seconds: Double) {
        while outgoing.count < neighbourCount { outgoing.append(Outgoing()) }
        while incoming.count < neighbourCount { incoming.append(Incoming()) }
        let weight = seconds / (Self.smoothingSeconds + seconds)
        let perSecond = weight / seconds
        let remains = 1 - weight
        total *= remains
        exits *= remains
        for index in outgoing.indices {
            outgoing[index].kept *= remains
            outgoing[index].delegated *= remains
            outgoing[index].others *= remains
            incoming[index].open *= remains
            incoming[index].held *= remains
        }
        for path in paths {
            total += Double(path.total) * perSecond
            let nextHop = Int(path.nextHop)
            if nextHop >= 0 {
                outgoing[nextHop].kept += Double(path.kept) * perSecond
                outgoing[nextHop].delegated += Double(path.delegated) * perSecond
                outgoing[nextHop].others += Double(path.heldUpstream + path.mustHold) * perSecond
            } else {
                exits += Double(path.kept + path.mustHold) * perSecond
            }
            let upstream = Int(path.upstream)
            guard upstream >= 0 else { continue }
            incoming[upstream].held += Double(path.heldUpstream) * perSecond
            incoming[upstream].open += Double(path.total - path.heldUpstream) * perSecond
        }
    }
}
