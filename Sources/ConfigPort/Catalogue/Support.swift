/// How well something of a configuration is carried over.
public enum Support: String, Sendable, CaseIterable {
    /// It does the same.
    case converted
    /// It does nearly the same; the report says what differs.
    case approximated
    /// It does nothing here; calls stop the script with an error, and the report says what to do instead.
    case unsupported
}
