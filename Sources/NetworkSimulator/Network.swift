/// A network of proxies and the calls that cross it: what a simulation runs and a plan is made for.
public struct Network: Sendable, Equatable {
    public var proxies: [ProxyModel]
    public var flows: [Flow]
    /// Links that differ from `defaultLink`.
    public var links: [Link]
    public var defaultLink: LinkModel
    /// What happens during a run, in any order.
    public var events: [Event]

    public init(
        proxies: [ProxyModel], flows: [Flow], links: [Link] = [], defaultLink: LinkModel = LinkModel(),
        events: [Event] = []
    ) {
        self.proxies = proxies
        self.flows = flows
        self.links = links
        self.defaultLink = defaultLink
        self.events = events
    }

    /// Calls with one way through the network.
    public struct Flow: Sendable, Equatable {
        public var name: String
        /// Numbers of the proxies it crosses, in order: at least one, and none twice.
        public var path: [Int]
        /// Calls a second.
        public var rate: Double

        public init(name: String = "", path: [Int], rate: Double) {
            self.name = name
            self.path = path
            self.rate = rate
        }
    }

    /// The link between two proxies, both ways.
    public struct Link: Sendable, Equatable {
        public var from: Int
        public var to: Int
        public var model: LinkModel

        public init(from: Int, to: Int, model: LinkModel) {
            self.from = from
            self.to = to
            self.model = model
        }
    }

    /// Something that happens at a time of the run.
    public struct Event: Sendable, Equatable {
        public var timeSeconds: Double
        public var change: Change

        public init(timeSeconds: Double, change: Change) {
            self.timeSeconds = timeSeconds
            self.change = change
        }
    }

    public enum Change: Sendable, Equatable {
        /// From now on the flow (nil: each of them) comes at its rate times the factor.
        case load(flow: Int?, factor: Double)
        /// The proxy dies: calls through it are lost, and it says nothing any more.
        case down(proxy: Int)
        /// It starts again and remembers nothing.
        case up(proxy: Int)
        /// From now on it has its processors times the factor. When not announced it does not know.
        case quota(proxy: Int, factor: Double, announced: Bool)
    }
}

/// A proxy by what calls cost it.
public struct ProxyModel: Sendable, Equatable {
    public var name: String
    /// CPU seconds to forward a call without state: c.
    public var statelessCostSeconds: Double
    /// CPU seconds more to hold its state: d.
    public var stateCostSeconds: Double
    public var processors: Double
    /// The part of its processors that it may use: ρ.
    public var targetUtilisation: Double

    public init(
        name: String = "", statelessCostSeconds: Double, stateCostSeconds: Double, processors: Double = 1,
        targetUtilisation: Double = 0.9
    ) {
        self.name = name
        self.statelessCostSeconds = statelessCostSeconds
        self.stateCostSeconds = stateCostSeconds
        self.processors = processors
        self.targetUtilisation = targetUtilisation
    }
}

public struct LinkModel: Sendable, Equatable {
    /// One way.
    public var delaySeconds: Double
    /// Of the messages, the fraction that is lost. Calls are retransmitted and survive it; feedback is not.
    public var loss: Double

    public init(delaySeconds: Double = 0.005, loss: Double = 0) {
        self.delaySeconds = delaySeconds
        self.loss = loss
    }
}

/// What is wrong with the description of a network.
public struct NetworkError: Error, Sendable, Equatable, CustomStringConvertible {
    public var description: String

    public init(_ description: String) {
        self.description = description
    }
}
