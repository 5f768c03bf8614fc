internal import Foundation
internal import Scripting

/// Reads the modules that a script may require: all at once, so that every worker gets the same.
enum ModuleFolder {
    static let filesMax = 1_000
    static let bytesMax = 64 << 20
    private static let what = "the modules of the script"

    /// - Parameter path: of the folder; nil: `lua` beside the script, if there is one.
    static func read(_ path: String?, script: String) throws(RuntimeError) -> [ScriptModule] {
        let folder = path ?? beside(script)
        guard let files = FileManager.default.enumerator(atPath: folder) else {
            if path == nil { return [] }
            throw failure(folder, "is no folder that can be read")
        }
        var modules: [ScriptModule] = []
        var bytes = 0
        for case let file as String in files where file.hasSuffix(".lua") {
            let place = folder + "/" + file
            let text = try RoutingFactory.read(place, as: what, bytesMax: bytesMax)
            bytes += text.utf8.count
            guard modules.count < filesMax, bytes <= bytesMax else {
                throw failure(folder, "has more than \(filesMax) modules or \(bytesMax) bytes of them")
            }
            modules.append(ScriptModule(name: name(of: file), path: place, text: text))
        }
        return modules.sorted { $0.name < $1.name }
    }

    private static func beside(_ script: String) -> String {
        URL(fileURLWithPath: script).deletingLastPathComponent().appendingPathComponent("lua").path
    }

    /// `tables/prices.lua` is "tables.prices", and `tables/init.lua` is "tables".
    private static func name(of file: String) -> String {
        var parts = file.dropLast(4).split(separator: "/")
        if parts.count > 1, parts.last == "init" { parts.removeLast() }
        return parts.joined(separator: ".")
    }

    private static func failure(_ path: String, _ message: String) -> RuntimeError {
        RuntimeError("\(what) cannot be used", problems: [ScriptProblem(file: path, line: 0, message: message)])
    }
}
