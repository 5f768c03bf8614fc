public import Reactor
internal import SIPMessage
public import StatePolicy

/// Routing without a script: by Route, else to a fixed next hop or to the servers of a set, else by Request-URI.
public final class NativeRouting: RoutingLogic {
    private let nextHop: SocketAddress
    private let recordsRoute: Bool
    public let dispatcher: Dispatcher?
    private let nextSet: Int?

    /// - Parameters:
    ///   - nextHop: where requests without a Route go; `.none`: to their Request-URI.
    ///   - nextSet: the set of `dispatcher` among whose targets requests without a Route that are in no dialog are shared out.
    public init(
        nextHop: SocketAddress = .none, recordsRoute: Bool = false, dispatcher: Dispatcher? = nil, nextSet: Int? = nil
    ) {
        self.nextHop = nextHop
        self.recordsRoute = recordsRoute
        self.dispatcher = dispatcher
        self.nextSet = nextSet
    }

    public var hooks: RoutingHooks { [] }

    public func onRequest(_ request: RequestContext) {
        let message = request.message
        let hasRoute = message.pointee.first(.route) >= 0
        request.recordsRoute =
            recordsRoute && message.pointee.toTag.isAbsent
            && (message.pointee.method == .invite || message.pointee.method == .subscribe)
        if hasRoute || request.wasRoutedHere { return request.relay() }
        if let dispatcher, let nextSet, message.pointee.toTag.isAbsent {
            return dispatch(request, dispatcher, nextSet)
        }
        request.relay(nextHop: nextHop)
    }

    private func dispatch(_ request: RequestContext, _ dispatcher: Dispatcher, _ set: Int) {
        // Only who holds the transaction knows where the INVITE went.
        if request.message.pointee.method == .cancel { return _ = request.reply(code: 481) }
        let count = request.select(set, of: dispatcher, algorithm: nil, key: nil, limit: .max)
        guard count > 0 else {
            return _ = request.reply(code: 503, reason: StaticString("No Target Available").rawBytes)
        }
        let uri = request.requestURI
        for place in 0..<count {
            let address = dispatcher.address(set, dispatcher.selected(place))
            guard request.addTarget(uri: uri, destination: address) else { break }
        }
        request.targetOrder = .failover
        request.answerMilliseconds = dispatcher.settings(set).answerMilliseconds
        request.stateDemand = .stateful
        request.relay()
    }

    public func onReply(_ response: ResponseContext) {}

    public func onBranch(_ request: RequestContext) {}

    public func onFailure(_ request: RequestContext) {}

    public func chooseStateMode(_ request: RequestContext, _ view: StateView) -> StateMode? { nil }

    public func release(_ handlers: TransactionHandlers) {}
}
