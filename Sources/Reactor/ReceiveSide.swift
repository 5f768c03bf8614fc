import CLinux

/// A worker's incoming half: the slab that batches are received into.
struct ReceiveSide: ~Copyable {
    /// Slots are not a multiple of 4,096 bytes apart, so that the first lines of all of them don't compete for the same cache sets.
    static let strideBytes = datagramBytesMax + 1 + 1_088

    let receiver: OpaquePointer
    let slab: UnsafeMutableRawPointer
    let slots: Int

    init(slots: Int) throws(ReactorError) {
        guard let memory = cl_map(slots * Self.strideBytes) else { throw .memory(bytes: slots * Self.strideBytes) }
        guard let receiver = cl_receiver_create(memory, Self.strideBytes, datagramBytesMax, Int32(slots)) else {
            cl_unmap(memory, slots * Self.strideBytes)
            throw .memory(bytes: slots * Self.strideBytes)
        }
        self.slots = slots
        self.slab = memory
        self.receiver = receiver
    }

    deinit {
        cl_receiver_destroy(receiver)
        cl_unmap(slab, slots * Self.strideBytes)
    }
}

/// One worker's socket for one listener.
struct WorkerSocket {
    let descriptor: Int32
    let isWildcard: Bool
    /// The kernel's drop counter when it was last seen.
    var dropsSeen: UInt32 = 0
}

/// What is known about the datagram that the delegate is looking at.
struct CurrentDatagram {
    var source = SocketAddress.none
    var localAddress = SocketAddress.none
    var kernelNanoseconds: UInt64 = 0
}
