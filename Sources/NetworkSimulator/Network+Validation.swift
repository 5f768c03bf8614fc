extension Network {
    /// Throws on the first thing that no simulation or plan could make sense of.
    public func validate() throws(NetworkError) {
        for (index, proxy) in proxies.enumerated() {
            let what = "proxy \(index)" + (proxy.name.isEmpty ? "" : " (\(proxy.name))")
            guard proxy.statelessCostSeconds > 0, proxy.statelessCostSeconds.isFinite else {
                throw NetworkError("\(what): the stateless cost must be above 0")
            }
            guard proxy.stateCostSeconds > 0, proxy.stateCostSeconds.isFinite else {
                throw NetworkError("\(what): the cost of state must be above 0")
            }
            guard proxy.processors > 0, proxy.processors.isFinite else {
                throw NetworkError("\(what): processors must be above 0")
            }
            guard proxy.targetUtilisation > 0, proxy.targetUtilisation <= 1 else {
                throw NetworkError("\(what): the target utilisation must be above 0 and at most 1")
            }
        }
        for (index, flow) in flows.enumerated() {
            try validate(flow, what: "flow \(index)" + (flow.name.isEmpty ? "" : " (\(flow.name))"))
        }
        for link in links {
            guard proxies.indices.contains(link.from), proxies.indices.contains(link.to) else {
                throw NetworkError("link \(link.from)–\(link.to): no such proxy")
            }
            try validate(link.model, what: "link \(link.from)–\(link.to)")
        }
        try validate(defaultLink, what: "the default link")
        for event in events { try validate(event) }
    }

    private func validate(_ flow: Flow, what: String) throws(NetworkError) {
        guard !flow.path.isEmpty else { throw NetworkError("\(what): the path is empty") }
        guard flow.path.allSatisfy(proxies.indices.contains) else { throw NetworkError("\(what): no such proxy") }
        guard Set(flow.path).count == flow.path.count else {
            throw NetworkError("\(what): crosses a proxy twice")
        }
        guard flow.rate >= 0, flow.rate.isFinite else { throw NetworkError("\(what): the rate must be 0 or more") }
    }

    private func validate(_ link: LinkModel, what: String) throws(NetworkError) {
        guard link.delaySeconds >= 0, link.delaySeconds.isFinite else {
            throw NetworkError("\(what): the delay must be 0 or more")
        }
        guard link.loss >= 0, link.loss <= 1 else { throw NetworkError("\(what): the loss must be between 0 and 1") }
    }

    private func validate(_ event: Event) throws(NetworkError) {
        let what = "event at \(event.timeSeconds) s"
        guard event.timeSeconds >= 0, event.timeSeconds.isFinite else {
            throw NetworkError("\(what): the time must be 0 or more")
        }
        switch event.change {
        case .load(let flow, let factor):
            guard flow.map(flows.indices.contains) ?? true else { throw NetworkError("\(what): no such flow") }
            guard factor >= 0, factor.isFinite else { throw NetworkError("\(what): the factor must be 0 or more") }
        case .down(let proxy), .up(let proxy):
            guard proxies.indices.contains(proxy) else { throw NetworkError("\(what): no such proxy") }
        case .quota(let proxy, let factor, _):
            guard proxies.indices.contains(proxy) else { throw NetworkError("\(what): no such proxy") }
            guard factor > 0, factor.isFinite else { throw NetworkError("\(what): the factor must be above 0") }
        }
    }
}
