/// What every worker counts about its own loop: indices into `Worker.counters`, names and help for the metrics page.
public enum ReactorCounter: Int, CaseIterable, Sendable {
    case datagramsReceived
    case bytesReceived
    case receiveBatches
    case receiveErrors
    case datagramsTruncated
    case kernelDrops
    case datagramsSent
    case bytesSent
    case sendBatches
    case sendErrorsBusy
    case sendErrorsUnreachable
    case sendErrorsTooLarge
    case sendErrorsRefused
    case sendErrorsOther
    case wakeups
    case turns
    case mailReceived
    case mailboxFull
    case commandsRun
    case busyMicroseconds
    case queueingSamples
    case queueingMicroseconds

    /// The metric's name without the program's prefix.
    public var name: String {
        switch self {
        case .datagramsReceived: "udp_datagrams_received_total"
        case .bytesReceived: "udp_bytes_received_total"
        case .receiveBatches: "udp_receive_batches_total"
        case .receiveErrors: "udp_receive_errors_total"
        case .datagramsTruncated: "udp_datagrams_truncated_total"
        case .kernelDrops: "udp_kernel_drops_total"
        case .datagramsSent: "udp_datagrams_sent_total"
        case .bytesSent: "udp_bytes_sent_total"
        case .sendBatches: "udp_send_batches_total"
        case .sendErrorsBusy: "udp_send_errors_busy_total"
        case .sendErrorsUnreachable: "udp_send_errors_unreachable_total"
        case .sendErrorsTooLarge: "udp_send_errors_too_large_total"
        case .sendErrorsRefused: "udp_send_errors_refused_total"
        case .sendErrorsOther: "udp_send_errors_other_total"
        case .wakeups: "worker_wakeups_total"
        case .turns: "worker_turns_total"
        case .mailReceived: "worker_mail_received_total"
        case .mailboxFull: "worker_mailbox_full_total"
        case .commandsRun: "worker_commands_total"
        case .busyMicroseconds: "worker_busy_microseconds_total"
        case .queueingSamples: "udp_queueing_samples_total"
        case .queueingMicroseconds: "udp_queueing_microseconds_total"
        }
    }

    /// One sentence for the metrics page.
    public var help: String {
        switch self {
        case .datagramsReceived: "Datagrams received."
        case .bytesReceived: "Payload bytes received."
        case .receiveBatches: "System calls that received at least one datagram."
        case .receiveErrors: "Receiving system calls that failed."
        case .datagramsTruncated: "Datagrams larger than a receive slot; they are dropped."
        case .kernelDrops: "Datagrams the kernel dropped because a socket's receive buffer was full."
        case .datagramsSent: "Datagrams the kernel accepted."
        case .bytesSent: "Payload bytes the kernel accepted."
        case .sendBatches: "System calls that sent at least one datagram."
        case .sendErrorsBusy: "Datagrams given up because a socket's send buffer stayed full."
        case .sendErrorsUnreachable: "Datagrams without a route or local address to their destination."
        case .sendErrorsTooLarge: "Datagrams larger than the path or the protocol carries."
        case .sendErrorsRefused: "Datagrams that a firewall or the peer refused."
        case .sendErrorsOther: "Datagrams that failed for another reason."
        case .wakeups: "Times the worker slept and was woken."
        case .turns: "Turns of the worker's loop that found something to do."
        case .mailReceived: "Letters received from other threads."
        case .mailboxFull: "Letters this worker could not post because the other's mailbox was full."
        case .commandsRun: "Control commands run on the worker's thread."
        case .busyMicroseconds: "Time spent in turns that found something to do."
        case .queueingSamples:
            "Datagrams whose time in the kernel was looked at: one of each batch, while it is measured at all."
        case .queueingMicroseconds: "Time those datagrams waited in the kernel before the worker read them."
        }
    }
}

extension CounterBlock {
    @inlinable public func add(_ counter: ReactorCounter, _ amount: UInt64 = 1) { add(counter.rawValue, amount) }
    @inlinable public func value(_ counter: ReactorCounter) -> UInt64 { value(counter.rawValue) }
}
