internal import NetworkSimulator
internal import Server

extension DescriptionReader {
    mutating func readProxy(_ node: ConfigurationNode, key: String) {
        typealias Known = DescriptionFields
        // Takes its number even when something is wrong with it, so that one slip is not reported at every flow.
        let number = network.proxies.count
        network.proxies.append(ProxyModel(statelessCostSeconds: 1, stateCostSeconds: 1))
        let names = ["name"] + Known.proxies.map(\.name)
        guard let fields = readFields(node, key: key, known: names) else { return }
        if let name = ownName(fields, of: node, key: key) {
            if proxyNumbers[name] != nil {
                report(fields["name"]?.origin ?? node.origin, join(key, "name"), "\"\(name)\" is another proxy's name")
            } else {
                proxyNumbers[name] = number
                network.proxies[number].name = name
            }
        }
        // One after the other, so that all that is wrong is reported.
        let stateless = self.number(Known.stateless, in: fields, of: node, key: key)
        let state = self.number(Known.state, in: fields, of: node, key: key)
        let processors = self.number(Known.processors, in: fields, of: node, key: key)
        let target = self.number(Known.target, in: fields, of: node, key: key)
        guard let stateless, let state, let processors, let target else { return }
        network.proxies[number].statelessCostSeconds = stateless / 1e6
        network.proxies[number].stateCostSeconds = state / 1e6
        network.proxies[number].processors = processors
        network.proxies[number].targetUtilisation = target
    }

    private mutating func ownName(_ fields: Fields, of node: ConfigurationNode, key: String) -> String? {
        guard let field = fields["name"] else {
            report(node.origin, join(key, "name"), "is missing")
            return nil
        }
        return name(field, key: join(key, "name"))
    }

    mutating func readFlow(_ node: ConfigurationNode, key: String) {
        guard let fields = readFields(node, key: key, known: ["name", "path", "rate"]) else { return }
        let number = network.flows.count
        network.flows.append(Network.Flow(path: [], rate: 0))
        // A flow that nothing refers to needs no name.
        let name = fields["name"].map { self.name($0, key: join(key, "name")) } ?? "flow \(number + 1)"
        if let name {
            if flowNumbers[name] != nil {
                report(fields["name"]?.origin ?? node.origin, join(key, "name"), "\"\(name)\" is another flow's name")
            }
            flowNumbers[name] = number
            network.flows[number].name = name
        }
        if let rate = self.number(DescriptionFields.rate, in: fields, of: node, key: key) {
            network.flows[number].rate = rate
        }
        guard let path = fields["path"] else {
            report(node.origin, join(key, "path"), "is missing; expected the names of the proxies it crosses, in order")
            return
        }
        guard case .list(let items) = path.content, !items.isEmpty else {
            report(path.origin, join(key, "path"), "expected a list of proxies' names, got \(path.summary)")
            return
        }
        for (index, item) in items.enumerated() {
            let itemKey = "\(join(key, "path"))[\(index)]"
            guard let proxy = proxy(item, key: itemKey) else { continue }
            if network.flows[number].path.contains(proxy) {
                report(item.origin, itemKey, "crosses \"\(network.proxies[proxy].name)\" a second time")
            } else {
                network.flows[number].path.append(proxy)
            }
        }
    }

    private mutating func linkModel(_ fields: Fields, of node: ConfigurationNode, key: String) -> LinkModel? {
        let delay = number(DescriptionFields.delay, in: fields, of: node, key: key)
        let loss = number(DescriptionFields.loss, in: fields, of: node, key: key)
        guard let delay, let loss else { return nil }
        return LinkModel(delaySeconds: delay / 1e3, loss: loss / 100)
    }

    mutating func readDefaultLink(_ node: ConfigurationNode) {
        let key = "default_link"
        guard let fields = readFields(node, key: key, known: DescriptionFields.links.map(\.name)) else { return }
        if let model = linkModel(fields, of: node, key: key) { network.defaultLink = model }
    }

    mutating func readLink(_ node: ConfigurationNode, key: String) {
        let known = ["between"] + DescriptionFields.links.map(\.name)
        guard let fields = readFields(node, key: key, known: known) else { return }
        let model = linkModel(fields, of: node, key: key)
        guard let between = fields["between"], case .list(let ends) = between.content, ends.count == 2 else {
            report(
                fields["between"]?.origin ?? node.origin, join(key, "between"),
                "expected the names of two proxies, such as [a, b]")
            return
        }
        let from = proxy(ends[0], key: "\(join(key, "between"))[0]")
        let to = proxy(ends[1], key: "\(join(key, "between"))[1]")
        guard let model, let from, let to else { return }
        if from == to {
            report(between.origin, join(key, "between"), "expected two different proxies")
        } else {
            network.links.append(Network.Link(from: from, to: to, model: model))
        }
    }

    private static let eventKinds = ["load", "down", "up", "quota"]

    mutating func readEvent(_ node: ConfigurationNode, key: String) {
        let known = ["at_seconds"] + Self.eventKinds + ["flow", "proxy", "announced"]
        guard let fields = readFields(node, key: key, known: known) else { return }
        let time = number(DescriptionFields.time, in: fields, of: node, key: key)
        let kinds = Self.eventKinds.filter { fields[$0] != nil }
        guard kinds.count == 1, let kind = kinds.first, let value = fields[kind] else {
            report(node.origin, key, "expected exactly one of \(Self.eventKinds.joined(separator: ", "))")
            return
        }
        let allowed = ["load": ["flow"], "quota": ["proxy", "announced"]][kind] ?? []
        for other in ["flow", "proxy", "announced"] where !allowed.contains(other) {
            guard let node = fields[other] else { continue }
            report(node.origin, join(key, other), "has no meaning beside \"\(kind)\"")
        }
        let change: Network.Change?
        switch kind {
        case "load": change = loadChange(value, fields, key: key)
        case "down": change = proxy(value, key: join(key, kind)).map { .down(proxy: $0) }
        case "up": change = proxy(value, key: join(key, kind)).map { .up(proxy: $0) }
        default: change = quotaChange(value, fields, of: node, key: key)
        }
        if let time, let change { network.events.append(Network.Event(timeSeconds: time, change: change)) }
    }

    private mutating func loadChange(_ value: ConfigurationNode, _ fields: Fields, key: String) -> Network.Change? {
        let factor = number(DescriptionFields.load, value, key: join(key, "load"))
        var flow: Int?
        if let node = fields["flow"] {
            guard let number = self.flow(node, key: join(key, "flow")) else { return nil }
            flow = number
        }
        return factor.map { .load(flow: flow, factor: $0) }
    }

    private mutating func quotaChange(
        _ value: ConfigurationNode, _ fields: Fields, of node: ConfigurationNode, key: String
    ) -> Network.Change? {
        let factor = number(DescriptionFields.quota, value, key: join(key, "quota"))
        var announced = true
        if let flag = fields["announced"] {
            switch flag.content {
            case .scalar("true"): announced = true
            case .scalar("false"): announced = false
            case .scalar, .list, .map, .null:
                report(flag.origin, join(key, "announced"), "expected true or false, got \(flag.summary)")
                return nil
            }
        }
        guard let name = fields["proxy"] else {
            report(node.origin, join(key, "proxy"), "is missing; expected the name of a proxy")
            return nil
        }
        guard let proxy = proxy(name, key: join(key, "proxy")), let factor else { return nil }
        return .quota(proxy: proxy, factor: factor, announced: announced)
    }
}
