internal import SIPMessage
internal import SIPTransaction

extension RequestContext {
    /// Chooses targets of a set for the request, by the set's key where the algorithm wants one and none is given.
    ///
    /// - Parameter key: what `hash` goes by; implies it unless another algorithm is named.
    public func select(
        _ set: Int, of dispatcher: Dispatcher, algorithm: DispatcherAlgorithm?, key: UnsafeRawBufferPointer?, limit: Int
    ) -> Int {
        let chosen = algorithm ?? (key == nil ? dispatcher.settings(set).algorithm : .hash)
        var pick = DispatcherPick(algorithm: chosen, limit: min(limit, targetsMax))
        // The request's own numbers: what comes again goes the same way, also without state.
        pick.hash = selectionSeed
        if chosen == .hash { pick.hash = key.map(Self.hash) ?? hash(dispatcher.settings(set).key) }
        return dispatcher.select(set, pick, now: now)
    }

    private static func hash(_ key: UnsafeRawBufferPointer) -> UInt64 {
        var hash = KeyedHash(key: Dispatcher.hashKey)
        hash.absorb(key)
        return hash.finish()
    }

    private func hash(_ key: DispatcherKey) -> UInt64 {
        switch key {
        case .callID: return Self.hash(message.pointee.bytes(message.pointee.callID))
        case .fromURI: return hash(message.pointee.fromAddress)
        case .toURI: return hash(message.pointee.toAddress)
        case .requestURI: return hash(uri: requestURI)
        case .authUser:
            guard let user = credentialsUser() else { return hash(message.pointee.fromAddress) }
            return user.withUnsafeBytes { Self.hash($0) }
        }
    }

    private func hash(_ address: NameAddress) -> UInt64 { hash(uri: message.pointee.bytes(address.uri)) }

    /// User and host: what the same user has in every request.
    private func hash(uri bytes: UnsafeRawBufferPointer) -> UInt64 {
        guard let uri = SIPURI.parse(ByteRange(0, bytes.count), in: bytes) else { return Self.hash(bytes) }
        var hash = KeyedHash(key: Dispatcher.hashKey)
        if !uri.user.isAbsent { hash.absorb(UnsafeRawBufferPointer(rebasing: bytes[uri.user.start..<uri.user.end])) }
        if !uri.host.isAbsent {
            hash.absorbLowercased(UnsafeRawBufferPointer(rebasing: bytes[uri.host.start..<uri.host.end]))
        }
        return hash.finish()
    }

    private func credentialsUser() -> [UInt8]? {
        for header in [HeaderName.proxyAuthorization, .authorization] {
            let index = message.pointee.first(header)
            guard index >= 0,
                let credentials = try? DigestCredentials(message.pointee.bytes(message.pointee.header(index).value))
            else { continue }
            return credentials.username
        }
        return nil
    }
}
