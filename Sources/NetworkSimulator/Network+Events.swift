extension Network {
    /// What is left of the network at a time: events until then applied, calls through dead proxies taken out.
    public func after(seconds: Double) -> Network {
        var network = self
        network.events = []
        var isDown = [Bool](repeating: false, count: proxies.count)
        for event in events.sorted(by: { $0.timeSeconds < $1.timeSeconds }) where event.timeSeconds <= seconds {
            switch event.change {
            case .load(let flow, let factor):
                for index in flows.indices where flow == nil || flow == index {
                    network.flows[index].rate = flows[index].rate * factor
                }
            case .down(let proxy): isDown[proxy] = true
            case .up(let proxy): isDown[proxy] = false
            case .quota(let proxy, let factor, _):
                network.proxies[proxy].processors = proxies[proxy].processors * factor
            }
        }
        for index in network.flows.indices where network.flows[index].path.contains(where: { isDown[$0] }) {
            network.flows[index].rate = 0
        }
        return network
    }

    /// The same network with all rates multiplied.
    public func scaled(by factor: Double) -> Network {
        var network = self
        for index in network.flows.indices { network.flows[index].rate *= factor }
        return network
    }

    /// When the last of the events that happen until then does; 0: none.
    public func lastEventSeconds(until seconds: Double = .infinity) -> Double {
        events.map(\.timeSeconds).filter { $0 <= seconds }.max() ?? 0
    }
}
