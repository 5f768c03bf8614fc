public import Reactor
public import StatePolicy

/// Which hooks a routing logic has; the core does no work for the others.
public struct RoutingHooks: OptionSet, Sendable {
    public let rawValue: UInt8

    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    public static let onReply = RoutingHooks(rawValue: 1 << 0)
    public static let onBranch = RoutingHooks(rawValue: 1 << 1)
    public static let onFailure = RoutingHooks(rawValue: 1 << 2)
    public static let chooseStateMode = RoutingHooks(rawValue: 1 << 3)
}

/// What decides where requests go: the native rules, or a Lua script. Called on the worker's thread only.
///
/// A logic is one generation: a reload installs another one, and transactions keep the one they began with.
public protocol RoutingLogic: AnyObject {
    var hooks: RoutingHooks { get }

    /// The sets of servers that it chooses from; the core sees how these are.
    var dispatcher: Dispatcher? { get }

    /// A request that is no retransmission and passed the core's checks. Leaves a verdict in `request`.
    func onRequest(_ request: RequestContext)

    /// A response about to be forwarded, or kept as a candidate for the best one.
    func onReply(_ response: ResponseContext)

    /// One branch of a request about to be forwarded; edits apply to this branch alone.
    func onBranch(_ request: RequestContext)

    /// All branches failed; `request.failureCode` tells how. A verdict in `request` replaces that answer.
    func onFailure(_ request: RequestContext)

    /// Asked for requests whose state may be held anywhere. `nil`: as the policy says.
    func chooseStateMode(_ request: RequestContext, _ view: StateView) -> StateMode?

    /// The transaction that named these handlers is over.
    func release(_ handlers: TransactionHandlers)

    // A logic whose handlers never call `RequestContext.wait` needs none of these.

    /// The handler waits; the token is for `Proxy.wake`, which must not be called from in here.
    func waits(_ handler: UInt64, as token: WaitToken)

    /// A handler goes on, as `onRequest` or `onFailure` would. Once `request.isAnswered` it may only wait again.
    func resume(_ request: RequestContext, _ handler: UInt64, _ result: WaitResult)

    /// A handler that waits is given up.
    func abandon(_ handler: UInt64)

    // And one without timers none of these.

    /// Requests go to this logic from now on, and it may set timers.
    func start(_ timers: any RoutingTimers)

    /// Another one has taken its place; its timers are gone.
    func stopTimers()

    /// A timer that it set.
    func timerFired(_ number: UInt64, now: UInt64)
}

extension RoutingLogic {
    public func waits(_ handler: UInt64, as token: WaitToken) {}
    public func resume(_ request: RequestContext, _ handler: UInt64, _ result: WaitResult) {}
    public func abandon(_ handler: UInt64) {}
    public func start(_ timers: any RoutingTimers) {}
    public func stopTimers() {}
    public func timerFired(_ number: UInt64, now: UInt64) {}
}

/// What `choose_state_mode` may see beside the request.
public struct StateView {
    public let state: StateRequest
    let proxy: Proxy

    /// The configured policy's answer.
    public func choose() -> StateMode {
        proxy.policyChoice(state)
    }

    public var policyName: String { proxy.policyName }

    /// Address of the neighbour that the request goes to next; none: no neighbour that takes part.
    public var nextHopAddress: SocketAddress {
        state.nextHop < 0 ? .none : proxy.desk.neighbourAddress(Int(state.nextHop))
    }

    /// 0 to below 1: all requests of a call have the same, and calls are spread evenly.
    public var callFraction: Double { Double(state.callHash >> 11) * 0x1p-53 }

    /// Of the open requests to that neighbour the fraction that is held here: κ. 1 where nobody could take them.
    public var keepFraction: Double { proxy.desk.keepFraction(state.nextHop).fraction }

    /// Requests a second that the neighbour takes with their state, as it last said; `.infinity`: any number.
    public var allowance: Double { proxy.desk.allowance(state.nextHop) }

    /// What this worker knows of itself: rates a second, costs in CPU seconds. All 0 until something was measured.
    public var estimate: NodeEstimate { proxy.desk.estimate }
}

extension RoutingLogic {
    public var dispatcher: Dispatcher? { nil }
}
