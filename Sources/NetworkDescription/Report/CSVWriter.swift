/// Comma-separated values (RFC 4180): CRLF after each line, quotes where a cell needs them.
public struct CSVWriter: Sendable {
    public private(set) var text = ""

    public init() {}

    public mutating func add(_ cells: [String]) {
        text += cells.map(Self.cell).joined(separator: ",") + "\r\n"
    }

    private static func cell(_ cell: String) -> String {
        // By bytes: as characters, CR LF would be one that is neither.
        guard cell.utf8.contains(where: { [0x22, 0x2C, 0x0D, 0x0A].contains($0) }) else { return cell }
        return "\"" + cell.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    }
}
