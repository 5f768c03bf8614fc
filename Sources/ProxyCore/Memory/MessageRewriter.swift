internal import Reactor
internal import SIPMessage

/// Applies pending edits to the message being handled: afterwards it reads as edited.
///
/// Two buffers by turns, because the message may stand in the other one. Worker-owned.
final class MessageRewriter {
    private let buffers: UnsafeMutableRawPointer
    private let turn: UnsafeMutablePointer<Int>

    init() {
        buffers = .allocate(byteCount: 2 * datagramBytesMax, alignment: 64)
        turn = .allocate(capacity: 1)
        turn.initialize(to: 0)
    }

    deinit {
        buffers.deallocate()
        turn.deallocate()
    }

    /// False when the edited message does not fit a datagram or is no message any more; it stays as it was then.
    func apply(_ edits: inout MessageEdits, to message: inout SIPMessage) -> Bool {
        guard !edits.overflowed else { return false }
        guard !edits.isEmpty else { return true }
        turn.pointee ^= 1
        let buffer = UnsafeMutableRawBufferPointer(
            start: buffers + turn.pointee * datagramBytesMax, count: datagramBytesMax)
        let count = edits.serialise(message, into: buffer)
        guard count > 0 else { return false }
        let original = message.bytes
        edits.removeAll()
        if case .complete = message.parse(UnsafeRawBufferPointer(rebasing: buffer[..<count]), as: .datagram) {
            return true
        }
        _ = message.parse(original, as: .datagram)
        return false
    }
}
