// Text without Foundation.
extension String {
    /// Without white space at its ends.
    var trimmed: String {
        var text = Substring(self)
        while let first = text.first, first.isWhitespace { text.removeFirst() }
        while let last = text.last, last.isWhitespace { text.removeLast() }
        return String(text)
    }

    /// Without the quotes around it.
    var unquoted: String {
        guard count >= 2, let first, first == last, first == "\"" || first == "'" else { return self }
        return String(dropFirst().dropLast())
    }

    /// The first word and what follows it.
    var splitAtSpace: (String, String) {
        let text = trimmed
        guard let space = text.firstIndex(where: \.isWhitespace) else { return (text, "") }
        return (String(text[..<space]), String(text[space...]).trimmed)
    }

    /// Every occurrence of `part` replaced; `part` is not empty.
    func replacing(_ part: String, by other: String) -> String {
        let (bytes, part) = (Array(utf8), Array(part.utf8))
        guard !part.isEmpty, bytes.count >= part.count else { return self }
        var result: [UInt8] = []
        var place = 0
        while place < bytes.count {
            if place + part.count <= bytes.count, bytes[place] == part[0],
                bytes[place..<(place + part.count)].elementsEqual(part)
            {
                result += other.utf8
                place += part.count
            } else {
                result.append(bytes[place])
                place += 1
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
