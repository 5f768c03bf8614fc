public import Foundation
internal import Scripting

/// `servartuka test`: which spec files, and how.
public struct SpecRun: Sendable {
    /// Files, and folders whose files that end in `_spec.lua` are meant.
    public var paths: [String]
    /// Only tests whose full title contains it.
    public var filter: String?
    /// Of proxies that name neither script nor configuration.
    public var configurationPath: String?
    public var coverage = false
    /// Real time that one test may take; one that takes more is an error.
    public var testMillisecondsMax: UInt64 = 10_000

    public static let suffix = "_spec.lua"
    public static let standardPath = "spec"

    public init(paths: [String] = [standardPath]) {
        self.paths = paths
    }

    /// Runs every test of every file. `finished` is told of each file as it is done.
    public func run(finished: (SpecFileResult) -> Void = { _ in }) -> SpecReport {
        let surroundings = SpecSurroundings(self)
        var report = SpecReport()
        for file in files() {
            surroundings.files.insert(file)
            let result = SpecFile(file, surroundings).run(filter: filter)
            report.files.append(result)
            finished(result)
        }
        report.coverage = surroundings.scripts.coverage
        report.read = surroundings.files.union(surroundings.scripts.paths)
        report.isFiltered = filter != nil
        return report
    }

    /// The spec files in their order; a path that is not there stays in, for the error that it makes.
    public func files() -> [String] {
        var files: [String] = []
        for path in paths {
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue else {
                files.append(path)
                continue
            }
            let names = FileManager.default.enumerator(atPath: path)?.compactMap { $0 as? String } ?? []
            let folder = path.hasSuffix("/") ? String(path.dropLast()) : path
            files += names.filter { $0.hasSuffix(Self.suffix) }.sorted().map { "\(folder)/\($0)" }
        }
        return files
    }

    /// When the files of a run, and those that would be found now, were last changed.
    public func stamp(of report: SpecReport) -> [String: Date] {
        var stamp: [String: Date] = [:]
        for file in report.read.union(files()) {
            let attributes = try? FileManager.default.attributesOfItem(atPath: file)
            stamp[file] = attributes?[.modificationDate] as? Date ?? .distantPast
        }
        return stamp
    }
}
