/// A keep-fraction κ as the packet path uses it: a request is held here when the hash of its Call-ID is below it, so
/// that all transactions and retransmissions of a call meet the same answer.
@frozen
public struct KeepFraction: Sendable, Equatable {
    /// κ scaled to the hash's range; `.max`: everything.
    public let threshold: UInt64

    @inlinable
    public init(threshold: UInt64) {
        self.threshold = threshold
    }

    /// - Parameter fraction: κ; below 0 counts as 0, above 1 and not-a-number as 1: when in doubt, hold.
    @inlinable
    public init(_ fraction: Double) {
        if !(fraction < 1) {
            threshold = .max
        } else if fraction <= 0 {
            threshold = 0
        } else {
            threshold = UInt64(fraction * 0x1p64)
        }
    }

    public static let all = KeepFraction(threshold: .max)

    @inlinable
    public func mode(callHash: UInt64) -> StateMode {
        callHash < threshold || threshold == .max ? .stateful : .stateless
    }

    public var fraction: Double { threshold == .max ? 1 : Double(threshold) / 0x1p64 }
}
