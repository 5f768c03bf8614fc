internal import Reactor
internal import SIPMessage
internal import SIPTransaction

/// What is known of where a URI leads.
enum Resolution {
    case address(SocketAddress)
    /// Being looked up: entry of the cache.
    case pending(Int)
    /// No more names can be looked up now.
    case refused
    case unknown
}

// RFC 3263 from the worker's side: names in the cache, names being looked up. docs/dns.md.
extension Proxy {
    func resolve(_ uri: UnsafeRawBufferPointer) -> Resolution {
        switch resolver.place(of: uri) {
        case .address(let address): .address(address)
        case .nowhere: .unknown
        case .name(let name, let port, let isTransportGiven):
            targetSource == nil ? .unknown : resolve(name, port, isTransportGiven)
        }
    }

    private func resolve(_ name: UnsafeRawBufferPointer, _ port: UInt16, _ isTransportGiven: Bool) -> Resolution {
        let now = request.now
        var hash = KeyedHash(key: callHashKey)
        hash.absorbLowercased(name)
        hash.absorb(UInt64(port) << 1 | (isTransportGiven ? 1 : 0))
        let key = hash.finish128()
        let entry = names.pointee.find(low: key.low, high: key.high)
        if entry >= 0 {
            let known = names.pointee[entry]
            known.pointee.usedAt = now
            switch known.pointee.state {
            case .pending: return .pending(entry)
            case .found where known.pointee.expiresAt > now:
                count(.namesFromCache)
                // The request's own numbers: what comes again goes the same way, also without state (§4.4).
                var random = RequestRandom(state: request.selectionSeed)
                return .address(ResolvedTarget.choose(names.pointee.addresses(entry), using: &random))
            case .failed where known.pointee.expiresAt > now:
                count(.namesFromCache)
                return .unknown
            case .found, .failed, .free: break
            }
        }
        return startLookUp(name, port, isTransportGiven, low: key.low, high: key.high)
    }

    private func startLookUp(
        _ name: UnsafeRawBufferPointer, _ port: UInt16, _ isTransportGiven: Bool, low: UInt64, high: UInt64
    ) -> Resolution {
        guard let text = Self.hostName(name) else { return .unknown }
        guard let targetSource, names.pointee.pendingCount < settings.names.pendingMax else { return refuse() }
        let now = request.now
        let entry = names.pointee.begin(low: low, high: high, now: now)
        guard entry >= 0 else { return refuse() }
        // The answer may get lost on its way; those who wait must not.
        let deadline = now &+ settings.names.timeoutMilliseconds
        let timer = table.pointee.wheel.schedule(at: deadline, payload: Self.nameTimer | UInt64(entry))
        let question = TargetQuestion(
            low: low, high: high, name: text, port: port, isTransportGiven: isTransportGiven)
        guard timer != 0, targetSource.lookUp(question) else {
            if timer != 0 { table.pointee.wheel.cancel(timer) }
            names.pointee.abandon(entry)
            return refuse()
        }
        names.pointee[entry].pointee.timer = timer
        count(.namesLookedUp)
        publishPendingNames()
        return .pending(entry)
    }

    private func refuse() -> Resolution {
        count(.namesRefused)
        return .refused
    }

    /// Payload of a look-up's timer; the rest is the entry.
    static let nameTimer: UInt64 = 1 << 62

    private static let nameBytesMax = 253

    /// In lower case without a dot at the end. Nil: DNS has no such name of a host.
    private static func hostName(_ bytes: UnsafeRawBufferPointer) -> String? {
        var bytes = bytes
        if bytes.last == UInt8(ascii: ".") { bytes = UnsafeRawBufferPointer(rebasing: bytes.dropLast()) }
        guard bytes.count > 0, bytes.count <= nameBytesMax else { return nil }
        var labelBytes = 0
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "."):
                guard labelBytes > 0 else { return nil }
                labelBytes = 0
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "_"):
                labelBytes += 1
                guard labelBytes <= 63 else { return nil }
            default: return nil
            }
        }
        return labelBytes > 0 ? String(decoding: bytes, as: UTF8.self).lowercased() : nil
    }

    private func publishPendingNames() {
        counters.set(ProxyCounter.namesPending.rawValue, UInt64(names.pointee.pendingCount))
    }

    // MARK: Answers

    /// The answer to a question of this proxy's. On the worker's thread.
    public func answered(_ answer: TargetAnswer, now: UInt64) {
        if measuresCost { meter.pointee.beginMessage(received: 0) }
        defer { if measuresCost { meter.pointee.end() } }
        let entry = names.pointee.find(low: answer.low, high: answer.high)
        // Given up meanwhile, and what it was may have made room for another.
        guard entry >= 0 else { return count(.namesAnsweredLate) }
        let isLate = names.pointee[entry].pointee.state != .pending
        if isLate { count(.namesAnsweredLate) }
        if answer.targets.isEmpty, isLate { return }
        finishLookUp(entry, answer.targets, ttlSeconds: answer.ttlSeconds, now: now)
    }

    /// No answer came in time.
    func nameTimedOut(_ entry: Int, now: UInt64) {
        names.pointee[entry].pointee.timer = 0
        guard names.pointee[entry].pointee.state == .pending else { return }
        finishLookUp(entry, [], ttlSeconds: 0, now: now)
    }

    private func finishLookUp(_ entry: Int, _ targets: [ResolvedTarget], ttlSeconds: UInt32, now: UInt64) {
        let known = names.pointee[entry]
        if known.pointee.timer != 0 {
            table.pointee.wheel.cancel(known.pointee.timer)
            known.pointee.timer = 0
        }
        let limits = settings.names
        let seconds =
            targets.isEmpty
            ? limits.negativeTTLSeconds : min(max(UInt64(ttlSeconds), limits.ttlSecondsMin), limits.ttlSecondsMax)
        if targets.isEmpty { count(.namesFailed) }
        names.pointee.store(entry, targets, expiresAt: now &+ seconds &* 1_000)
        publishPendingNames()
        var waiting = known.pointee.firstWaiting
        known.pointee.firstWaiting = 0
        while waiting != 0 {
            let branch = names.pointee.waiting[waiting].pointee
            if branch.server != 0 { resume(waiting, now: now) }
            names.pointee.waiting.give(back: waiting)
            waiting = branch.nextOfEntry
        }
        counters.set(ProxyCounter.branchesWaiting.rawValue, UInt64(names.pointee.waiting.count))
    }
}
