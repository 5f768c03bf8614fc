/// The two functions of analysis that the policies need; this module imports no C library.
enum Arithmetic {
    private static let logarithmOfTwo = 0.693_147_180_559_945_3

    /// e to the power of x, to about 14 digits; x is clamped to what a `Double` can hold.
    static func exponential(_ x: Double) -> Double {
        let clamped = min(700, max(-700, x))
        let exponent = Int(clamped / logarithmOfTwo + (clamped < 0 ? -0.5 : 0.5))
        let rest = clamped - Double(exponent) * logarithmOfTwo
        // Taylor's series in Horner's form: |rest| ≤ ln 2 / 2.
        var sum = 1.0
        for n in stride(from: 13, through: 1, by: -1) { sum = 1 + sum * rest / Double(n) }
        return Double(sign: .plus, exponent: exponent, significand: sum)
    }

    /// The natural logarithm of a positive, finite x.
    static func logarithm(_ x: Double) -> Double {
        var mantissa = x.significand
        var exponent = Double(x.exponent)
        if mantissa > 1.414_213_562_373_095 {
            mantissa /= 2
            exponent += 1
        }
        // ln m = 2 artanh((m − 1) / (m + 1)).
        let s = (mantissa - 1) / (mantissa + 1)
        let square = s * s
        var sum = 0.0
        for n in stride(from: 17, through: 1, by: -2) { sum = sum * square + 1 / Double(n) }
        return exponent * logarithmOfTwo + 2 * s * sum
    }

    /// Weight of the newest value in an exponential average over `smoothing` seconds.
    static func gain(seconds: Double, smoothing: Double) -> Double {
        1 - exponential(-seconds / smoothing)
    }
}
