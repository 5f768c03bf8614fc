internal import Reactor
internal import SIPMessage
internal import SIPTransaction

/// Where a request leaves: destination address and the listener to send from.
struct Departure {
    var destination: SocketAddress
    var listener: Int
    /// The topmost Route names a strict router (RFC 3261 §16.6 step 6).
    var strictRoute: ListElement?
    /// The URI that led there is a sips one.
    var isSips = false
}

// RFC 3261 §16.6: what changes in a request on its way through.
extension Proxy {
    /// Whether `received` or `rport` is due in the top Via (RFC 3261 §18.2.1, RFC 3581 §4).
    func needsReceivedParameter(_ source: SocketAddress) -> Bool {
        let via = message.pointee.topVia
        if via.rport >= 0 || !via.receivedParameter.isAbsent { return true }
        guard let address = SocketAddress(ip: message.pointee.bytes(via.host), port: source.port) else { return true }
        return !address.sameIP(as: source)
    }

    /// Edits `received` and `rport` into the top Via.
    func addReceivedParameter() {
        guard request.needsReceived else { return }
        request.needsReceived = false
        withUnsafeTemporaryAllocation(byteCount: SocketAddress.ipTextBytesMax, alignment: 8) { text in
            let count = request.source.writeIP(into: text)
            edits.pointee.noteSource(
                address: UnsafeRawBufferPointer(rebasing: text[..<count]), port: Int(request.source.port),
                of: message.pointee)
        }
    }

    /// Where responses to the request go: RFC 3261 §18.2.2, RFC 3581 §4.
    func responseTarget(of source: SocketAddress) -> SocketAddress {
        let via = message.pointee.topVia
        let port = via.port == 0 ? source.transport.defaultPort : via.port
        if !via.maddr.isAbsent, let address = SocketAddress(ip: message.pointee.bytes(via.maddr), port: port) {
            return address.withTransport(source.transport)
        }
        return via.rport >= 0 ? source : source.withPort(port)
    }

    /// What our Via says of a request that came in by `listener` and whose responses go to `target`.
    func origin(listener: Int, target: SocketAddress) -> ViaOrigin {
        ViaOrigin(
            worker: UInt8(workerIndex), listener: UInt8(listener),
            returnHash: ViaOrigin.returnHash(
                high: target.high, low: target.low, port: target.port, hashKey: settings.hashKey))
    }

    /// Destination and listener for a target. Nil: unresolvable, or no listener of that family; counted.
    func departure(of target: Target) -> Departure? {
        if !request.departure.destination.isNone { return request.departure }
        let departure = findDeparture(of: target)
        if departure == nil, request.pendingName == .none { count(.targetsUnresolvable) }
        return departure
    }

    func findDeparture(of target: Target) -> Departure? {
        var departure = Departure(destination: target.destination, listener: -1, strictRoute: nil)
        request.pendingName = .none
        if departure.destination.isNone { departure.destination = request.nextHop }
        if departure.destination.isNone, target.uri.count == 0 { departure.destination = request.flow }
        if departure.destination.isNone {
            if let route = topRoute(), let address = NameAddress.parse(route.value, in: message.pointee.bytes) {
                departure.destination = destination(of: message.pointee.bytes(address.uri))
                departure.isSips = isSips(message.pointee.bytes(address.uri))
                if let uri = SIPURI.parse(address.uri, in: message.pointee.bytes),
                    !uri.hasLooseRouting(in: message.pointee.bytes)
                {
                    departure.strictRoute = route
                }
            } else {
                departure.destination = destination(of: target.uri.count > 0 ? target.uri : request.requestURI)
                departure.isSips = isSips(target.uri.count > 0 ? target.uri : request.requestURI)
            }
        }
        guard !departure.destination.isNone, departure.destination.port != 0 else { return nil }
        departure.listener = identity.listener(for: departure.destination, incoming: request.listener)
        return departure.listener >= 0 ? departure : nil
    }

    private func isSips(_ uri: UnsafeRawBufferPointer) -> Bool {
        uri.count > 5 && uri[4] == UInt8(ascii: ":") && uri[3] | 0x20 == UInt8(ascii: "s")
    }

    /// `.none`: unknown, or `pendingName` tells what is missing.
    private func destination(of uri: UnsafeRawBufferPointer) -> SocketAddress {
        switch resolve(uri) {
        case .address(let address): return address
        case .unknown: return .none
        case .refused: request.pendingName = .refused
        case .pending(let entry): request.pendingName = request.waitsNoMore ? .none : .lookedUp(entry)
        }
        return .none
    }

