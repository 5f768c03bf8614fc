/// What a distributing policy may be told; the defaults are what the simulations were run with.
public struct PolicySettings: Sendable, Equatable {
    /// The part of its processors that a node fills before it leaves state to others: ρ.
    public var targetUtilisation = 0.9
    /// CPU seconds to forward a request stateless (1 / T_SL); nil: measured.
    public var statelessCostSeconds: Double?
    /// CPU seconds more to hold its state (1 / T_SF − 1 / T_SL); nil: measured.
    public var stateCostSeconds: Double?
    /// A neighbour that said nothing for so long is not delegated to.
    public var silenceSeconds = 3.0
    /// Steepness of the price over utilisation: β.
    public var priceSteepness = 24.0
    /// Greatest step of a keep-fraction by prices, each period: η.
    public var priceStep = 0.1
    /// How fast keep-fractions follow their targets.
    public var keepSmoothingSeconds = 0.4
    /// How fast rates follow what is counted, as long as that differs by no more than chance.
    public var rateSmoothingSeconds = 6.0
    /// How fast they do when it differs by more.
    public var rateChangeSeconds = 0.4
    /// How fast measured costs are believed.
    public var costSmoothingSeconds = 10.0
    /// Datagrams that waited longer than this tell that more comes than the node can do, or that it is slower than it thinks.
    public var queueingMaxSeconds = 0.1

    public init() {}

    /// Values that nothing sensible could be done with are replaced by the defaults.
    var sane: PolicySettings {
        let usual = PolicySettings()
        var settings = self
        func positive(_ value: Double, else other: Double) -> Double { value > 0 && value.isFinite ? value : other }
        settings.targetUtilisation = min(1, positive(targetUtilisation, else: usual.targetUtilisation))
        settings.statelessCostSeconds = statelessCostSeconds.flatMap { $0 > 0 && $0.isFinite ? $0 : nil }
        settings.stateCostSeconds = stateCostSeconds.flatMap { $0 > 0 && $0.isFinite ? $0 : nil }
        settings.silenceSeconds = positive(silenceSeconds, else: usual.silenceSeconds)
        settings.priceSteepness = positive(priceSteepness, else: usual.priceSteepness)
        settings.priceStep = min(1, positive(priceStep, else: usual.priceStep))
        settings.keepSmoothingSeconds = positive(keepSmoothingSeconds, else: usual.keepSmoothingSeconds)
        settings.rateSmoothingSeconds = positive(rateSmoothingSeconds, else: usual.rateSmoothingSeconds)
        settings.rateChangeSeconds = positive(rateChangeSeconds, else: usual.rateChangeSeconds)
        settings.costSmoothingSeconds = positive(costSmoothingSeconds, else: usual.costSmoothingSeconds)
        settings.queueingMaxSeconds = positive(queueingMaxSeconds, else: usual.queueingMaxSeconds)
        return settings
    }
}
