/// One chart: lines over time in a frame with axes.
struct ChartPanel {
    struct Series {
        var name: String
        var color: String
        /// At the panel's times.
        var values: [Double]
        var width = 1.8
        var dashes: String?
        /// Under all lines, filled between `values` and these.
        var lowerValues: [Double]?
    }

    /// A level to compare with, across the whole width.
    struct Level {
        var name: String
        var value: Double
        var color: String
    }

    struct Moment {
        var seconds: Double
        var name: String
    }

    var title: String
    var times: [Double]
    var timeMax: Double
    var series: [Series]
    var levels: [Level] = []
    var moments: [Moment] = []
    /// What the vertical axis ends at.
    var valueMax: Double
    var formatValue: @Sendable (Double) -> String = { shortText($0) }
    var showsTimeAxis = false

    func draw(into svg: inout SVGWriter, _ frame: SVGWriter.Rectangle) {
        let bottom = frame.y + frame.height
        let right = frame.x + frame.width
        svg.text(
            title, at: .init(x: frame.x, y: frame.y - 10), .init(size: 13, color: "#111827", isBold: true))
        for tick in AxisTicks.values(to: valueMax, about: AxisTicks.valueCount) {
            let y = place(value: tick, frame)
            svg.line(from: .init(x: frame.x, y: y), to: .init(x: right, y: y), color: "#e5e7eb")
            svg.text(formatValue(tick), at: .init(x: frame.x - 8, y: y + 4), .init(anchor: .end))
        }
        for tick in AxisTicks.values(to: timeMax, about: 6) {
            let x = place(time: tick, frame)
            svg.line(from: .init(x: x, y: frame.y), to: .init(x: x, y: bottom), color: "#f3f4f6")
            svg.line(from: .init(x: x, y: bottom), to: .init(x: x, y: bottom + 4), color: "#9ca3af")
            if showsTimeAxis {
                svg.text(shortText(tick), at: .init(x: x, y: bottom + 18), .init(anchor: .middle))
            }
        }
        if showsTimeAxis {
            svg.text(
                "seconds", at: .init(x: frame.x + frame.width / 2, y: bottom + 36), .init(anchor: .middle))
        }
        drawMoments(into: &svg, frame)
        for series in series { drawSeries(series, into: &svg, frame) }
        for level in levels where level.value <= valueMax {
            let y = place(value: level.value, frame)
            svg.line(
                from: .init(x: frame.x, y: y), to: .init(x: right, y: y), color: level.color, width: 1.4, dashes: "6 4")
        }
        svg.line(from: .init(x: frame.x, y: frame.y), to: .init(x: frame.x, y: bottom), color: "#9ca3af")
        svg.line(from: .init(x: frame.x, y: bottom), to: .init(x: right, y: bottom), color: "#9ca3af")
    }

    private func drawMoments(into svg: inout SVGWriter, _ frame: SVGWriter.Rectangle) {
        var previous = -Double.infinity
        for moment in moments.sorted(by: { $0.seconds < $1.seconds }) where moment.seconds <= timeMax {
            let x = place(time: moment.seconds, frame)
            svg.line(
                from: .init(x: x, y: frame.y), to: .init(x: x, y: frame.y + frame.height), color: "#9ca3af",
                dashes: "2 3")
            guard !moment.name.isEmpty else { continue }
            // On the other side of the line when the name before stands too close.
            let isTight = x - previous < 16
            previous = x
            svg.text(
                moment.name, at: .init(x: isTight ? x + 11 : x - 4, y: frame.y + frame.height - 6),
                .init(size: 10.5, color: "#6b7280", isUpright: true))
        }
    }

    private func drawSeries(_ series: Series, into svg: inout SVGWriter, _ frame: SVGWriter.Rectangle) {
        let points = zip(times, series.values).map { point($0, $1, frame) }
        if let lower = series.lowerValues {
            let back = zip(times, lower).map { point($0, $1, frame) }.reversed()
            svg.area(points + back, color: series.color, opacity: 0.2)
        } else {
            svg.polyline(points, color: series.color, width: series.width, dashes: series.dashes)
        }
    }

    private func point(_ time: Double, _ value: Double, _ frame: SVGWriter.Rectangle) -> SVGWriter.Point {
        .init(x: place(time: time, frame), y: place(value: min(max(value, 0), valueMax), frame))
    }

    private func place(time: Double, _ frame: SVGWriter.Rectangle) -> Double {
        frame.x + frame.width * time / timeMax
    }

    private func place(value: Double, _ frame: SVGWriter.Rectangle) -> Double {
        frame.y + frame.height * (1 - value / valueMax)
    }

    /// To the right of the frame, in as many rows as fit.
    func drawLegend(into svg: inout SVGWriter, at corner: SVGWriter.Point, height: Double) {
        struct Entry {
            var name: String
            var color: String
            var dashes: String?
            var isArea: Bool
        }
        let entries =
            series.map {
                Entry(name: $0.name, color: $0.color, dashes: $0.dashes, isArea: $0.lowerValues != nil)
            } + levels.map { Entry(name: $0.name, color: $0.color, dashes: "6 4", isArea: false) }
        let rowHeight = 18.0
        for (row, entry) in entries.enumerated() {
            let y = corner.y + 6 + Double(row) * rowHeight
            guard y + rowHeight / 2 <= corner.y + height else { break }
            if entry.isArea {
                svg.area(
                    [
                        .init(x: corner.x, y: y - 5), .init(x: corner.x + 22, y: y - 5),
                        .init(x: corner.x + 22, y: y + 5), .init(x: corner.x, y: y + 5),
                    ], color: entry.color, opacity: 0.25)
            } else {
                svg.line(
                    from: .init(x: corner.x, y: y), to: .init(x: corner.x + 22, y: y), color: entry.color, width: 2.2,
                    dashes: entry.dashes)
            }
            svg.text(Self.short(entry.name), at: .init(x: corner.x + 29, y: y + 4), .init(size: 11.5))
        }
    }

    private static let legendCharactersMax = 26

    private static func short(_ name: String) -> String {
        name.count <= legendCharactersMax ? name : name.prefix(legendCharactersMax - 1) + "…"
    }
}

enum AxisTicks {
    /// On a vertical axis.
    static let valueCount = 6

    /// Multiples of 1, 2 or 5 times a power of ten, from 0 to at most `end`.
    static func values(to end: Double, about count: Int) -> [Double] {
        guard end > 0, end.isFinite else { return [0] }
        let rough = end / Double(count)
        var power = 1.0
        while power * 10 <= rough { power *= 10 }
        while power > rough { power /= 10 }
        let step = [1, 2, 5, 10].map { $0 * power }.first { $0 >= rough * 0.999 } ?? 10 * power
        return (0...Int(end / step * 1.000_001)).map { Double($0) * step }
    }

    /// The next tick at or above a value: where an axis may end.
    static func end(for value: Double, about count: Int = valueCount) -> Double {
        guard value > 0, value.isFinite else { return 1 }
        let step = values(to: value, about: count).dropFirst().first ?? value
        return (value / step).rounded(.up) * step
    }
}
