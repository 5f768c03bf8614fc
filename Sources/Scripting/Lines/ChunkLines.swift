internal import CLuaShim

import func Glibc.free

/// The lines of a script that hold code. Lua tells them for functions that exist; those that no test calls are found in
/// the script's bytecode only, whose form is that of Lua 5.4 (its ldump.c writes it).
enum ChunkLines {
    static func executable(of text: String, path: String) -> [Int] {
        var text = text
        var count = 0
        let code = text.withUTF8 { sv_compile($0.baseAddress, $0.count, "@\(path)", &count) }
        guard let code else { return [] }
        defer { free(code) }
        var reader = BytecodeReader(UnsafeRawBufferPointer(start: code, count: count))
        return reader.readChunk() ? reader.lines.sorted() : []
    }
}

private struct BytecodeReader {
    private let bytes: UnsafeRawBufferPointer
    private var position = 0
    private(set) var lines: Set<Int> = []

    private static let headerBytes = 31
    private static let instructionBytes = 4
    private static let jump: UInt8 = 56
    private static let tailCall: UInt8 = 69
    private static let returns: ClosedRange<UInt8> = 70...72
    /// Marks an instruction whose line stands in the table of absolute lines.
    private static let absoluteLine: Int8 = -0x80

    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    /// False when the bytes are not as Lua 5.4 writes them on this kind of machine.
    mutating func readChunk() -> Bool {
        // "\x1bLua", the version, and the sizes of an instruction, an integer and a number.
        guard bytes.count > Self.headerBytes, bytes.starts(with: [0x1B, 0x4C, 0x75, 0x61, 0x54, 0]),
            bytes[12] == 4, bytes[13] == 8, bytes[14] == 8
        else { return false }
        position = Self.headerBytes + 1  // and the number of upvalues
        return readFunction()
    }

    private mutating func readFunction() -> Bool {
        guard skipString(), let first = readInteger(), readInteger() != nil, let parameters = readBytes(3),
            let codeCount = readInteger(), let code = readBytes(codeCount * Self.instructionBytes),
            skipConstants(), let upvalueCount = readInteger(), readBytes(upvalueCount * 3) != nil,
            let functionCount = readInteger()
        else { return false }
        for _ in 0..<functionCount where !readFunction() { return false }
        guard let deltaCount = readInteger(), deltaCount == codeCount, let deltas = readBytes(deltaCount),
            let absolutes = readAbsoluteLines(), skipNames()
        else { return false }
        let lineTable = LineTable(first: first, deltas: deltas, absolutes: absolutes)
        note(lineTable, code: code, count: codeCount, isVariadic: bytes[parameters + 1] != 0)
        return true
    }

    private struct LineTable {
        var first: Int
        /// Where the differences begin.
        var deltas: Int
        var absolutes: [Int: Int]
    }

    private mutating func note(_ table: LineTable, code: Int, count: Int, isVariadic: Bool) {
        var line = table.first
        var previous: UInt8 = 0
        for instruction in 0..<count {
            let delta = Int8(bitPattern: bytes[table.deltas + instruction])
            line = delta == Self.absoluteLine ? table.absolutes[instruction] ?? line : line + Int(delta)
            let operation = bytes[code + instruction * Self.instructionBytes] & 0x7F
            defer { previous = operation }
            // A variadic function begins with an instruction that no line has. The last one is the return that stands for
            // `end`, which is not reached when the function returns before.
            if instruction == count - 1 || (instruction == 0 && isVariadic) { continue }
            // Nor is the return after a tail call ever reached, or the jump over `else` after a return.
            if previous == Self.tailCall || (Self.returns.contains(previous) && operation == Self.jump) { continue }
            if line > 0 { lines.insert(line) }
        }
    }

    private mutating func readAbsoluteLines() -> [Int: Int]? {
        guard let count = readInteger() else { return nil }
        var lines: [Int: Int] = [:]
        for _ in 0..<count {
            guard let instruction = readInteger(), let line = readInteger() else { return nil }
            lines[instruction] = line
        }
        return lines
    }

    private mutating func skipConstants() -> Bool {
        guard let count = readInteger() else { return false }
        for _ in 0..<count {
            guard let type = readBytes(1) else { return false }
            switch bytes[type] {
            case 0x03, 0x13: if readBytes(8) == nil { return false }
            case 0x04, 0x14: if !skipString() { return false }
            case 0x00, 0x01, 0x11: break
            default: return false
            }
        }
        return true
    }

    /// Names of local variables and upvalues.
    private mutating func skipNames() -> Bool {
        guard let locals = readInteger() else { return false }
        for _ in 0..<locals {
            guard skipString(), readInteger() != nil, readInteger() != nil else { return false }
        }
        guard let upvalues = readInteger() else { return false }
        for _ in 0..<upvalues where !skipString() { return false }
        return true
    }

    private mutating func skipString() -> Bool {
        guard let size = readInteger() else { return false }
        return size == 0 || readBytes(size - 1) != nil
    }

    /// Seven bits a byte, the most significant first; the last byte has its top bit set.
    private mutating func readInteger() -> Int? {
        var value = 0
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            guard value <= Int(Int32.max) else { return nil }
            value = value << 7 | Int(byte & 0x7F)
            if byte & 0x80 != 0 { return value }
        }
        return nil
    }

    /// Where the next bytes begin.
    private mutating func readBytes(_ count: Int) -> Int? {
        guard count >= 0, count <= bytes.count - position else { return nil }
        defer { position += count }
        return position
    }
}
