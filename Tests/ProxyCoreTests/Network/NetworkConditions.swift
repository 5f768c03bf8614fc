/// What the simulated network does to datagrams.
struct NetworkConditions {
    var lossPerMille = 0
    var duplicationPerMille = 0
    /// Datagrams that take `reorderDelayMilliseconds` longer, so that later ones overtake them.
    var reorderPerMille = 0
    var reorderDelayMilliseconds: UInt64 = 30
    var delayMilliseconds: ClosedRange<UInt64> = 1...1

    static let perfect = NetworkConditions()
    /// 3 % loss, 2 % duplication, reordering and jitter.
    static let bad = NetworkConditions(
        lossPerMille: 30, duplicationPerMille: 20, reorderPerMille: 50, delayMilliseconds: 1...12)
}
