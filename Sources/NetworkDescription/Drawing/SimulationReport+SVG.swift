internal import NetworkSimulator
internal import StatePolicy

extension SimulationReport {
    private enum Layout {
        static let left = 74.0
        static let top = 86.0
        static let gap = 46.0
        static let panelHeight = 190.0
        static let legendWidth = 215.0
        static let bottom = 58.0
        /// Between the columns of two policies: room for the labels of the axis.
        static let columnGap = 66.0

        static func panelWidth(columns: Int) -> Double { columns == 1 ? 760 : columns == 2 ? 480 : 360 }
    }

    /// Readable for the colour-blind (Okabe and Ito), the lightest last.
    private static let colors = [
        "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#6b7280", "#b8a500",
    ]
    /// More lines than colours are shown as a band with mean and greatest.
    private static let linesMax = colors.count

    /// Rows: throughput, utilisation, keep-fractions. A column for each policy.
    public var svg: String {
        let columns = max(1, runs.count)
        let panelWidth = Layout.panelWidth(columns: columns)
        let plotWidth = Double(columns) * panelWidth + Double(columns - 1) * Layout.columnGap
        var svg = SVGWriter(
            width: Layout.left + plotWidth + Layout.legendWidth,
            height: Layout.top + 3 * Layout.panelHeight + 2 * Layout.gap + Layout.bottom)
        let name = description.file.split(separator: "/").last.map(String.init) ?? description.file
        svg.text(name, at: .init(x: Layout.left, y: 30), .init(size: 18, color: "#111827", isBold: true))
        svg.text(
            "\(description.size), seed \(seed). κ: the part of calls held that could be left to the next proxy.",
            at: .init(x: Layout.left, y: 49), .init(size: 12))
        let rateMax = AxisTicks.end(for: greatestRate * 1.02)
        let utilisationMax = AxisTicks.end(for: max(1, greatestUtilisation) * 1.02)
        for (column, run) in runs.enumerated() {
            let panels = [
                ratePanel(run, valueMax: rateMax), utilisationPanel(run, valueMax: utilisationMax), keepPanel(run),
            ]
            let x = Layout.left + Double(column) * (panelWidth + Layout.columnGap)
            for (row, var panel) in panels.enumerated() {
                let y = Layout.top + Double(row) * (Layout.panelHeight + Layout.gap)
                panel.title = "\(run.policy.rawValue): \(panel.title)"
                panel.showsTimeAxis = row == panels.count - 1
                if row == 0 { panel.moments = moments(named: true) }
                panel.draw(into: &svg, .init(x: x, y: y, width: panelWidth, height: Layout.panelHeight))
                guard column == 0 else { continue }
                let legend = SVGWriter.Point(x: Layout.left + plotWidth + 18, y: y)
                panel.drawLegend(into: &svg, at: legend, height: Layout.panelHeight)
            }
        }
        return svg.document(title: "\(name): \(runs.map(\.policy.rawValue).joined(separator: ", "))")
    }

    private var greatestRate: Double {
        var greatest = best.steps.compactMap { $0.plan?.throughput }.max() ?? 0
        let offered = runs.flatMap { $0.result.snapshots.map(\.offered) }.max() ?? 0
        // A best far above what is offered would press the lines to the ground.
        if greatest > 2 * offered { greatest = 0 }
        return max(greatest, offered)
    }

    private var greatestUtilisation: Double { runs.flatMap { $0.result.snapshots.map(\.utilisationMax) }.max() ?? 0 }

    private func panel(_ title: String, _ run: PolicyRun, valueMax: Double) -> ChartPanel {
        ChartPanel(
            title: title, times: run.result.snapshots.map(\.timeSeconds), timeMax: max(seconds, 1), series: [],
            moments: moments(named: false), valueMax: valueMax)
    }

