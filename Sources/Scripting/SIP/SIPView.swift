internal import CLuaShim
internal import ProxyCore
internal import Reactor
internal import StatePolicy

extension SIPBindings {
    static let view = BindingGroup(
        "view",
        "What `choose_state_mode` may know beside the request. Rates are in requests a second; those of the node are of this "
            + "worker, smoothed, and 0 until something was measured or where no peer is trusted.",
        [
            property("policy", "string", "The configured policy's name.") { call, view in
                call.returnString(view.policyName)
            },
            property(
                "class", "string", "The kind of state that is asked about: \"transaction\", the only one there is yet."
            ) { call, _ in call.returnLiteral("transaction") },
            property(
                "held_upstream", "boolean",
                "A trusted proxy upstream holds the request's state already: the policies forward it without."
            ) { call, view in call.returnBoolean(view.state.heldUpstream) },
            property(
                "next_hop", "string?",
                "Address and port of the trusted proxy that the request goes to next and that takes part; nil at an exit, "
                    + "where nobody else will hold the state."
            ) { call, view in
                let address = view.nextHopAddress
                guard !address.isNone else { return call.returnNull() }
                return call.returnString("\(address)")
            },
            property(
                "call_fraction", "number",
                "0 to below 1, by the Call-ID: the same for all requests of a call, evenly spread over calls."
            ) { call, view in call.returnNumber(view.callFraction) },
            property(
                "keep", "number",
                "Of the open requests to that next hop, the fraction that the policy holds here; 1 at an exit."
            ) { call, view in call.returnNumber(view.keepFraction) },
            property(
                "allowance", "number",
                "Requests that the next hop last said it takes with their state; `math.huge` when it set no limit, 0 at an exit."
            ) { call, view in call.returnNumber(view.allowance) },
            property("utilisation", "number", "Used, of the processors that the worker may use: 1 is all.") {
                call, view in
                call.returnNumber(view.estimate.utilisation)
            },
            property("arrivals", "number", "All requests.") { call, view in
                call.returnNumber(view.estimate.arrivals)
            },
            property("held", "number", "Requests held here.") { call, view in
                call.returnNumber(view.estimate.held)
            },
            property("must_hold", "number", "Requests that nobody else could hold.") { call, view in
                call.returnNumber(view.estimate.mustHold)
            },
            property("holdable", "number", "Requests that could be held here beside forwarding all.") { call, view in
                call.returnNumber(view.estimate.holdable)
            },
            property(
                "stateless_microseconds", "number", "Processor time to forward a request without state, as measured."
            ) { call, view in call.returnNumber(view.estimate.statelessCost * 1e6) },
            property("state_microseconds", "number", "More, to hold its state.") { call, view in
                call.returnNumber(view.estimate.stateCost * 1e6)
            },
        ])

    private static func property(
        _ name: String, _ returns: String, _ summary: String,
        _ read: @escaping @Sendable (borrowing ScriptCall, StateView) -> BindingOutcome
    ) -> BindingMember {
        .readOnly(name, returns, phases: .chooseStateMode, summary) {
            (call: borrowing ScriptCall) throws(ScriptFailure) in
            guard let view = call.sip.pointee.view else { preconditionFailure("choose_state_mode without a view") }
            return read(call, view)
        }
    }
}
