import ProxyCore

/// A note of a held transaction, kept.
struct Holder: Hashable {
    var callID: String
    var method: String
    var cSeq: UInt32
    var reason: HolderNote.Reason

    init(_ note: HolderNote) {
        callID = String(decoding: note.callID, as: UTF8.self)
        method = String(decoding: note.method, as: UTF8.self)
        cSeq = note.cSeq
        reason = note.reason
    }
}
