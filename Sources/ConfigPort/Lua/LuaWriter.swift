/// Lines of Lua with their indentation.
struct LuaWriter {
    static let columnsMax = 110

    private(set) var text = ""
    var depth = 0
    private var isAfterBlank = true

    /// Where a long line may be broken: before the operator that stands for it.
    static let concatenation = "\u{1}"
    static let conjunction = "\u{2}"
    static let disjunction = "\u{3}"

    mutating func line(_ content: String) {
        guard !content.isEmpty else { return blank() }
        var rest = Substring(content)
        var indentation = String(repeating: "  ", count: depth)
        while true {
            let width = Self.columnsMax - indentation.count
            guard let cut = Self.cut(rest, width) else { break }
            text += indentation + Self.plain(rest[..<cut]) + "\n"
            rest = rest[cut...]
            indentation = String(repeating: "  ", count: depth + 1)
        }
        let last = Self.plain(rest)
        text += indentation + (last.first == " " ? String(last.dropFirst()) : last) + "\n"
        isAfterBlank = false
    }

    /// The last place to break within the width, or the first one; nil when all fits.
    private static func cut(_ text: Substring, _ width: Int) -> String.Index? {
        guard text.count > width else { return nil }
        var found: String.Index?
        var column = 0
        for index in text.indices.dropFirst() {
            column += 1
            guard text[index].unicodeScalars.first.map({ (1...3).contains($0.value) }) == true else { continue }
            if column > width, let found { return found }
            found = index
        }
        return found
    }

    private static func plain(_ text: Substring) -> String {
        var result = ""
        for character in text {
            switch String(character) {
            case concatenation: result += " .. "
            case conjunction: result += " and "
            case disjunction: result += " or "
            default: result.append(character)
            }
        }
        if text.first.map({ [concatenation, conjunction, disjunction].contains(String($0)) }) == true {
            result.removeFirst()
        }
        return result
    }

    /// An empty line, but never two.
    mutating func blank() {
        guard !isAfterBlank else { return }
        text += "\n"
        isAfterBlank = true
    }

    /// The next line follows the opening of a block.
    mutating func noBlank() { isAfterBlank = true }

    mutating func comment(_ comment: Comment) {
        for line in comment.lines { self.comment(line) }
    }

    mutating func comment(_ text: String) {
        let plain = Self.undecorated(text)
        // A line of marks only.
        if plain.isEmpty, !text.isEmpty { return }
        line(plain.isEmpty ? "--" : "-- \(plain)")
    }

    /// Without the rows of marks that headings are framed by.
    private static func undecorated(_ text: String) -> String {
        let marks: Set<Character> = ["#", "-", "=", "*"]
        func row(_ characters: some Sequence<Character>) -> Int {
            var count = 0
            var mark: Character?
            for character in characters {
                guard marks.contains(character), mark == nil || mark == character else { break }
                mark = character
                count += 1
            }
            return count
        }
        var result = Substring(text)
        let start = row(result)
        if start >= 4 { result = result.dropFirst(start) }
        let end = row(result.reversed())
        if end >= 4 { result = result.dropLast(end) }
        return start >= 4 || end >= 4 ? String(result).trimmed : text
    }

    /// Room for content on one line.
    var room: Int { Self.columnsMax - 2 * depth }
}
