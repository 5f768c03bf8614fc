public import SIPMessage

/// Whether the state of a request is held already, as the proxy before says it in its own Via: `;svk=open`, `;svk=held`.
@frozen
public enum StateMarker: UInt8, Sendable, CaseIterable {
    case absent
    /// Nobody upstream holds it.
    case open
    /// Somebody upstream holds it.
    case held
}

/// What proxies that share state say in the parameters of one Via; the grammar stands in docs/state-signalling.md.
///
/// The names `svk` and `svk-…` are ours; every other parameter is passed over.
@frozen
public struct StateSignals: Equatable, Sendable {
    public var marker = StateMarker.absent
    /// Complete and in range, or not there at all.
    public var feedback: StateFeedback?
    /// Some parameter of ours is there.
    public var isPresent = false
    /// One of ours is there that doesn't keep to the grammar, stands twice, or lacks those that belong to it.
    public var isMalformed = false

    /// Reads the parameters of a Via that was found well-formed.
    ///
    /// - Parameter via: the whole element.
    public init(_ via: ByteRange, in bytes: UnsafeRawBufferPointer) {
        var cursor = StateSignalCursor(via, in: bytes)
        var fields = FeedbackFields()
        while let parameter = cursor.next(in: bytes) {
            isPresent = true
            let value = Self.bytes(parameter.value, of: bytes)
            switch Self.name(parameter.name, of: bytes) {
            case .marker:
                let read = Self.marker(value)
                if read == .absent || marker != .absent { isMalformed = true }
                marker = read
            case .allow:
                if fields.allowance != nil { isMalformed = true }
                fields.allowance = StateFeedback.allowance(value)
                if fields.allowance == nil { isMalformed = true }
            case .price:
                if fields.price != nil { isMalformed = true }
                fields.price = StateFeedback.price(value)
                if fields.price == nil { isMalformed = true }
            case .sequence:
                if fields.sequence != nil { isMalformed = true }
                fields.sequence = StateFeedback.sequence(value)
                if fields.sequence == nil { isMalformed = true }
            case .unknown:
                // Of a later version: nothing that we could act upon.
                break
            }
        }
        switch (fields.allowance, fields.price, fields.sequence) {
        case (nil, nil, nil): break
        case (let allowance?, let price?, let sequence?):
            feedback = StateFeedback(
                allowance: allowance, priceNanoseconds: price, epoch: sequence.epoch, sequence: sequence.count)
        default: isMalformed = true
        }
        if isMalformed {
            marker = .absent
            feedback = nil
        }
    }

    private struct FeedbackFields {
        var allowance: UInt32?
        var price: UInt64?
        var sequence: (epoch: UInt32, count: UInt32)?
    }

    private enum Name {
        case marker, allow, price, sequence, unknown
    }

    private static func name(_ range: ByteRange, of bytes: UnsafeRawBufferPointer) -> Name {
        let name = Self.bytes(range, of: bytes)
        if equals(name, "svk") { return .marker }
        if equals(name, "svk-allow") { return .allow }
        if equals(name, "svk-price") { return .price }
        if equals(name, "svk-seq") { return .sequence }
        return .unknown
    }

    private static func marker(_ value: UnsafeRawBufferPointer) -> StateMarker {
        if equals(value, "open") { return .open }
        if equals(value, "held") { return .held }
        return .absent
    }

    static func bytes(_ range: ByteRange, of bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: bytes[range.start..<range.end])
    }

    /// Without regard to the case of what came; `text` is lower case.
    static func equals(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
        guard bytes.count == text.utf8CodeUnitCount else { return false }
        for index in 0..<bytes.count {
            let byte = bytes[index]
            guard (byte &- 0x41 < 26 ? byte | 0x20 : byte) == text.utf8Start[index] else { return false }
        }
        return true
    }
}

extension StateMarker {
    /// Appends the parameter to the edit under way; nothing for `absent`.
    public func append(to edits: inout MessageEdits) {
        switch self {
        case .absent: break
        case .open: edits.append(";svk=open")
        case .held: edits.append(";svk=held")
        }
    }
}
