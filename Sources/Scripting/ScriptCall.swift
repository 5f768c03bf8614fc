internal import CLuaShim

/// A function value of a script that a call kept; give it back with `ScriptVM.release`. Valid in the VM it is from.
public struct FunctionReference: Sendable, Equatable {
    let raw: Int32
}

/// A handler that waits.
public struct RunIdentifier: Sendable, Hashable {
    let index: UInt32
    let generation: UInt32

    init(index: UInt32, generation: UInt32) {
        self.index = index
        self.generation = generation
    }

    /// As one number, never 0.
    var number: UInt64 { UInt64(index) << 32 | UInt64(generation) }

    init(number: UInt64) {
        self.init(index: UInt32(number >> 32), generation: UInt32(truncatingIfNeeded: number))
    }
}

/// What each VM's calls need; the C side hands its address back.
struct ScriptContext: ~Copyable {
    let bodies: UnsafeMutablePointer<BoundBody>
    let bodyCount: UInt32
    let host: UnsafeMutableRawPointer?
    let events: ScriptEvents
    let clock: (() -> UInt64)?
    var arena = ScratchArena()
}

/// What happens in scripts outside of any binding.
public struct ScriptEvents {
    /// A line given to `print`.
    public var printed: ((UnsafeRawBufferPointer) -> Void)?
    /// A handler created a global of this name, which the next requests will see. Reported once a name.
    public var globalWritten: ((UnsafeRawBufferPointer) -> Void)?

    public init() {}
}

/// A call from Lua in progress: arguments that were checked against the binding's parameters, in their order,
/// options after positional ones, and the results. Bytes of arguments live until the call returns; bytes of
/// results must live until the next call.
public struct ScriptCall: ~Copyable {
    let raw: UnsafeMutablePointer<sv_call>
    let context: UnsafeMutablePointer<ScriptContext>

    // ---- Where ----

    /// What the embedder gave to the VM.
    public var host: UnsafeMutableRawPointer? { context.pointee.host }
    /// The handle of the object the call is made on.
    public var handle: UInt64 { raw.pointee.handle }
    public var part: UInt8 { raw.pointee.part }
    public var kind: UInt8 { raw.pointee.kind }
    public var phase: ScriptPhase { ScriptPhase(rawValue: raw.pointee.phase)! }
    /// Names the handler among those of the VM that run or wait.
    public var runIndex: UInt32 { raw.pointee.run }

    // ---- Arguments ----

    public var argumentCount: Int { Int(raw.pointee.argumentCount) }

    @inline(__always) func argument(_ index: Int) -> sv_value {
        precondition(
            index >= 0 && index < Int(raw.pointee.argumentCount), "a binding reads an argument it does not declare")
        return raw.pointee.arguments[index]
    }

    public func has(_ index: Int) -> Bool { argument(index).type != UInt8(SV_NONE) }
    public func isNull(_ index: Int) -> Bool { argument(index).type <= UInt8(SV_NIL) }

    public func boolean(_ index: Int, default fallback: Bool = false) -> Bool {
        let value = argument(index)
        return value.type == UInt8(SV_BOOLEAN) ? value.integer != 0 : fallback
    }

    /// An integer, or the index of a choice.
    public func integer(_ index: Int, default fallback: Int64 = 0) -> Int64 {
        let value = argument(index)
        return value.type == UInt8(SV_INTEGER) ? value.integer : fallback
    }

    public func number(_ index: Int, default fallback: Double = 0) -> Double {
        let value = argument(index)
        return value.type == UInt8(SV_NUMBER)
            ? value.number : value.type == UInt8(SV_INTEGER) ? Double(value.integer) : fallback
    }

    /// The bytes of a string, or none when the argument is something else or was left out.
    public func bytes(_ index: Int) -> UnsafeRawBufferPointer? {
        let value = argument(index)
        return value.type == UInt8(SV_BYTES) ? value.buffer : nil
    }

    public func string(_ index: Int) -> String? {
        guard let bytes = bytes(index) else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// An object given as an argument: its kind, part and handle.
    public func object(_ index: Int) -> (kind: UInt8, part: UInt8, handle: UInt64)? {
        let value = argument(index)
        guard value.type == UInt8(SV_OBJECT) else { return nil }
        return (value.kind, UInt8(truncatingIfNeeded: value.part), value.handle)
    }

    /// Keeps a function beyond the call; the caller gives it back with `ScriptVM.release`.
    public func keepFunction(_ index: Int) -> FunctionReference? {
        let value = argument(index)
        guard value.type == UInt8(SV_FUNCTION) else { return nil }
        raw.pointee.arguments[index].part = 1
        return FunctionReference(raw: value.reference)
    }

    /// A copy of an argument with all that is in it; objects and functions in it become null.
    public func value(_ index: Int) -> ScriptValue { Self.copy(argument(index)) }

    private static func copy(_ value: sv_value) -> ScriptValue {
        switch Int(value.type) {
        case SV_BOOLEAN: return .boolean(value.integer != 0)
        case SV_INTEGER: return .integer(value.integer)
        case SV_NUMBER: return .number(value.number)
        case SV_BYTES: return .string(String(decoding: value.buffer, as: UTF8.self))
        case SV_LIST:
            return .list((0..<value.count).map { copy(value.items[$0]) })
        case SV_RECORD:
            var fields: [String: ScriptValue] = [:]
            for index in 0..<value.count {
                fields[String(decoding: value.items[2 * index].buffer, as: UTF8.self)] = copy(
                    value.items[2 * index + 1])
            }
            return .record(fields)
        default: return .null
        }
    }

    /// The elements of a list, in order; none when the argument is no list.
    public func listCount(_ index: Int) -> Int? {
        let value = argument(index)
        return value.type == UInt8(SV_LIST) ? value.count : nil
    }

    /// The bytes of a list's element, or none when it is no string.
    public func listBytes(_ index: Int, _ element: Int) -> UnsafeRawBufferPointer? {
        let value = argument(index)
        guard value.type == UInt8(SV_LIST), element >= 0, element < value.count else { return nil }
        let item = value.items[element]
        return item.type == UInt8(SV_BYTES) ? item.buffer : nil
    }
}
