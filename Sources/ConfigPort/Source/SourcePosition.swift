/// Where something stands in the configuration that is converted: file, line and column, counted from 1.
public struct SourcePosition: Hashable, Sendable, Comparable {
    /// Index into the conversion's `SourceFile`s: 0 is the file named, others were included.
    public var file: Int
    public var line: Int
    /// In characters; a tab counts as one.
    public var column: Int

    public init(file: Int = 0, line: Int = 1, column: Int = 1) {
        self.file = file
        self.line = line
        self.column = column
    }

    public static func < (left: SourcePosition, right: SourcePosition) -> Bool {
        (left.file, left.line, left.column) < (right.file, right.line, right.column)
    }
}
