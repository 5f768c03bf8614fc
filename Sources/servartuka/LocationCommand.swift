import ArgumentParser
import Foundation
import Server
import Storage

struct LocationCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "location", abstract: "Who is registered where: list, change, import and export.",
        subcommands: [List.self, Add.self, Remove.self, Import.self, Export.self])

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the bindings of an address, or of all.")

        @Argument(help: "An address such as alice@example.com; all without one.")
        var address: String?

        @OptionGroup var target: ControlSocketOption

        @Flag(help: "Print a JSON object a line.")
        var json = false

        func run() throws {
            try reportingErrors {
                var client = LocationClient(try target.connect())
                if let address {
                    show(try client.bindings(of: address))
                } else {
                    try client.forEachPart(show)
                }
            }
        }

        private func show(_ rows: [LocationRow]) {
            output(rows.map { json ? $0.json.text + "\n" : $0.line }.joined())
        }
    }

    struct Add: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Add a contact, or prolong one.", discussion: "What it says holds until it expires or is removed."
        )

        @Argument(help: "An address such as alice@example.com.")
        var address: String

        @Argument(help: "A URI such as sip:alice@192.0.2.7:5060.")
        var contact: String

        @Option(help: "How many seconds it stays, at most a year.")
        var expires = 3_600

        @Option(help: "Preference, 0 to 1.")
        var q: Double?

        @OptionGroup var target: ControlSocketOption

        func run() throws {
            try reportingErrors {
                var client = LocationClient(try target.connect())
                let parts = address.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
                let row = LocationRow(
                    username: Array((parts.count > 1 ? parts[0] : "").utf8), domain: Array((parts.last ?? "").utf8),
                    contact: Array(contact.utf8), receivedURI: [], expires: StoreClock.now.unixSeconds + Int64(expires),
                    q: q, callID: Array("ctl".utf8), cSeq: 0)
                let additions = try client.add([row])
                if additions.kept > 0 {
                    output("\(address) has this contact for at least as long already\n")
                } else if additions.refused > 0 {
                    throw ControlError("\(address) or the table has as many contacts as may be")
                } else if additions.added == 0 {
                    throw ControlError("\(address) is no address, \(contact) no sip or sips URI, or the time is over")
                }
            }
        }
    }

    struct Remove: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Remove a contact of an address, or all of them.")

        @Argument(help: "An address such as alice@example.com.")
        var address: String

        @Argument(help: "The contact's URI; without one all go.")
        var contact: String?

        @OptionGroup var target: ControlSocketOption

        func run() throws {
            try reportingErrors {
                var client = LocationClient(try target.connect())
                output("removed \(try client.remove(contact, of: address))\n")
            }
        }
    }
}

extension LocationRow {
    /// For a terminal. Control characters, which a user's name may hold, are shown as escapes.
    fileprivate var line: String {
        let seconds = expires - StoreClock.now.unixSeconds
        var parts = ["\(Self.printable(username + (username.isEmpty ? [] : [0x40]) + domain))"]
        parts.append(Self.printable(contact))
        parts.append("expires in \(max(seconds, 0)) s")
        if let q { parts.append("q \(Double(q) / 1_000)") }
        if let receivedURI { parts.append("received \(receivedURI)") }
        return parts.joined(separator: "  ") + "\n"
    }

    private static func printable(_ bytes: [UInt8]) -> String {
        String(decoding: bytes, as: UTF8.self).unicodeScalars.map { scalar in
            scalar.value < 32 || (127..<160).contains(scalar.value) ? "\\u{\(scalar.value)}" : String(scalar)
        }.joined()
    }
}

/// Says what went wrong as every command of `ctl` does.
func reportingErrors(_ body: () throws -> Void) throws {
    do {
        try body()
    } catch let error as ExitCode {
        throw error
    } catch {
        reportError("servartuka ctl: \(error)")
        throw ExitCode(Server.Exit.failure)
    }
}
