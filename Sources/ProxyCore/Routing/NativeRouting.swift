public import Reactor
internal import SIPMessage
public import StatePolicy

/// Routing without a script: by Route, else to a fixed next hop, else by Request-URI.
public final class NativeRouting: RoutingLogic {
    private let nextHop: SocketAddress
    private let recordsRoute: Bool

    /// - Parameter nextHop: where requests without a Route go; `.none`: to their Request-URI.
    public init(nextHop: SocketAddress = .none, recordsRoute: Bool = false) {
        self.nextHop = nextHop
        self.recordsRoute = recordsRoute
    }

    public var hooks: RoutingHooks { [] }

    public func onRequest(_ request: RequestContext) {
        let message = request.message
        let hasRoute = message.pointee.first(.route) >= 0
        request.recordsRoute =
            recordsRoute && message.pointee.toTag.isAbsent
            && (message.pointee.method == .invite || message.pointee.method == .subscribe)
        request.relay(nextHop: hasRoute || request.wasRoutedHere ? .none : nextHop)
    }

    public func onReply(_ response: ResponseContext) {}

    public func onBranch(_ request: RequestContext) {}

    public func onFailure(_ request: RequestContext) {}

    public func chooseStateMode(_ request: RequestContext, _ view: StateView) -> StateMode? { nil }

    public func release(_ handlers: TransactionHandlers) {}
}
