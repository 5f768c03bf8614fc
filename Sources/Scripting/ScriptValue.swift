internal import CLuaShim

/// A value tree for edges that are not the packet path: configuration given to scripts, structured results.
public indirect enum ScriptValue: Sendable, Equatable {
    case null
    case boolean(Bool)
    case integer(Int64)
    case number(Double)
    case string(String)
    case list([ScriptValue])
    case record([String: ScriptValue])
}

/// Memory for bytes and values that Lua reads after a call has returned. One block serves nearly every call;
/// what exceeds it is allocated and given back at the next reset.
struct ScratchArena: ~Copyable {
    static let blockBytes = 16 << 10

    private let block = UnsafeMutableRawPointer.allocate(byteCount: ScratchArena.blockBytes, alignment: 16)
    private var used = 0
    private var overflow: [UnsafeMutableRawPointer] = []

    deinit {
        block.deallocate()
        for extra in overflow { extra.deallocate() }
    }

    mutating func reset() {
        used = 0
        if overflow.isEmpty { return }
        for extra in overflow { extra.deallocate() }
        overflow.removeAll()
    }

    mutating func allocate(byteCount: Int) -> UnsafeMutableRawPointer {
        let rounded = (byteCount + 15) & ~15
        if rounded <= Self.blockBytes - used {
            defer { used += rounded }
            return block + used
        }
        let extra = UnsafeMutableRawPointer.allocate(byteCount: max(rounded, 16), alignment: 16)
        overflow.append(extra)
        return extra
    }

    mutating func bytes(of text: String) -> UnsafeRawBufferPointer {
        var text = text
        return text.withUTF8 { utf8 in
            let copy = allocate(byteCount: utf8.count)
            copy.copyMemory(
                from: UnsafeRawPointer(utf8.baseAddress ?? UnsafePointer(bitPattern: 1)!), byteCount: utf8.count)
            return UnsafeRawBufferPointer(start: copy, count: utf8.count)
        }
    }

    /// The text with a zero behind it.
    mutating func cString(_ text: String) -> UnsafePointer<CChar> {
        let utf8 = text.utf8CString
        let copy = allocate(byteCount: utf8.count)
        utf8.withUnsafeBytes { copy.copyMemory(from: $0.baseAddress!, byteCount: utf8.count) }
        return UnsafePointer(copy.assumingMemoryBound(to: CChar.self))
    }

    mutating func values(_ count: Int) -> UnsafeMutableBufferPointer<sv_value> {
        let raw = allocate(byteCount: max(count, 1) * MemoryLayout<sv_value>.stride)
        let values = raw.bindMemory(to: sv_value.self, capacity: max(count, 1))
        values.initialize(repeating: sv_value(), count: max(count, 1))
        return UnsafeMutableBufferPointer(start: values, count: count)
    }

    mutating func lower(_ value: ScriptValue) -> sv_value {
        switch value {
        case .null: return .null
        case .boolean(let flag): return .boolean(flag)
        case .integer(let integer): return .integer(integer)
        case .number(let number): return .number(number)
        case .string(let text): return .bytes(bytes(of: text))
        case .list(let elements):
            let items = values(elements.count)
            for (index, element) in elements.enumerated() { items[index] = lower(element) }
            return .table(SV_LIST, items, count: elements.count)
        case .record(let fields):
            let items = values(2 * fields.count)
            for (index, field) in fields.enumerated() {
                items[2 * index] = .bytes(bytes(of: field.key))
                items[2 * index + 1] = lower(field.value)
            }
            return .table(SV_RECORD, items, count: fields.count)
        }
    }
}

extension sv_value {
    static var null: sv_value {
        var value = sv_value()
        value.type = UInt8(SV_NIL)
        return value
    }

    @inline(__always) static func boolean(_ flag: Bool) -> sv_value {
        var value = sv_value()
        value.type = UInt8(SV_BOOLEAN)
        value.integer = flag ? 1 : 0
        return value
    }

    @inline(__always) static func integer(_ integer: Int64) -> sv_value {
        var value = sv_value()
        value.type = UInt8(SV_INTEGER)
        value.integer = integer
        return value
    }

    @inline(__always) static func number(_ number: Double) -> sv_value {
        var value = sv_value()
        value.type = UInt8(SV_NUMBER)
        value.number = number
        return value
    }

    @inline(__always) static func bytes(_ bytes: UnsafeRawBufferPointer) -> sv_value {
        var value = sv_value()
        value.type = UInt8(SV_BYTES)
        value.bytes = bytes.baseAddress
        value.count = bytes.count
        return value
    }

    @inline(__always) static func object(kind: UInt8, part: UInt8, handle: UInt64) -> sv_value {
        var value = sv_value()
        value.type = UInt8(SV_OBJECT)
        value.kind = kind
        value.part = UInt16(part)
        value.handle = handle
        return value
    }

    static func table(_ type: Int, _ items: UnsafeMutableBufferPointer<sv_value>, count: Int) -> sv_value {
        var value = sv_value()
        value.type = UInt8(type)
        value.items = UnsafePointer(items.baseAddress)
        value.count = count
        return value
    }

    /// Bytes of a string value; empty for every other.
    var buffer: UnsafeRawBufferPointer {
        type == UInt8(SV_BYTES)
            ? UnsafeRawBufferPointer(start: bytes, count: count) : UnsafeRawBufferPointer(start: nil, count: 0)
    }
}
