extension Setting {
    /// Every setting, in the order of the reference page. Adding a row here is all that a new key takes, beside its
    /// place and default in `Configuration`.
    public static let all: [Setting] =
        top + state + auth + registrar + location + accounting + limits + timers + dns + sockets + tcp + tls + ws + lua
        + edges

    private static let top: [Setting] = [
        Setting(
            "listen", .listeners(\.listen),
            "Socket addresses to receive on, `udp:`, `tcp:`, `tls:`, `ws:` or `wss:`, at least one of them udp. Behind a wildcard address or address translation set `advertise`, "
                + "the HOST or HOST:PORT that goes into Via and Record-Route."),
        Setting(
            "workers", .workers(\.workers, 1...Configuration.workersMax),
            "Worker threads, at most 256; `auto` is one for each processor of the process's quota."),
        Setting("pin_workers", .boolean(\.pinWorkers), "Bind each worker to a processor of its own."),
        Setting(
            "script", .path(\.script), appliesOnReload: true,
            "The Lua routing script, relative to the folder of the configuration file."),
        Setting(
            "next_hop", .endpoint(\.nextHop),
            "Where requests without a Route go when there is no script; without it they follow their Request-URI."),
        Setting(
            "next_set", .name(\.nextSet), appliesOnReload: true,
            "The set of `dispatcher` that requests without a Route that are in no dialog are shared out among when there is no script."
        ),
        Setting(
            "domains", .names(\.domains),
            "Host names and addresses that mean this proxy, beside its listen addresses."),
        Setting(
            "record_route", .boolean(\.recordRoute),
            "Stay on the path of dialogs when there is no script; a script decides for itself."),
        Setting(
            "drain_seconds", .time(\.drainSeconds, .seconds, 0...3_600), appliesOnReload: true,
            "How long a draining proxy waits for transactions in flight before it exits."),
        Setting(
            "peers", .peers(\.peers),
            "Known neighbours: a name, an address (ADDRESS, ADDRESS:PORT or a network ADDRESS/BITS) and whether "
                + "they are trusted. Routing knows a peer of one address by its name. With trusted ones state is shared: "
                + "what they signal about it is believed."),
        Setting(
            "dispatcher", .sets(\.dispatcher), appliesOnReload: true,
            "Sets of servers that share requests, by name: see [dispatcher.md](dispatcher.md)."),
        Setting(
            "permissions", .groups(\.permissions), appliesOnReload: true,
            "Groups of addresses that scripts ask about, by name: see [dispatcher.md](dispatcher.md#permissions)."),
    ]

    private static let state: [Setting] = [
        Setting(
            "state.policy", .choice(\.state.policy),
            "Who keeps the transaction state of requests that leave the choice open. `servartuka` keeps what there is room "
                + "for and leaves the rest to trusted peers downstream, `balanced` loads all proxies of a path alike, "
                + "`stateful` keeps all, `stateless` none. Without trusted peers the first three do the same."),
        Setting(
            "state.target_utilisation", .fraction(\.state.targetUtilisation, 0.1...1),
            "The part of its processors, or of its CPU quota, up to which the proxy takes on state."),
        Setting(
            "state.period", .time(\.state.periodMilliseconds, .milliseconds, 50...5_000),
            "How often the policy looks at loads and decides."),
        Setting(
            "state.t_sf", .optionalInteger(\.state.statefulCapacity, 1...100_000_000),
            "Requests a second that one processor can hold the state of; by default it is measured. Together with `t_sl`."
        ),
        Setting(
            "state.t_sl", .optionalInteger(\.state.statelessCapacity, 1...100_000_000),
            "Requests a second that one processor can forward without state; by default it is measured. Together with "
                + "`t_sf`."),
        Setting(
            "state.log_holders", .boolean(\.state.logsHolders),
            "Log a line for each transaction that is held here, to prove who held which call; meant for tests."),
        Setting(
            "state.branch_key", .secret(\.state.branchKey),
            "Key of the deterministic branches. Proxies that share an address need the same one; by default it is "
                + "random at each start."),
    ]

