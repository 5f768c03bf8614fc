import CLinux
import Synchronization

/// A bounded ring of letters: any thread posts, the owning worker takes. No locks.
///
/// Each cell carries a sequence number that says whose turn it is (equal to a position: free for the producer that claims it;
/// position + 1: filled), so producers meet only on `tail`. A sleeping worker is woken through an eventfd, and only the first post after
/// it fell asleep pays for that system call.
final class Mailbox: @unchecked Sendable {
    static let commandKind = Mail.kindReservedFirst

    private struct Fields {
        var kind: UInt32
        var payloadCount: UInt32
        var listener: Int
        var address: SocketAddress
        var word0: UInt64
        var word1: UInt64
        /// A payload too large for the cell.
        var block: UnsafeMutableRawPointer?
    }

    /// Rarely run work for the worker's thread.
    private final class CommandBox {
        let command: Worker.Command
        init(_ command: @escaping Worker.Command) { self.command = command }
    }

    private static let lineBytes = CounterBlock.alignmentBytes
    private static let fieldsOffset = 8
    private static let payloadOffset = lineBytes
    private static let cellBytes = payloadOffset + Mail.payloadInlineBytesMax

    let capacity: Int
    let eventDescriptor: Int32
    private let mask: UInt64
    private let cells: UnsafeMutableRawPointer
    private let control: UnsafeMutableRawPointer
    /// Producers' next position; alone on its line.
    private let tail: UnsafeMutablePointer<Atomic<UInt64>>
    /// Whether the worker sleeps, or is about to; alone on its line.
    private let sleeping: UnsafeMutablePointer<Atomic<Bool>>
    private let closed: UnsafeMutablePointer<Atomic<Bool>>
    /// The worker's next position; nobody else reads it.
    private let head: UnsafeMutablePointer<UInt64>

    /// - Parameter slots: rounded up to a power of two.
    init(slots: Int) throws(ReactorError) {
        precondition(slots > 0 && slots <= ReactorConfiguration.mailboxSlotsMax)
        precondition(Self.fieldsOffset + MemoryLayout<Fields>.size <= Self.payloadOffset)
        var capacity = 2
        while capacity < slots { capacity *= 2 }
        self.capacity = capacity
        mask = UInt64(capacity - 1)
        guard let cells = cl_map(capacity * Self.cellBytes) else { throw .memory(bytes: capacity * Self.cellBytes) }
        self.cells = cells
        control = .allocate(byteCount: 3 * Self.lineBytes, alignment: Self.lineBytes)
        tail = control.bindMemory(to: Atomic<UInt64>.self, capacity: 1)
        tail.initialize(to: Atomic(0))
        sleeping = (control + Self.lineBytes).bindMemory(to: Atomic<Bool>.self, capacity: 2)
        sleeping.initialize(to: Atomic(false))
        closed = sleeping + 1
        closed.initialize(to: Atomic(false))
        head = (control + 2 * Self.lineBytes).bindMemory(to: UInt64.self, capacity: 1)
        head.initialize(to: 0)
        eventDescriptor = cl_eventfd_create()
        for position in 0..<capacity {
            (cells + position * Self.cellBytes).bindMemory(to: Atomic<UInt64>.self, capacity: 1)
                .initialize(to: Atomic(UInt64(position)))
        }
        guard eventDescriptor >= 0 else { throw .system(step: "eventfd", errno: -eventDescriptor) }
    }

    deinit {
        while let fields = filled() { discard(fields) }
        if eventDescriptor >= 0 { cl_close(eventDescriptor) }
        cl_unmap(cells, capacity * Self.cellBytes)
        control.deallocate()
    }

    // MARK: Any thread

