internal import Foundation

/// A configuration with what is known about where it came from.
public struct LoadedConfiguration: Sendable {
    public var configuration: Configuration
    /// Where each key that is set was set, the environment winning over the file.
    public var origins: [String: ConfigurationOrigin]
    /// Doubts that do not keep the proxy from running.
    public var warnings: [ConfigurationDiagnostic]
    /// The file, as the operator named it; nil for defaults and environment only.
    public var file: String?

    public init(
        configuration: Configuration, origins: [String: ConfigurationOrigin] = [:],
        warnings: [ConfigurationDiagnostic] = [], file: String? = nil
    ) {
        self.configuration = configuration
        self.origins = origins
        self.warnings = warnings
        self.file = file
    }

    /// Every setting with its value and origin, in the order of the table; secrets are not shown.
    public var settings: [(key: String, value: String, origin: ConfigurationOrigin)] {
        Setting.all.map { ($0.key, $0.text(in: configuration), origins[$0.key] ?? .standard) }
    }
}

/// Defaults, then the file, then the environment.
public enum ConfigurationLoader {
    /// Reads `path` and the variables of `environment` that begin with `SERVARTUKA_`.
    ///
    /// - Throws: all errors of the file and of the environment at once.
    public static func load(
        path: String?, environment: [String: String]
    ) throws(ConfigurationFailure) -> LoadedConfiguration {
        var text = ""
        if let path {
            switch readText(path) {
            case .success(let content): text = content
            case .failure(let failure): throw failure
            }
        }
        let directory = path.map { ($0 as NSString).deletingLastPathComponent } ?? ""
        return try load(
            yaml: text, file: path ?? "", directory: directory, environment: environment)
    }

    /// The same over text; `file` is what messages call it and `directory` what its relative paths start from.
    public static func load(
        yaml: String, file: String, directory: String, environment: [String: String] = [:]
    ) throws(ConfigurationFailure) -> LoadedConfiguration {
        var reader = ConfigurationReader(directory: directory)
        if let root = ConfigurationDocument.compose(yaml, file: file, diagnostics: &reader.diagnostics) {
            reader.read(root)
        }
        reader.readEnvironment(environment)
        reader.checkTogether(file: file)
        let errors = reader.diagnostics.filter { $0.severity == .error }
        guard errors.isEmpty else { throw ConfigurationFailure(diagnostics: sortedByPlace(reader.diagnostics)) }
        return LoadedConfiguration(
            configuration: reader.configuration, origins: reader.origins, warnings: reader.diagnostics,
            file: file.isEmpty ? nil : file)
    }

    /// The whole of a file, or what the operator is told about it.
    package static func readText(
        _ path: String, bytesMax: Int = ConfigurationDocument.bytesMax
    ) -> Result<String, ConfigurationFailure> {
        func failure(_ message: String) -> Result<String, ConfigurationFailure> {
            let place = ConfigurationOrigin.file(path, line: 0, column: 0)
            return .failure(ConfigurationFailure(diagnostics: [ConfigurationDiagnostic(at: place, key: "", message)]))
        }
        switch TextFile.read(path, bytesMax: bytesMax) {
        case .success(let text): return .success(text)
        case .failure(.tooLarge(let bytesMax)): return failure("is larger than \(ByteSize.text(bytesMax))")
        case .failure(.notText): return failure("is not UTF-8 text")
        case .failure(.unreadable(let reason)): return failure("cannot be read: \(reason)")
        }
    }

    /// By line within the file, then what came from the environment.
    package static func sortedByPlace(_ diagnostics: [ConfigurationDiagnostic]) -> [ConfigurationDiagnostic] {
        func place(_ diagnostic: ConfigurationDiagnostic) -> (Int, Int) {
            switch diagnostic.origin {
            case .file(_, let line, let column): (line, column)
            case .standard, .environment: (.max, 0)
            }
        }
        return diagnostics.enumerated().sorted {
            let (a, b) = (place($0.element), place($1.element))
            return a == b ? $0.offset < $1.offset : a < b
        }.map(\.element)
    }
}

