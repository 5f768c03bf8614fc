internal import ProxyCore

/// One row of the table of settings: what the file, the environment and the reference page say about one key.
public struct Setting: Sendable {
    /// `workers`, or `limits.transactions` for a key inside a section.
    public let key: String
    /// One or two sentences for the reference page; no line breaks.
    public let meaning: String
    /// Whether a reload applies a changed value; otherwise it waits for a restart.
    public let appliesOnReload: Bool
    let binding: Binding

    init(_ key: String, _ binding: Binding, appliesOnReload: Bool = false, _ meaning: String) {
        self.key = key
        self.binding = binding
        self.appliesOnReload = appliesOnReload
        self.meaning = meaning
    }

    public static let environmentPrefix = "SERVARTUKA_"

    /// `SERVARTUKA_LIMITS_TRANSACTIONS` for `limits.transactions`.
    public var environmentVariable: String {
        Self.environmentPrefix + key.uppercased().map { $0 == "." ? "_" : String($0) }.joined()
    }

    /// `limits` for `limits.transactions`, nil for a key at the top.
    public var section: String? {
        key.firstIndex(of: ".").map { String(key[..<$0]) }
    }

    /// `transactions` for `limits.transactions`.
    public var name: String {
        key.firstIndex(of: ".").map { String(key[key.index(after: $0)...]) } ?? key
    }

    /// The value in `configuration` as an operator would write it; secrets are not shown.
    public func text(in configuration: Configuration) -> String { binding.text(in: configuration) }

    /// What values the key takes, for messages ("expected …") and for the reference page.
    public var expectation: String { binding.expectation }
}

/// The unit in which a length of time is kept; a bare number in the file is in this unit.
enum TimeUnit: String, Sendable {
    case microseconds
    case milliseconds
    case seconds

    /// The suffix accepted and printed.
    var suffix: String {
        switch self {
        case .microseconds: "us"
        case .milliseconds: "ms"
        case .seconds: "s"
        }
    }

    var microseconds: Int {
        switch self {
        case .microseconds: 1
        case .milliseconds: 1_000
        case .seconds: 1_000_000
        }
    }
}

/// Where a setting is kept and how its text is read: the type, the range and the place in `Configuration`.
enum Binding: Sendable {
    typealias Path<Value> = any WritableKeyPath<Configuration, Value> & Sendable

    case boolean(Path<Bool>)
    case integer(Path<Int>, ClosedRange<Int>)
    /// A number, or `auto`: nil.
    case optionalInteger(Path<Int?>, ClosedRange<Int>)
    case fraction(Path<Double>, ClosedRange<Double>)
    case workers(Path<WorkerCount>, ClosedRange<Int>)
    case bytes(Path<Int>, ClosedRange<Int>)
    case time(Path<Int>, TimeUnit, ClosedRange<Int>)
    case choice(
        names: [String], get: @Sendable (Configuration) -> String,
        set: @Sendable (inout Configuration, String) -> Void)
    /// A path, resolved against the folder of the file that names it; empty text unsets it.
    case path(Path<String?>)
    /// stderr, stdout or a path.
    case destination(Path<String>)
    case endpoint(Path<Endpoint?>)
    /// Addresses, each with the default port unless it has one.
    case endpoints(Path<[Endpoint]>, defaultPort: UInt16)
    case secret(Path<[UInt8]?>)
    case names(Path<[String]>)
    /// Origins of web pages.
    case origins(Path<[String]>)
    case listeners(Path<[ListenAddress]>)
    case peers(Path<[Peer]>)
    /// A map of names to sizes.
    case dictionaries(Path<[Configuration.SharedMemory]>, ClosedRange<Int>)
    case columns(Path<[AccountingColumn]>)
    /// A name, such as that of a set.
    case name(Path<String?>)
    case sets(Path<[DispatcherSet]>)
    case groups(Path<[AddressGroupSettings]>)

