internal import Reactor
internal import SIPMessage

/// Finds where messages end in a stream (RFC 3261 §18.3): by their Content-Length.
///
/// Owned by one event loop; its connections take turns.
final class StreamFramer {
    enum Step: Equatable {
        /// Nothing whole yet.
        case incomplete
        /// Line ends between messages, in bytes.
        case lineEnds(Int)
        /// A message of so many bytes.
        case message(Int)
        /// No message, or too large a one: where the next begins is unknown.
        case broken
    }

    private let message: UnsafeMutablePointer<SIPMessage>

    init() {
        message = .allocate(capacity: 1)
        message.initialize(to: SIPMessage())
    }

    deinit {
        message.deinitialize(count: 1).deallocate()
    }

    func next(_ bytes: UnsafeRawBufferPointer) -> Step {
        guard bytes.count > 0 else { return .incomplete }
        switch message.pointee.parse(bytes, as: .stream) {
        case .keepAlive(let consumed): return .lineEnds(consumed)
        case .complete(let consumed): return consumed <= datagramBytesMax ? .message(consumed) : .broken
        case .incomplete: return bytes.count < datagramBytesMax ? .incomplete : .broken
        case .tooLarge, .malformed: return .broken
        }
    }
}
