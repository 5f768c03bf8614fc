/// A file as it was read, with its name as messages show it.
public struct SourceFile: Sendable {
    public let name: String
    public let bytes: [UInt8]

    public init(name: String, bytes: [UInt8]) {
        self.name = name
        self.bytes = bytes
    }

    public init(name: String, text: String) {
        self.init(name: name, bytes: Array(text.utf8))
    }

    /// The part of a line around a column that messages show, and the character in it that the column is. O(file).
    func excerpt(line number: Int, column: Int, charactersMax: Int) -> (text: String, caret: Int) {
        var start = 0
        var current = 1
        while current < number {
            guard let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) else { return ("", 0) }
            start = end + 1
            current += 1
        }
        var place = start
        var before = 1
        while before < column, place < bytes.count, bytes[place] != UInt8(ascii: "\n") {
            place = nextCharacter(place)
            before += 1
        }
        var first = place
        var caret = 0
        while first > start, caret < charactersMax / 2 {
            repeat { first -= 1 } while first > start && bytes[first] & 0xC0 == 0x80
            caret += 1
        }
        var last = place
        var count = caret
        while last < bytes.count, bytes[last] != UInt8(ascii: "\n"), count < charactersMax {
            last = nextCharacter(last)
            count += 1
        }
        let text = String(decoding: bytes[first..<last], as: UTF8.self)
        return (String(text.unicodeScalars.filter { $0 != "\r" }), caret)
    }

    private func nextCharacter(_ place: Int) -> Int {
        var next = place + 1
        while next < bytes.count, bytes[next] & 0xC0 == 0x80 { next += 1 }
        return next
    }
}
