/// What shall become of a call: both ends know it, so that the answer at the caller can be checked.
enum CallKind: UInt8, CaseIterable {
    /// 180, 200, ACK, BYE.
    case answered
    /// The same with seconds between.
    case slow
    /// 486.
    case busy
    /// Rings until it is cancelled.
    case cancelled
    /// Cancelled before the callee has said anything.
    case cancelledEarly
    /// CANCEL and 200 cross.
    case race
    /// The callee never says anything to INVITE.
    case unanswered
    /// OPTIONS, 200.
    case options
    /// MESSAGE, 404.
    case message
    /// MESSAGE to which nothing is ever said.
    case unansweredMessage

    /// Two thirds of the calls are answered ones; the rest is spread evenly.
    static func of(_ number: Int, seed: UInt64) -> CallKind {
        let roll = Int(SeededGenerator.mixed(seed ^ UInt64(number) &* 0x9E37_79B9) % 30)
        if roll >= 10 { return .answered }
        return CallKind(rawValue: UInt8(roll))!
    }

    var isInvite: Bool {
        switch self {
        case .answered, .slow, .busy, .cancelled, .cancelledEarly, .race, .unanswered: true
        case .options, .message, .unansweredMessage: false
        }
    }

    var method: StaticString {
        switch self {
        case .options: "OPTIONS"
        case .message, .unansweredMessage: "MESSAGE"
        case .answered, .slow, .busy, .cancelled, .cancelledEarly, .race, .unanswered: "INVITE"
        }
    }

    /// When the callee rings and answers, and with what, in milliseconds after the request; nil: never.
    var ringsAfter: UInt64? {
        switch self {
        case .answered, .cancelled, .race: 20
        case .slow: 1_000
        case .cancelledEarly: 2_000
        case .busy, .unanswered, .options, .message, .unansweredMessage: nil
        }
    }

    var answers: (after: UInt64, code: Int)? {
        switch self {
        case .answered: (50, 200)
        case .slow: (5_000, 200)
        case .busy: (30, 486)
        case .race: (300, 200)
        case .options: (700, 200)
        case .message: (0, 404)
        case .cancelled, .cancelledEarly, .unanswered, .unansweredMessage: nil
        }
    }

    /// When the caller wants to hang up before an answer.
    var cancelsAfter: UInt64? {
        switch self {
        case .cancelled: 400
        case .cancelledEarly: 200
        case .race: 300
        case .answered, .slow, .busy, .unanswered, .options, .message, .unansweredMessage: nil
        }
    }

    /// The final answers that are right at the caller. A time-out of the caller's own counts as 408.
    func isRight(_ code: Int, calleeSaid: Int) -> Bool {
        switch self {
        case .answered, .slow, .options: code == 200
        case .busy: code == 486
        case .cancelled, .cancelledEarly: code == 487
        case .race: code == calleeSaid && (code == 200 || code == 487)
        case .unanswered, .unansweredMessage: code == 408
        case .message: code == 404
        }
    }
}
