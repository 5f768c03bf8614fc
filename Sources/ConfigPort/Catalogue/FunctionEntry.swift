/// What becomes of a function of the core or of a module.
struct FunctionEntry: Sendable {
    /// How its argument is written in Lua.
    enum Parameter: Sendable {
        /// A string in which pseudo-variables are filled in.
        case text
        /// A number, mostly written in quotes.
        case number
        /// A regular expression or a pattern of its own: as it stands.
        case literal
        case flag
        case branchFlag
        /// The route of a kind.
        case route(Route.Kind)
        /// What the original took and nothing here needs.
        case ignored
    }

    enum Form: Sendable {
        /// A function of the compatibility library, with the message first. The name is the function's own or another.
        case library(String?)
        /// An expression of our own interface: `@` stands for the message, `%1`, `%2` for the arguments.
        case template(String)
        /// Written by code of its own.
        case special(Special)
        /// Always true, or always false: the text says why.
        case constant(Bool, String)
        /// Nothing, as the core does it by itself: the text says what.
        case nothing(String)
    }

    /// Functions that are more than one call.
    enum Special: Sendable {
        case reply, relay, recordRoute, isMethod, appendHeader, log, formattedLog, loggingLevel, setFlag, resetFlag,
            isFlagSet
        case setBranchFlag, resetBranchFlag, isBranchFlagSet, checkStatus, lookup, save, route
        case deleteAVP, copyAVP, pushAVP, isAVPSet, substituteAVP, printAVP, checkAVP
    }

    var name: String
    var module: String
    var form: Form
    var parameters: [Parameter]
    var support: Support
    var note: String

    init(
        _ name: String, _ module: String, _ form: Form, _ parameters: [Parameter] = [],
        _ support: Support = .converted, _ note: String = ""
    ) {
        self.name = name
        self.module = module
        self.form = form
        self.parameters = parameters
        self.support = support
        self.note = note
    }

    /// One whose Lua function of the same name is in the library.
    static func library(
        _ name: String, _ module: String, _ parameters: [Parameter] = [], _ support: Support = .converted,
        _ note: String = ""
    ) -> FunctionEntry {
        FunctionEntry(name, module, .library(nil), parameters, support, note)
    }

    /// One that has no counterpart: why, and what to do.
    static func missing(_ name: String, _ module: String, _ note: String) -> FunctionEntry {
        FunctionEntry(name, module, .library(nil), [], .unsupported, note)
    }
}

/// All functions that are known, by name. To support another add it to one of the tables it is made of.
enum FunctionCatalogue {
    static let all: [String: FunctionEntry] = Dictionary(
        (core + transactions + routing + texts + variables + people + accounting + sets + unsupported).map {
            ($0.name, $0)
        },
        uniquingKeysWith: { first, _ in first })

    static func entry(_ name: String) -> FunctionEntry? { all[name] }
}
