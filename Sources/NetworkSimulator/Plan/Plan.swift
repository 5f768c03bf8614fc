/// The best that any distribution of state can do for a network: the yardstick for the policies, which know far less.
///
/// Each call crosses every proxy of its path at the cost c_i, and one of them holds its state at d_i more. The plan
/// chooses who, so that the greatest utilisation over target, t = max u_i/ρ_i, is least. Since utilisation is
/// proportional to the rates, the same choice lets the whole traffic grow the furthest: by the factor 1/t.
public struct Plan: Sendable, Equatable {
    /// One proxy under the plan, at the rates of the description.
    public struct Proxy: Sendable, Equatable {
        /// Calls a second that cross it.
        public var arrivals = 0.0
        /// Calls a second whose state it holds.
        public var held = 0.0
        /// Of all its processors, above 1 when the rates are more than they can do.
        public var utilisation = 0.0
        /// The same when all rates are multiplied by `Plan.factor`.
        public var peakUtilisation = 0.0
        /// It is full at the peak: the network could take more if it were stronger.
        public var isBottleneck = false

        /// Of the calls that cross it, the part that it holds.
        public var share: Double { arrivals > 0 ? held / arrivals : 0 }
    }

    public var proxies: [Proxy]
    /// By flow and position on its path: the part of the flow that is held there. Flows of rate 0 have no parts.
    public var shares: [[Double]]
    /// Calls a second of the description.
    public var offered: Double
    /// max u_i/ρ_i at the rates of the description: above 1 they are too much for the network.
    public var loadMax: Double
    /// What all rates can be multiplied by: α.
    public var factor: Double
    /// Flows that the solver was given, those of the same path taken together.
    public var pathCount: Int

    /// Calls a second at the peak.
    public var throughput: Double { offered * factor }
    public var isFeasible: Bool { loadMax <= 1 + Plan.tolerance }

    /// Of the solver, relative.
    public static let tolerance = 1e-6
}

public enum PlanError: Error, Sendable, Equatable, CustomStringConvertible {
    case network(NetworkError)
    case noTraffic
    /// Costs, rates or capacities that differ by more than arithmetic can bear.
    case outOfRange(String)
    case solver(LinearProgramError)

    public var description: String {
        switch self {
        case .network(let error): error.description
        case .noTraffic: "there is nothing to plan: no flow has a rate above 0"
        case .outOfRange(let what): "\(what): out of range"
        case .solver(let error): "the plan could not be solved: \(error)"
        }
    }
}