    private func ratePanel(_ run: PolicyRun, valueMax: Double) -> ChartPanel {
        let snapshots = run.result.snapshots
        var panel = panel("calls a second", run, valueMax: valueMax)
        panel.formatValue = { value in valueMax >= 10 ? NumberText.rate(value).replacingPoint : shortText(value) }
        panel.series = [
            .init(name: "offered", color: "#9ca3af", values: snapshots.map(\.offered), dashes: "5 3"),
            .init(name: "delivered", color: Self.colors[0], values: snapshots.map(\.throughput), width: 2.2),
            .init(name: "lost", color: Self.colors[1], values: snapshots.map(\.lost)),
            .init(name: "refused", color: Self.colors[3], values: snapshots.map(\.refused)),
        ]
        // Where it is known for the end only, it is a level.
        if best.steps.count == 1, let plan {
            panel.levels = [.init(name: "best possible", value: plan.throughput, color: Self.colors[2])]
        } else if best.steps.count > 1 {
            let values = snapshots.map { best.throughput(atSeconds: $0.timeSeconds - 1e-6) ?? 0 }
            panel.series.append(
                .init(name: "best possible", color: Self.colors[2], values: values, width: 1.4, dashes: "6 4"))
        }
        return panel
    }

    private func utilisationPanel(_ run: PolicyRun, valueMax: Double) -> ChartPanel {
        let proxies = description.network.proxies
        let values = proxies.indices.map { proxy in run.result.snapshots.map { $0.utilisation[proxy] } }
        var panel = panel("utilisation", run, valueMax: valueMax)
        panel.series = lines(proxies.map(\.name), values, kind: "proxies")
        let targets = Set(proxies.map(\.targetUtilisation))
        if targets.count == 1, let target = targets.first {
            panel.levels = [.init(name: "target", value: target, color: "#111827")]
        }
        return panel
    }

    private func keepPanel(_ run: PolicyRun) -> ChartPanel {
        let links = KeepSeries.links(of: description.network, in: run.result)
        let values = links.map { link in run.result.snapshots.map { $0.keep[link.index] } }
        var panel = panel("κ", run, valueMax: 1)
        panel.series = lines(links.map(\.name), values, kind: "links")
        return panel
    }

    /// A line each while there are colours; above that a band from least to greatest, with the mean.
    private func lines(_ names: [String], _ values: [[Double]], kind: String) -> [ChartPanel.Series] {
        if names.count <= Self.linesMax {
            return names.indices.map { .init(name: names[$0], color: Self.colors[$0], values: values[$0]) }
        }
        let times = values[0].indices
        let greatest = times.map { time in values.reduce(0) { max($0, $1[time]) } }
        let least = times.map { time in values.reduce(.infinity) { min($0, $1[time]) } }
        let mean = times.map { time in values.reduce(0) { $0 + $1[time] } / Double(values.count) }
        return [
            .init(name: "all \(names.count) \(kind)", color: Self.colors[4], values: greatest, lowerValues: least),
            .init(name: "greatest", color: Self.colors[1], values: greatest, width: 1.4),
            .init(name: "mean", color: Self.colors[0], values: mean, width: 2.2),
        ]
    }

    /// Many events stand too close for their names.
    private static let namedMomentsMax = 12

    private func moments(named: Bool) -> [ChartPanel.Moment] {
        let network = description.network
        let isNamed = named && network.events.count <= Self.namedMomentsMax
        return network.events.map { event in
            let name: String
            switch event.change {
            case .load(nil, let factor): name = "load × \(shortText(factor))"
            case .load(let flow?, let factor): name = "\(network.flows[flow].name) × \(shortText(factor))"
            case .down(let proxy): name = "\(network.proxies[proxy].name) down"
            case .up(let proxy): name = "\(network.proxies[proxy].name) up"
            case .quota(let proxy, let factor, _): name = "\(network.proxies[proxy].name) quota × \(shortText(factor))"
            }
            return .init(seconds: event.timeSeconds, name: isNamed ? name : "")
        }
    }
}

extension String {
    /// Labels of an axis are whole numbers when they are large.
    fileprivate var replacingPoint: String { hasSuffix(".0") ? String(dropLast(2)) : self }
}
