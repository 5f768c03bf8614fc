import ProxyCore
import SIPMessage
import StatePolicy

/// Routing logic made of closures. Relays to the Request-URI or Route unless told otherwise.
final class TestLogic: RoutingLogic {
    var hooks: RoutingHooks = []
    /// Looked at when the logic is installed.
    var dispatcher: Dispatcher?
    var request: (RequestContext) -> Void = { $0.relay() }
    var reply: (ResponseContext) -> Void = { _ in }
    var branch: (RequestContext) -> Void = { _ in }
    var failure: (RequestContext) -> Void = { _ in }
    var mode: (RequestContext, StateView) -> StateMode? = { _, _ in nil }
    /// Handlers in the order of their release.
    private(set) var released: [TransactionHandlers] = []
    private(set) var requestsSeen = 0
    private(set) var failuresSeen: [Int] = []

    init(_ request: ((RequestContext) -> Void)? = nil) {
        if let request { self.request = request }
    }

    func onRequest(_ context: RequestContext) {
        requestsSeen += 1
        request(context)
    }

    func onReply(_ response: ResponseContext) { reply(response) }

    func onBranch(_ context: RequestContext) { branch(context) }

    func onFailure(_ context: RequestContext) {
        failuresSeen.append(context.failureCode)
        failure(context)
    }

    func chooseStateMode(_ context: RequestContext, _ view: StateView) -> StateMode? { mode(context, view) }

    func release(_ handlers: TransactionHandlers) { released.append(handlers) }
}

extension RequestContext {
    /// `addTarget` with text.
    @discardableResult
    func addTarget(_ uri: String) -> Bool {
        Array(uri.utf8).withUnsafeBytes { addTarget(uri: $0) }
    }

    @discardableResult
    func setRequestURI(_ uri: String) -> Bool {
        Array(uri.utf8).withUnsafeBytes { setRequestURI($0) }
    }

    /// `reply` with text.
    @discardableResult
    func reply(_ code: Int, _ reason: String = "", headers: String = "") -> Bool {
        Array(reason.utf8).withUnsafeBytes { reason in
            Array(headers.utf8).withUnsafeBytes { reply(code: code, reason: reason, headers: $0) }
        }
    }

    var methodText: String { String(decoding: message.pointee.bytes(message.pointee.methodName), as: UTF8.self) }
}

/// Adds a header line in front of the others.
func addHeader(
    _ line: String, to edits: UnsafeMutablePointer<MessageEdits>, of message: UnsafeMutablePointer<SIPMessage>
) {
    let bytes = Array((line + "\r\n").utf8)
    bytes.withUnsafeBytes { edits.pointee.insert($0, at: message.pointee.startLineEnd) }
}
