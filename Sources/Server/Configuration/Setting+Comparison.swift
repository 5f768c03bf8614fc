extension Setting {
    /// Whether the two configurations differ in this setting.
    func differs(_ a: Configuration, _ b: Configuration) -> Bool {
        var probe = a
        copy(from: b, to: &probe)
        return probe != a
    }

    /// Takes this setting over from another configuration, as a reload does with those that apply at once.
    func copy(from source: Configuration, to target: inout Configuration) {
        switch binding {
        case .boolean(let path): target[keyPath: path] = source[keyPath: path]
        case .integer(let path, _), .bytes(let path, _), .time(let path, _, _):
            target[keyPath: path] = source[keyPath: path]
        case .optionalInteger(let path, _): target[keyPath: path] = source[keyPath: path]
        case .fraction(let path, _): target[keyPath: path] = source[keyPath: path]
        case .workers(let path, _): target[keyPath: path] = source[keyPath: path]
        case .choice(_, let get, let set): set(&target, get(source))
        case .path(let path): target[keyPath: path] = source[keyPath: path]
        case .destination(let path): target[keyPath: path] = source[keyPath: path]
        case .endpoint(let path): target[keyPath: path] = source[keyPath: path]
        case .endpoints(let path, _): target[keyPath: path] = source[keyPath: path]
        case .secret(let path): target[keyPath: path] = source[keyPath: path]
        case .names(let path), .origins(let path): target[keyPath: path] = source[keyPath: path]
        case .listeners(let path): target[keyPath: path] = source[keyPath: path]
        case .peers(let path): target[keyPath: path] = source[keyPath: path]
        case .dictionaries(let path, _): target[keyPath: path] = source[keyPath: path]
        case .columns(let path): target[keyPath: path] = source[keyPath: path]
        case .name(let path): target[keyPath: path] = source[keyPath: path]
        case .sets(let path): target[keyPath: path] = source[keyPath: path]
        case .groups(let path): target[keyPath: path] = source[keyPath: path]
        }
    }
}
