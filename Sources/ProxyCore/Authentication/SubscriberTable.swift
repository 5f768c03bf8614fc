/// Who may authenticate: user hashes by name and domain. Never changed once made; a reload makes another.
public struct SubscriberTable: Sendable {
    /// A line that can't be used.
    public struct Problem: Error, Sendable, Equatable {
        /// From 1.
        public var line: Int
        public var message: String
    }

    struct Name: Hashable {
        var user: [UInt8]
        var domain: [UInt8]
    }

    struct Subscriber {
        var password: [UInt8]?
        /// Of `username:domain:password`, by algorithm.
        var hashes: [DigestAlgorithm: [UInt8]] = [:]
        /// Of `username@domain:domain:password`, for user agents that give their name with the domain.
        var longNameHashes: [DigestAlgorithm: [UInt8]] = [:]
    }

    /// Columns of OpenSER's table `subscriber` that are read; others may stand beside them.
    private static let hashColumns: [(name: String, algorithm: DigestAlgorithm, isOfLongName: Bool)] = [
        ("ha1", .md5, false), ("ha1_sha256", .sha256, false), ("ha1b", .md5, true),
    ]

    /// The columns that are read, of files and databases.
    public static let columns = ["username", "domain", "password"] + hashColumns.map(\.name)

    private var subscribers: [Name: Subscriber] = [:]

    public var count: Int { subscribers.count }

    public init() {}

    /// Reads comma-separated lines under a line of column names: username, domain and password, or ha1 and ha1_sha256
    /// instead. Empty lines and those that begin with `#` are passed over. Values hold no commas.
    public init(csv text: String) throws(Problem) {
        var columns: [String]?
        var line = 0
        for row in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
            line += 1
            let fields = row.split(separator: ",", omittingEmptySubsequences: false).map(Self.trimmed)
            if row.allSatisfy(\.isWhitespace) || row.hasPrefix("#") { continue }
            if let columns { try add(fields, columns, line) } else { columns = try Self.header(fields, line) }
        }
        guard columns != nil else {
            throw Problem(line: max(line, 1), message: "is empty; begin with the line \"username,domain,password\"")
        }
    }

    private static func trimmed(_ field: Substring) -> String {
        String(field.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    }

    private static func header(_ fields: [String], _ line: Int) throws(Problem) -> [String] {
        let columns = fields.map { $0.lowercased() }
        for name in ["username", "domain"] where !columns.contains(name) {
            throw Problem(
                line: line, message: "has no column \"\(name)\"; begin with a line such as \"username,domain,password\""
            )
        }
        guard columns.contains("password") || hashColumns.contains(where: { columns.contains($0.name) }) else {
            throw Problem(
                line: line, message: "has none of the columns \"password\", \"ha1\", \"ha1_sha256\" and \"ha1b\"")
        }
        if let twice = columns.first(where: { name in columns.count(where: { $0 == name }) > 1 }) {
            throw Problem(line: line, message: "has the column \"\(twice)\" twice")
        }
        return columns
    }

    private mutating func add(_ fields: [String], _ columns: [String], _ line: Int) throws(Problem) {
        guard fields.count == columns.count else {
            throw Problem(
                line: line, message: "has \(fields.count) values, the first line names \(columns.count) columns")
        }
        let row = Dictionary(uniqueKeysWithValues: zip(columns, fields))
        guard try add(row, line: line) else {
            let name = "\(row["username"] ?? "")@\(row["domain"] ?? "")"
            throw Problem(line: line, message: "\(name) has neither a password nor a hash of it")
        }
    }

    /// Adds a subscriber.
    ///
    /// - Parameters:
    ///   - row: values by column; empty ones count as not there.
    ///   - line: for the problem.
    /// - Returns: false when it has neither a password nor a hash, and so is left out.
    public mutating func add(_ row: [String: String], line: Int) throws(Problem) -> Bool {
        let (user, domain) = (row["username"] ?? "", row["domain"] ?? "")
        guard !user.isEmpty, !domain.isEmpty else {
            throw Problem(line: line, message: "needs a username and a domain")
        }
        var subscriber = Subscriber()
        if let password = row["password"], !password.isEmpty { subscriber.password = Array(password.utf8) }
        for (name, algorithm, isOfLongName) in Self.hashColumns {
            guard let hash = row[name]?.lowercased(), !hash.isEmpty else { continue }
            guard hash.utf8.count == algorithm.hexCount, hash.allSatisfy(\.isHexDigit) else {
                throw Problem(
                    line: line,
                    message:
                        "\(name) is no \(algorithm.rawValue) of \(isOfLongName ? "username@domain" : "username"):domain:password in \(algorithm.hexCount) hexadecimal digits"
                )
            }
            if isOfLongName {
                subscriber.longNameHashes[algorithm] = Array(hash.utf8)
            } else {
                subscriber.hashes[algorithm] = Array(hash.utf8)
            }
        }
        guard subscriber.password != nil || !subscriber.hashes.isEmpty || !subscriber.longNameHashes.isEmpty else {
            return false
        }
        let name = Name(user: Array(user.utf8), domain: Array(domain.lowercased().utf8))
        guard subscribers.updateValue(subscriber, forKey: name) == nil else {
            throw Problem(line: line, message: "\(user)@\(domain) is there twice")
        }
        return true
    }

    /// H(A1) of a user in a realm; nil when there is no such user, or no way to tell it with this algorithm.
    ///
    /// - Parameter user: as the client wrote it, `name` or `name@domain`; without a domain it is of the realm's.
    func userHash(of user: [UInt8], realm: [UInt8], _ algorithm: DigestAlgorithm) -> [UInt8]? {
        var name = Name(user: user, domain: realm)
        if let at = user.lastIndex(of: UInt8(ascii: "@")) {
            name = Name(user: Array(user[..<at]), domain: Array(user[(at + 1)...]))
        }
        name.domain = name.domain.map { $0 &- UInt8(ascii: "A") < 26 ? $0 | 0x20 : $0 }
        guard let subscriber = subscribers[name] else { return nil }
        if let password = subscriber.password {
            return algorithm.userHash(name: user, realm: realm, password: password)
        }
        // A hash is of the very name and realm that it was made for.
        if name.user == user { return subscriber.hashes[algorithm] }
        return user == name.user + [UInt8(ascii: "@")] + name.domain ? subscriber.longNameHashes[algorithm] : nil
    }
}
