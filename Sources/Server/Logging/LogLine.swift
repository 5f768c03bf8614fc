internal import Glibc

/// Lays out one log line as text or as a JSON object.
///
/// What peers send may end up in messages and values, so every control character is escaped: a line is always one
/// line, and a terminal is never driven by a SIP header.
struct LogLine: Sendable {
    var level: Configuration.LoggingOptions.Level
    var message: String
    var fields: [(key: String, value: String)]

    /// Longer messages and values are cut, and marked as cut.
    static let messageBytesMax = 4_096
    static let valueBytesMax = 1_024
    static let fieldsMax = 32

    func bytes(_ format: Configuration.LoggingOptions.Format, at time: timespec) -> [UInt8] {
        switch format {
        case .text: textBytes(at: time)
        case .json: jsonBytes(at: time)
        }
    }

    /// `2026-01-31T12:00:00.123Z INFO    started workers=2 script="a b.lua"`
    private func textBytes(at time: timespec) -> [UInt8] {
        var line: [UInt8] = []
        LogLine.write(time: time, into: &line)
        line.append(0x20)
        let name = level.rawValue.uppercased()
        line.append(contentsOf: name.utf8)
        line.append(contentsOf: repeatElement(0x20, count: LogLine.levelWidth - name.utf8.count + 1))
        LogLine.write(escaped: LogLine.cut(message, LogLine.messageBytesMax), quoted: false, into: &line)
        for (key, value) in fields.prefix(LogLine.fieldsMax) {
            line.append(0x20)
            line.append(contentsOf: LogLine.key(key).utf8)
            line.append(0x3D)
            let value = LogLine.cut(value, LogLine.valueBytesMax)
            let isBare = !value.isEmpty && value.utf8.allSatisfy { $0 > 0x20 && $0 != 0x22 && $0 != 0x3D && $0 < 0x7F }
            LogLine.write(escaped: value, quoted: !isBare, into: &line)
        }
        line.append(0x0A)
        return line
    }

    /// `{"time":"…","level":"info","message":"started","workers":"2"}`
    private func jsonBytes(at time: timespec) -> [UInt8] {
        var line: [UInt8] = Array(#"{"time":""#.utf8)
        LogLine.write(time: time, into: &line)
        line.append(contentsOf: #"","level":""#.utf8)
        line.append(contentsOf: level.rawValue.utf8)
        line.append(contentsOf: #"","message":"#.utf8)
        JSONValue.write(string: LogLine.cut(message, LogLine.messageBytesMax), into: &line)
        for (key, value) in fields.prefix(LogLine.fieldsMax) {
            line.append(0x2C)
            let name = LogLine.key(key)
            JSONValue.write(string: LogLine.reservedKeys.contains(name) ? "_" + name : name, into: &line)
            line.append(0x3A)
            JSONValue.write(string: LogLine.cut(value, LogLine.valueBytesMax), into: &line)
        }
        line.append(contentsOf: "}\n".utf8)
        return line
    }

    private static let levelWidth = Configuration.LoggingOptions.Level.allCases.map(\.rawValue.utf8.count).max()!
    private static let reservedKeys: Set<String> = ["time", "level", "message"]

    /// Keys are ours or a script's; what would break `key=value` becomes an underscore.
    private static func key(_ key: String) -> String {
        let bytes = key.utf8.prefix(64).map { byte -> UInt8 in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F, 0x2D, 0x2E: byte
            default: 0x5F
            }
        }
        return bytes.isEmpty ? "_" : String(decoding: bytes, as: UTF8.self)
    }

    private static func cut(_ text: String, _ bytesMax: Int) -> String {
        if text.utf8.count <= bytesMax { return text }
        // A character that the cut splits becomes the replacement character.
        return String(decoding: text.utf8.prefix(bytesMax), as: UTF8.self) + "…"
    }

    private static func write(escaped text: String, quoted: Bool, into line: inout [UInt8]) {
        if quoted {
            JSONValue.write(string: text, into: &line)
            return
        }
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\n": line.append(contentsOf: #"\n"#.utf8)
            case "\r": line.append(contentsOf: #"\r"#.utf8)
            case "\t": line.append(contentsOf: #"\t"#.utf8)
            case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}", "\u{2028}", "\u{2029}":
                line.append(contentsOf: "\\u{\(String(scalar.value, radix: 16))}".utf8)
            default: line.append(contentsOf: scalar.utf8)
            }
        }
    }

    /// RFC 3339 in UTC with milliseconds.
    private static func write(time: timespec, into line: inout [UInt8]) {
        var seconds = time.tv_sec
        var parts = tm()
        gmtime_r(&seconds, &parts)
        func digits(_ value: Int, _ count: Int) {
            let text = String(value)
            line.append(contentsOf: repeatElement(0x30, count: max(0, count - text.utf8.count)))
            line.append(contentsOf: text.utf8)
        }
        digits(Int(parts.tm_year) + 1_900, 4)
        line.append(0x2D)
        digits(Int(parts.tm_mon) + 1, 2)
        line.append(0x2D)
        digits(Int(parts.tm_mday), 2)
        line.append(0x54)
        digits(Int(parts.tm_hour), 2)
        line.append(0x3A)
        digits(Int(parts.tm_min), 2)
        line.append(0x3A)
        digits(Int(parts.tm_sec), 2)
        line.append(0x2E)
        digits(time.tv_nsec / 1_000_000, 3)
        line.append(0x5A)
    }

    static var now: timespec {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return now
    }
}
