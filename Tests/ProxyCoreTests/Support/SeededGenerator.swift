import Glibc

/// SplitMix64: the same numbers from the same seed everywhere.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return Self.mixed(state)
    }

    /// A number that looks random and depends on `value` alone.
    static func mixed(_ value: UInt64) -> UInt64 {
        var value = value
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }

    /// True in `perMille` of a thousand cases.
    mutating func chance(perMille: Int) -> Bool {
        perMille > 0 && Int(next() % 1_000) < perMille
    }

    /// From PROXY_SEED, or a new one; printed, so that a failure can be repeated.
    static func printedSeed(_ test: String) -> UInt64 {
        let given = getenv("PROXY_SEED").flatMap { UInt64(String(cString: $0)) }
        let seed = given ?? UInt64.random(in: .min ... .max)
        print("\(test): PROXY_SEED=\(seed)")
        return seed
    }
}

/// A number from the environment, for runs that are longer or shorter than usual.
func environmentNumber(_ name: String, default value: Int) -> Int {
    guard let text = getenv(name), let number = Int(String(cString: text)), number > 0 else { return value }
    return number
}

/// CPU time of this thread: what other processes do does not show in it.
func threadSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

/// Whether the tests were built with optimisation: debug builds allocate and take time where release builds do not.
#if DEBUG
    let isOptimised = false
#else
    let isOptimised = true
#endif
