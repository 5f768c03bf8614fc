/// What an argument or a property may be.
public struct ScriptTypes: OptionSet, Sendable {
    public let rawValue: UInt16

    public init(rawValue: UInt16) {
        self.rawValue = rawValue
    }

    // The bits are those of SV_ACCEPT_…
    public static let null = ScriptTypes(rawValue: 1 << 0)
    public static let boolean = ScriptTypes(rawValue: 1 << 1)
    public static let integer = ScriptTypes(rawValue: 1 << 2)
    public static let number = ScriptTypes(rawValue: 1 << 3)
    public static let string = ScriptTypes(rawValue: 1 << 4)
    public static let object = ScriptTypes(rawValue: 1 << 5)
    public static let function = ScriptTypes(rawValue: 1 << 6)
    public static let list = ScriptTypes(rawValue: 1 << 7)
    public static let record = ScriptTypes(rawValue: 1 << 8)
}

/// A parameter of a method, function or table of options.
public struct BindingParameter: Sendable {
    public var name: String
    public var types: ScriptTypes
    public var isOptional = false
    public var range: ClosedRange<Int64> = .min ... .max
    /// The only strings allowed; the call sees the index of the one given as an integer.
    public var choices: [String] = []
    /// Names of the kinds of objects allowed.
    public var kinds: [String] = []
    public var summary = ""

    public init(_ name: String, _ types: ScriptTypes, summary: String = "") {
        self.name = name
        self.types = types
        self.summary = summary
    }

    public static func string(_ name: String, _ summary: String = "") -> BindingParameter {
        BindingParameter(name, .string, summary: summary)
    }

    public static func integer(
        _ name: String, _ range: ClosedRange<Int64> = .min ... .max, _ summary: String = ""
    ) -> BindingParameter {
        var parameter = BindingParameter(name, .integer, summary: summary)
        parameter.range = range
        return parameter
    }

    public static func boolean(_ name: String, _ summary: String = "") -> BindingParameter {
        BindingParameter(name, .boolean, summary: summary)
    }

    public static func function(_ name: String, _ summary: String = "") -> BindingParameter {
        BindingParameter(name, .function, summary: summary)
    }

    public static func choice(_ name: String, _ choices: [String], _ summary: String = "") -> BindingParameter {
        var parameter = BindingParameter(name, .string, summary: summary)
        parameter.choices = choices
        return parameter
    }

    public static func object(_ name: String, _ kinds: [String], _ summary: String = "") -> BindingParameter {
        var parameter = BindingParameter(name, .object, summary: summary)
        parameter.kinds = kinds
        return parameter
    }

    /// The same parameter, which may be left out.
    public var optional: BindingParameter {
        var parameter = self
        parameter.isOptional = true
        return parameter
    }

    /// The same parameter, which accepts objects of these kinds as well.
    public func orObject(_ kinds: [String]) -> BindingParameter {
        var parameter = self
        parameter.types.insert(.object)
        parameter.kinds += kinds
        return parameter
    }
}

/// How a binding ends: with its results, or waiting for `ScriptVM.resume`.
public enum BindingOutcome: Sendable {
    case done
    case wait
}

/// The Swift side of a binding. Runs on the worker's thread; must not keep the call.
public typealias BindingBody = @Sendable (borrowing ScriptCall) throws(ScriptFailure) -> BindingOutcome

/// A property, method or function that scripts see. The table of these is the one source of registration,
/// argument checks, the reference page and editor stubs.
public struct BindingMember: Sendable {
    public enum Form: UInt8, Sendable {
        case property
        case method
        case function
    }

    public var form: Form
    public var name: String
    public var parameters: [BindingParameter] = []
    public var options: [BindingParameter] = []
    public var takesOptions = false
    public var isVariadic = false
    public var waits = false
    public var phases: ScriptPhases
    public var writePhases: ScriptPhases = []
    /// As editors and the reference page show it: "string?", "boolean, string".
    public var returns: String
    public var summary: String
    var read: BindingBody?
    var write: BindingBody?

    /// `type` is what may be written; for a read-only property it only documents.
    public static func property(
        _ name: String, _ type: BindingParameter, returns: String, phases: ScriptPhases = .handlers,
        writePhases: ScriptPhases? = nil, _ summary: String, get: BindingBody?, set: BindingBody? = nil
    ) -> BindingMember {
        BindingMember(
            form: .property, name: name, parameters: [type], phases: phases,
            writePhases: set == nil ? [] : writePhases ?? phases, returns: returns, summary: summary,
            read: get, write: set)
    }

    /// `obj:name(parameters…, { options… })`. Options are a table that follows the parameters and may be left out.
    public static func method(
        _ name: String, _ parameters: [BindingParameter] = [], options: [BindingParameter] = [],
        returns: String = "nil", phases: ScriptPhases = .handlers, waits: Bool = false, variadic: Bool = false,
        _ summary: String, _ body: @escaping BindingBody
    ) -> BindingMember {
        BindingMember(
            form: .method, name: name, parameters: parameters, options: options, takesOptions: !options.isEmpty,
            isVariadic: variadic, waits: waits, phases: phases, returns: returns, summary: summary, read: body)
    }

    /// `namespace.name(parameters…, { options… })`.
    public static func function(
        _ name: String, _ parameters: [BindingParameter] = [], options: [BindingParameter] = [],
        returns: String = "nil", phases: ScriptPhases = .all, waits: Bool = false, variadic: Bool = false,
        _ summary: String, _ body: @escaping BindingBody
    ) -> BindingMember {
        var member = method(
            name, parameters, options: options, returns: returns, phases: phases, waits: waits, variadic: variadic,
            summary, body)
        member.form = .function
        return member
    }
}

/// A kind of object, or a namespace of functions.
public struct BindingGroup: Sendable {
    /// "request" in messages, or the global name of a namespace; "" holds global functions.
    public var name: String
    /// How scripts usually call such an object: "req".
    public var label: String
    public var summary: String
    public var members: [BindingMember]

    public init(_ name: String, label: String? = nil, _ summary: String, _ members: [BindingMember]) {
        self.name = name
        self.label = label ?? name
        self.summary = summary
        self.members = members
    }
}
