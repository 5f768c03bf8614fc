import ArgumentParser
import Foundation
import Server
import Storage

extension LocationCommand {
    struct Import: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Add the bindings of a dump of a location table.",
            discussion: """
                A SQLite database, or text under a row of column names, separated by commas or as MySQL's client prints it \
                by tabs: of OpenSER, Kamailio, OpenSIPS or servartuka. Times as text are UTC. Bindings that the proxy has for longer stay.
                """)

        @Argument(help: "The dump.")
        var file: String

        @Option(help: "The domain of rows that have none.")
        var domain = ""

        @OptionGroup var target: ControlSocketOption

        /// Rows that go to the proxy together.
        private static let rowsAtATime = 1_000
        /// Lines of rows that could not be used that are named.
        private static let linesNamedMax = 10

        func run() throws {
            try reportingErrors {
                var client = LocationClient(try target.connect())
                var (sum, unusable, count, paths) = (LocationClient.Additions(), [Int](), 0, 0)
                var waiting: [LocationRow] = []
                try LocationFile.read(file, domain: domain) { entry in
                    count += 1
                    switch entry.row?.reading(.now) {
                    case nil, .unusable?: unusable.append(entry.line)
                    case .expired?: sum.expired += 1
                    case .live?:
                        if entry.hasPath { paths += 1 }
                        if let row = entry.row { waiting.append(row) }
                    }
                    if waiting.count == Self.rowsAtATime {
                        sum += try client.add(waiting)
                        waiting = []
                    }
                }
                sum += try client.add(waiting)
                output("\(sum.added) of \(count) bindings imported\n")
                note(sum.expired, "had expired")
                note(sum.kept, "were there for at least as long")
                note(sum.refused, "were more than the proxy takes (registrar.max_contacts, registrar.max_bindings)")
                note(paths, "had a path, which is not followed")
                let lines = unusable.prefix(Self.linesNamedMax).map(String.init).joined(separator: ", ")
                note(
                    unusable.count + sum.unusable,
                    "could not be used: row \(lines)\(unusable.count > Self.linesNamedMax ? ", …" : "")")
            }
        }

        private func note(_ count: Int, _ what: String) {
            if count > 0 { output("  \(count) \(what)\n") }
        }
    }

    struct Export: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write the bindings into a new file.",
            discussion: """
                A SQLite database when its name ends in .sqlite, .sqlite3 or .db, else comma-separated text, with the columns of \
                OpenSER's table.
                """)

        @Argument(help: "The file to make; - for standard output.")
        var file: String

        @OptionGroup var target: ControlSocketOption

        func run() throws {
            try reportingErrors {
                var client = LocationClient(try target.connect())
                let export = try LocationExport(file)
                var count = 0
                try client.forEachPart { rows in
                    count += rows.count
                    try export.write(rows)
                }
                if file != "-" { output("\(count) bindings exported\n") }
            }
        }
    }
}
