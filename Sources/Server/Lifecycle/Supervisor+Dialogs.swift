/// `servartuka ctl dialog list` and `dialog terminate ID`.
extension Supervisor {
    /// Dialogs in one answer, the oldest; a full table would fill megabytes.
    private static let dialogsListedMax = 10_000

    func answerDialog(_ arguments: [String]) -> ControlAnswer {
        switch (arguments.first, arguments.count) {
        case ("list", 1): return .success(dialogList())
        case ("terminate", 2):
            do throws(RuntimeError) {
                try runtime.terminateDialog(arguments[1])
                return .success(["terminating": .string(arguments[1])])
            } catch {
                return .failure(error.message)
            }
        default: return .failure("expected \"list\", or \"terminate\" and the ID of a dialog")
        }
    }

    private func dialogList() -> JSONValue {
        let dialogs = runtime.dialogStatus()
        let rows = dialogs.prefix(Self.dialogsListedMax).map { dialog in
            [
                "id": .string(dialog.id), "state": .string(dialog.state), "key": .string(dialog.key),
                "call_id": .string(dialog.callID), "caller": .string(dialog.caller),
                "callee": .string(dialog.callee), "worker": .integer(dialog.worker),
                "seconds": .number(dialog.secondsSinceInvite),
                "answered_seconds": dialog.secondsSinceAnswer.map { .number($0) } ?? .null,
            ] as JSONValue
        }
        return ["count": .integer(dialogs.count), "dialogs": .array(rows)]
    }
}