    /// The edits that every forwarded request gets, on top of what is pending.
    ///
    /// - Parameter marker: what the next hop is told of the request's state, if it is trusted.
    func addForwardingEdits(
        target: Target, departure: Departure, branch: Branch, origin: ViaOrigin, marker: StateMarker
    ) {
        let uri = target.uri.count > 0 ? target.uri : request.newRequestURI
        if let strict = departure.strictRoute {
            swapStrictRoute(strict, requestURI: uri.count > 0 ? uri : request.requestURI)
        } else if uri.count > 0, target.uri.count > 0 || !request.isRequestURIEdited {
            edits.pointee.replace(message.pointee.requestURI, with: uri)
        }
        edits.pointee.begin(at: message.pointee.startLineEnd)
        edits.pointee.append(identity.viaStart(departure.listener))
        branch.append(to: &edits.pointee)
        origin.append(to: &edits.pointee)
        if sharesState { appendMarker(marker, to: departure.destination) }
        edits.pointee.append("\r\n")
        if request.recordsRoute { appendRecordRoute(departure: departure) }
        if message.pointee.maxForwards < 0 {
            // §16.6 step 3.
            edits.pointee.append("Max-Forwards: ")
            edits.pointee.appendDecimal(settings.limits.maxForwards)
            edits.pointee.append("\r\n")
        }
        edits.pointee.end()
        if message.pointee.maxForwards > 0 {
            let value = message.pointee.header(message.pointee.first(.maxForwards)).value
            edits.pointee.begin(at: value.start, removing: value.count)
            edits.pointee.appendDecimal(message.pointee.maxForwards - 1)
            edits.pointee.end()
        }
    }

    /// One Record-Route for each socket the dialog's requests pass (RFC 3261 §16.6 step 4, RFC 5658 for
    /// two): the downstream side on top. Of a request to a sips URI the secure sides are sips (§16.6 step 4).
    private func appendRecordRoute(departure: Departure) {
        let (isUpstreamFlow, isDownstreamFlow) = (
            request.source.transport.isWebSocket, departure.destination.transport.isWebSocket
        )
        // A listener alone does not tell which of its connections leads to which side.
        let isPair = departure.listener != request.listener || isUpstreamFlow || isDownstreamFlow
        appendRoute(departure.listener, departure.isSips, flow: isDownstreamFlow ? departure.destination : .none)
        if let mark = request.dialogMark { mark.append(to: &edits.pointee) }
        if isPair {
            edits.pointee.append(";r2=on>\r\n")
            appendRoute(request.listener, departure.isSips, flow: isUpstreamFlow ? request.source : .none)
            if let mark = request.dialogMark { mark.append(to: &edits.pointee) }
            edits.pointee.append(";r2=on")
        }
        edits.pointee.append(">\r\n")
    }

    /// A Record-Route up to its first parameters, with the connection it stands for.
    private func appendRoute(_ listener: Int, _ isSips: Bool, flow: SocketAddress) {
        let start = identity.routeStart(listener, isSips: isSips)
        edits.pointee.append("Record-Route: ")
        guard !flow.isNone, let colon = start.firstIndex(of: UInt8(ascii: ":")) else {
            return edits.pointee.append(start)
        }
        edits.pointee.append(UnsafeRawBufferPointer(rebasing: start[...colon]))
        FlowToken.append(flow, to: &edits.pointee, hashKey: settings.hashKey)
        edits.pointee.append("@")
        edits.pointee.append(UnsafeRawBufferPointer(rebasing: start[(colon + 1)...]))
    }

    /// §16.6 step 6: the strict router's URI becomes the Request-URI, which goes to the Route's end.
    private func swapStrictRoute(_ route: ListElement, requestURI: UnsafeRawBufferPointer) {
        guard let address = NameAddress.parse(route.value, in: message.pointee.bytes) else { return }
        var last = message.pointee.first(.route)
        while message.pointee.next(after: last) >= 0 { last = message.pointee.next(after: last) }
        edits.pointee.begin(at: message.pointee.header(last).line.end)
        edits.pointee.append("Route: <")
        edits.pointee.append(requestURI)
        edits.pointee.append(">\r\n")
        edits.pointee.end()
        // §19.1.1: a Request-URI has no headers part.
        var uri = address.uri
        if let parsed = SIPURI.parse(uri, in: message.pointee.bytes), !parsed.headers.isAbsent {
            uri = ByteRange(uri.start, parsed.headers.start - 1)
        }
        edits.pointee.replace(message.pointee.requestURI, with: message.pointee.bytes(uri))
        edits.pointee.removeElement(route, of: message.pointee)
    }
}
