internal import CLuaShim

/// The texts of modules, in the form that a VM reads for as long as it lives.
final class ModuleTexts {
    private var arena = ScratchArena()
    private(set) var table: UnsafeMutablePointer<sv_module>?

    deinit { table?.deallocate() }

    func fill(_ modules: [ScriptModule]) {
        precondition(table == nil, "modules are set once")
        guard !modules.isEmpty else { return }
        let table = UnsafeMutablePointer<sv_module>.allocate(capacity: modules.count)
        for (index, module) in modules.enumerated() {
            let text = arena.bytes(of: module.text)
            (table + index).initialize(
                to: sv_module(
                    name: arena.cString(module.name), chunkName: arena.cString("@" + module.path),
                    text: text.baseAddress?.assumingMemoryBound(to: CChar.self), length: text.count))
        }
        self.table = table
    }
}
