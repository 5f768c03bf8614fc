internal import ProxyCore
internal import Reactor
internal import SIPMessage

extension SIPBindings {
    static let request = BindingGroup(
        "request", label: "req",
        "The request in hand. In `on_branch` it is the branch's, in `on_failure` the one that failed.",
        MessageBindings.members(phases: .requests) + requestProperties + requestMethods)

    private static let requestProperties: [BindingMember] = [
        .property(
            "uri", .string("uri").orObject(["uri"]), returns: "uri", phases: .requests, writePhases: .editsRequests,
            "The Request-URI. Assign a string or another URI to replace it.",
            get: { (call: borrowing ScriptCall) throws(ScriptFailure) in
                call.returnPart(kind: SIPKind.uri.rawValue, part: SIPPart.request.rawValue)
            }, set: setURI),
        .readOnly(
            "source_identities", "string[]", phases: .requests,
            "The names that the sender proved by its TLS certificate, URIs such as \"sip:example.com\" and DNS names (RFC 5922). Empty without a verified certificate."
        ) { (call: borrowing ScriptCall) throws(ScriptFailure) in
            call.returnValue(.list(call.sip.pointee.currentRequest.sourceIdentities.map { .string($0) }))
        },
        .readOnly("max_forwards", "integer?", phases: .requests, "Hops left; nil when the request does not say.") {
            (call: borrowing ScriptCall) throws(ScriptFailure) in
            let value = call.sip.pointee.current.pointee.maxForwards
            return value < 0 ? call.returnNull() : call.returnInteger(value)
        },
        .readOnly("local_ip", "string", phases: .requests, "Where the request came in: the IP address that listens.") {
            (call: borrowing ScriptCall) throws(ScriptFailure) in
            let room = call.scratch(byteCount: ScriptHost.addressTextBytesMax)
            let count = call.sip.pointee.currentRequest.arrival.writeIP(into: room)
            return call.returnBytes(UnsafeRawBufferPointer(rebasing: room[..<count]))
        },
        .readOnly("local_port", "integer", phases: .requests, "Where the request came in: the port.") {
            (call: borrowing ScriptCall) throws(ScriptFailure) in
            call.returnInteger(Int(call.sip.pointee.currentRequest.arrival.port))
        },
        .readOnly(
            "is_decided", "boolean", phases: .decides,
            "Whether this handler relayed, answered or dropped it, or it has its final response."
        ) {
            (call: borrowing ScriptCall) throws(ScriptFailure) in
            let request = call.sip.pointee.currentRequest
            return call.returnBoolean(request.verdict != .none || request.isAnswered)
        },
        .readOnly(
            "failure_code", "integer", phases: .onFailure, "The best final response that the branches came to."
        ) { (call: borrowing ScriptCall) throws(ScriptFailure) in
            call.returnInteger(call.sip.pointee.currentRequest.failureCode)
        },
    ]

