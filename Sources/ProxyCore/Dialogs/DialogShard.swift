/// Some of the dialogs, by the hash of their Call-ID, and the calendar of their ends. Belongs to its lock.
///
/// The calendar has a list for each second of a lap; a dialog whose end is laps away is passed over until then.
struct DialogShard {
    private static let secondsOfLap: UInt64 = 512

    private var calls: [UInt64: Dialog] = [:]
    private var calendar: [Dialog?] = Array(repeating: nil, count: Int(Self.secondsOfLap))
    /// The second that was looked at last; 0: none.
    private var visited: UInt64 = 0

    func first(_ callHash: UInt64) -> Dialog? { calls[callHash] }

    /// In no order.
    var all: [Dialog] {
        calls.values.flatMap { first in
            Array(sequence(first: first) { $0.nextOfCall })
        }
    }

    mutating func insert(_ dialog: Dialog) {
        dialog.nextOfCall = calls[dialog.callHash]
        calls[dialog.callHash] = dialog
        enter(dialog)
    }

    mutating func remove(_ dialog: Dialog) {
        leave(dialog)
        guard let first = calls[dialog.callHash] else { return }
        if first === dialog {
            calls[dialog.callHash] = dialog.nextOfCall
        } else {
            var previous = first
            while let next = previous.nextOfCall, next !== dialog { previous = next }
            previous.nextOfCall = dialog.nextOfCall
        }
        dialog.nextOfCall = nil
    }

    /// After the deadline of a dialog has changed.
    mutating func reschedule(_ dialog: Dialog) {
        leave(dialog)
        enter(dialog)
    }

    private mutating func enter(_ dialog: Dialog) {
        guard dialog.content.deadline != .max else { return }
        // A second that has been looked at comes again only a lap later.
        let second = max((dialog.content.deadline &+ 999) / 1_000, visited + 1)
        dialog.day = Int(second % Self.secondsOfLap)
        dialog.later = calendar[dialog.day]
        dialog.later?.earlier = dialog
        dialog.earlier = nil
        calendar[dialog.day] = dialog
    }

    private mutating func leave(_ dialog: Dialog) {
        guard dialog.day >= 0 else { return }
        if let earlier = dialog.earlier {
            earlier.later = dialog.later
        } else {
            calendar[dialog.day] = dialog.later
        }
        dialog.later?.earlier = dialog.earlier
        (dialog.day, dialog.later, dialog.earlier) = (-1, nil, nil)
    }

    /// Adds the dialogs whose time has passed, of all seconds since the last visit. Each is found once: it has no deadline
    /// then.
    mutating func visitCalendar(now: UInt64, _ expired: inout [Dialog]) {
        let second = now / 1_000
        guard second > visited else { return }
        // One lap looks at every day.
        var next = second - visited > Self.secondsOfLap ? second &- Self.secondsOfLap &+ 1 : visited + 1
        visited = second
        while next <= second {
            var dialog = calendar[Int(next % Self.secondsOfLap)]
            while let current = dialog {
                dialog = current.later
                guard current.content.deadline <= now else { continue }
                leave(current)
                current.content.deadline = .max
                expired.append(current)
            }
            next += 1
        }
    }
}
