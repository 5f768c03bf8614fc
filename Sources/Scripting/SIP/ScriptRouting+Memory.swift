/// What happens when a script has filled its VM.
///
/// From then on the first allocation of every handler ends in an emergency collection over the whole heap, which
/// nothing can interrupt: a worker that went on would serve a few requests a second. It rests instead, answers 503
/// without running Lua, and tries again after a while, when the script may let go of something.
extension ScriptRouting {
    static let restMilliseconds: UInt64 = 1_000
    /// Use of the VM's limit from which it counts as full.
    static let fullPercent = 90

    /// Whether no Lua may run now.
    @inline(__always)
    func isResting(at now: UInt64) -> Bool { now < host.pointee.restsUntil }

    /// Begins a rest when a handler was stopped in a full VM. The collections of a full VM also use up the running
    /// time, so that reason counts as well; and only what a collection leaves counts as used.
    func restIfFull(after reason: KillReason, now: UInt64) {
        guard reason != .instructions, isFull else { return }
        vm.collectGarbage()
        guard isFull else { return }
        host.pointee.restsUntil = now &+ Self.restMilliseconds
        host.pointee.log.write(
            .error,
            "the script keeps \(vm.memoryUsedBytes) of the \(vm.limits.vmBytesMax) bytes its Lua VM may have (lua.vm_memory_bytes): this worker answers 503 for \(Self.restMilliseconds) ms without running it",
            callID: host.pointee.callID)
    }

    private var isFull: Bool {
        let limit = vm.limits.vmBytesMax
        return vm.memoryUsedBytes > limit / 100 * Self.fullPercent + limit % 100 * Self.fullPercent / 100
    }
}
