/// Which row of counts belongs to a path. Rows are given out in order and never taken back.
///
/// Worker-owned. Asked for every request; the last answer is remembered, as requests of one path come together.
struct PathTable: ~Copyable {
    private struct Entry {
        /// 0: free.
        var key: UInt64
        var row: Int
    }

    private let entries: UnsafeMutablePointer<Entry>
    private let mask: Int
    private let rowsMax: Int
    private var count = 0
    private var last = Entry(key: 0, row: -1)

    init(rowsMax: Int) {
        self.rowsMax = rowsMax
        // At most half full, so that a search soon ends.
        var capacity = 2
        while capacity < 2 * rowsMax { capacity *= 2 }
        mask = capacity - 1
        entries = .allocate(capacity: capacity)
        entries.initialize(repeating: Entry(key: 0, row: -1), count: capacity)
    }

    deinit {
        entries.deallocate()
    }

    /// -1: none yet.
    mutating func row(of key: UInt64) -> Int {
        if last.key == key { return last.row }
        let entry = entries[place(of: key)]
        if entry.key == key { last = entry }
        return entry.key == key ? entry.row : -1
    }

    /// A new row for a path that has none. -1: there are no more.
    mutating func enter(_ key: UInt64) -> Int {
        guard count < rowsMax else { return -1 }
        entries[place(of: key)] = Entry(key: key, row: count)
        count += 1
        return count - 1
    }

    /// Where the key stands, or the free place where it belongs.
    private func place(of key: UInt64) -> Int {
        var place = Int((key &* 0x9E37_79B9_7F4A_7C15) >> 32) & mask
        while entries[place].key != key, entries[place].key != 0 { place = (place + 1) & mask }
        return place
    }
}
