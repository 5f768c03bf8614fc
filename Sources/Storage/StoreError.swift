internal import GRDB

/// Why a store cannot be used, in words for the operator.
public struct StoreError: Error, Sendable, Equatable, CustomStringConvertible {
    public let description: String

    public init(_ description: String) { self.description = description }

    /// What SQLite says. Values, which may be secrets, are not in it.
    init(_ error: any Error) {
        guard let error = error as? DatabaseError else {
            self.init("\(error)")
            return
        }
        self.init("\(error.message ?? "\(error.resultCode)") (SQLite \(error.extendedResultCode.rawValue))")
    }
}
