internal import NIOHTTP1

/// Why an HTTP request does not become a connection of SIP (RFC 6455 §4.2, RFC 7118 §4).
enum WebSocketRefusal: Equatable {
    /// It asks for a page, or for another protocol.
    case noUpgrade
    case wrongVersion
    case wrongMethod
    case malformed
    case wrongPath
    case wrongOrigin
    case noSubprotocol

    var status: HTTPResponseStatus {
        switch self {
        case .noUpgrade, .wrongVersion: .upgradeRequired
        case .wrongMethod: .methodNotAllowed
        case .malformed, .noSubprotocol: .badRequest
        case .wrongPath: .notFound
        case .wrongOrigin: .forbidden
        }
    }

    var text: String {
        switch self {
        case .noUpgrade: "SIP over WebSocket is spoken here (RFC 7118), subprotocol \"sip\".\n"
        case .wrongVersion: "WebSocket version 13 is spoken here (RFC 6455).\n"
        case .wrongMethod: "A WebSocket begins with a GET.\n"
        case .malformed: "This is no WebSocket handshake (RFC 6455 section 4.2.1).\n"
        case .wrongPath: "Nothing is here.\n"
        case .wrongOrigin: "Pages of this origin may not connect.\n"
        case .noSubprotocol: "The subprotocol \"sip\" is needed (RFC 7118 section 4).\n"
        }
    }

    var headers: HTTPHeaders {
        var headers: HTTPHeaders = [
            "Content-Type": "text/plain; charset=utf-8", "Content-Length": String(text.utf8.count),
            "Connection": "close",
        ]
        switch self {
        case .noUpgrade, .wrongVersion:
            // RFC 9110 §15.5.22, RFC 6455 §4.4.
            headers.add(name: "Upgrade", value: "websocket")
            headers.add(name: "Sec-WebSocket-Version", value: "13")
        case .wrongMethod: headers.add(name: "Allow", value: "GET")
        case .malformed, .wrongPath, .wrongOrigin, .noSubprotocol: break
        }
        return headers
    }
}

extension WebSocketSettings {
    /// A key is 16 bytes in base64 (RFC 6455 §4.1).
    private static let keyBytes = 24

    /// nil: the request is a handshake that is to be accepted.
    func refusal(of request: HTTPRequestHead) -> WebSocketRefusal? {
        let headers = request.headers
        guard request.method == .GET else { return .wrongMethod }
        if let path, request.uri.prefix(while: { $0 != "?" }) != path { return .wrongPath }
        guard headers[canonicalForm: "Upgrade"].contains(where: { $0.lowercased() == "websocket" }) else {
            return .noUpgrade
        }
        guard headers["Sec-WebSocket-Version"] == ["13"] else { return .wrongVersion }
        guard headers["Sec-WebSocket-Key"].map(\.utf8.count) == [Self.keyBytes],
            headers[canonicalForm: "Connection"].contains(where: { $0.lowercased() == "upgrade" })
        else { return .malformed }
        if !origins.isEmpty {
            let given = headers["Origin"].map { $0.lowercased() }
            guard given.count == 1, origins.contains(given[0]) else { return .wrongOrigin }
        }
        guard headers[canonicalForm: "Sec-WebSocket-Protocol"].contains("sip") else { return .noSubprotocol }
        return nil
    }
}
