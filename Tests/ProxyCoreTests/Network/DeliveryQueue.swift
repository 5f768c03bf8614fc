/// Things to happen, by time; what was put in first comes out first at the same time. A binary heap.
struct DeliveryQueue<Payload> {
    private struct Entry {
        let at: UInt64
        let sequence: UInt64
        let payload: Payload

        func isBefore(_ other: Entry) -> Bool {
            at != other.at ? at < other.at : sequence < other.sequence
        }
    }

    private var heap: [Entry] = []
    private var nextSequence: UInt64 = 0

    var isEmpty: Bool { heap.isEmpty }
    var nextTime: UInt64? { heap.first?.at }

    mutating func push(_ payload: Payload, at time: UInt64) {
        heap.append(Entry(at: time, sequence: nextSequence, payload: payload))
        nextSequence += 1
        var index = heap.count - 1
        while index > 0 {
            let parent = (index - 1) / 2
            guard heap[index].isBefore(heap[parent]) else { break }
            heap.swapAt(index, parent)
            index = parent
        }
    }

    mutating func pop() -> (at: UInt64, payload: Payload)? {
        guard let first = heap.first, let last = heap.popLast() else { return nil }
        guard !heap.isEmpty else { return (first.at, first.payload) }
        heap[0] = last
        var index = 0
        while true {
            let left = 2 * index + 1
            guard left < heap.count else { break }
            let right = left + 1
            let child = right < heap.count && heap[right].isBefore(heap[left]) ? right : left
            guard heap[child].isBefore(heap[index]) else { break }
            heap.swapAt(child, index)
            index = child
        }
        return (first.at, first.payload)
    }
}
