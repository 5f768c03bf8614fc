// Lua as text: strings, names, precedence.

/// An expression of Lua with what its surroundings need to know.
struct LuaExpression {
    enum Kind: Sendable {
        case text
        case integer
        case boolean
        /// Known at run time only.
        case any
    }

    /// Binding strength of the outermost operator, as in the Lua manual.
    enum Strength: Int {
        case or = 1
        case and
        case comparison
        case bits
        case concatenation
        case sum
        case product
        case unary
        case primary
    }

    var code: String
    var kind: Kind
    /// It may be nil.
    var isOptional = false
    var strength = Strength.primary
    /// What it always is, and why.
    var always: (value: Bool, why: String)?

    init(_ code: String, _ kind: Kind, optional: Bool = false, _ strength: Strength = .primary) {
        self.code = code
        self.kind = kind
        isOptional = optional
        self.strength = strength
    }

    static func always(_ value: Bool, _ why: String) -> LuaExpression {
        var expression = LuaExpression(value ? "true" : "false", .boolean)
        expression.always = (value, why)
        return expression
    }

    /// In parentheses where an operator of that strength stands beside it.
    func operand(of other: Strength) -> String {
        strength.rawValue < other.rawValue ? "(\(code))" : code
    }

    /// As an operand of a comparison, whose own kind does not chain.
    var compared: String { operand(of: .bits) }

    /// As a piece of a concatenation: never nil.
    var concatenated: String {
        if isOptional { return "(\(code) or \"<null>\")" }
        return kind == .any ? "tostring(\(code))" : operand(of: .sum)
    }
}

enum Lua {
    static let keywords: Set<String> = [
        "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in", "local", "nil",
        "not", "or", "repeat", "return", "then", "true", "until", "while",
    ]

    /// A string literal.
    static func quoted(_ text: String) -> String {
        var result = "\""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""): result += "\\\""
            case UInt8(ascii: "\\"): result += "\\\\"
            case 10: result += "\\n"
            case 13: result += "\\r"
            case 9: result += "\\t"
            case 0..<32, 127...255:
                let digits = String(byte)
                result += "\\" + String(repeating: "0", count: 3 - digits.count) + digits
            default: result.unicodeScalars.append(Unicode.Scalar(byte))
            }
        }
        return result + "\""
    }

    static func isName(_ text: String) -> Bool {
        guard let first = text.utf8.first, first.isWordStart else { return false }
        return text.utf8.allSatisfy(\.isWordPart) && !keywords.contains(text)
    }

    /// `table.name`, or `table["…"]` where the name is none.
    static func member(_ table: String, _ name: String) -> String {
        isName(name) ? "\(table).\(name)" : "\(table)[\(quoted(name))]"
    }

    /// A name for a function from words: lower case, joined by underscores. Nil when nothing is left.
    static func name(from text: String) -> String? {
        var result = ""
        for byte in text.utf8 {
            if byte.isWordPart {
                result.unicodeScalars.append(Unicode.Scalar(byte))
            } else if !result.isEmpty, result.last != "_" {
                result += "_"
            }
        }
        while result.last == "_" { result.removeLast() }
        result = result.lowercased()
        if let first = result.utf8.first, first.isDigit { result = "n" + result }
        guard !result.isEmpty, result.count <= 40 else { return nil }
        return keywords.contains(result) ? result + "_" : result
    }
}