    private static let auth: [Setting] = [
        Setting(
            "auth.subscribers", .path(\.auth.subscribers), appliesOnReload: true,
            "Who may authenticate: a SQLite database with OpenSER's table `subscriber`, or a file of comma-separated lines under the "
                + "names of their columns, `username`, `domain` and `password`, or hashes instead of it."),
        Setting(
            "auth.nonce_lifetime", .time(\.auth.nonceLifetimeSeconds, .seconds, 1...86_400), appliesOnReload: true,
            "How long user agents may use a nonce before they are given another."),
        Setting(
            "auth.algorithms", .choice(\.auth.algorithms), appliesOnReload: true,
            "What challenges offer; `both` offers SHA-256 first (RFC 8760), which some user agents do not cope with."),
        Setting(
            "auth.max_nonces", .integer(\.auth.noncesMax, 100...100_000_000),
            "Nonces in use whose counts are remembered against replays; the oldest are forgotten first."),
    ]

    private static let registrar: [Setting] = [
        Setting(
            "registrar.min_expires", .time(\.registrar.minExpiresSeconds, .seconds, 1...86_400),
            "Shortest registration; shorter ones are answered 423 (RFC 3261 §10.3)."),
        Setting(
            "registrar.default_expires", .time(\.registrar.defaultExpiresSeconds, .seconds, 1...31_536_000),
            "How long a registration lasts that does not say."),
        Setting(
            "registrar.max_expires", .time(\.registrar.maxExpiresSeconds, .seconds, 1...31_536_000),
            "Longest registration; longer ones are shortened."),
        Setting(
            "registrar.max_contacts", .integer(\.registrar.contactsMax, 1...64),
            "Contacts that one address of record may have; further ones are answered 403."),
        Setting(
            "registrar.max_bindings", .integer(\.registrar.bindingsMax, 1...100_000_000),
            "Contacts of all addresses together; further ones are answered 503."),
    ]

    private static let location: [Setting] = [
        Setting(
            "location.database", .path(\.location.database),
            "SQLite file that keeps bindings through restarts; it is made if need be. Without one a restart forgets them."
        ),
        Setting(
            "location.flush_interval", .time(\.location.flushMilliseconds, .milliseconds, 10...600_000),
            "How long changes may wait before they are written: what a crash can lose."),
        Setting(
            "location.max_waiting", .integer(\.location.waitingMax, 100...10_000_000),
            "Addresses of record that may wait to be written; when more have changed, the whole table is written."),
    ]

    private static let accounting: [Setting] = [
        Setting(
            "accounting.log", .boolean(\.accounting.log),
            "Write accounting records into the log, at level notice."),
        Setting(
            "accounting.csv", .path(\.accounting.csv),
            "File of comma-separated values for records of transactions and missed calls, opened anew with each reload."
        ),
        Setting(
            "accounting.cdr_csv", .path(\.accounting.cdrCSV),
            "The same for records of calls (CDRs)."),
        Setting(
            "accounting.sqlite", .path(\.accounting.sqlite),
            "SQLite file with the tables `acc`, `missed_calls` and `cdrs`; file and tables are made if need be."),
        Setting(
            "accounting.fields", .columns(\.accounting.fields),
            "Further columns of all records: the name of each, and what its value is: `header:NAME`, `from_uri`, `to_uri`, "
                + "`request_uri`, `contact_uri`, `source_ip`, `source_port`, `source_transport`, `local_ip`, `local_port`, "
                + "`auth_user`, `next_hop` or `script`, what the script gives."),
        Setting(
            "accounting.queue", .integer(\.accounting.queue, 10...10_000_000),
            "Records that may wait for each sink; further ones are dropped and counted."),
        Setting(
            "accounting.flush_interval", .time(\.accounting.flushMilliseconds, .milliseconds, 10...600_000),
            "How long records may wait before they are written: what a crash can lose."),
    ]

    private static let limits: [Setting] = [
        Setting(
            "limits.transactions", .integer(\.limits.transactions, 1...4_000_000),
            "Server transactions that one worker holds, and as many client transactions; further requests are "
                + "answered 503."),
        Setting(
            "limits.transaction_memory_bytes", .bytes(\.limits.transactionMemoryBytes, (1 << 20)...(1 << 40)),
            "Memory of one worker for the messages that its transactions keep."),
        Setting(
            "limits.branches", .integer(\.limits.branches, 1...64),
            "Branches that one request may be forked to."),
        Setting(
            "limits.dialogs", .integer(\.limits.dialogs, 1...4_000_000),
            "Dialogs that scripts may have tracked at a time, over all workers; each takes about a kilobyte and a half."
        ),
        Setting(
            "limits.max_forwards", .integer(\.limits.maxForwards, 1...255),
            "Max-Forwards given to requests that come without one (RFC 3261 §16.6)."),
        Setting(
            "mailbox.slots", .integer(\.mailbox.slots, 64...1_048_576),
            "Messages that one worker's mailbox holds, which other workers post to."),
    ]