    static func choice<Value: RawRepresentable & CaseIterable & Sendable>(_ path: Path<Value>) -> Binding
    where Value.RawValue == String {
        .choice(
            names: Value.allCases.map(\.rawValue),
            get: { $0[keyPath: path].rawValue },
            set: { configuration, name in
                guard let value = Value(rawValue: name) else { preconditionFailure("the name was looked up before") }
                configuration[keyPath: path] = value
            })
    }

    var expectation: String {
        switch self {
        case .boolean: "true or false"
        case .integer(_, let range): "a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .optionalInteger(_, let range):
            "a whole number from \(range.lowerBound) to \(range.upperBound) or \"auto\""
        case .fraction(_, let range): "a number from \(range.lowerBound) to \(range.upperBound)"
        case .workers(_, let range): "a number ≥ \(range.lowerBound) or \"auto\""
        case .bytes(_, let range):
            "a size from \(ByteSize.text(range.lowerBound)) to \(ByteSize.text(range.upperBound))"
        case .time(_, let unit, let range):
            "a time from \(range.lowerBound)\(unit.suffix) to \(range.upperBound)\(unit.suffix)"
        case .choice(let names, _, _): names.map { "\"\($0)\"" }.joined(separator: ", ")
        case .path: "the path of a file"
        case .destination: "\"stderr\", \"stdout\" or the path of a file"
        case .endpoint: "ADDRESS or ADDRESS:PORT such as \"192.0.2.10:5060\" or \"[2001:db8::10]:5060\""
        case .endpoints(_, let port):
            "a list of ADDRESS (port \(port)) or ADDRESS:PORT such as \"192.0.2.53\" or \"[2001:db8::53]:5353\""
        case .secret:
            "at least \(branchKeyBytesMin) characters, or at least \(2 * branchKeyBytesMin) hexadecimal digits"
        case .names: "a list of domain names or addresses"
        case .origins: "a list of origins such as \"https://example.org\" or \"https://example.org:8443\""
        case .listeners:
            "a list of \"udp:ADDRESS:PORT\", \"tcp:…\", \"tls:…\", \"ws:…\", \"wss:…\" or {address, advertise}"
        case .peers: "a list of {name, address, trusted}"
        case .dictionaries: "a map of names to sizes such as {attempts: 4MiB}"
        case .columns: "a map such as {caller: from_uri, agent: \"header:User-Agent\"}"
        case .name: "a name"
        case .sets: "a map from names to {targets, algorithm, key, probe, failures, successes, rest, answer_timeout}"
        case .groups: "a map from names to lists of ADDRESS, ADDRESS:PORT, ADDRESS/BITS or {address, port, transport}"
        }
    }

    func text(in configuration: Configuration) -> String {
        switch self {
        case .boolean(let path): configuration[keyPath: path] ? "true" : "false"
        case .integer(let path, _): String(configuration[keyPath: path])
        case .optionalInteger(let path, _): configuration[keyPath: path].map { String($0) } ?? "auto"
        case .fraction(let path, _): "\(configuration[keyPath: path])"
        case .workers(let path, _): configuration[keyPath: path].description
        case .bytes(let path, _): ByteSize.text(configuration[keyPath: path])
        case .time(let path, let unit, _): "\(configuration[keyPath: path])\(unit.suffix)"
        case .choice(_, let get, _): get(configuration)
        case .path(let path): configuration[keyPath: path] ?? "none"
        case .destination(let path): configuration[keyPath: path]
        case .endpoint(let path): configuration[keyPath: path]?.description ?? "none"
        case .endpoints(let path, _): Self.list(configuration[keyPath: path].map(\.description))
        case .secret(let path): configuration[keyPath: path] == nil ? "random" : "(set)"
        case .names(let path), .origins(let path): Self.list(configuration[keyPath: path])
        case .listeners(let path): Self.list(configuration[keyPath: path].map(\.description))
        case .peers(let path): Self.list(configuration[keyPath: path].map(\.description))
        case .dictionaries(let path, _):
            Self.list(configuration[keyPath: path].map { "\($0.name)=\(ByteSize.text($0.bytes))" })
        case .columns(let path): Self.list(configuration[keyPath: path].map(\.description))
        case .name(let path): configuration[keyPath: path] ?? "none"
        case .sets(let path):
            Self.list(
                configuration[keyPath: path].map { "\($0.name)=\($0.targets.map(\.uri).joined(separator: ","))" })
        case .groups(let path):
            Self.list(configuration[keyPath: path].map { "\($0.name)=\($0.rules.count) addresses" })
        }
    }

