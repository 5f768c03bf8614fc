internal import Foundation
internal import ProxyCore
internal import Reactor
internal import Scripting
internal import Server

/// What the bindings of one spec file reach: its proxies, the tests it has, what a run of them needs to know.
final class SpecHost {
    struct Test {
        var title: String
        var line: Int
        var isPending: Bool
    }

    /// As errors name it.
    let path: String
    let surroundings: SpecSurroundings
    var tests: [Test] = []
    /// What the last expectation that failed said.
    var failedText: String?
    /// Proxies by their numbers, which begin at 1.
    private var proxies: [(definition: SpecDefinition, live: SpecProxy)] = []
    /// Those that are made while the file is read; later ones belong to a test.
    private var fixedCount = 0

    init(path: String, surroundings: SpecSurroundings) {
        self.path = path
        self.surroundings = surroundings
    }

    static func from(_ call: borrowing ScriptCall) -> SpecHost {
        guard let host = call.host else { preconditionFailure("a VM of specs without its host") }
        return Unmanaged<SpecHost>.fromOpaque(host).takeUnretainedValue()
    }

    var liveProxies: [SpecProxy] { proxies.map(\.live) }

    func proxy(_ number: Int64) throws(ScriptFailure) -> SpecProxy {
        guard number >= 1, number <= proxies.count else {
            throw ScriptFailure("this proxy belongs to a test that is over")
        }
        return proxies[Int(number) - 1].live
    }

    func add(_ definition: SpecDefinition) throws(ScriptFailure) -> Int {
        proxies.append((definition, try make(definition)))
        return proxies.count
    }

    private func make(_ definition: SpecDefinition) throws(ScriptFailure) -> SpecProxy {
        do throws(RuntimeError) {
            return try SpecProxy(definition, scripts: surroundings.scripts)
        } catch {
            let problems = error.problems.map(\.description)
            throw ScriptFailure(problems.isEmpty ? error.message : problems.joined(separator: "\n"))
        }
    }

    func fix() { fixedCount = proxies.count }

    /// A test begins: those of the one before go.
    func begin() {
        failedText = nil
        if proxies.count > fixedCount { proxies.removeSubrange(fixedCount...) }
    }

    /// Sees that a proxy of the file is as at its beginning.
    ///
    /// - Returns: whether it is another one than before.
    func refresh(_ number: Int64) throws(ScriptFailure) -> Bool {
        let index = Int(number) - 1
        guard proxies.indices.contains(index) else { return false }
        let (definition, live) = proxies[index]
        if definition.isKept || live.isFresh { return false }
        proxies[index].live = try make(definition)
        return true
    }

    // MARK: Files

    /// A path in a spec starts from the folder of its file.
    func resolve(_ other: String) -> String {
        let folder = (path as NSString).deletingLastPathComponent
        guard !other.hasPrefix("/") else { return other }
        var parts = folder.isEmpty ? [] : folder.components(separatedBy: "/")
        // Without the way down and up again, which messages would show.
        for part in other.components(separatedBy: "/") where part != "." && !part.isEmpty {
            if part == "..", let last = parts.last, last != "..", !last.isEmpty {
                parts.removeLast()
            } else {
                parts.append(part)
            }
        }
        return parts.joined(separator: "/")
    }

    /// Text of a file, which is watched from now on.
    func read(_ file: String) throws(ScriptFailure) -> String {
        surroundings.files.insert(file)
        switch ConfigurationLoader.readText(file) {
        case .success(let text): return text
        case .failure(let failure): throw ScriptFailure(failure.description)
        }
    }
}

/// What all spec files of a run have in common.
final class SpecSurroundings {
    /// Of proxies that name neither script nor configuration.
    let configurationPath: String?
    let scripts: SpecScripts
    let testMillisecondsMax: UInt64
    /// Everything that was read: a change of one is a reason to run again.
    var files: Set<String> = []

    init(_ specs: SpecRun) {
        configurationPath = specs.configurationPath
        scripts = SpecScripts(measures: specs.coverage)
        testMillisecondsMax = specs.testMillisecondsMax
    }
}
