internal import Reactor

/// Where things stand in the two blocks of memory that a worker and the control side share: one that only the worker
/// writes, one that only the control side writes. Both are read word by word, so each word means something by itself.
enum StateMemory {
    /// Neighbours that a worker, and the node, can tell apart. Others count as outside.
    static let neighboursMax = 256
    /// Pairs of upstream and next hop that are counted apart. Others count as outside to outside.
    static let pathsMax = 1_024

    /// Of the block that the worker writes.
    enum FromWorker {
        static let neighbourCount = 0
        /// Rows of paths in use; the first is that of outside to outside.
        static let pathCount = 1
        static let neighbours = 8
        static let neighbourWords = 8
        static let paths = neighbours + neighboursMax * neighbourWords
        static let pathWords = 8
        static let count = paths + pathsMax * pathWords

        /// Words of a neighbour.
        enum Neighbour: Int {
            case high
            case low
            /// Port, family and scope.
            case place
            /// Allowance in the upper half, sequence in the lower.
            case allowanceAndSequence
            /// The price as the bits of a `Float` of nanoseconds in the upper half, the epoch in the lower.
            case priceAndEpoch
            /// Milliseconds of the worker's clock.
            case heardAt
            /// Pieces of feedback that were accepted.
            case heardCount
        }

        /// Words of a path.
        enum Path: Int {
            case key
            case heldUpstream
            case mustHold
            case kept
            case delegated
        }

        static func neighbour(_ number: Int, _ word: Neighbour) -> Int {
            neighbours + number * neighbourWords + word.rawValue
        }

        static func path(_ row: Int, _ word: Path) -> Int { paths + row * pathWords + word.rawValue }

        static func key(upstream: Int32, nextHop: Int32) -> UInt64 {
            UInt64(UInt32(bitPattern: upstream &+ 2)) << 32 | UInt64(UInt32(bitPattern: nextHop &+ 2))
        }

        static func pair(_ key: UInt64) -> (upstream: Int32, nextHop: Int32) {
            (
                Int32(bitPattern: UInt32(truncatingIfNeeded: key >> 32)) &- 2,
                Int32(bitPattern: UInt32(truncatingIfNeeded: key)) &- 2
            )
        }
    }

    /// Of the block that the control side writes. All zero means: hold everything, tell nobody anything.
    enum FromControl {
        /// Epoch in the upper half, number of the publication in the lower.
        static let sequence = 0
        /// Calls with a hash below it are refused.
        static let refuse = 1
        static let utilisation = 2
        static let arrivals = 3
        static let held = 4
        static let holdable = 5
        static let mustHold = 6
        static let statelessCost = 7
        static let stateCost = 8
        static let capacity = 9
        static let neighbours = 16
        static let neighbourWords = 8
        static let count = neighbours + neighboursMax * neighbourWords

        enum Neighbour: Int {
            /// The complement of the keep fraction's threshold.
            case delegated
            /// 0: nothing to tell; `.max`: any; else the allowance and one.
            case grant
            case grantPriceNanoseconds
            /// Bits of a `Double`: what it allows the node.
            case allowance
        }

        static func neighbour(_ number: Int, _ word: Neighbour) -> Int {
            neighbours + number * neighbourWords + word.rawValue
        }
    }
}
