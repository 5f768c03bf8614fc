internal import ProxyCore
internal import Storage

/// Answers `ctl location`: what is registered, a part at a time, and changes of it. On the control thread.
struct LocationDesk {
    let registrar: Registrar

    func answer(_ arguments: JSONValue) -> ControlAnswer {
        let clock = StoreClock.now
        switch arguments["action"]?.stringValue {
        case "list": return list(arguments, clock)
        case "add": return add(arguments, clock)
        case "remove": return remove(arguments, clock)
        case let other:
            return .failure("unknown action \"\((other ?? "").prefix(64))\"; there are list, add and remove")
        }
    }

    /// Bindings of the address `aor`; or of all, from part `from` on, with `next` where to go on.
    private func list(_ arguments: JSONValue, _ clock: StoreClock) -> ControlAnswer {
        let now = clock.monotonicMilliseconds
        if let text = arguments["aor"]?.stringValue {
            guard let address = AddressOfRecord(text: text) else { return Self.badAddress(text) }
            let bindings = registrar.locations.bindings(of: address, now: now)
            return .success(["bindings": .array(bindings.map { LocationRow(address, $0, clock).json })])
        }
        var part = arguments["from"]?.integerValue ?? 0
        guard (0..<LocationTable.shardCount).contains(part) else { return .failure("there is no part \(part)") }
        var rows: [JSONValue] = []
        while part < LocationTable.shardCount, rows.count < Self.answerRowsMin {
            for (address, bindings) in registrar.locations.entries(shard: part, now: now) {
                rows += bindings.map { LocationRow(address, $0, clock).json }
            }
            part += 1
        }
        return .success([
            "bindings": .array(rows), "next": part < LocationTable.shardCount ? .integer(part) : .null,
        ])
    }

    /// An answer has at least so many rows if there are, and a part of the table more at most.
    private static let answerRowsMin = 1_000

    /// What became of each of the `bindings`: `added`, `kept`, `refused`, `expired` or `unusable`.
    private func add(_ arguments: JSONValue, _ clock: StoreClock) -> ControlAnswer {
        guard let items = arguments["bindings"]?.arrayValue else { return .failure("needs \"bindings\"") }
        let results = items.map { item -> JSONValue in
            guard let row = LocationRow(json: item) else { return "unusable" }
            switch row.reading(clock) {
            case .unusable: return "unusable"
            case .expired: return "expired"
            case .live(let address, let binding):
                let addition = registrar.add(binding, to: address, now: clock.monotonicMilliseconds)
                return .string(addition.rawValue)
            }
        }
        return .success(["results": .array(results)])
    }

    /// Takes the contact `contact` of `aor` out, or all its contacts.
    private func remove(_ arguments: JSONValue, _ clock: StoreClock) -> ControlAnswer {
        let text = arguments["aor"]?.stringValue ?? ""
        guard let address = AddressOfRecord(text: text) else { return Self.badAddress(text) }
        let contact = arguments["contact"]?.stringValue.map { Array($0.utf8) }
        let count = registrar.remove(contact, from: address, now: clock.monotonicMilliseconds)
        return .success(["removed": .integer(count)])
    }

    private static func badAddress(_ text: String) -> ControlAnswer {
        .failure("\"\(text.prefix(64))\" is no address such as \"alice@example.com\"")
    }
}

extension AddressOfRecord {
    /// As operators write it: `alice@example.com`, or a sip or sips URI.
    init?(text: String) {
        let lowered = text.prefix(5).lowercased()
        var uri = lowered.hasPrefix("sip:") || lowered == "sips:" ? text : "sip:" + text
        let address = uri.withUTF8 { AddressOfRecord(uri: UnsafeRawBufferPointer($0)) }
        guard let address else { return nil }
        self = address
    }
}
