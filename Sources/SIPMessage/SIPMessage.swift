/// A parsed message: offsets into bytes that stay where they were received.
///
/// A worker owns a few of these and parses into them over and over: the tables are allocated once, in
/// `init`, and parsing allocates nothing. The message does not own its bytes: after `parse` it is valid
/// until the caller reuses the buffer. Files: `+Parse` frames and indexes, `+StartLine` and `+Values` read
/// what is read eagerly, `+Headers` looks headers up.
public struct SIPMessage: ~Copyable {
    /// Header fields of one message; more make it too large.
    public static let headersMax = 256
    /// Bytes from the start line to the empty line: what 16-bit offsets reach.
    public static let headerSectionBytesMax = 65_535
    /// CSeq numbers are below 2^31 (RFC 3261 §8.1.1.5).
    public static let cSeqNumberMax = 0x7FFF_FFFF
    /// Content-Length values above this are too large to be a size at all.
    static let contentLengthMax = 0x7FFF_FFFF

    /// Bytes of body that a stream may announce; more make the message too large. Datagrams carry what
    /// they carry.
    public var bodyBytesMax = 65_535

    @usableFromInline let table: UnsafeMutablePointer<HeaderEntry>
    /// By name: the first and the last header of that name, or -1.
    @usableFromInline let chains: UnsafeMutablePointer<HeaderChain>

    /// The message's bytes. The first is the start line's: line ends before it are not part of this.
    public internal(set) var bytes = UnsafeRawBufferPointer(start: nil, count: 0)

    public internal(set) var isRequest = false
    /// The start line's method, or the CSeq's for a response.
    public internal(set) var method = Method.other
    /// Where that method's name stands: in the start line, or in the CSeq for a response.
    public internal(set) var methodName = ByteRange.absent
    /// Requests only.
    public internal(set) var requestURI = ByteRange.absent
    /// The Request-URI's parts.
    public internal(set) var requestTarget = SIPURI()
    /// Responses only: 100...699.
    public internal(set) var statusCode = 0
    public internal(set) var reasonPhrase = ByteRange.absent

    /// The index of the first header's first byte.
    public internal(set) var startLineEnd = 0
    /// The index of the empty line's CRLF.
    public internal(set) var headersEnd = 0
    public internal(set) var headerCount = 0
    /// The bytes from the start line to the body's end; what lies behind them is not the message's.
    public internal(set) var byteCount = 0

    // Read eagerly; absent ranges when missing.

    /// The first Via value of all; its `value` is absent when there is none or it is broken.
    public internal(set) var topVia = Via()
    /// The same as a list element, for removing it.
    public internal(set) var topViaElement = ListElement()
    public internal(set) var callID = ByteRange.absent
    /// The whole From value.
    public internal(set) var from = ByteRange.absent
    /// The whole To value.
    public internal(set) var to = ByteRange.absent
    public internal(set) var fromTag = ByteRange.absent
    public internal(set) var toTag = ByteRange.absent
    public internal(set) var fromAddress = NameAddress()
    public internal(set) var toAddress = NameAddress()
    public internal(set) var cSeqNumber: UInt32 = 0
    public internal(set) var cSeqMethod = Method.other
    public internal(set) var cSeqMethodName = ByteRange.absent
    /// -1 when absent.
    public internal(set) var maxForwards = -1
    /// -1 when absent.
    public internal(set) var contentLength = -1

    /// After `.malformed`: whether the message's end is known all the same. A stream goes on behind
    /// `byteCount` then; otherwise nothing that follows can be understood and it must be closed.
    public internal(set) var isFramed = true

    /// The first malformation found, while parsing.
    var failure: ParseError.Kind?
    var failureOffset = 0

    public init() {
        table = .allocate(capacity: Self.headersMax)
        chains = .allocate(capacity: HeaderName.caseCount)
        chains.initialize(repeating: HeaderChain(), count: HeaderName.caseCount)
    }

    deinit {
        table.deallocate()
        chains.deallocate()
    }

    /// The bytes of a range of this message.
    @inlinable
    public func bytes(_ range: ByteRange) -> UnsafeRawBufferPointer {
        precondition(range.end <= bytes.count, "a range of another message")
        guard let base = bytes.baseAddress else { return bytes }
        return UnsafeRawBufferPointer(start: base + range.start, count: range.count)
    }

    /// The bytes after the empty line, as far as they belong to this message.
    @inlinable
    public var body: UnsafeRawBufferPointer {
        guard let base = bytes.baseAddress, bodyStart < byteCount else {
            return UnsafeRawBufferPointer(start: nil, count: 0)
        }
        return UnsafeRawBufferPointer(start: base + bodyStart, count: byteCount - bodyStart)
    }

    /// The index of the body's first byte.
    @inlinable
    public var bodyStart: Int { headersEnd + 2 }
}

/// A row of the header table: the field, and the next one of its name or -1.
@usableFromInline
struct HeaderEntry {
    @usableFromInline var field: HeaderField
    @usableFromInline var next: Int16

    @inline(__always)
    init(field: HeaderField) {
        self.field = field
        self.next = -1
    }
}

/// The headers of one name, in order: the ends of a chain through the table.
@usableFromInline
struct HeaderChain {
    @usableFromInline var first: Int16 = -1
    @usableFromInline var last: Int16 = -1

    @inline(__always)
    init() {}
}
