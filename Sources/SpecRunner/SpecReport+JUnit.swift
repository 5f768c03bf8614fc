internal import Foundation

extension SpecReport {
    /// The form that continuous integration systems read.
    public var junit: String {
        var text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        text += "<testsuites tests=\"\(files.reduce(0) { $0 + $1.caseCount })\" failures=\"\(failed)\""
        text += " errors=\"\(errors)\" skipped=\"\(pending)\" time=\"\(Self.time(seconds))\">\n"
        for file in files { text += Self.suite(file) }
        return text + "</testsuites>\n"
    }

    private static func suite(_ file: SpecFileResult) -> String {
        var text = "  <testsuite name=\"\(escaped(file.path))\" tests=\"\(file.caseCount)\" failures=\"\(file.failed)\""
        text += " errors=\"\(file.errors)\" skipped=\"\(file.pending)\" time=\"\(time(file.seconds))\">\n"
        if let problem = file.problem {
            text += testCase(file, title: "the file", seconds: 0, body: element("error", problem))
        }
        for result in file.results {
            let body =
                switch result.outcome {
                case .passed: ""
                case .pending: "      <skipped/>\n"
                case .failed(let problem): element("failure", problem)
                case .error(let problem): element("error", problem)
                }
            text += testCase(file, title: result.title, seconds: result.seconds, body: body)
        }
        return text + "  </testsuite>\n"
    }

    private static func testCase(_ file: SpecFileResult, title: String, seconds: Double, body: String) -> String {
        let start =
            "    <testcase classname=\"\(escaped(file.path))\" name=\"\(escaped(title))\" time=\"\(time(seconds))\""
        return body.isEmpty ? start + "/>\n" : start + ">\n" + body + "    </testcase>\n"
    }

    private static func element(_ name: String, _ problem: SpecProblem) -> String {
        let details = SpecFileResult.lines(of: problem, title: nil).joined(separator: "\n")
        let message = problem.message.split(separator: "\n").first.map(String.init) ?? ""
        return "      <\(name) message=\"\(escaped(message))\">\(escaped(details))</\(name)>\n"
    }

    private static func time(_ seconds: Double) -> String { String(format: "%.6f", seconds) }

    /// Text and attribute values; characters that XML 1.0 does not have are shown as a replacement.
    private static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "\n": result += "&#10;"
            case "\t": result += "&#9;"
            default:
                let isAllowed = scalar.value >= 0x20 && scalar.value != 0xFFFE && scalar.value != 0xFFFF
                result.unicodeScalars.append(isAllowed ? scalar : "\u{FFFD}")
            }
        }
        return result
    }
}

extension SpecFileResult {
    fileprivate var caseCount: Int { results.count + (problem == nil ? 0 : 1) }
}
