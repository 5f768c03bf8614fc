internal import Reactor
internal import SIPMessage

/// Finds where messages end in a stream (RFC 3261 §18.3): by their Content-Length.
///
/// Remembers how far it has looked, so that each byte is looked at once however small the pieces are that come, and each
/// header section is read once. One a connection; owned by its event loop.
struct StreamFramer {
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

    private let reader: HeaderReader
    /// No header section ends before this.
    private var searched = 0
    /// The size of the message that has begun; 0: not known yet.
    private var messageBytes = 0

    init(_ reader: HeaderReader) { self.reader = reader }

    /// The next step in what has come and was not taken yet; before the next call whole steps must be taken.
    mutating func next(_ bytes: UnsafeRawBufferPointer) -> Step {
        if messageBytes == 0 {
            if searched == 0 {
                let count = Self.lineEndBytes(bytes)
                if count > 0 { return .lineEnds(count) }
            }
            guard let sectionBytes = endOfHeaders(bytes) else {
                return bytes.count < SIPMessage.headerSectionBytesMax ? .incomplete : .broken
            }
            let count = reader.messageBytes(UnsafeRawBufferPointer(rebasing: bytes[..<sectionBytes]))
            guard count > 0, count <= datagramBytesMax else { return .broken }
            messageBytes = count
        }
        guard bytes.count >= messageBytes else { return .incomplete }
        return .message(messageBytes)
    }

    /// The message that `next` found has been taken.
    mutating func took() {
        searched = 0
        messageBytes = 0
    }

    /// The bytes of whole line ends at the beginning.
    private static func lineEndBytes(_ bytes: UnsafeRawBufferPointer) -> Int {
        var count = 0
        while count + 2 <= bytes.count, bytes[count] == 0x0D, bytes[count + 1] == 0x0A { count += 2 }
        return count
    }

    /// The bytes up to and with the empty line; nil when it has not come.
    private mutating func endOfHeaders(_ bytes: UnsafeRawBufferPointer) -> Int? {
        let end = min(bytes.count, SIPMessage.headerSectionBytesMax)
        while searched + 4 <= end {
            // What the last two bytes are tells how far the next line end may be away.
            switch bytes[searched + 3] {
            case 0x0A:
                if bytes[searched] == 0x0D, bytes[searched + 1] == 0x0A, bytes[searched + 2] == 0x0D {
                    return searched + 4
                }
                searched += 2
            case 0x0D: searched += 1
            default: searched += 4
            }
        }
        return nil
    }
}

/// Reads header sections for the connections of one event loop, which take turns.
final class HeaderReader {
    private let message: UnsafeMutablePointer<SIPMessage>
    /// Header sections read so far.
    private(set) var count = 0

    init() {
        message = .allocate(capacity: 1)
        message.initialize(to: SIPMessage())
    }

    deinit {
        message.deinitialize(count: 1).deallocate()
    }

    /// The size of the message that begins with these headers; 0: it cannot be told.
    func messageBytes(_ section: UnsafeRawBufferPointer) -> Int {
        count += 1
        switch message.pointee.parse(section, as: .stream) {
        case .complete(let consumed): return consumed
        case .incomplete: return section.count + max(message.pointee.contentLength, 0)
        // Where it ends is known: the worker answers it, and the next one is read.
        case .malformed(let error) where !error.kind.isOfFrame:
            return section.count + max(message.pointee.contentLength, 0)
        case .malformed, .tooLarge, .keepAlive: return 0
        }
    }
}
