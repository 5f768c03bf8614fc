/// Elements of a drawing (SVG 1.1), one a line. Coordinates are pixels from the upper left.
struct SVGWriter {
    private var body = ""
    let width: Double
    let height: Double

    init(width: Double, height: Double) {
        self.width = width
        self.height = height
    }

    struct Point {
        var x: Double
        var y: Double
    }

    struct Rectangle {
        var x: Double
        var y: Double
        var width: Double
        var height: Double
    }

    enum Anchor: String {
        case start
        case middle
        case end
    }

    struct TextStyle {
        var size = 12.0
        var color = "#4b5563"
        var anchor = Anchor.start
        var isBold = false
        /// Read from bottom to top.
        var isUpright = false
    }

    mutating func rectangle(_ box: Rectangle, fill: String, stroke: String = "none") {
        body += "<rect \(Self.box(box)) fill=\"\(fill)\" stroke=\"\(stroke)\"/>\n"
    }

    mutating func line(from: Point, to: Point, color: String, width: Double = 1, dashes: String? = nil) {
        let dash = dashes.map { " stroke-dasharray=\"\($0)\"" } ?? ""
        body += "<line x1=\"\(Self.text(from.x))\" y1=\"\(Self.text(from.y))\" x2=\"\(Self.text(to.x))\" "
        body += "y2=\"\(Self.text(to.y))\" stroke=\"\(color)\" stroke-width=\"\(Self.text(width))\"\(dash)/>\n"
    }

    mutating func polyline(_ points: [Point], color: String, width: Double, dashes: String? = nil) {
        let dash = dashes.map { " stroke-dasharray=\"\($0)\"" } ?? ""
        body += "<polyline fill=\"none\" stroke=\"\(color)\" stroke-width=\"\(Self.text(width))\" "
        body += "stroke-linejoin=\"round\"\(dash) points=\"\(Self.list(points))\"/>\n"
    }

    mutating func area(_ points: [Point], color: String, opacity: Double) {
        body += "<polygon fill=\"\(color)\" fill-opacity=\"\(Self.text(opacity))\" points=\"\(Self.list(points))\"/>\n"
    }

    mutating func text(_ text: String, at point: Point, _ style: TextStyle = TextStyle()) {
        let weight = style.isBold ? " font-weight=\"600\"" : ""
        let turn =
            style.isUpright ? " transform=\"rotate(-90 \(Self.text(point.x)) \(Self.text(point.y)))\"" : ""
        body += "<text x=\"\(Self.text(point.x))\" y=\"\(Self.text(point.y))\" font-size=\"\(Self.text(style.size))\" "
        body += "fill=\"\(style.color)\" text-anchor=\"\(style.anchor.rawValue)\"\(weight)\(turn)>"
        body += Self.escaped(text) + "</text>\n"
    }

    /// The whole file.
    func document(title: String) -> String {
        """
        <?xml version="1.0" encoding="UTF-8"?>
        <svg xmlns="http://www.w3.org/2000/svg" width="\(Self.text(width))" height="\(Self.text(height))" \
        viewBox="0 0 \(Self.text(width)) \(Self.text(height))" \
        font-family="'Helvetica Neue', Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif">
        <title>\(Self.escaped(title))</title>
        <rect x="0" y="0" width="\(Self.text(width))" height="\(Self.text(height))" fill="#ffffff"/>
        \(body)</svg>

        """
    }

    private static func box(_ box: Rectangle) -> String {
        "x=\"\(text(box.x))\" y=\"\(text(box.y))\" width=\"\(text(box.width))\" height=\"\(text(box.height))\""
    }

    private static func list(_ points: [Point]) -> String {
        points.map { "\(text($0.x)),\(text($0.y))" }.joined(separator: " ")
    }

    /// A tenth of a pixel is finer than the eye.
    private static func text(_ value: Double) -> String { NumberText.fixed(value.isFinite ? value : 0, 1) }

    /// Names come from files: markup is escaped, and characters that XML 1.0 §2.2 does not know are left out.
    static func escaped(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}", "\u{FFFE}", "\u{FFFF}": escaped += " "
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}
