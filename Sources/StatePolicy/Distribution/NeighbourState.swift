/// What is known of one neighbour from what it says.
struct NeighbourState: Sendable, Equatable {
    /// κ for requests that go there.
    var keep = 1.0
    /// Requests a second that it takes from here; `.infinity`: no limit.
    private(set) var allowance = 0.0
    /// What one more open request meets there; 0: it didn't say.
    private(set) var price = 0.0
    /// It takes state: it said something lately.
    private(set) var takes = false
    private var epoch: UInt32 = 0
    private var ordinal: UInt64 = 0
    private var heard: Double = -.infinity

    /// Prices beyond these are taken for these.
    static let priceMin = 1e-15
    static let priceMax = 1e15

    /// Takes what was said since the last sample; falls back to holding after silence and restarts.
    mutating func hear(_ feedback: Feedback?, time: Double, silence: Double, allowanceGain: Double) {
        if let feedback, accepts(feedback, time: time, silence: silence) {
            let isNewLife = !takes || feedback.epoch != epoch
            (epoch, ordinal, heard) = (feedback.epoch, feedback.ordinal, time)
            allow(feedback.allowance, gain: isNewLife ? 1 : allowanceGain)
            price = Self.clampedPrice(feedback.price)
            if isNewLife { keep = 1 }
            takes = true
        } else if time - heard > silence {
            takes = false
            keep = 1
        }
    }

    /// Older than what was heard already is ignored; after silence any life is as good as another, so that a clock that was
    /// set back can't shut a neighbour out for ever.
    private func accepts(_ feedback: Feedback, time: Double, silence: Double) -> Bool {
        guard takes, time - heard <= silence else { return true }
        return feedback.ordinal > ordinal
    }

    private mutating func allow(_ said: Double, gain: Double) {
        // Not-a-number and negative: nothing allowed.
        let new = said > 0 ? said : 0
        allowance = new.isFinite && allowance.isFinite ? allowance + gain * (new - allowance) : new
    }

    private static func clampedPrice(_ said: Double) -> Double {
        said > 0 ? min(priceMax, max(priceMin, said)) : 0
    }
}
