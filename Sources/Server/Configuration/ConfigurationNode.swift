internal import Yams

/// A YAML document reduced to what settings need: text, lists and maps, each with its place.
package struct ConfigurationNode: Sendable {
    package indirect enum Content: Sendable {
        /// An absent value, as in a key whose lines are all commented out.
        case null
        /// The text as written, quotes removed; "null" in quotes is text.
        case scalar(String)
        case list([ConfigurationNode])
        case map([(key: ConfigurationNode, value: ConfigurationNode)])
    }

    package var content: Content
    package var origin: ConfigurationOrigin

    /// What the message after "got" says.
    package var summary: String {
        switch content {
        case .null: "nothing"
        case .scalar(let text): "\"\(text.prefix(ConfigurationNode.quotedCharactersMax))\""
        case .list: "a list"
        case .map: "a map"
        }
    }

    /// Longer values are cut in messages.
    private static let quotedCharactersMax = 80
}

/// Turns YAML text into nodes. The one file that knows the YAML library.
package enum ConfigurationDocument {
    /// A configuration is written by hand; anything larger is a mistake, for example a log given by its name.
    package static let bytesMax = 1 << 20
    /// How many repeated keys one attempt reports.
    private static let duplicatesMax = 64
    /// Aliases make a small file large when it is expanded; no configuration needs so many values.
    package static let nodesMax = 100_000

    /// The root node, or nil for a document without content; what is wrong with the text itself is appended to
    /// `diagnostics`, and nil is returned when it could not be read any further.
    package static func compose(
        _ text: String, file: String, nodesMax: Int = ConfigurationDocument.nodesMax,
        diagnostics: inout [ConfigurationDiagnostic]
    ) -> ConfigurationNode? {
        var text = text
        for attempt in 0..<duplicatesMax {
            do {
                guard let root = try Yams.compose(yaml: text) else { return nil }
                var nodesLeft = nodesMax
                let node = convert(root, file: file, nodesLeft: &nodesLeft)
                if nodesLeft < 0 {
                    let place = ConfigurationOrigin.file(file, line: 0, column: 0)
                    diagnostics.append(ConfigurationDiagnostic(at: place, key: "", "more than \(nodesMax) values"))
                    return nil
                }
                return node
            } catch YamlError.duplicatedKeysInMapping(let names, let context) {
                // The library stops at the first repeated key. We report it, rename the second occurrence to a name
                // of the same length that cannot be meant, and compose again, so that all errors are found at once.
                let name = names.first ?? ""
                let place = secondOccurrence(of: name, after: context.mark, in: text)
                let origin = ConfigurationOrigin.file(
                    file, line: place?.line ?? context.mark.line, column: context.mark.column)
                diagnostics.append(
                    ConfigurationDiagnostic(
                        at: origin, key: name, "written twice in the same map, first on line \(context.mark.line)"))
                guard let place else { return nil }
                text = renaming(place, count: name.unicodeScalars.count, attempt: attempt, in: text)
            } catch {
                diagnostics.append(diagnostic(for: error, file: file))
                return nil
            }
        }
        return nil
    }

    /// Keys that stand for a repeated one begin with this private-use character; the reader skips them.
    package static let repeatedKeyMark: Unicode.Scalar = "\u{E000}"

    private static func convert(_ node: Node, file: String, nodesLeft: inout Int) -> ConfigurationNode {
        let mark = node.mark
        let origin = ConfigurationOrigin.file(file, line: mark?.line ?? 0, column: mark?.column ?? 0)
        nodesLeft -= 1
        guard nodesLeft >= 0 else { return ConfigurationNode(content: .null, origin: origin) }
        switch node {
        case .scalar(let scalar):
            let isNull = scalar.style == .plain && ["", "~", "null", "Null", "NULL"].contains(scalar.string)
            return ConfigurationNode(content: isNull ? .null : .scalar(scalar.string), origin: origin)
        case .sequence(let sequence):
            let items = sequence.map { convert($0, file: file, nodesLeft: &nodesLeft) }
            return ConfigurationNode(content: .list(items), origin: origin)
        case .mapping(let mapping):
            let pairs = mapping.map {
                (
                    key: convert($0.key, file: file, nodesLeft: &nodesLeft),
                    value: convert($0.value, file: file, nodesLeft: &nodesLeft)
                )
            }
            return ConfigurationNode(content: .map(pairs), origin: origin)
        case .alias:
            return ConfigurationNode(content: .null, origin: origin)
        }
    }

    private struct Place {
        /// From 1, as in messages.
        var line: Int
        var column: Int
    }

    /// Finds the next line of the same block map that begins with `name`; nil for maps written in braces.
    private static func secondOccurrence(of name: String, after first: Mark, in text: String) -> Place? {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard first.line >= 1, first.line < lines.count else { return nil }
        for index in first.line..<lines.count {
            let line = lines[index].unicodeScalars
            let indentation = line.prefix { $0 == " " }.count
            guard let start = line.dropFirst(indentation).first, start != "#", start != "\r" else { continue }
            if indentation < first.column - 1 { return nil }
            if indentation > first.column - 1 { continue }
            let rest = line.dropFirst(indentation)
            guard rest.starts(with: name.unicodeScalars) else { continue }
            let after = rest.dropFirst(name.unicodeScalars.count).drop { $0 == " " || $0 == "\t" }
            if after.first == ":" { return Place(line: index + 1, column: indentation + 1) }
        }
        return nil
    }

    private static func renaming(_ place: Place, count: Int, attempt: Int, in text: String) -> String {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        let line = lines[place.line - 1].unicodeScalars
        var renamed = String.UnicodeScalarView(line.prefix(place.column - 1))
        renamed.append(repeatedKeyMark)
        // A distinct character for each attempt keeps a key that was written three times apart from itself. A key of
        // one character grows by one, which moves the columns of that line only.
        let distinct = Unicode.Scalar(0xE001 + UInt32(attempt)) ?? repeatedKeyMark
        renamed.append(contentsOf: repeatElement(distinct, count: max(count - 1, 1)))
        renamed.append(contentsOf: line.dropFirst(place.column - 1 + count))
        lines[place.line - 1] = String(renamed)
        return lines.joined(separator: "\n")
    }

    private static func diagnostic(for error: any Error, file: String) -> ConfigurationDiagnostic {
        var origin = ConfigurationOrigin.file(file, line: 0, column: 0)
        var message = "is not YAML"
        if let error = error as? YamlError {
            switch error {
            case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
                .composer(_, let problem, let mark, _):
                origin = .file(file, line: mark.line, column: mark.column)
                message = "is not YAML here: \(problem)"
            case .reader(let problem, _, _, _): message = "is not YAML: \(problem)"
            case .no, .memory, .writer, .emitter, .representer, .dataCouldNotBeDecoded, .duplicatedKeysInMapping:
                break
            }
        }
        return ConfigurationDiagnostic(at: origin, key: "", message)
    }
}
