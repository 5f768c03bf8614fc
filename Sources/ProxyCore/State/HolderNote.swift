/// One transaction held by this proxy, for logs that prove who held what. Valid only while it is told.
public struct HolderNote {
    public enum Reason: UInt8, Sendable, CaseIterable {
        /// The policy's choice: the next hop could have held it.
        case kept
        /// Forking, handlers of the script, or its word.
        case mustHold
        /// Nobody further on takes state.
        case exit
    }

    public let callID: UnsafeRawBufferPointer
    public let method: UnsafeRawBufferPointer
    public let cSeq: UInt32
    public let reason: Reason
}
