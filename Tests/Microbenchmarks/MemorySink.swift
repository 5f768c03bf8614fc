import Reactor

/// Takes what a proxy sends and keeps the last datagrams, nothing else.
final class MemorySink: DatagramSink {
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: datagramBytesMax, alignment: 64)
    private(set) var lastCount = 0
    private(set) var sent = 0

    deinit {
        buffer.deallocate()
    }

    func reserve(_ capacity: Int) -> UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(capacity, buffer.count)])
    }

    func commit(_ count: Int, to address: SocketAddress, listener: Int) {
        lastCount = count
        sent += 1
    }

    /// Copies the latest datagram to `destination` and answers its length.
    func copyLast(to destination: UnsafeMutableRawBufferPointer) -> Int {
        destination.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[..<lastCount]))
        return lastCount
    }
}
