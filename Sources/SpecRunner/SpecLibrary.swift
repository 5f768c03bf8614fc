internal import CSpecLibrary
internal import Scripting

/// The Lua side: what spec files find.
enum SpecLibrary {
    /// All modules by their names.
    static let modules: [String: String] = {
        var modules: [String: String] = [:]
        for index in 0..<spec_library_module_count {
            guard let module = spec_library_module_at(index)?.pointee else { continue }
            let text = UnsafeRawBufferPointer(start: module.text, count: module.length)
            modules[String(cString: module.name)] = String(decoding: text, as: UTF8.self)
        }
        return modules
    }()

    /// The module that the others are imported by.
    static var suite: String { modules["suite"] ?? "" }

    /// The others as the suite finds them.
    static let imports = ScriptValue.record(modules.mapValues { .string($0) })
}
