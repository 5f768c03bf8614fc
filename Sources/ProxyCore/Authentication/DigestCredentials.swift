/// The value of an Authorization or Proxy-Authorization header (RFC 7616 §3.4).
struct DigestCredentials: Equatable {
    enum Problem: Error, Equatable {
        /// Another scheme than Digest, such as Basic: as if there were none.
        case otherScheme
        /// Not of the grammar, a parameter twice, or one missing.
        case malformed
    }

    /// Longest value that is looked at, in bytes.
    static let bytesMax = 4_096

    var username: [UInt8] = []
    var realm: [UInt8] = []
    var nonce: [UInt8] = []
    var uri: [UInt8] = []
    var response: [UInt8] = []
    var clientNonce: [UInt8] = []
    var nonceCount: [UInt8] = []
    /// In lower case; empty when it was not given.
    var qop: [UInt8] = []
    /// In upper case; without one it is MD5.
    var algorithm: [UInt8] = Array("MD5".utf8)

    init(_ text: UnsafeRawBufferPointer) throws(Problem) {
        guard text.count <= Self.bytesMax else { throw .malformed }
        var scanner = Scanner(rest: text[...])
        scanner.skipSpace()
        guard scanner.token().map({ $0 | 0x20 }) == Array("digest".utf8) else { throw .otherScheme }
        var seen: Set<[UInt8]> = []
        scanner.skipSpace()
        while !scanner.isAtEnd {
            let name = scanner.token().map { $0 &- UInt8(ascii: "A") < 26 ? $0 | 0x20 : $0 }
            scanner.skipSpace()
            guard !name.isEmpty, seen.insert(name).inserted, scanner.take(UInt8(ascii: "=")) else { throw .malformed }
            scanner.skipSpace()
            guard let value = scanner.value() else { throw .malformed }
            set(String(decoding: name, as: UTF8.self), value)
            scanner.skipSpace()
            if scanner.isAtEnd { break }
            guard scanner.take(UInt8(ascii: ",")) else { throw .malformed }
            // The list grammar allows empty elements (RFC 7230 §7).
            repeat { scanner.skipSpace() } while scanner.take(UInt8(ascii: ","))
        }
        let required = ["username", "realm", "nonce", "uri", "response"]
        guard required.allSatisfy({ seen.contains(Array($0.utf8)) }) else { throw .malformed }
        if !qop.isEmpty {
            guard nonceCount.count == 8, Hexadecimal.value(nonceCount[...]) != nil, !clientNonce.isEmpty else {
                throw .malformed
            }
        }
    }

    private mutating func set(_ name: String, _ value: [UInt8]) {
        switch name {
        case "username": username = value
        case "realm": realm = value
        case "nonce": nonce = value
        case "uri": uri = value
        case "response": response = value.map { $0 | 0x20 }
        case "cnonce": clientNonce = value
        case "nc": nonceCount = value
        case "qop": qop = value.map { $0 | 0x20 }
        case "algorithm": algorithm = value.map { $0 &- UInt8(ascii: "a") < 26 ? $0 & 0xDF : $0 }
        default: break
        }
    }

    /// Reads tokens and quoted strings off the front.
    private struct Scanner {
        var rest: Slice<UnsafeRawBufferPointer>

        var isAtEnd: Bool { rest.isEmpty }

        /// White space, folds included.
        mutating func skipSpace() {
            rest = rest.drop { $0 == 32 || $0 == 9 || $0 == 13 || $0 == 10 }
        }

        mutating func take(_ byte: UInt8) -> Bool {
            guard rest.first == byte else { return false }
            rest = rest.dropFirst()
            return true
        }

        mutating func token() -> [UInt8] {
            let token = rest.prefix { Self.isToken($0) }
            rest = rest.dropFirst(token.count)
            return Array(token)
        }

        /// A token or a quoted string without its quotes and escapes; nil when it is neither.
        mutating func value() -> [UInt8]? {
            guard take(UInt8(ascii: "\"")) else {
                let value = token()
                return value.isEmpty ? nil : value
            }
            var value: [UInt8] = []
            while let byte = rest.popFirst() {
                if byte == UInt8(ascii: "\"") { return value }
                if byte == UInt8(ascii: "\\") {
                    guard let escaped = rest.popFirst() else { return nil }
                    value.append(escaped)
                } else {
                    value.append(byte)
                }
            }
            return nil
        }

        /// A token of RFC 3261 §25.1.
        private static func isToken(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "A")...UInt8(ascii: "Z"):
                true
            case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "!"), UInt8(ascii: "%"), UInt8(ascii: "*"),
                UInt8(ascii: "_"), UInt8(ascii: "+"), UInt8(ascii: "`"), UInt8(ascii: "'"), UInt8(ascii: "~"):
                true
            default: false
            }
        }
    }
}
