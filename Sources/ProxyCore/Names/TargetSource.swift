public import Reactor

/// Finds the addresses behind domain names, anywhere but on the worker's thread.
public protocol TargetSource: AnyObject {
    /// Starts to look a name up; the answer comes by `Proxy.answered` on the worker's thread, later. Never waits.
    /// False: it can't take more.
    func lookUp(_ question: TargetQuestion) -> Bool
}

/// A name that a request is to go to.
public struct TargetQuestion: Sendable, Hashable {
    /// What the answer brings back: a keyed hash of the rest.
    public var low: UInt64
    public var high: UInt64
    /// Lower case.
    public var name: String
    /// 0: none given in the URI.
    public var port: UInt16
    /// The URI has `transport=udp`.
    public var isTransportGiven: Bool
}

public struct TargetAnswer: Sendable {
    public var low: UInt64
    public var high: UInt64
    /// By rising priority; none: the name leads nowhere, or nobody could say.
    public var targets: [ResolvedTarget]
    public var ttlSeconds: UInt32

    public init(to question: TargetQuestion, targets: [ResolvedTarget] = [], ttlSeconds: UInt32 = 0) {
        low = question.low
        high = question.high
        self.targets = targets
        self.ttlSeconds = ttlSeconds
    }
}

/// One address of a name, with the priority and weight of its SRV record (RFC 2782).
public struct ResolvedTarget: Sendable, BitwiseCopyable {
    public var address: SocketAddress
    public var priority: UInt16
    public var weight: UInt16
    /// Addresses of one SRV record have the same number and stand together.
    public var group: UInt8

    public init(_ address: SocketAddress, priority: UInt16 = 0, weight: UInt16 = 0, group: UInt8 = 0) {
        self.address = address
        self.priority = priority
        self.weight = weight
        self.group = group
    }
}

extension ResolvedTarget {
    /// The one to try first, by the rules of RFC 2782: among the records of the lowest priority at random by weight.
    ///
    /// - Parameters:
    ///   - targets: at least one.
    ///   - random: the request's own, so that its retransmissions go the same way (RFC 3263 §4.4).
    public static func choose(
        _ targets: UnsafeBufferPointer<ResolvedTarget>, using random: inout some RandomNumberGenerator
    ) -> SocketAddress {
        var lowest = UInt16.max
        for target in targets { lowest = min(lowest, target.priority) }
        var total: UInt64 = 0
        for index in targets.indices where isHead(index, of: targets, lowest) {
            total += UInt64(targets[index].weight)
        }
        let pick = random.next(upperBound: total + 1)
        // RFC 2782: those of weight 0 come first, and are chosen by a 0 alone.
        if pick == 0 {
            for index in targets.indices where isHead(index, of: targets, lowest) && targets[index].weight == 0 {
                return targets[index].address
            }
        }
        var running: UInt64 = 0
        for index in targets.indices where isHead(index, of: targets, lowest) && targets[index].weight > 0 {
            running += UInt64(targets[index].weight)
            if running >= pick { return targets[index].address }
        }
        return targets[0].address
    }

    private static func isHead(_ index: Int, of targets: UnsafeBufferPointer<ResolvedTarget>, _ priority: UInt16)
        -> Bool
    {
        targets[index].priority == priority && (index == 0 || targets[index - 1].group != targets[index].group)
    }
}

/// Numbers that follow from a request's transaction: SplitMix64.
struct RequestRandom: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
