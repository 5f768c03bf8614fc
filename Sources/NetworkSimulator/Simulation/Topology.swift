import StatePolicy

/// A network laid out in flat arrays: neighbours, ways through each proxy, and hops of each flow.
struct Topology: Sendable {
    /// One crossing of a proxy by a flow.
    struct Hop: Sendable {
        var proxy: Int32
        /// Counter of (upstream, next hop) at the proxy.
        var way: Int32
        /// κ towards the next hop; `none` at an exit.
        var slot: Int32
        /// Link by which calls came; `none` for the first hop.
        var link: Int32
    }

    /// A way through a proxy: numbers of its neighbours, or `PathSample.outside`.
    struct Way: Sendable {
        var upstream: Int32
        var nextHop: Int32
    }

    /// Calls go from one proxy to another, feedback comes back.
    struct Link: Sendable {
        var from: Int
        var to: Int
        /// Where `from` keeps what it knows of `to`, and the other way round.
        var slotAtFrom: Int
        var slotAtTo: Int
        var model: LinkModel
    }

    static let none = -1

    var hops: [Hop] = []
    /// Hops of flow f: `hops[flowStart[f]..<flowStart[f + 1]]`.
    var flowStart: [Int] = [0]
    var ways: [Way] = []
    /// Ways of proxy p: `ways[wayStart[p]..<wayStart[p + 1]]`.
    var wayStart: [Int] = [0]
    var links: [Link] = []
    /// Neighbours of proxy p: slots `slotStart[p]..<slotStart[p + 1]`.
    var slotStart: [Int] = [0]
    /// Proxy behind each slot.
    var neighbourOfSlot: [Int] = []

    private struct Pair: Hashable {
        var first: Int
        var second: Int
    }

    init(_ network: Network) {
        let neighbours = Self.neighbours(of: network)
        for list in neighbours {
            neighbourOfSlot += list
            slotStart.append(neighbourOfSlot.count)
        }
        var numbers = [[Int: Int32]](repeating: [:], count: network.proxies.count)
        for (proxy, list) in neighbours.enumerated() {
            for (number, neighbour) in list.enumerated() { numbers[proxy][neighbour] = Int32(number) }
        }
        let wayOf = layOutWays(network, numbers)
        layOutHops(network, numbers, wayOf)
    }

    private static func neighbours(of network: Network) -> [[Int]] {
        var sets = [Set<Int>](repeating: [], count: network.proxies.count)
        for flow in network.flows {
            for (from, to) in zip(flow.path, flow.path.dropFirst()) {
                sets[from].insert(to)
                sets[to].insert(from)
            }
        }
        return sets.map { $0.sorted() }
    }

    private static func way(_ flow: Network.Flow, _ position: Int, _ numbers: [[Int: Int32]]) -> (Int, Int32, Int32) {
        let proxy = flow.path[position]
        let upstream = position > 0 ? numbers[proxy][flow.path[position - 1]] : nil
        let next = position + 1 < flow.path.count ? numbers[proxy][flow.path[position + 1]] : nil
        return (proxy, upstream ?? PathSample.outside, next ?? PathSample.outside)
    }

    private mutating func layOutWays(_ network: Network, _ numbers: [[Int: Int32]]) -> [[Pair: Int]] {
        var perProxy = [Set<Pair>](repeating: [], count: network.proxies.count)
        for flow in network.flows {
            for position in flow.path.indices {
                let (proxy, upstream, next) = Self.way(flow, position, numbers)
                perProxy[proxy].insert(Pair(first: Int(upstream), second: Int(next)))
            }
        }
        var indexes = [[Pair: Int]](repeating: [:], count: network.proxies.count)
        for (proxy, pairs) in perProxy.enumerated() {
            for pair in pairs.sorted(by: { ($0.first, $0.second) < ($1.first, $1.second) }) {
                indexes[proxy][pair] = ways.count
                ways.append(Way(upstream: Int32(pair.first), nextHop: Int32(pair.second)))
            }
            wayStart.append(ways.count)
        }
        return indexes
    }

    private mutating func layOutHops(_ network: Network, _ numbers: [[Int: Int32]], _ wayOf: [[Pair: Int]]) {
        var models: [Pair: LinkModel] = [:]
        for link in network.links {
            models[Pair(first: link.from, second: link.to)] = link.model
            models[Pair(first: link.to, second: link.from)] = link.model
        }
        var linkOf: [Pair: Int] = [:]
        for flow in network.flows {
            for position in flow.path.indices {
                let (proxy, upstream, next) = Self.way(flow, position, numbers)
                var link = Self.none
                if position > 0 {
                    let from = flow.path[position - 1]
                    let pair = Pair(first: from, second: proxy)
                    link = linkOf[pair] ?? links.count
                    if link == links.count {
                        linkOf[pair] = link
                        links.append(
                            Link(
                                from: from, to: proxy, slotAtFrom: slotStart[from] + Int(numbers[from][proxy]!),
                                slotAtTo: slotStart[proxy] + Int(upstream),
                                model: models[pair] ?? network.defaultLink))
                    }
                }
                hops.append(
                    Hop(
                        proxy: Int32(proxy),
                        way: Int32(wayOf[proxy][Pair(first: Int(upstream), second: Int(next))]!),
                        slot: Int32(next >= 0 ? slotStart[proxy] + Int(next) : Self.none), link: Int32(link)))
            }
            flowStart.append(hops.count)
        }
    }
}
