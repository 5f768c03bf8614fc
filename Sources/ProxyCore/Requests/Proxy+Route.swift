internal import Reactor
internal import SIPMessage
internal import SIPTransaction

// RFC 3261 §16.4: route information preprocessing, before the routing logic sees the request.
extension Proxy {
    /// False: the request was answered.
    func preprocessRoute(key: TransactionKey) -> Bool {
        guard fixStrictRouting(), removeMaddr() else {
            count(.messageOverflows)
            return reject(513, "Message Too Large", key: key)
        }
        guard removeOwnRoutes() else {
            count(.messageOverflows)
            return reject(513, "Message Too Large", key: key)
        }
        return true
    }

    /// A strict router upstream put our Record-Route value into the Request-URI and the real one at the end
    /// of the Route: swap back.
    private func fixStrictRouting() -> Bool {
        let target = message.pointee.requestTarget
        guard target.user.isAbsent, message.pointee.first(.route) >= 0,
            target.hasLooseRouting(in: message.pointee.bytes),
            isOwnURI(target)
        else { return true }
        var last: ListElement?
        var cursor = message.pointee.elements(of: .route)
        while let element = cursor.next(in: message.pointee) { last = element }
        guard let last, let address = NameAddress.parse(last.value, in: message.pointee.bytes) else { return true }
        edits.pointee.replace(message.pointee.requestURI, with: message.pointee.bytes(address.uri))
        edits.pointee.removeElement(last, of: message.pointee)
        request.wasRoutedHere = true
        return rewrite()
    }

    /// §16.4: a maddr that names this proxy has done its duty, and with it a port that led here.
    private func removeMaddr() -> Bool {
        let target = message.pointee.requestTarget
        guard !target.parameters.isAbsent, let maddr = target.parameter("maddr", in: message.pointee.bytes),
            !maddr.isEmpty, identity.isOwnHost(message.pointee.bytes(maddr), port: target.port)
        else { return true }
        // From the semicolon to the value's end.
        var start = maddr.start
        while start > target.parameters.start, message.pointee.bytes[start] != UInt8(ascii: ";") { start -= 1 }
        edits.pointee.remove(ByteRange(start, maddr.end))
        if target.port != 0, target.port != 5_060 {
            edits.pointee.remove(ByteRange(target.host.end + (target.isIPv6Reference ? 1 : 0), target.hostPort.end))
        }
        return rewrite()
    }

    /// Removes the topmost Route value when it names this proxy, and the next too where we recorded both our
    /// sides (`r2`).
    private func removeOwnRoutes() -> Bool {
        guard let first = topRoute(), let uri = ownURI(of: first) else { return true }
        edits.pointee.removeElement(first, of: message.pointee)
        request.wasRoutedHere = true
        request.routesRemoved = 1
        noteFlow(uri)
        if dialogs.readsMarks, let mark = uri.parameter("did", in: message.pointee.bytes) {
            let dialog = DialogID(message.pointee.bytes(mark))
            request.isTrackedElsewhere = dialog == .elsewhere
            request.routeDialog = request.isTrackedElsewhere ? nil : dialog
        }
        guard uri.parameter("r2", in: message.pointee.bytes) != nil else { return !edits.pointee.overflowed }
        guard rewrite() else { return false }
        request.routesRemoved = 0
        guard let second = topRoute(), let other = ownURI(of: second),
            other.parameter("r2", in: message.pointee.bytes) != nil
        else { return true }
        noteFlow(other)
        edits.pointee.removeElement(second, of: message.pointee)
        request.routesRemoved = 1
        return !edits.pointee.overflowed
    }

    /// RFC 5626 §5.3: a request goes by the connection that its route names, unless it came by that.
    private func noteFlow(_ route: SIPURI) {
        guard !route.user.isAbsent,
            let flow = FlowToken.read(message.pointee.bytes(route.user), hashKey: settings.hashKey),
            flow != request.source
        else { return }
        request.flow = flow
    }

    /// The topmost Route value that is not to be removed.
    func topRoute() -> ListElement? {
        guard message.pointee.first(.route) >= 0 else { return nil }
        var cursor = message.pointee.elements(of: .route)
        for _ in 0..<request.routesRemoved { _ = cursor.next(in: message.pointee) }
        return cursor.next(in: message.pointee)
    }

    private func ownURI(of route: ListElement) -> SIPURI? {
        guard let address = NameAddress.parse(route.value, in: message.pointee.bytes),
            let uri = SIPURI.parse(address.uri, in: message.pointee.bytes), isOwnURI(uri)
        else { return nil }
        return uri
    }

    private func isOwnURI(_ uri: SIPURI) -> Bool {
        guard uri.scheme == .sip || uri.scheme == .sips, !uri.host.isAbsent else { return false }
        return identity.isOwnHost(message.pointee.bytes(uri.host), port: uri.port)
    }

    /// Applies the pending edits: afterwards the message reads as edited. False: it became too large.
    func rewrite() -> Bool {
        request.synchronise()
    }
}