    /// False when the ring is full or closed, the payload too large or the kind reserved.
    func post(_ mail: borrowing Mail) -> Bool {
        guard mail.kind < Mail.kindReservedFirst, mail.payload.count <= Mail.payloadBytesMax else { return false }
        var block: UnsafeMutableRawPointer?
        if mail.payload.count > Mail.payloadInlineBytesMax {
            let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: mail.payload.count, alignment: 16)
            copy.copyMemory(from: mail.payload)
            block = copy.baseAddress
        }
        guard let position = claim() else {
            block?.deallocate()
            return false
        }
        let cell = cell(position)
        fields(cell).initialize(
            to: Fields(
                kind: mail.kind, payloadCount: UInt32(mail.payload.count), listener: mail.listener,
                address: mail.address, word0: mail.word0, word1: mail.word1, block: block))
        if block == nil, let source = mail.payload.baseAddress {
            (cell + Self.payloadOffset).copyMemory(from: source, byteCount: mail.payload.count)
        }
        publish(position)
        return true
    }

    func post(_ command: @escaping Worker.Command) -> Bool {
        guard let position = claim() else { return false }
        fields(cell(position)).initialize(
            to: Fields(
                kind: Self.commandKind, payloadCount: 0, listener: 0, address: .none, word0: 0, word1: 0,
                block: Unmanaged.passRetained(CommandBox(command)).toOpaque()))
        publish(position)
        return true
    }

    /// Wakes the worker if it sleeps.
    func wake() {
        if sleeping.pointee.load(ordering: .sequentiallyConsistent),
            sleeping.pointee.exchange(false, ordering: .sequentiallyConsistent)
        {
            cl_eventfd_signal(eventDescriptor)
        }
    }

    private func claim() -> UInt64? {
        guard !closed.pointee.load(ordering: .relaxed) else { return nil }
        var position = tail.pointee.load(ordering: .relaxed)
        while true {
            let sequence = sequence(cell(position)).pointee.load(ordering: .acquiring)
            if sequence == position {
                let result = tail.pointee.weakCompareExchange(
                    expected: position, desired: position &+ 1, ordering: .relaxed)
                if result.exchanged { return position }
                position = result.original
            } else if Int64(bitPattern: sequence &- position) < 0 {
                return nil
            } else {
                position = tail.pointee.load(ordering: .relaxed)
            }
        }
    }

    // The store and the look at `sleeping` must not change places, nor their counterparts in `fallAsleep`: one of the two sides
    // sees the other.
    private func publish(_ position: UInt64) {
        sequence(cell(position)).pointee.store(position &+ 1, ordering: .sequentiallyConsistent)
        wake()
    }

    // MARK: The owning worker

    /// Says that the worker is about to sleep; false when there is mail and it must not.
    func fallAsleep() -> Bool {
        sleeping.pointee.store(true, ordering: .sequentiallyConsistent)
        let position = head.pointee
        if sequence(cell(position)).pointee.load(ordering: .sequentiallyConsistent) == position &+ 1 {
            awake()
            return false
        }
        return true
    }

    func awake() { sleeping.pointee.store(false, ordering: .relaxed) }

    /// Posts are refused from now on.
    func close() { closed.pointee.store(true, ordering: .relaxed) }

    /// Delivers one letter, or runs one command; false when there is none.
    func deliverOne(to delegate: any WorkerDelegate, of worker: Worker, now: Milliseconds) -> Bool {
        guard let fields = filled() else { return false }
        if fields.pointee.kind == Self.commandKind {
            guard let block = fields.pointee.block else { return false }
            fields.pointee.block = nil
            let box = Unmanaged<CommandBox>.fromOpaque(block).takeRetainedValue()
            worker.counters.add(.commandsRun)
            box.command(worker, delegate)
        } else {
            let payload = fields.pointee.block ?? payload(fields)
            let letter = Mail(
                kind: fields.pointee.kind, listener: fields.pointee.listener, address: fields.pointee.address,
                word0: fields.pointee.word0, word1: fields.pointee.word1,
                payload: UnsafeRawBufferPointer(start: payload, count: Int(fields.pointee.payloadCount)))
            worker.counters.add(.mailReceived)
            delegate.mail(letter, now: now)
        }
        discard(fields)
        return true
    }

    private func filled() -> UnsafeMutablePointer<Fields>? {
        let position = head.pointee
        let cell = cell(position)
        guard sequence(cell).pointee.load(ordering: .acquiring) == position &+ 1 else { return nil }
        return fields(cell)
    }

    /// Frees what the head cell holds and hands it back to the producers.
    private func discard(_ fields: UnsafeMutablePointer<Fields>) {
        if let block = fields.pointee.block {
            if fields.pointee.kind == Self.commandKind {
                Unmanaged<CommandBox>.fromOpaque(block).release()
            } else {
                block.deallocate()
            }
        }
        let position = head.pointee
        head.pointee = position &+ 1
        sequence(cell(position)).pointee.store(position &+ UInt64(capacity), ordering: .releasing)
    }

    private func cell(_ position: UInt64) -> UnsafeMutableRawPointer {
        cells + Int(position & mask) * Self.cellBytes
    }

    private func sequence(_ cell: UnsafeMutableRawPointer) -> UnsafeMutablePointer<Atomic<UInt64>> {
        cell.assumingMemoryBound(to: Atomic<UInt64>.self)
    }

    private func fields(_ cell: UnsafeMutableRawPointer) -> UnsafeMutablePointer<Fields> {
        (cell + Self.fieldsOffset).assumingMemoryBound(to: Fields.self)
    }

    private func payload(_ fields: UnsafeMutablePointer<Fields>) -> UnsafeMutableRawPointer {
        UnsafeMutableRawPointer(fields) - Self.fieldsOffset + Self.payloadOffset
    }
}
