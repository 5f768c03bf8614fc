// The report for people and for programs.
extension ConversionReport {
    /// Lines such as `openser.cfg:12: unsupported function enum_query: …`, the totals below.
    public func text(_ files: [SourceFile]) -> String {
        var lines: [String] = []
        for support in [Support.unsupported, .approximated] {
            for entry in entries where entry.support == support {
                let first = entry.places[0]
                let more = entry.places.count > 1 ? " (and \(entry.places.count - 1) more)" : ""
                let note = entry.note.isEmpty ? "" : ": \(entry.note)"
                lines.append(
                    "\(files[first.file].name):\(first.line): \(support.rawValue) \(entry.category.rawValue) \(entry.name)\(more)\(note)"
                )
            }
        }
        for category in ReportEntry.Category.allCases {
            let counts = Support.allCases.map { "\(count(category, $0)) \($0.rawValue)" }
            lines.append("\(category.rawValue)s: \(counts.joined(separator: ", "))")
        }
        lines.append("calls converted or approximated: \(percentage)")
        return lines.joined(separator: "\n") + "\n"
    }

    private var percentage: String {
        let tenths = Int((coverage * 1000).rounded(.down))
        return "\(tenths / 10).\(tenths % 10) %"
    }

    /// One JSON object: `totals` by category and outcome, `coverage`, and `entries` with their places.
    public func json(_ files: [SourceFile]) -> String {
        var text = "{\n  \"totals\": {\n"
        text += ReportEntry.Category.allCases.map { category in
            let counts = Support.allCases.map { "\"\($0.rawValue)\": \(count(category, $0))" }
            return "    \"\(category.rawValue)\": { \(counts.joined(separator: ", ")) }"
        }.joined(separator: ",\n")
        text += "\n  },\n  \"coverage\": \(coverage),\n  \"entries\": [\n"
        text += entries.map { entry in
            let places = entry.places.map { "\"\(Self.escaped(files[$0.file].name)):\($0.line):\($0.column)\"" }
            return "    { \"category\": \"\(entry.category.rawValue)\", \"name\": \"\(Self.escaped(entry.name))\", "
                + "\"outcome\": \"\(entry.support.rawValue)\", \"note\": \"\(Self.escaped(entry.note))\", "
                + "\"places\": [\(places.joined(separator: ", "))] }"
        }.joined(separator: ",\n")
        return text + "\n  ]\n}\n"
    }

    private static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": result += "\\\(scalar)"
            case "\u{0}"..."\u{1F}", "\u{7F}":
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
