/// A further column of accounting records, and where its value comes from.
public struct AccountingField: Sendable, Equatable {
    public enum Source: Sendable, Equatable {
        case header(String)
        case fromURI
        case toURI
        case requestURI
        case contactURI
        case sourceIP
        case sourcePort
        case sourceTransport
        case localIP
        case localPort
        /// The name that the request's credentials have proved.
        case authUser
        /// Where the request went: the branch that was answered with a 2xx, else the latest one.
        case nextHop
        /// What the script gives, and nothing else.
        case script
    }

    public var name: String
    public var source: Source

    public init(name: String, source: Source) {
        self.name = name
        self.source = source
    }
}

extension AccountingField.Source {
    private static let headerPrefix = "header:"

    private static let names: [(name: String, source: Self)] = [
        ("from_uri", .fromURI), ("to_uri", .toURI), ("request_uri", .requestURI), ("contact_uri", .contactURI),
        ("source_ip", .sourceIP), ("source_port", .sourcePort), ("source_transport", .sourceTransport),
        ("local_ip", .localIP), ("local_port", .localPort), ("auth_user", .authUser), ("next_hop", .nextHop),
        ("script", .script),
    ]

    /// The words that stand for values, beside `header:NAME`.
    public static var words: [String] { names.map(\.name) }

    /// From `from_uri` and the like, or `header:NAME`; nil for other texts.
    public init?(_ text: String) {
        if let known = Self.names.first(where: { $0.name == text }) {
            self = known.source
            return
        }
        guard text.hasPrefix(Self.headerPrefix) else { return nil }
        let name = text.dropFirst(Self.headerPrefix.count)
        guard (1...AccountingLimits.nameBytesMax).contains(name.utf8.count), name.utf8.allSatisfy(Self.isToken) else {
            return nil
        }
        self = .header(String(name))
    }

    public var text: String {
        if case .header(let name) = self { return Self.headerPrefix + name }
        return Self.names.first { $0.source == self }?.name ?? ""
    }

    /// RFC 3261 §25.1: token.
    private static func isToken(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        default: "-.!%*_+`'~".utf8.contains(byte)
        }
    }
}

public enum AccountingLimits {
    /// Columns beside those that every record has.
    public static let fieldsMax = 32
    /// Of a column and of a header.
    public static let nameBytesMax = 64
    /// Of one value; what is longer is cut off.
    public static let valueBytesMax = 1_024
}
