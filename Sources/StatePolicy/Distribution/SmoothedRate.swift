/// A rate from counts: smooth while they differ by chance only, quick when the rate itself has changed.
///
/// Two exponential averages run side by side. The slow one is the answer until the fast one leaves it by more than
/// noise explains; then it takes over the fast one's value. The noise is Poisson's, or more where it is seen to be more.
struct SmoothedRate: Sendable, Equatable {
    /// A second.
    private(set) var slow = 0.0
    private(set) var fast = 0.0
    private var variance = 0.0
    private var isKnown = false

    /// Standard deviations of the fast average that count as a change.
    private static let changeDeviations = 4.0
    /// One period may raise the variance by no more than this many times itself: a step is not noise.
    private static let outlierSquared = 9.0

    /// - Returns: whether the rate has changed by more than chance.
    @discardableResult
    mutating func add(count: Double, seconds: Double, slowGain: Double, fastGain: Double) -> Bool {
        let rate = count / seconds
        guard isKnown else {
            (slow, fast, variance, isKnown) = (rate, rate, rate / seconds, true)
            return true
        }
        // Of a Poisson count n in t seconds the rate n / t has the variance rate / t.
        let chance = max(slow, 1 / seconds) / seconds
        let error = rate - slow
        variance += slowGain * (min(error * error, Self.outlierSquared * max(variance, chance)) - variance)
        slow += slowGain * error
        fast += fastGain * (rate - fast)
        let noise = max(variance, chance) * fastGain / (2 - fastGain)
        let difference = fast - slow
        guard difference * difference > Self.changeDeviations * Self.changeDeviations * noise else { return false }
        slow = fast
        return true
    }

    /// Something that this rate is a part of has changed.
    mutating func follow() {
        slow = fast
    }
}
