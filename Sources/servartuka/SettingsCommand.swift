import ArgumentParser
import Server

struct SettingsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "settings", abstract: "List every setting with its values, default and environment variable.")

    @Flag(help: "Print a JSON array.")
    var json = false

    @Flag(help: "Print the tables of docs/configuration.md.")
    var markdown = false

    func run() {
        if json {
            output(SettingsReference.json.prettyText + "\n")
        } else if markdown {
            output(SettingsReference.markdown)
        } else {
            let standard = Configuration()
            for setting in Setting.all {
                output("\(setting.key)  [\(setting.environmentVariable)]\n")
                output("    \(setting.meaning)\n")
                output("    Takes \(setting.expectation). Default: \(setting.text(in: standard)).\n")
            }
        }
    }
}
