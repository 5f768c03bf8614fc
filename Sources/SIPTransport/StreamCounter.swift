internal import Synchronization

/// What is counted about the connections of the process.
public enum StreamCounter: Int, CaseIterable, Sendable {
    case accepted
    case opened
    case connectFailures
    case refusedTotal
    case refusedSource
    case handshakes
    case handshakeFailures
    case handshakeTimeouts
    case serversRefused
    case webSocketUpgrades
    case webSocketUpgradesRefused
    case webSocketUpgradeFailures
    case webSocketUpgradeTimeouts
    case closedIdle
    case closedSlow
    case closedMalformed
    case messagesReceived
    case messagesSent
    case sendFailures
    case sendRetries
    case keepAlives
    case readPauses
    case open

    /// A number that goes up and down.
    public var isGauge: Bool { self == .open }

    /// The metric's name without the program's prefix.
    public var name: String {
        switch self {
        case .accepted: "tcp_connections_accepted_total"
        case .opened: "tcp_connections_opened_total"
        case .connectFailures: "tcp_connect_failures_total"
        case .refusedTotal: "tcp_connections_refused_total"
        case .refusedSource: "tcp_connections_refused_by_source_total"
        case .handshakes: "tls_handshakes_total"
        case .handshakeFailures: "tls_handshake_failures_total"
        case .handshakeTimeouts: "tls_handshake_timeouts_total"
        case .serversRefused: "tls_servers_refused_total"
        case .webSocketUpgrades: "ws_upgrades_total"
        case .webSocketUpgradesRefused: "ws_upgrades_refused_total"
        case .webSocketUpgradeFailures: "ws_upgrade_failures_total"
        case .webSocketUpgradeTimeouts: "ws_upgrade_timeouts_total"
        case .closedIdle: "tcp_connections_closed_idle_total"
        case .closedSlow: "tcp_connections_closed_slow_total"
        case .closedMalformed: "tcp_connections_closed_malformed_total"
        case .messagesReceived: "tcp_messages_received_total"
        case .messagesSent: "tcp_messages_sent_total"
        case .sendFailures: "tcp_send_failures_total"
        case .sendRetries: "tcp_send_retries_total"
        case .keepAlives: "tcp_keep_alives_total"
        case .readPauses: "tcp_read_pauses_total"
        case .open: "tcp_connections"
        }
    }

    /// One sentence for the metrics page.
    public var help: String {
        switch self {
        case .accepted: "Connections accepted."
        case .opened: "Connections opened to other hosts."
        case .connectFailures: "Connections that could not be opened."
        case .refusedTotal: "Connections refused because of tcp.max_connections."
        case .refusedSource: "Connections refused because of tcp.max_connections_per_source."
        case .handshakes: "TLS handshakes completed, of accepted and opened connections."
        case .handshakeFailures:
            "TLS handshakes that failed, or whose peer went away; among them certificates that were refused."
        case .handshakeTimeouts:
            "Connections closed because their TLS handshake took longer than tls.handshake_timeout."
        case .serversRefused:
            "Connections to servers closed because their certificate was for another name (RFC 5922 §7.3)."
        case .webSocketUpgrades: "Connections that became WebSockets."
        case .webSocketUpgradesRefused:
            "HTTP requests answered with an error because they ask for no WebSocket of SIP, or may not."
        case .webSocketUpgradeFailures: "Connections closed by their peer before it asked for a WebSocket."
        case .webSocketUpgradeTimeouts: "Connections closed because they were no WebSocket after ws.upgrade_timeout."
        case .closedIdle: "Connections closed after tcp.idle_timeout."
        case .closedSlow: "Connections closed because their peer left more than tcp.max_write_queue unread."
        case .closedMalformed: "Connections closed because what came was no message or too large."
        case .messagesReceived: "Messages handed to workers."
        case .messagesSent: "Messages the kernel accepted."
        case .sendFailures: "Messages that could not be sent."
        case .sendRetries: "Messages sent again by a fresh connection because the open one was dead."
        case .keepAlives: "Keep-alive pings answered (RFC 5626)."
        case .readPauses: "Times a connection was not read for a while because its worker's mailbox was full."
        case .open: "Connections open or being opened."
        }
    }
}

/// The numbers of `StreamCounter`, written by all event loops.
final class StreamCounters: Sendable {
    private let values: [Cell] = StreamCounter.allCases.map { _ in Cell() }

    private final class Cell: Sendable {
        let value = Atomic<UInt64>(0)
    }

    func add(_ counter: StreamCounter) {
        values[counter.rawValue].value.wrappingAdd(1, ordering: .relaxed)
    }

    func set(_ counter: StreamCounter, _ value: Int) {
        values[counter.rawValue].value.store(UInt64(value), ordering: .relaxed)
    }

    func value(_ counter: StreamCounter) -> UInt64 { values[counter.rawValue].value.load(ordering: .relaxed) }
}
