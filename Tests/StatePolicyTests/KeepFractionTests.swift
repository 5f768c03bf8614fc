import StatePolicy
import Testing

@Suite("Keep-fraction")
struct KeepFractionTests {
    @Test(
        "doubtful fractions hold, negative ones don't", arguments: [(Double.nan, 1.0), (2, 1), (-1, 0), (0.25, 0.25)])
    func clamped(fraction: Double, expected: Double) {
        #expect(KeepFraction(fraction).fraction == expected)
    }

    @Test("1 holds every hash, 0 none")
    func ends() {
        for hash in [0, 1, UInt64.max / 2, .max - 1, .max] {
            #expect(KeepFraction(1).mode(callHash: hash) == .stateful)
            #expect(KeepFraction(0).mode(callHash: hash) == .stateless)
        }
    }
}
