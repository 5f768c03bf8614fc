extension ConfigurationReader {
    private static let dictionariesMax = 64
    private static let nameBytesMax = 64

    /// In the order of their names; nil when it is no map, which is reported.
    mutating func readDictionaries(
        _ node: ConfigurationNode, _ setting: Setting, sizes: ClosedRange<Int>
    ) -> [Configuration.SharedMemory]? {
        guard case .map(let pairs) = node.content else {
            report(node.origin, setting.key, "expected \(setting.expectation), got \(node.summary)")
            return nil
        }
        var memories: [Configuration.SharedMemory] = []
        for (key, value) in pairs {
            guard let name = keyName(key, in: setting.key) else { continue }
            guard Self.isIdentifier(name) else {
                report(
                    key.origin, "\(setting.key).\(name)",
                    "expected a name as Lua writes them: letters, digits and _, at most \(Self.nameBytesMax), no digit first"
                )
                continue
            }
            guard case .scalar(let text) = value.content, let bytes = ByteSize.parse(text), sizes.contains(bytes) else {
                report(
                    value.origin, "\(setting.key).\(name)",
                    "expected a size from \(ByteSize.text(sizes.lowerBound)) to \(ByteSize.text(sizes.upperBound)), got \(value.summary)"
                )
                continue
            }
            memories.append(Configuration.SharedMemory(name: name, bytes: bytes))
        }
        guard memories.count <= Self.dictionariesMax else {
            report(node.origin, setting.key, "expected at most \(Self.dictionariesMax), got \(memories.count)")
            return nil
        }
        return memories.sorted { $0.name < $1.name }
    }

    private static func isIdentifier(_ text: String) -> Bool {
        guard let first = text.utf8.first, !(0x30...0x39).contains(first), text.utf8.count <= nameBytesMax else {
            return false
        }
        return text.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F: true
            default: false
            }
        }
    }
}
