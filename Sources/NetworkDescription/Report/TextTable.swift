/// Columns for a terminal: the first to the left, numbers to the right.
public struct TextTable: Sendable {
    private var rows: [[String]]

    public init(_ header: [String]) { rows = [header] }

    public mutating func add(_ row: [String]) {
        precondition(row.count == rows[0].count, "as many cells as the header has")
        rows.append(row)
    }

    /// A line a row, each ended.
    public var text: String {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        var text = ""
        for row in rows {
            var line = ""
            for (column, cell) in row.enumerated() {
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                line += (column == 0 ? cell + padding : "  " + padding + cell)
            }
            while line.last == " " { line.removeLast() }
            text += line + "\n"
        }
        return text
    }
}

/// Numbers as people read them.
public enum NumberText {
    /// With so many digits after the point.
    public static func fixed(_ value: Double, _ digits: Int) -> String {
        guard value.isFinite, abs(value) < 1e15 else { return "\(value)" }
        var scale = 1
        for _ in 0..<digits { scale *= 10 }
        // Whole thousandths and so on; a double holds them exactly enough up to 2^53.
        let scaled = (abs(value) * Double(scale)).rounded()
        guard scaled < 0x1p63 else { return "\(value)" }
        let whole = Int(scaled)
        let sign = value < 0 && whole != 0 ? "-" : ""
        if digits == 0 { return sign + String(whole) }
        let rest = String(whole % scale)
        return sign + String(whole / scale) + "." + String(repeating: "0", count: digits - rest.count) + rest
    }

    /// 12,345: with commas, and one digit after the point below 100.
    public static func rate(_ value: Double) -> String {
        let text = fixed(value, abs(value) < 100 ? 1 : 0)
        let parts = text.split(separator: ".", maxSplits: 1)
        guard let whole = parts.first, whole.allSatisfy({ $0.isNumber || $0 == "-" }) else { return text }
        let digits = whole.drop { $0 == "-" }
        var grouped = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { grouped += "," }
            grouped.append(digit)
        }
        return (whole.first == "-" ? "-" : "") + grouped + (parts.count > 1 ? "." + parts[1] : "")
    }

    public static func percent(_ fraction: Double) -> String { fixed(fraction * 100, 1) + " %" }
}
