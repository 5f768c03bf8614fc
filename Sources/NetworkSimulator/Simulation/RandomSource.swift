import Glibc

/// Random draws for a simulation: the same seed gives the same run. Large draws take constant time, so that a run's cost does
/// not grow with the rate of calls.
struct RandomSource: RandomNumberGenerator, Sendable {
    private var state: UInt64

    /// Below this many expected events draws are exact; above, normal with the same mean and variance.
    static let exactMax = 12.0

    init(seed: UInt64) {
        state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 0x632B_E59B_D9B4_E019
    }

    /// SplitMix64: an additive counter through a mixing function.
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// Uniform in 0..<1.
    mutating func unit() -> Double {
        Double(next() >> 11) * 0x1p-53
    }

    /// Standard normal, nearly: a binomial of 64 fair coins, made continuous by a uniform draw. Its tails reach 8 deviations.
    mutating func normal() -> Double {
        // Variance: 64 / 4 of the coins and 1 / 12 of the uniform.
        (Double(next().nonzeroBitCount) - 32 + unit() - 0.5) / 4.010_403
    }

    /// Events of a Poisson process.
    mutating func poisson(_ rate: PoissonRate) -> Int {
        let mean = rate.mean
        guard mean > 0 else { return 0 }
        if mean > Self.exactMax { return max(0, Int((mean + mean.squareRoot() * normal()).rounded())) }
        // Inversion of the distribution function.
        var term = rate.none
        var rest = unit() - term
        var count = 0
        while rest > 0 && term > 1e-300 && count < 1000 {
            count += 1
            term *= mean / Double(count)
            rest -= term
        }
        return count
    }

    /// Successes of n trials.
    mutating func binomial(_ n: Int, _ probability: Double) -> Int {
        if n <= 0 || probability <= 0 { return 0 }
        if probability >= 1 { return n }
        if probability > 0.5 { return n - binomial(n, 1 - probability) }
        if n <= 8 {
            var count = 0
            for _ in 0..<n where unit() < probability { count += 1 }
            return count
        }
        let mean = Double(n) * probability
        if mean <= Self.exactMax { return min(n, rareBinomial(n, probability)) }
        let deviation = (mean * (1 - probability)).squareRoot()
        return min(n, max(0, Int((mean + deviation * normal()).rounded())))
    }

    /// Inversion again: from no success upwards.
    private mutating func rareBinomial(_ n: Int, _ probability: Double) -> Int {
        let odds = probability / (1 - probability)
        var term = exp(Double(n) * log1p(-probability))
        var rest = unit() - term
        var count = 0
        while rest > 0 && count < n {
            term *= odds * Double(n - count) / Double(count + 1)
            count += 1
            rest -= term
        }
        return count
    }
}

/// How many events to expect, with what every draw needs of it: the exponential takes longer than the rest of a draw.
struct PoissonRate: Sendable {
    let mean: Double
    /// The probability that nothing happens.
    let none: Double

    init(mean: Double) {
        self.mean = mean
        none = exp(-mean)
    }
}