    private static func list(_ items: [String]) -> String { items.isEmpty ? "none" : items.joined(separator: " ") }
}

/// A shorter key would make branches guessable.
let branchKeyBytesMin = 8

/// Sizes as operators write them: a number of bytes, or one with KiB, MiB, GiB (1024) or kB, MB, GB (1000).
enum ByteSize {
    private static let units: [(suffix: String, factor: Int)] = [
        ("gib", 1 << 30), ("mib", 1 << 20), ("kib", 1 << 10), ("gb", 1_000_000_000), ("mb", 1_000_000), ("kb", 1_000),
        ("b", 1),
    ]

    /// nil when it is not a size or does not fit an `Int`.
    static func parse(_ text: String) -> Int? { Quantity.parse(text, units: units, bareUnit: 1) }

    /// The largest binary unit that divides it, so that the text reads back to the same number.
    static func text(_ bytes: Int) -> String {
        if bytes > 0, bytes % (1 << 30) == 0 { return "\(bytes >> 30)GiB" }
        if bytes > 0, bytes % (1 << 20) == 0 { return "\(bytes >> 20)MiB" }
        if bytes > 0, bytes % (1 << 10) == 0 { return "\(bytes >> 10)KiB" }
        return "\(bytes)B"
    }
}

/// Lengths of time as operators write them: a number, or one with us, ms, s, m or h.
enum TimeLength {
    private static let units: [(suffix: String, factor: Int)] = [
        ("us", 1), ("µs", 1), ("ms", 1_000), ("s", 1_000_000), ("m", 60_000_000), ("h", 3_600_000_000),
    ]

    /// In `unit`; nil when it is not a time, or not a whole number of that unit.
    static func parse(_ text: String, in unit: TimeUnit) -> Int? {
        guard let microseconds = Quantity.parse(text, units: units, bareUnit: unit.microseconds),
            microseconds % unit.microseconds == 0
        else { return nil }
        return microseconds / unit.microseconds
    }
}

/// A whole number with an optional unit, "4MiB" or "4 MiB".
enum Quantity {
    static func parse(_ text: String, units: [(suffix: String, factor: Int)], bareUnit: Int) -> Int? {
        let lowered = text.lowercased()
        let digits = lowered.prefix { $0.isASCII && ($0.isNumber || $0 == "_") }
        guard let number = whole(digits) else { return nil }
        let suffix = lowered.dropFirst(digits.count).drop { $0 == " " }
        var unit = bareUnit
        if !suffix.isEmpty {
            guard let known = units.first(where: { $0.suffix == suffix }) else { return nil }
            unit = known.factor
        }
        let (product, overflow) = number.multipliedReportingOverflow(by: unit)
        return overflow ? nil : product
    }

    /// Digits with at most one point among them, "0.9" or "1"; nil for signs, exponents and the like.
    static func decimal(_ text: some StringProtocol) -> Double? {
        guard text.utf8.count <= decimalBytesMax, text.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == 0x2E })
        else { return nil }
        return Double(String(text))
    }

    private static let decimalBytesMax = 32

    /// Decimal digits, with `_` between them as in 100_000; nil for signs, blanks and what does not fit.
    static func whole(_ text: some StringProtocol) -> Int? {
        let digits = Array(text.utf8)
        guard let first = digits.first, let last = digits.last, first != 0x5F, last != 0x5F,
            digits.allSatisfy({ (0x30...0x39).contains($0) || $0 == 0x5F })
        else { return nil }
        return Int(String(decoding: digits.filter { $0 != 0x5F }, as: UTF8.self))
    }
}
