import Foundation
import Testing

#if canImport(FoundationXML)
    import FoundationXML
#endif

/// Reads what the reports write, as other programs would.
enum WellFormed {
    /// Cells by line (RFC 4180); each line must have as many as the first.
    static func parseCSV(_ text: String) throws -> [[String]] {
        var lines: [[String]] = []
        var cells: [String] = []
        var cell = ""
        var isQuoted = false
        var wasQuote = false
        for scalar in text.unicodeScalars {
            if isQuoted, !wasQuote {
                if scalar == "\"" { wasQuote = true } else { cell.unicodeScalars.append(scalar) }
                continue
            }
            if isQuoted, scalar == "\"" {
                cell += "\""
                wasQuote = false
                continue
            }
            switch scalar {
            case "\"":
                try #require(cell.isEmpty, "a quote in the middle of a cell")
                isQuoted = true
                wasQuote = false
            case ",":
                cells.append(cell)
                (cell, isQuoted, wasQuote) = ("", false, false)
            case "\r": (isQuoted, wasQuote) = (false, false)
            case "\n":
                lines.append(cells + [cell])
                (cells, cell) = ([], "")
            default: cell.unicodeScalars.append(scalar)
            }
        }
        try #require(cell.isEmpty && cells.isEmpty, "the last line is not ended")
        try #require(lines.allSatisfy { $0.count == lines[0].count })
        return lines
    }

    struct Drawing {
        var elements: [String: Int] = [:]
        var texts: [String] = []
    }

    /// Must be XML, with every coordinate a number inside of the drawing, and no label of an axis too long for its place.
    @discardableResult
    static func checkSVG(_ text: String) throws -> Drawing {
        let reader = Reader()
        let parser = XMLParser(data: Data(text.utf8))
        parser.delegate = reader
        try #require(parser.parse(), "\(parser.parserError.map { "\($0)" } ?? "") line \(parser.lineNumber)")
        #expect(reader.drawing.elements["svg"] == 1)
        #expect(reader.outside.isEmpty, "outside: \(reader.outside.prefix(3))")
        #expect(reader.labels.allSatisfy { $0.count <= 11 }, "labels: \(reader.labels)")
        return reader.drawing
    }

    private final class Reader: NSObject, XMLParserDelegate {
        var drawing = Drawing()
        var outside: [String] = []
        /// Texts that end at their place: labels of vertical axes.
        var labels: [String] = []
        private var width = 0.0
        private var height = 0.0
        private var text: String?
        private var isLabel = false

        func parser(
            _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
            attributes: [String: String]
        ) {
            drawing.elements[name, default: 0] += 1
            if name == "svg" {
                width = Double(attributes["width"] ?? "") ?? 0
                height = Double(attributes["height"] ?? "") ?? 0
            }
            for key in ["x", "x1", "x2"] { check(attributes[key], in: width) }
            for key in ["y", "y1", "y2"] { check(attributes[key], in: height) }
            for point in attributes["points"]?.split(separator: " ") ?? [] {
                let parts = point.split(separator: ",")
                check(parts.first.map(String.init), in: width)
                check(parts.last.map(String.init), in: height)
            }
            if name == "text" {
                text = ""
                isLabel = attributes["text-anchor"] == "end"
            }
        }

        func parser(_ parser: XMLParser, foundCharacters string: String) { text? += string }

        func parser(
            _ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?
        ) {
            guard name == "text", let text else { return }
            drawing.texts.append(text)
            if isLabel { labels.append(text) }
            self.text = nil
        }

        private func check(_ value: String?, in size: Double) {
            guard let value else { return }
            guard let number = Double(value), (0...size).contains(number) else {
                outside.append(value)
                return
            }
        }
    }
}
