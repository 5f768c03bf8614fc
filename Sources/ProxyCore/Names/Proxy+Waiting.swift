internal import Reactor
internal import SIPMessage
internal import SIPTransaction

// Branches whose name is being looked up. The server transaction is there already: it has sent its 100, absorbs
// retransmissions and can be cancelled.
extension Proxy {
    /// Whether the only target leads to a name that is being looked up, or would be if there were room; nil when there is
    /// nothing to wait for. A destination found on the way is remembered.
    func pendingName() -> PendingName {
        guard targetSource != nil, request.targetCount == 1 else { return .none }
        guard let departure = findDeparture(of: request.target(0)) else { return request.pendingName }
        rememberDeparture(departure)
        return .none
    }

    /// What `on_branch` may change, or what points into a message that may be written anew, is found again.
    func rememberDeparture(_ departure: Departure) {
        let logic = generations.pointee.logic(request.generation)
        if departure.strictRoute == nil, !runsBranchHook(logic) { request.departure = departure }
    }

    /// Parks the current message as a branch until its name is known. The branch counts as pending.
    func waitForName(_ entry: Int, server: UInt32, to target: Target, index: UInt8) {
        var stored = storeEdited()
        guard !stored.isNone else { return considerLocal(server, code: 503) }
        var uri = PooledBuffer.none
        if target.uri.count > 0 {
            uri = takeBlock(copying: target.uri)
            guard !uri.isNone else {
                table.pointee.buffers.give(back: &stored)
                return considerLocal(server, code: 503)
            }
        }
        let slot = table.pointee.servers[server]
        let known = names.pointee[entry]
        let waiting = names.pointee.waiting.take(
            WaitingBranch(
                server: server, index: index, recordsRoute: request.recordsRoute, request: stored, uri: uri,
                nextOfEntry: known.pointee.firstWaiting, nextOfServer: slot.pointee.firstWaiting))
        guard waiting != 0 else {
            table.pointee.buffers.give(back: &stored)
            table.pointee.buffers.give(back: &uri)
            count(.namesRefused)
            return considerLocal(server, code: 503)
        }
        known.pointee.firstWaiting = waiting
        slot.pointee.firstWaiting = waiting
        slot.pointee.pendingCount += 1
        counters.set(ProxyCounter.branchesWaiting.rawValue, UInt64(names.pointee.waiting.count))
    }

    /// The branch's name is known, or is known to lead nowhere.
    func resume(_ waiting: UInt32, now: UInt64) {
        var branch = names.pointee.waiting[waiting].pointee
        names.pointee.waiting[waiting].pointee.server = 0
        let server = branch.server
        detach(waiting, from: server)
        let slot = table.pointee.servers[server]
        slot.pointee.pendingCount -= 1
        request.begin(source: slot.pointee.source, listener: Int(slot.pointee.listener), now: now)
        request.generation = slot.pointee.generation
        request.loopHash = slot.pointee.loopHash
        request.selectionSeed = slot.pointee.key.high
        request.upstream = Int32(slot.pointee.upstream)
        request.recordsRoute = branch.recordsRoute
        request.dialogMark = dialogMark(of: server)
        request.flow = slot.pointee.flow
        request.wasRoutedHere = slot.pointee.flags.contains(.routedHere)
        request.answerMilliseconds = slot.pointee.answerMilliseconds
        request.waitsNoMore = true
        if case .complete = message.pointee.parse(branch.request.bytes, as: .datagram) {
            sendBranch(server, to: Target(uri: branch.uri.bytes), index: branch.index)
        } else {
            considerLocal(server, code: 500)
        }
        table.pointee.buffers.give(back: &branch.request)
        table.pointee.buffers.give(back: &branch.uri)
        if slot.pointee.pendingCount == 0 { finishContext(server, now: now) }
    }

    private func detach(_ waiting: UInt32, from server: UInt32) {
        let next = names.pointee.waiting[waiting].pointee.nextOfServer
        let slot = table.pointee.servers[server]
        if slot.pointee.firstWaiting == waiting {
            slot.pointee.firstWaiting = next
            return
        }
        var previous = slot.pointee.firstWaiting
        while names.pointee.waiting[previous].pointee.nextOfServer != waiting {
            previous = names.pointee.waiting[previous].pointee.nextOfServer
        }
        names.pointee.waiting[previous].pointee.nextOfServer = next
    }

    /// The transaction needs its waiting branches no more: they are neither sent nor counted. Their slots go with the
    /// look-up, which goes on for the cache.
    func dropWaiting(of server: UInt32) {
        let slot = table.pointee.servers[server]
        var waiting = slot.pointee.firstWaiting
        slot.pointee.firstWaiting = 0
        while waiting != 0 {
            let branch = names.pointee.waiting[waiting]
            table.pointee.buffers.give(back: &branch.pointee.request)
            table.pointee.buffers.give(back: &branch.pointee.uri)
            branch.pointee.server = 0
            slot.pointee.pendingCount -= 1
            waiting = branch.pointee.nextOfServer
        }
    }
}

/// What stands between a request and its address.
enum PendingName: Equatable, BitwiseCopyable {
    case none
    case lookedUp(Int)
    /// No more can be looked up now.
    case refused
}