extension ConfigurationReader {
    /// What can only be judged over several keys.
    mutating func checkTogether(file: String) {
        let timers = configuration.timers
        if timers.t1Milliseconds > timers.t2Milliseconds {
            report(
                origins["timers.t1"] ?? origins["timers.t2"] ?? .standard, "timers.t1",
                "expected at most timers.t2 (\(timers.t2Milliseconds)ms), got \(timers.t1Milliseconds)ms")
        }
        checkCapacities()
        checkCertificates()
        resolveTargets()
        checkAccounting()
        let lua = configuration.lua
        if lua.memoryBytes > lua.vmMemoryBytes {
            report(
                origins["lua.memory_bytes"] ?? origins["lua.vm_memory_bytes"] ?? .standard, "lua.memory_bytes",
                "expected at most lua.vm_memory_bytes (\(ByteSize.text(lua.vmMemoryBytes))), "
                    + "got \(ByteSize.text(lua.memoryBytes))")
        }
        if let socket = configuration.control.socket, socket.utf8.count > ControlAddress.pathBytesMax {
            report(
                origins["control.socket"] ?? .standard, "control.socket",
                "expected a path of at most \(ControlAddress.pathBytesMax) bytes, got \(socket.utf8.count)")
        }
        if configuration.script != nil {
            for key in ["next_hop", "next_set", "record_route"] {
                guard let origin = origins[key] else { continue }
                warn(origin, key, "has no effect beside a script, which decides where requests go")
            }
        }
    }
}

extension ConfigurationReader {
    /// T_SF and T_SL only make sense together, and holding state costs something.
    private mutating func checkCapacities() {
        let state = configuration.state
        switch (state.statefulCapacity, state.statelessCapacity) {
        case (nil, nil): break
        case (_?, nil):
            report(origins["state.t_sf"] ?? .standard, "state.t_sf", "needs \"state.t_sl\" beside it")
        case (nil, _?):
            report(origins["state.t_sl"] ?? .standard, "state.t_sl", "needs \"state.t_sf\" beside it")
        case (let stateful?, let stateless?) where stateful >= stateless:
            report(
                origins["state.t_sf"] ?? .standard, "state.t_sf",
                "expected less than state.t_sl (\(stateless)), got \(stateful)")
        case (_?, _?): break
        }
    }
}

extension ConfigurationReader {
    /// Secure listen addresses need a certificate, and who asks for others' must know by whom they are signed.
    private mutating func checkCertificates() {
        let tls = configuration.tls
        if let listener = configuration.listen.first(where: { $0.transport.isSecure }), tls.certificate == nil {
            report(
                origins["listen"] ?? .standard, "listen", "\"\(listener)\" needs \"tls.certificate\" and \"tls.key\"")
        }
        if tls.certificate != nil, tls.key == nil {
            report(
                origins["tls.certificate"] ?? .standard, "tls.certificate", "needs \"tls.key\" beside it")
        }
        if tls.certificate == nil, tls.key != nil {
            report(origins["tls.key"] ?? .standard, "tls.key", "needs \"tls.certificate\" beside it")
        }
        if tls.clientCertificates != .off, tls.clientRoots == nil {
            report(
                origins["tls.client_certificates"] ?? .standard, "tls.client_certificates",
                "needs \"tls.client_roots\" beside it: who signs clients' certificates")
        }
    }
}

/// Small files, read whole.
enum TextFile {
    enum Problem: Error, Equatable {
        case unreadable(String)
        case tooLarge(bytesMax: Int)
        case notText
    }

    static func read(_ path: String, bytesMax: Int) -> Result<String, Problem> {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return .failure(.unreadable(SystemError.current.description)) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0 {
                if errno == EINTR { continue }
                return .failure(.unreadable(SystemError.current.description))
            }
            if count == 0 { break }
            bytes.append(contentsOf: chunk.prefix(count))
            if bytes.count > bytesMax { return .failure(.tooLarge(bytesMax: bytesMax)) }
        }
        guard let text = String(validating: bytes, as: UTF8.self) else { return .failure(.notText) }
        return .success(text)
    }
}
