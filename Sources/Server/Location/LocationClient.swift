public import Storage

/// The location table of a running proxy, over its control socket.
public struct LocationClient: ~Copyable {
    private var client: ControlClient

    public init(_ client: consuming ControlClient) { self.client = client }

    /// What became of the rows of an addition.
    public struct Additions: Sendable, Equatable {
        public var added = 0
        /// There already, for at least as long.
        public var kept = 0
        public var refused = 0
        public var expired = 0
        public var unusable = 0

        public init() {}

        public static func += (sum: inout Additions, other: Additions) {
            sum.added += other.added
            sum.kept += other.kept
            sum.refused += other.refused
            sum.expired += other.expired
            sum.unusable += other.unusable
        }
    }

    /// The bindings of one address.
    public mutating func bindings(of address: String) throws(ControlError) -> [LocationRow] {
        let result = try ask(["action": "list", "aor": .string(address)])
        return Self.rows(result)
    }

    /// Calls `body` with the bindings of all addresses, some at a time; those that change meanwhile may be there or not.
    public mutating func forEachPart(_ body: ([LocationRow]) throws -> Void) throws {
        var next: Int? = 0
        while let part = next {
            let result = try ask(["action": "list", "from": .integer(part)])
            try body(Self.rows(result))
            next = result["next"]?.integerValue
        }
    }

    /// Adds bindings; those that the proxy has for at least as long stay as they are.
    public mutating func add(_ rows: [LocationRow]) throws(ControlError) -> Additions {
        var additions = Additions()
        var batch: [JSONValue] = []
        var bytes = 0
        for row in rows {
            let item = row.json
            bytes += item.text.utf8.count + 1
            batch.append(item)
            if bytes >= Self.batchBytes {
                try send(batch, &additions)
                (batch, bytes) = ([], 0)
            }
        }
        if !batch.isEmpty { try send(batch, &additions) }
        return additions
    }

    /// A request of so many bytes, and one binding more, is well below what the control socket takes.
    private static let batchBytes = 32_768

    private mutating func send(_ batch: [JSONValue], _ additions: inout Additions) throws(ControlError) {
        let result = try ask(["action": "add", "bindings": .array(batch)])
        for item in result["results"]?.arrayValue ?? [] {
            switch item.stringValue {
            case "added": additions.added += 1
            case "kept": additions.kept += 1
            case "refused": additions.refused += 1
            case "expired": additions.expired += 1
            case _: additions.unusable += 1
            }
        }
    }

    /// Removes a contact of an address, or all without one; gives how many there were.
    public mutating func remove(_ contact: String?, of address: String) throws(ControlError) -> Int {
        var fields: [(key: String, value: JSONValue)] = [
            (key: "action", value: "remove"), (key: "aor", value: .string(address)),
        ]
        if let contact { fields.append((key: "contact", value: .string(contact))) }
        return try ask(.object(fields))["removed"]?.integerValue ?? 0
    }

    private mutating func ask(_ arguments: JSONValue) throws(ControlError) -> JSONValue {
        let answer = try client.send(ControlRequest(.location, arguments: arguments))
        switch answer.outcome {
        case .success(let result): return result
        case .failure(let message, _): throw ControlError(message)
        }
    }

    private static func rows(_ result: JSONValue) -> [LocationRow] {
        (result["bindings"]?.arrayValue ?? []).compactMap { LocationRow(json: $0) }
    }
}