    private static let timers: [Setting] = [
        Setting(
            "timers.t1", .time(\.timers.t1Milliseconds, .milliseconds, 10...60_000),
            "Round-trip estimate and base of the retransmission timers (RFC 3261 §17.1.1.1)."),
        Setting(
            "timers.t2", .time(\.timers.t2Milliseconds, .milliseconds, 10...60_000),
            "Longest interval between retransmissions of non-INVITE requests and of INVITE responses."),
        Setting(
            "timers.t4", .time(\.timers.t4Milliseconds, .milliseconds, 10...60_000),
            "Longest time that a message stays in the network."),
        Setting(
            "timers.c", .time(\.timers.cMilliseconds, .milliseconds, 1_000...3_600_000),
            "How long a branch of an INVITE may ring; RFC 3261 §16.6 asks for more than three minutes."),
    ]

    private static let dns: [Setting] = [
        Setting(
            "dns.enabled", .boolean(\.dns.enabled),
            "Look up domain names of URIs (RFC 3263); otherwise only addresses and names of peers can be reached."),
        Setting(
            "dns.servers", .endpoints(\.dns.servers, defaultPort: Configuration.DNS.standardPort),
            "Name servers to ask, in this order; by default those of /etc/resolv.conf."),
        Setting(
            "dns.timeout", .time(\.dns.timeoutMilliseconds, .milliseconds, 100...30_000),
            "How long a request waits for the address of a name; after that it is answered 500."),
        Setting(
            "dns.min_ttl", .time(\.dns.minTTLSeconds, .seconds, 1...86_400),
            "An answer is used for at least so long, whatever its time to live."),
        Setting(
            "dns.max_ttl", .time(\.dns.maxTTLSeconds, .seconds, 1...604_800),
            "An answer is used for at most so long."),
        Setting(
            "dns.negative_ttl", .time(\.dns.negativeTTLSeconds, .seconds, 1...3_600),
            "How long a name that led nowhere, or that no server answered for, is not asked for again."),
        Setting(
            "dns.cache_size", .integer(\.dns.cacheSize, 16...1_048_576),
            "Names that each worker remembers, rounded up to a power of two; the least lately used makes room."),
        Setting(
            "dns.max_pending", .integer(\.dns.maxPending, 1...65_536),
            "Names being looked up at a time, and branches of one worker that may wait for them; further requests are "
                + "answered 503."),
    ]

    private static let sockets: [Setting] = [
        Setting(
            "sockets.receive_buffer_bytes", .bytes(\.sockets.receiveBufferBytes, 4_096...(1 << 30)),
            "Kernel receive buffer of each socket; the kernel may grant less, which is logged."),
        Setting(
            "sockets.send_buffer_bytes", .bytes(\.sockets.sendBufferBytes, 4_096...(1 << 30)),
            "Kernel send buffer of each socket."),
        Setting(
            "sockets.batch", .integer(\.sockets.batch, 1...64),
            "Datagrams received by one system call at most."),
        Setting(
            "sockets.busy_poll_microseconds", .time(\.sockets.busyPollMicroseconds, .microseconds, 0...10_000),
            "How long a worker that has just had traffic polls before it sleeps: less delay for more processor time."),
        Setting(
            "sockets.gather_microseconds", .time(\.sockets.gatherMicroseconds, .microseconds, 0...1_000),
            "How long a worker pauses under dense traffic so that one wake-up serves several datagrams."),
    ]

    private static let tcp: [Setting] = [
        Setting(
            "tcp.max_connections", .integer(\.tcp.connectionsMax, 1...1_000_000),
            "Connections of the process, by whatever transport, accepted and opened together; further ones are closed at once, or not opened."
        ),
        Setting(
            "tcp.max_connections_per_source", .integer(\.tcp.connectionsPerSourceMax, 1...1_000_000),
            "Connections accepted from one IP address."),
        Setting(
            "tcp.idle_timeout", .time(\.tcp.idleSeconds, .seconds, 1...86_400),
            "A connection by which nothing went for so long is closed."),
        Setting(
            "tcp.connect_timeout", .time(\.tcp.connectMilliseconds, .milliseconds, 10...60_000),
            "How long opening a connection may take; after that the request fails as by a 503."),
        Setting(
            "tcp.max_write_queue", .bytes(\.tcp.writeQueueBytesMax, 65_536...(1 << 30)),
            "Bytes that may wait for a peer that reads slowly; beyond, its connection is closed."),
    ]

