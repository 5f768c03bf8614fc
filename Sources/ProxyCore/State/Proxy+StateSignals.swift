internal import Reactor
internal import SIPMessage
internal import SIPTransaction
internal import StatePolicy

// What proxies that share state tell each other in Via parameters: docs/state-signalling.md.
extension Proxy {
    // MARK: Requests

    /// Reads what the proxy before says of the request's state, if it is to be believed.
    func readMarker() {
        let plain = StateSignals.plainMarker(message.pointee.topVia, in: message.pointee.bytes)
        let method = message.pointee.method
        if plain != .absent, method != .ack, method != .cancel, desk.find(request.source).isTrusted {
            return takeMarker(plain)
        }
        let via = message.pointee.topVia.value
        guard StateSignalCursor.mayStand(.any, in: via, of: message.pointee.bytes) else { return }
        guard desk.find(request.source).isTrusted else { return ignoreSignals() }
        // Both go where their INVITE goes; made by a holder they repeat its Via (RFC 3261 §9.1, §17.1.1.3).
        if method == .ack || method == .cancel { return }
        let signals = StateSignals(via, in: message.pointee.bytes)
        guard signals.isPresent else { return }
        guard !signals.isMalformed, signals.feedback == nil, signals.marker != .absent else { return ignoreSignals() }
        takeMarker(signals.marker)
    }

    private func takeMarker(_ marker: StateMarker) {
        request.upstream = desk.enter(request.source)
        guard request.upstream >= 0 else { return count(.stateNeighboursRefused) }
        request.marker = marker
    }

    private func ignoreSignals() {
        request.hasForeignSignals = true
        count(.stateSignalsIgnored)
    }

    /// Takes out of the top Via what wasn't believed, so that nobody further on can believe it.
    func removeForeignSignals() {
        guard request.hasForeignSignals else { return }
        request.hasForeignSignals = false
        removeSignals(message.pointee.topVia.value, feedbackOnly: false)
    }

    /// Tells a trusted next hop in our own Via whether the request's state is held.
    func appendMarker(_ marker: StateMarker, to destination: SocketAddress) {
        let method = message.pointee.method
        guard method != .ack, method != .cancel, desk.find(destination).isTrusted else { return }
        marker.append(to: &edits.pointee)
    }

    // MARK: Responses from downstream

    /// Reads what the next hop says in our own Via.
    ///
    /// - Parameter destination: where the request was sent; none: not known.
    func readFeedback(sentTo destination: SocketAddress) {
        let via = message.pointee.topVia.value
        // It was added at the end; what somebody put in front of the branch isn't missed.
        let added = ByteRange(message.pointee.topVia.branch.end, via.end)
        guard StateSignalCursor.mayStand(.feedback, in: added, of: message.pointee.bytes) else { return }
        let source = response.source
        guard desk.find(source).isTrusted, destination.isNone || destination == source,
            let feedback = StateSignals(via, in: message.pointee.bytes).feedback
        else { return count(.stateSignalsIgnored) }
        let number = desk.enter(source)
        guard number >= 0 else { return count(.stateNeighboursRefused) }
        count(desk.note(feedback, of: number, now: response.now) ? .stateFeedbackReceived : .stateSignalsIgnored)
    }

    // MARK: Responses to upstream

    /// Number of the neighbour that a response without a transaction goes to. The kernel brings responses to other workers
    /// than requests: the neighbour's marker, which comes back in its Via, tells this one too that it takes part.
    func upstreamNumber(_ target: SocketAddress, _ via: ByteRange) -> Int32 {
        let place = desk.find(target)
        guard place.isTrusted, place.number < 0, StateSignals(via, in: message.pointee.bytes).marker != .absent else {
            return place.number
        }
        return desk.enter(target)
    }

    /// Sees to the Via of the proxy upstream: what others wrote into it goes, what it is to be told comes.
    ///
    /// - Parameter via: that Via if it was found before; absent: it is looked for.
    func editSignals(for upstream: Int32, _ via: ByteRange) {
        var via = via
        if via.isAbsent {
            var cursor = message.pointee.elements(of: .via)
            _ = cursor.next(in: message.pointee)
            guard let second = cursor.next(in: message.pointee) else { return }
            via = second.value
        }
        if StateSignalCursor.mayStand(.feedback, in: via, of: message.pointee.bytes) {
            count(.stateSignalsIgnored)
            removeSignals(via, feedbackOnly: true)
        }
        guard let feedback = desk.dueFeedback(for: upstream, now: response.now) else { return }
        count(.stateFeedbackSent)
        withUnsafeTemporaryAllocation(byteCount: StateFeedback.textBytesMax, alignment: 8) { text in
            let written = feedback.write(into: text)
            edits.pointee.insert(UnsafeRawBufferPointer(rebasing: text[..<written]), at: via.end)
        }
    }

    /// The same for a response that is made here.
    func fillFeedback(_ content: inout ResponseWriter.Content, for upstream: Int32, now: UInt64) {
        guard let feedback = desk.dueFeedback(for: upstream, now: now) else { return }
        count(.stateFeedbackSent)
        content.viaParameters = UnsafeRawBufferPointer(
            rebasing: feedbackText[..<feedback.write(into: feedbackText)])
    }

    /// A Via that nobody can read stays as it is: with something cut out of it, it might become one that is read and believed.
    ///
    /// - Parameter feedbackOnly: only `svk-…`; the marker is the upstream proxy's own word.
    private func removeSignals(_ via: ByteRange, feedbackOnly: Bool) {
        guard Via.parse(via, in: message.pointee.bytes) != nil else { return }
        var cursor = StateSignalCursor(via, in: message.pointee.bytes)
        while let parameter = cursor.next(in: message.pointee.bytes) {
            if feedbackOnly, parameter.name.count == 3 { continue }
            edits.pointee.remove(StateSignalCursor.extent(parameter, in: message.pointee.bytes))
        }
    }
}
