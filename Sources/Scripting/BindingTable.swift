internal import CLuaShim

/// All bindings of the program in the form the C side reads. Made once, shared by every VM, never changed.
///
/// The C structures live as long as the table, and every VM holds the table.
public final class BindingTable: @unchecked Sendable {
    public let kinds: [BindingGroup]
    public let namespaces: [BindingGroup]
    let bodies: UnsafeMutableBufferPointer<BoundBody>
    let kindGroups: UnsafeMutableBufferPointer<sv_group>
    let namespaceGroups: UnsafeMutableBufferPointer<sv_group>
    let phaseNames: UnsafeMutableBufferPointer<UnsafePointer<CChar>?>
    private var blocks: [UnsafeMutableRawPointer] = []

    /// Traps on a table that is wrong in itself: unknown kinds, too many parameters, a name given twice.
    public init(kinds: [BindingGroup], namespaces: [BindingGroup]) {
        precondition(kinds.count <= Int(SV_KINDS_MAX), "too many kinds of objects")
        self.kinds = kinds
        self.namespaces = namespaces
        var builder = Builder(kindNames: kinds.map(\.name))
        kindGroups = builder.groups(kinds, form: .method)
        namespaceGroups = builder.groups(namespaces, form: .function)
        let phases: [UnsafePointer<CChar>?] = ScriptPhase.allCases.map { builder.string($0.name) }
        phaseNames = builder.copy(phases)
        bodies = .allocate(capacity: builder.bodies.count)
        _ = bodies.initialize(from: builder.bodies)
        blocks = builder.blocks
    }

    deinit {
        bodies.deinitialize()
        bodies.deallocate()
        for block in blocks { block.deallocate() }
    }

    /// The number by which calls and runs name a kind of object. Traps when there is none of that name.
    public func kind(_ name: String) -> UInt8 {
        guard let index = kinds.firstIndex(where: { $0.name == name }) else {
            preconditionFailure("no kind of object named \(name)")
        }
        return UInt8(index)
    }
}

/// A function in a generic container is called through a thunk; one in a structure is not.
struct BoundBody {
    let run: BindingBody
}

/// Lowers the table to C structures.
private struct Builder {
    let kindNames: [String]
    var bodies: [BoundBody] = []
    var blocks: [UnsafeMutableRawPointer] = []

    init(kindNames: [String]) {
        self.kindNames = kindNames
    }

    mutating func copy<T>(_ values: [T]) -> UnsafeMutableBufferPointer<T> {
        let buffer = UnsafeMutableBufferPointer<T>.allocate(capacity: max(values.count, 1))
        _ = buffer.initialize(from: values)
        blocks.append(UnsafeMutableRawPointer(buffer.baseAddress!))
        return UnsafeMutableBufferPointer(rebasing: buffer[..<values.count])
    }

    mutating func string(_ text: String) -> UnsafePointer<CChar> {
        UnsafePointer(copy(Array(text.utf8CString)).baseAddress!)
    }

    mutating func body(_ body: BindingBody?) -> UInt32 {
        guard let body else { return UInt32.max }
        bodies.append(BoundBody(run: body))
        return UInt32(bodies.count - 1)
    }

    mutating func parameter(_ source: BindingParameter) -> sv_parameter {
        precondition(source.choices.count <= Int(UInt8.max), "too many choices")
        var parameter = sv_parameter()
        parameter.name = string(source.name)
        parameter.accepts = source.types.rawValue
        parameter.optional = source.isOptional ? 1 : 0
        parameter.minimum = source.range.lowerBound
        parameter.maximum = source.range.upperBound
        for name in source.kinds {
            guard let index = kindNames.firstIndex(of: name) else {
                preconditionFailure("parameter \(source.name): no kind of object named \(name)")
            }
            parameter.kinds |= 1 << UInt32(index)
        }
        let choices: [UnsafePointer<CChar>?] = source.choices.map { string($0) }
        parameter.choiceCount = UInt8(choices.count)
        parameter.choices = UnsafePointer(copy(choices).baseAddress)
        return parameter
    }

    mutating func member(_ source: BindingMember) -> sv_member {
        precondition(
            source.parameters.count + source.options.count <= Int(SV_ARGUMENTS_MAX),
            "\(source.name) has too many parameters")
        var member = sv_member()
        member.name = string(source.name)
        member.readID = body(source.read)
        member.writeID = body(source.write)
        member.form = source.form.rawValue
        member.readable = source.read == nil ? 0 : 1
        member.writable = source.write == nil ? 0 : 1
        member.waits = source.waits ? 1 : 0
        member.variadic = source.isVariadic ? 1 : 0
        member.takesOptions = source.takesOptions ? 1 : 0
        member.parameterCount = UInt8(source.parameters.count)
        member.optionCount = UInt8(source.options.count)
        member.phases = source.phases.rawValue
        member.writePhases = source.writePhases.rawValue
        let parameters = (source.parameters + source.options).map { parameter($0) }
        member.parameters = UnsafePointer(copy(parameters).baseAddress)
        return member
    }

    mutating func groups(
        _ sources: [BindingGroup], form: BindingMember.Form
    ) -> UnsafeMutableBufferPointer<sv_group> {
        var groups: [sv_group] = []
        for source in sources {
            precondition(
                Set(source.members.map(\.name)).count == source.members.count, "\(source.name) has a name twice")
            precondition(
                source.members.allSatisfy { $0.form == form || (form == .method && $0.form == .property) },
                "\(source.name) holds a member of the wrong form")
            let members = source.members.map { member($0) }
            var group = sv_group()
            group.name = UnsafePointer(string(source.name))
            group.label = UnsafePointer(string(source.label))
            group.members = UnsafePointer(copy(members).baseAddress)
            group.memberCount = UInt32(members.count)
            groups.append(group)
        }
        return copy(groups)
    }
}
