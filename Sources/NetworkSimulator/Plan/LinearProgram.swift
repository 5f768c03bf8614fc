internal import CLinearProgram
internal import Synchronization

/// Minimise cost · x within bounds on x and on rows of coefficients · x. Solved by the GLPK library, which is loaded for
/// the first of them; it need not be there before.
public struct LinearProgram: Sendable {
    public enum Method: Sendable {
        case simplex
        /// Faster for large programs; its values are off by about 1e-8 of their size.
        case interiorPoint
    }

    private var rowLower: [Double] = []
    private var rowUpper: [Double] = []
    private var columnLower: [Double] = []
    private var columnUpper: [Double] = []
    private var cost: [Double] = []
    private var coefficientRow: [Int32] = []
    private var coefficientColumn: [Int32] = []
    private var coefficientValue: [Double] = []

    /// Memory for more would be gigabytes.
    public static let coefficientsMax = 50_000_000
    /// A greater number, or a smaller one that is not 0, is a slip of units and ruins the arithmetic.
    public static let magnitudeMax = 1e15
    public static let timeLimitMilliseconds: Int32 = 600_000

    public init() {}

    public var rowCount: Int { rowLower.count }
    public var columnCount: Int { cost.count }

    /// Answers the column's number, from 0.
    public mutating func addColumn(_ bounds: ClosedRange<Double>, cost: Double = 0) -> Int {
        columnLower.append(bounds.lowerBound)
        columnUpper.append(bounds.upperBound)
        self.cost.append(cost)
        return self.cost.count - 1
    }

    /// Answers the row's number, from 0. Bounds may be infinite.
    public mutating func addRow(_ bounds: ClosedRange<Double>) -> Int {
        rowLower.append(bounds.lowerBound)
        rowUpper.append(bounds.upperBound)
        return rowLower.count - 1
    }

    /// At most once for each pair.
    public mutating func setCoefficient(row: Int, column: Int, _ value: Double) {
        precondition(row < rowCount && column < columnCount, "no such row or column")
        coefficientRow.append(Int32(row))
        coefficientColumn.append(Int32(column))
        coefficientValue.append(value)
    }

    /// Value of each column. Takes a lock: GLPK is used by one thread at a time.
    public func solve(_ method: Method = .simplex) throws(LinearProgramError) -> [Double] {
        try check()
        var values = [Double](repeating: 0, count: columnCount)
        let status = withProgram { program in
            values.withUnsafeMutableBufferPointer { values in
                guard let base = values.baseAddress else { return CLP_OPTIMAL }
                return solver.withLock { _ in
                    clp_solve(&program, method == .simplex ? CLP_SIMPLEX : CLP_INTERIOR_POINT, base)
                }
            }
        }
        switch status {
        case CLP_OPTIMAL: break
        case CLP_INFEASIBLE: throw .infeasible
        case CLP_UNBOUNDED: throw .unbounded
        case CLP_TIME_LIMIT: throw .timeLimit
        case CLP_NO_LIBRARY: throw .noLibrary
        default: throw .failed
        }
        guard values.allSatisfy(\.isFinite) else { throw .failed }
        return values
    }

    private func check() throws(LinearProgramError) {
        guard coefficientValue.count <= Self.coefficientsMax else { throw .tooLarge }
        let numbers = [coefficientValue, cost]
        guard numbers.allSatisfy({ $0.allSatisfy { abs($0) <= Self.magnitudeMax } }) else { throw .outOfRange }
        let bounds = [rowLower, rowUpper, columnLower, columnUpper]
        guard bounds.allSatisfy({ $0.allSatisfy { abs($0) <= Self.magnitudeMax || $0.isInfinite } }) else {
            throw .outOfRange
        }
    }

    private func withProgram(_ body: (inout clp_program) -> clp_status) -> clp_status {
        coefficientRow.withUnsafeBufferPointer { row in
            coefficientColumn.withUnsafeBufferPointer { column in
                coefficientValue.withUnsafeBufferPointer { value in
                    withBounds { program in
                        program.coefficients = Int32(value.count)
                        program.coefficient_row = row.baseAddress
                        program.coefficient_column = column.baseAddress
                        program.coefficient_value = value.baseAddress
                        return body(&program)
                    }
                }
            }
        }
    }

    private func withBounds(_ body: (inout clp_program) -> clp_status) -> clp_status {
        rowLower.withUnsafeBufferPointer { rowLower in
            rowUpper.withUnsafeBufferPointer { rowUpper in
                columnLower.withUnsafeBufferPointer { columnLower in
                    columnUpper.withUnsafeBufferPointer { columnUpper in
                        cost.withUnsafeBufferPointer { cost in
                            var program = clp_program()
                            program.rows = Int32(rowLower.count)
                            program.columns = Int32(cost.count)
                            program.row_lower = rowLower.baseAddress
                            program.row_upper = rowUpper.baseAddress
                            program.column_lower = columnLower.baseAddress
                            program.column_upper = columnUpper.baseAddress
                            program.cost = cost.baseAddress
                            program.time_limit_milliseconds = Self.timeLimitMilliseconds
                            return body(&program)
                        }
                    }
                }
            }
        }
    }
}

/// Guards GLPK.
private let solver = Mutex(())

public enum LinearProgramError: Error, Sendable, Equatable, CustomStringConvertible {
    case infeasible
    case unbounded
    case timeLimit
    case tooLarge
    case outOfRange
    case failed
    case noLibrary

    public var description: String {
        switch self {
        case .infeasible: "nothing meets all of the conditions"
        case .unbounded: "there is no limit"
        case .timeLimit: "not solved within \(LinearProgram.timeLimitMilliseconds / 1_000) s"
        case .tooLarge: "too large: more than \(LinearProgram.coefficientsMax) coefficients"
        case .outOfRange: "a number is not one, or beyond ±\(LinearProgram.magnitudeMax)"
        case .failed: "the solver gave up: the numbers are too far apart from each other"
        case .noLibrary: "the GLPK library (libglpk.so.40) is not installed; Debian: apt-get install libglpk40"
        }
    }
}
