internal import func Glibc.memcpy

/// Changes to a message that is about to be sent on: a short list of them, sorted by offset, and an arena
/// for the bytes they insert.
///
/// A worker owns a few and uses them over and over; nothing is allocated after `init`. The message itself
/// is never changed: `serialise` copies its unedited runs and the inserted bytes between them.
///
/// When edits meet: insertions at one offset stay in the order of the calls. A removal takes with it what
/// earlier edits did strictly inside it or to the very same bytes, so that the last replacement of a value
/// wins; an edit strictly inside what is removed already does nothing.
public struct MessageEdits: ~Copyable {
    public static let editsMax = 96
    public static let arenaBytesMax = 65_535

    private let edits: UnsafeMutablePointer<Edit>
    private let arena: UnsafeMutableRawPointer
    private var editCount = 0
    private var arenaCount = 0
    /// Between `begin` and `end`: the edit under work. Its place in the list, or -1 when it shall do nothing.
    private var openIndex = -1
    private var isOpen = false

    /// An edit did not fit. Sticky until `removeAll`; serialising fails. A request deserves 513.
    public private(set) var overflowed = false

    private struct Edit {
        var offset: Int
        var removed: Int
        var arenaStart: Int
        var arenaCount: Int

        var end: Int { offset &+ removed }
    }

    public init() {
        edits = .allocate(capacity: Self.editsMax)
        arena = .allocate(byteCount: Self.arenaBytesMax, alignment: 16)
    }

    deinit {
        edits.deallocate()
        arena.deallocate()
    }

    public var isEmpty: Bool { editCount == 0 && !overflowed }

    public mutating func removeAll() {
        editCount = 0
        arenaCount = 0
        openIndex = -1
        isOpen = false
        overflowed = false
    }

    // MARK: One edit, streamed

    /// Begins an edit that removes `removing` bytes at `offset` and inserts there what is appended until
    /// `end`. Trap: another edit is open, or a negative argument.
    public mutating func begin(at offset: Int, removing: Int = 0) {
        precondition(!isOpen, "the edit before was not ended")
        precondition(offset >= 0 && removing >= 0, "an edit outside of its message")
        isOpen = true
        openIndex = -1
        if overflowed { return }
        let edit = Edit(offset: offset, removed: removing, arenaStart: arenaCount, arenaCount: 0)
        if removing > 0 { dropEdits(inside: edit) }

        // Edits mostly come in the order of the message: look for the place from the end.
        var place = editCount
        while place > 0, edits[place &- 1].offset > offset { place &-= 1 }
        for index in 0..<place where isSuperseded(edit, by: edits[index]) { return }
        guard editCount < Self.editsMax else {
            overflowed = true
            return
        }
        if place < editCount {
            (edits + (place &+ 1)).update(from: edits + place, count: editCount &- place)
        }
        (edits + place).initialize(to: edit)
        editCount &+= 1
        openIndex = place
    }

    public mutating func end() {
        precondition(isOpen, "no edit to end")
        isOpen = false
        if openIndex < 0 { return }
        edits[openIndex].arenaCount = arenaCount &- edits[openIndex].arenaStart
        openIndex = -1
    }

    public mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress, reserve(bytes.count) else { return }
        memcpy(arena + arenaCount, source, bytes.count)
        arenaCount &+= bytes.count
    }

    public mutating func append(_ text: StaticString) {
        guard reserve(text.utf8CodeUnitCount) else { return }
        memcpy(arena + arenaCount, text.utf8Start, text.utf8CodeUnitCount)
        arenaCount &+= text.utf8CodeUnitCount
    }

    public mutating func append(_ range: ByteRange, in bytes: UnsafeRawBufferPointer) {
        append(bytes.part(range))
    }

    public mutating func append(byte: UInt8) {
        guard reserve(1) else { return }
        arena.storeBytes(of: byte, toByteOffset: arenaCount, as: UInt8.self)
        arenaCount &+= 1
    }

    public mutating func appendDecimal(_ value: Int) {
        let digits = DecimalDigits(value)
        digits.withBytes { append($0) }
    }

    /// The lowest `digits` hexadecimal digits, lower case, with leading zeros.
    public mutating func appendHex(_ value: UInt64, digits: Int) {
        var shift = digits &* 4
        while shift > 0 {
            shift &-= 4
            append(byte: hexadecimalDigit(shift < 64 ? value &>> UInt64(shift) : 0))
        }
    }

    /// Whether so many bytes can be appended now; notes it when they do not fit.
    @inline(__always)
    private mutating func reserve(_ count: Int) -> Bool {
        precondition(isOpen, "no edit to append to")
        guard openIndex >= 0 else { return false }
        guard count <= Self.arenaBytesMax &- arenaCount else {
            overflowed = true
            return false
        }
        return true
    }

    // MARK: Edits that meet

    /// An edit that an earlier one has made pointless: it lies strictly inside removed bytes.
    @inline(__always)
    private func isSuperseded(_ edit: Edit, by earlier: Edit) -> Bool {
        earlier.removed > 0 && edit.offset > earlier.offset && edit.end <= earlier.end && edit.offset < earlier.end
    }

    /// Takes back what was done to bytes that are now removed as a whole.
    private mutating func dropEdits(inside removal: Edit) {
        var kept = 0
        for index in 0..<editCount {
            let edit = edits[index]
            let isInside =
                edit.removed > 0
                ? edit.offset >= removal.offset && edit.end <= removal.end
                : edit.offset > removal.offset && edit.offset < removal.end
            if isInside { continue }
            if kept != index { edits[kept] = edit }
            kept &+= 1
        }
        editCount = kept
    }

    /// The end of a removal, nothing in its place, that takes the byte at `position`.
    func endOfRemoval(at position: Int) -> Int? {
        for index in 0..<editCount {
            let edit = edits[index]
            if edit.arenaCount == 0, edit.offset <= position, position < edit.end { return edit.end }
        }
        return nil
    }

    /// The start of a removal, nothing in its place, that takes the byte before `position`.
    func startOfRemoval(before position: Int) -> Int? {
        for index in 0..<editCount {
            let edit = edits[index]
            if edit.arenaCount == 0, edit.offset < position, position <= edit.end { return edit.offset }
        }
        return nil
    }

    // MARK: Serialising

    /// The bytes that `serialise` will write.
    public func serialisedCount(_ message: borrowing SIPMessage) -> Int {
        var total = message.byteCount
        var position = 0
        for index in 0..<editCount {
            let edit = edits[index]
            let end = min(edit.end, message.byteCount)
            total &+= edit.arenaCount
            if end > max(position, edit.offset) { total &-= end &- max(position, edit.offset) }
            position = max(position, end)
        }
        return total
    }

    /// Writes the edited message: the bytes written, or -1 when it does not fit or an edit had not.
    ///
    /// Bytes of a datagram behind the body are left out (RFC 3261 §18.3).
    public mutating func serialise(
        _ message: borrowing SIPMessage, into output: UnsafeMutableRawBufferPointer
    ) -> Int {
        precondition(!isOpen, "the last edit was not ended")
        guard !overflowed, let source = message.bytes.baseAddress else { return -1 }
        var writer = ByteWriter(output)
        let total = message.byteCount
        var position = 0
        for index in 0..<editCount {
            let edit = edits[index]
            let offset = min(edit.offset, total)
            if offset > position {
                writer.append(source + position, count: offset &- position)
                position = offset
            }
            writer.append(arena + edit.arenaStart, count: edit.arenaCount)
            position = max(position, min(edit.end, total))
        }
        writer.append(source + position, count: total &- position)
        return writer.result
    }
}
