/// One header field as it lies in the message.
@frozen
public struct HeaderField: Equatable, Sendable {
    public var name: HeaderName
    /// The name as written, without the colon.
    public var nameRange: ByteRange
    /// The value without white space around it; folds inside it are kept.
    public var value: ByteRange
    /// From the name to after the CRLF, continuation lines included: what removing the header removes.
    public var line: ByteRange

    @inlinable
    public init(name: HeaderName, nameRange: ByteRange, value: ByteRange, line: ByteRange) {
        self.name = name
        self.nameRange = nameRange
        self.value = value
        self.line = line
    }
}