    private static let requestMethods: [BindingMember] = [
        .method(
            "has_to_tag", returns: "boolean", phases: .requests,
            "Whether the To has a tag: the request belongs to a dialog, or says so."
        ) { (call: borrowing ScriptCall) throws(ScriptFailure) in
            call.returnBoolean(!call.sip.pointee.current.pointee.toTag.isAbsent)
        },
        .method(
            "loose_route", returns: "boolean", phases: .requests,
            "Whether the request came along its route set: our own Route was on top (the core has taken it off), or Route headers remain. Relayed, it follows them."
        ) { (call: borrowing ScriptCall) throws(ScriptFailure) in
            let host = call.sip
            return call.returnBoolean(
                host.pointee.currentRequest.wasRoutedHere || host.pointee.current.pointee.first(.route) >= 0)
        },
        .method(
            "record_route", phases: .onRequest,
            "Stays in the path of the dialog: the request leaves with our Record-Route."
        ) { (call: borrowing ScriptCall) throws(ScriptFailure) in
            call.sip.pointee.currentRequest.recordsRoute = true
            return .done
        },
        .method("relay", options: relayOptions, phases: .decides, relaySummary, DecisionBindings.relay),
        .method(
            "relay_and_wait", options: waitingRelayOptions, returns: "integer", phases: .decides, waits: true,
            "Relays the request at once, holds it, and returns the code of its final response. A 2xx has gone upstream by then, and so has what CANCEL or a 6xx led to: decisions have no effect any more. After any other failure the handler may relay again or reply, or else the best response goes up.",
            DecisionBindings.relayAndWait),
        .method(
            "forward", options: [nextHopOption], phases: .onRequest,
            "Sends the request on without keeping state: `relay { state = \"stateless\" }`.", DecisionBindings.forward),
        .method(
            "fork",
            [
                BindingParameter(
                    "targets", .list, summary: "Request-URIs, or what `registrar.lookup` found; tried at once.")
            ],
            options: [nextHopOption] + handlerOptions, phases: .decides,
            "Sends a branch to each of the targets at once; the first 2xx wins.", DecisionBindings.fork),
        .method(
            "reply",
            [
                .integer("code", 100...699, "A final one: 200…699; in `on_failure` 300…699."),
                .string("reason", "The code's usual phrase when left out.").optional,
            ],
            options: [
                BindingParameter("headers", .record, summary: "Headers to add: name = value.").optional
            ], phases: .decides, "Answers the request here.", DecisionBindings.reply),
        .method("drop", phases: .onRequest, "Neither forwards nor answers.", DecisionBindings.drop),
    ]

    private static let relaySummary =
        "Sends the request on when the handler has ended: to `targets`, or to its Request-URI along its Route. The functions take the place of the hooks of that name for this request."

    private static let nextHopOption = BindingParameter.string(
        "to", "Where the datagram goes, \"host\", \"host:port\" or a SIP URI; the Request-URI stays."
    ).optional

    private static let handlerOptions: [BindingParameter] = [
        .function("on_failure", "on_failure(req, code): every branch failed. Runs once; name it again to go on.")
            .optional,
        .function("on_reply", "on_reply(reply): a reply to this request.").optional,
        .function("on_branch", "on_branch(req): a branch is about to leave.").optional,
    ]

    private static let relayOptions: [BindingParameter] =
        [
            nextHopOption, targetsOption,
            .choice("state", DecisionBindings.stateNames, "Who keeps the transaction; `auto` leaves it to the policy.")
                .optional,
        ] + handlerOptions + orderOptions

    private static let waitingRelayOptions = [nextHopOption, targetsOption] + orderOptions

    private static let targetsOption = BindingParameter(
        "targets", .list,
        summary:
            "Request-URIs, or tables with `uri` and, where they are wanted, `to` and `q`: what `registrar.lookup` found."
    ).optional

    private static let orderOptions: [BindingParameter] =
        [
            .choice(
                "order", DecisionBindings.orderNames,
                "How several targets are tried: all at once; one after the other; those with the `q` of the first at once, then the next ones (lists are best first); or, `failover`, the next one only after 408, 5xx or when one can't be reached. 6xx and CANCEL end it."
            ).optional,
            .integer(
                "answer_timeout", 100...64_000,
                "Milliseconds in which a branch must bring any answer, or it counts as failed by 408; 64 × T1 when left out."
            ).optional,
        ]

    private static func setURI(_ call: borrowing ScriptCall) throws(ScriptFailure) -> BindingOutcome {
        if let object = call.object(0) {
            guard let part = SIPPart(rawValue: object.part), let reference = try URIReference(call.sip, part) else {
                throw ScriptFailure("req.uri: there is no such URI in this message")
            }
            try URIBindings.assign(call, reference.text, "req.uri")
        } else if let text = call.bytes(0) {
            try URIBindings.assign(call, text, "req.uri")
        }
        return .done
    }
}

extension ScriptHost {
    static let addressTextBytesMax = SocketAddress.ipTextBytesMax

    var source: SocketAddress {
        request?.source ?? response?.source ?? .none
    }
}