    private static let tls: [Setting] = [
        Setting(
            "tls.certificate", .path(\.tls.certificate), appliesOnReload: true,
            "PEM file of the proxy's certificate and those between it and a root; also shown to servers that ask for one. Each "
                + "reload reads the files of this section anew, and new connections use them."),
        Setting(
            "tls.key", .path(\.tls.key), appliesOnReload: true,
            "PEM file of the certificate's private key, without a passphrase."),
        Setting(
            "tls.client_certificates", .choice(\.tls.clientCertificates), appliesOnReload: true,
            "Whether clients show a certificate: `optional` verifies those that there are, `required` refuses connections "
                + "without."),
        Setting(
            "tls.client_roots", .path(\.tls.clientRoots), appliesOnReload: true,
            "PEM file of the certificates that sign clients' certificates."),
        Setting(
            "tls.verify_servers", .boolean(\.tls.verifiesServers), appliesOnReload: true,
            "Servers that connections are opened to must prove who they are (RFC 5922)."),
        Setting(
            "tls.server_roots", .path(\.tls.serverRoots), appliesOnReload: true,
            "PEM file of the certificates that sign servers' certificates; by default the system's."),
        Setting(
            "tls.min_version", .choice(\.tls.minVersion), appliesOnReload: true,
            "The oldest version of TLS that is spoken."),
        Setting(
            "tls.handshake_timeout", .time(\.tls.handshakeMilliseconds, .milliseconds, 100...60_000),
            "How long a TLS handshake may take; after that the connection is closed."),
    ]

    private static let ws: [Setting] = [
        Setting(
            "ws.path", .name(\.webSocket.path),
            "The only path that WebSocket handshakes may ask for, such as `/sip`; others get a 404. By default any is served."
        ),
        Setting(
            "ws.origins", .origins(\.webSocket.origins),
            "Origins of the web pages that may connect; handshakes from others, or without an `Origin`, get a 403. By default all may."
        ),
        Setting(
            "ws.upgrade_timeout", .time(\.webSocket.upgradeMilliseconds, .milliseconds, 100...60_000),
            "How long a connection may take to become a WebSocket, the TLS handshake included; after that it is closed."
        ),
    ]

    private static let lua: [Setting] = [
        Setting(
            "lua.instructions", .integer(\.lua.instructions, 1_000...1_000_000_000),
            "Virtual-machine instructions that one run of a handler may execute."),
        Setting(
            "lua.milliseconds", .time(\.lua.milliseconds, .milliseconds, 1...60_000),
            "Time that one run of a handler may take without waiting."),
        Setting(
            "lua.memory_bytes", .bytes(\.lua.memoryBytes, (64 << 10)...(16 << 30)),
            "Memory that one run of a handler may add."),
        Setting(
            "lua.vm_memory_bytes", .bytes(\.lua.vmMemoryBytes, (1 << 20)...(64 << 30)),
            "Memory of one worker's Lua machine."),
        Setting(
            "lua.modules", .path(\.lua.modules), appliesOnReload: true,
            "Folder of what scripts `require`: `prices.lua` for \"prices\", `tables/prices.lua` for \"tables.prices\". Without it `lua` beside the script."
        ),
        Setting(
            "lua.max_waiting", .integer(\.lua.waitingMax, 1...1_000_000),
            "Handlers of a worker that wait at a time; requests whose handlers would be more are answered with 503."),
        Setting(
            "shared", .dictionaries(\.shared, (64 << 10)...(64 << 30)), appliesOnReload: true,
            "Dictionaries that the scripts of all workers share, as `shared.NAME`, and the memory each may take. A reload keeps what "
                + "is in them."),
    ]

    private static let edges: [Setting] = [
        Setting(
            "control.socket", .path(\.control.socket),
            "Unix socket of `servartuka ctl`, mode 0600; empty switches it off. Users other than root have theirs in XDG_RUNTIME_DIR or /tmp."
        ),
        Setting(
            "logging.level", .choice(\.logging.level), appliesOnReload: true,
            "The least severe level that is written."),
        Setting("logging.format", .choice(\.logging.format), "Lines of key=value text, or one JSON object a line."),
        Setting(
            "logging.destination", .destination(\.logging.destination),
            "Where log lines go; a file is appended to and opened anew on SIGHUP."),
        Setting(
            "logging.queue", .integer(\.logging.queue, 64...1_048_576),
            "Log lines that may wait for the writer; further ones are dropped and counted."),
    ]
}
