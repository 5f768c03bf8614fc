internal import Reactor
internal import SIPTransaction

/// In which order the targets of a request are tried (RFC 3261 §16.6).
@frozen
public enum TargetOrder: UInt8, Sendable {
    /// All at once.
    case parallel
    /// Each when those before it have failed.
    case serial
    /// Best first: those that are as good as the first at once, then the next ones; parallel and serial together, as §16.6
    /// has it for q.
    case preference
    /// Like `serial`, but only while the trouble is the target's own: 408, 5xx, or it can't be reached. Who is busy on
    /// one gateway is busy on all.
    case failover

    /// Whether the targets that are left are tried after this answer. 6xx ends it in any case (§16.7 step 5).
    func goesOn(after code: Int) -> Bool {
        switch self {
        case .parallel: false
        case .serial, .preference: true
        case .failover: code == 408 || (500...599).contains(code)
        }
    }
}

/// Targets that wait for those before them, in a block of a transaction: for each its destination, preference, length and URI.
enum LaterTargets {
    private static let headerBytes = MemoryLayout<SocketAddress>.stride + 4

    static func byteCount(_ targets: Range<Int>, of request: RequestContext) -> Int {
        targets.reduce(0) { $0 + headerBytes + request.target($1).uri.count }
    }

    /// - Parameter room: of `byteCount` at least.
    static func write(_ targets: Range<Int>, of request: RequestContext, into room: UnsafeMutableRawBufferPointer) {
        var offset = 0
        for index in targets {
            let target = request.target(index)
            // Where all of them go unless they say otherwise is not known any more when their turn comes.
            let destination = target.destination.isNone ? request.nextHop : target.destination
            room.storeBytes(of: destination, toByteOffset: offset, as: SocketAddress.self)
            offset += MemoryLayout<SocketAddress>.stride
            room.storeBytes(of: target.preference, toByteOffset: offset, as: UInt16.self)
            room.storeBytes(of: UInt16(target.uri.count), toByteOffset: offset + 2, as: UInt16.self)
            offset += 4
            UnsafeMutableRawBufferPointer(rebasing: room[offset...]).copyMemory(from: target.uri)
            offset += target.uri.count
        }
    }

    /// Adds them all to the request, which has none. False: no room for one, which is left out with those behind it.
    static func read(_ bytes: UnsafeRawBufferPointer, into request: RequestContext) -> Bool {
        var offset = 0
        while offset + headerBytes <= bytes.count {
            let destination = bytes.loadUnaligned(fromByteOffset: offset, as: SocketAddress.self)
            offset += MemoryLayout<SocketAddress>.stride
            let preference = bytes.loadUnaligned(fromByteOffset: offset, as: UInt16.self)
            let count = Int(bytes.loadUnaligned(fromByteOffset: offset + 2, as: UInt16.self))
            offset += 4
            let uri = UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count])
            offset += count
            guard request.addTarget(uri: uri, destination: destination, preference: preference) else { return false }
        }
        return true
    }
}

extension Proxy {
    /// How many of the request's targets are tried now.
    private var firstTargets: Int {
        switch request.targetOrder {
        case .parallel: return request.targetCount
        case .serial, .failover: return min(1, request.targetCount)
        case .preference:
            var count = 0
            while count < request.targetCount, request.target(count).preference == request.target(0).preference {
                count += 1
            }
            return count
        }
    }

    /// Puts the targets aside that wait for others, and says how many are left to be tried now. Those there is no memory for are counted
    /// as refused.
    func putLaterTargetsAside(_ server: UInt32) -> Int {
        let slot = table.pointee.servers[server]
        table.pointee.buffers.give(back: &slot.pointee.later)
        slot.pointee.order = request.targetOrder
        slot.pointee.answerMilliseconds = request.answerMilliseconds
        let first = firstTargets
        let later = first..<request.targetCount
        guard !later.isEmpty else { return first }
        let count = LaterTargets.byteCount(later, of: request)
        var buffer = takeBlock(count)
        guard !buffer.isNone else {
            counters.add(ProxyCounter.branchesRefused.rawValue, UInt64(later.count))
            return first
        }
        LaterTargets.write(later, of: request, into: table.pointee.buffers.room(of: buffer))
        buffer.count = UInt32(count)
        slot.pointee.later = buffer
        return first
    }

    /// Every branch so far has failed: the next targets' turn (§16.6). False: none are left, or none is to be tried any more.
    func tryLaterTargets(_ server: UInt32, now: UInt64) -> Bool {
        let slot = table.pointee.servers[server]
        guard !slot.pointee.later.isNone else { return false }
        // Taken out: what is left of them is put aside anew.
        var later = slot.pointee.later
        slot.pointee.later = .none
        defer { table.pointee.buffers.give(back: &later) }
        guard slot.pointee.flags.isDisjoint(with: [.cancelled, .global]),
            slot.pointee.order.goesOn(after: Int(slot.pointee.lastCode)),
            Int(slot.pointee.branchCount) < min(settings.limits.branchesMax, Branch.branchesMax)
        else { return false }
        takeUp(server, now: now)
        guard loadStoredRequest(server) else { return false }
        if !LaterTargets.read(later.bytes, into: request) { count(.branchesRefused) }
        guard request.targetCount > 0 else { return false }
        request.targetOrder = slot.pointee.order
        request.answerMilliseconds = slot.pointee.answerMilliseconds
        count(.targetsTriedLater)
        forwardBranches(server)
        return true
    }
}
