import GRDB

/// What another program does to a SQLite file; it is made if need be.
func execute(_ statement: String, in path: String) throws {
    try DatabaseQueue(path: path).write { try $0.execute(sql: statement) }
}
