import NIOHTTP1
import Testing

@testable import SIPTransport

@Suite("WebSocket handshakes")
struct WebSocketRefusalTests {
    private static let handshake = [
        ("Host", "example.org"), ("Upgrade", "websocket"), ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="), ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Protocol", "sip"),
    ]

    private func refusal(
        _ settings: WebSocketSettings = WebSocketSettings(), path: String = "/", method: HTTPMethod = .GET,
        replacing name: String = "", with value: String? = nil
    ) -> WebSocketRefusal? {
        var headers = HTTPHeaders(Self.handshake)
        if !name.isEmpty { headers.remove(name: name) }
        if let value { headers.add(name: name, value: value) }
        return settings.refusal(of: HTTPRequestHead(version: .http1_1, method: method, uri: path, headers: headers))
    }

    @Test("a handshake is accepted, and names and words are compared as HTTP does it")
    func accepted() {
        #expect(refusal() == nil)
        #expect(refusal(replacing: "Upgrade", with: "h2c, WebSocket") == nil)
        #expect(refusal(replacing: "connection", with: "keep-alive, UPGRADE") == nil)
        #expect(refusal(replacing: "Sec-WebSocket-Protocol", with: "chat, sip") == nil)
    }

    @Test("without one of its parts it is refused for that")
    func refused() {
        #expect(refusal(method: .POST) == .wrongMethod)
        #expect(refusal(replacing: "Upgrade") == .noUpgrade)
        #expect(refusal(replacing: "Sec-WebSocket-Version", with: "8") == .wrongVersion)
        #expect(refusal(replacing: "Connection", with: "close") == .malformed)
        #expect(refusal(replacing: "Sec-WebSocket-Key", with: "short") == .malformed)
        #expect(refusal(replacing: "Sec-WebSocket-Protocol", with: "xmpp, sips") == .noSubprotocol)
    }

    @Test("a path and origins that are set are the only ones")
    func pathAndOrigins() {
        var settings = WebSocketSettings()
        settings.path = "/sip"
        settings.origins = ["https://example.org"]
        let origin = "https://example.org"
        #expect(refusal(settings, path: "/sip?a", replacing: "Origin", with: origin) == nil)
        #expect(refusal(settings, path: "/sip/", replacing: "Origin", with: origin) == .wrongPath)
        #expect(refusal(settings, path: "/sip", replacing: "Origin", with: "\(origin):8443") == .wrongOrigin)
        #expect(refusal(settings, path: "/sip", replacing: "Origin", with: "http://example.org") == .wrongOrigin)
        #expect(refusal(settings, path: "/sip") == .wrongOrigin)
    }

    @Test(
        "each refusal ends the connection, and says what would be served",
        arguments: [
            WebSocketRefusal.noUpgrade, .wrongVersion, .wrongMethod, .malformed, .wrongPath, .wrongOrigin,
            .noSubprotocol,
        ])
    func answers(refusal: WebSocketRefusal) {
        #expect(refusal.headers["Content-Length"] == ["\(refusal.text.utf8.count)"])
        #expect(refusal.headers["Connection"] == ["close"])
        // RFC 9110 §15.5.22 and §15.5.6: what the client may do instead.
        #expect(refusal.headers["Upgrade"].isEmpty == (refusal.status.code != 426))
        #expect(refusal.headers["Allow"].isEmpty == (refusal.status.code != 405))
    }
}
