// Functions of the core and of the modules that answer and relay.
extension FunctionCatalogue {
    static let core: [FunctionEntry] = [
        FunctionEntry("log", "core", .special(.log), [.number, .text]),
        .library("forward", "core", [.text]),
        .library("send", "core", [.text], .approximated, "sent without state and Via of ours, as forward() does"),
        .library("append_branch", "core", [.text, .text]),
        .library("prefix", "core", [.text]),
        .library("strip", "core", [.number]),
        .library("strip_tail", "core", [.number]),
        FunctionEntry("rewritehost", "core", .template("@.uri.host = %1"), [.text]),
        FunctionEntry("sethost", "core", .template("@.uri.host = %1"), [.text]),
        FunctionEntry("seth", "core", .template("@.uri.host = %1"), [.text]),
        FunctionEntry("rewriteport", "core", .template("@.uri.port = %1"), [.number]),
        FunctionEntry("setport", "core", .template("@.uri.port = %1"), [.number]),
        FunctionEntry("setp", "core", .template("@.uri.port = %1"), [.number]),
        FunctionEntry("rewriteuser", "core", .template("@.uri.user = %1"), [.text]),
        FunctionEntry("setuser", "core", .template("@.uri.user = %1"), [.text]),
        FunctionEntry("setu", "core", .template("@.uri.user = %1"), [.text]),
        FunctionEntry("rewriteuri", "core", .template("@.uri = %1"), [.text]),
        FunctionEntry("seturi", "core", .template("@.uri = %1"), [.text]),
        FunctionEntry("rewritehostport", "core", .library("sethostport"), [.text]),
        FunctionEntry("sethostport", "core", .library("sethostport"), [.text]),
        FunctionEntry("sethp", "core", .library("sethostport"), [.text]),
        FunctionEntry("rewriteuserpass", "core", .library("setuserpass"), [.text]),
        FunctionEntry("setuserpass", "core", .library("setuserpass"), [.text]),
        .library("revert_uri", "core"),
        .library("setdsturi", "core", [.text]),
        .library("resetdsturi", "core"),
        .library("isdsturiset", "core"),
        FunctionEntry("setflag", "core", .special(.setFlag), [.flag]),
        FunctionEntry("resetflag", "core", .special(.resetFlag), [.flag]),
        FunctionEntry("isflagset", "core", .special(.isFlagSet), [.flag]),
        FunctionEntry("setbflag", "core", .special(.setBranchFlag), [.branchFlag, .ignored]),
        FunctionEntry("resetbflag", "core", .special(.resetBranchFlag), [.branchFlag, .ignored]),
        FunctionEntry("isbflagset", "core", .special(.isBranchFlagSet), [.branchFlag, .ignored]),
        FunctionEntry(
            "force_rport", "core", .nothing("replies go back to where the request came from"), [], .approximated,
            "only for requests whose Via asks for rport"),
        FunctionEntry(
            "add_rport", "core", .nothing("replies go back to where the request came from"), [], .approximated,
            "only for requests whose Via asks for rport"),
        FunctionEntry(
            "add_local_rport", "core", .nothing("our Via stays as it is"), [], .approximated, "no rport in our Via"),
        FunctionEntry(
            "force_tcp_alias", "core", .nothing("connections are used again by the address they came from"), [],
            .approximated, "by the connection's own address and port, not that of the Via"),
        FunctionEntry("len_gt", "core", .template("@.size > %1"), [.number]),
        .missing(
            "force_send_socket", "core",
            "the core chooses the socket by the destination; listen on one address per network"),
        .missing("set_advertised_address", "core", "name it in `listen` with `advertise`"),
        .missing("set_advertised_port", "core", "name it in `listen` with `advertise`"),
        .missing("exec", "core", "a worker never waits for a program; ask a service outside before the call"),
    ]

    static let transactions: [FunctionEntry] = [
        FunctionEntry("sl_send_reply", "sl", .special(.reply), [.number, .text]),
        FunctionEntry("send_reply", "sl", .special(.reply), [.number, .text]),
        FunctionEntry("sl_reply", "sl", .special(.reply), [.number, .text]),
        .library("sl_reply_error", "sl"),
        FunctionEntry("send_reply_error", "sl", .library("sl_reply_error")),
        FunctionEntry("t_reply", "tm", .special(.reply), [.number, .text]),
        FunctionEntry("t_relay", "tm", .special(.relay), [.text, .ignored]),
        FunctionEntry("t_relay_to_udp", "tm", .library("t_relay_to"), [.text, .text]),
        FunctionEntry(
            "t_relay_to", "tm", .special(.relay), [.text, .ignored], .approximated,
            "flags are left out: 100 is always sent, and a failure is answered by the core"),
        FunctionEntry("t_newtran", "tm", .constant(true, "the core keeps a transaction wherever it needs one")),
        .library("t_check_trans", "tm"),
        FunctionEntry("t_precheck_trans", "tm", .constant(false, "retransmissions never reach the script")),
        FunctionEntry("t_lookup_request", "tm", .constant(false, "retransmissions never reach the script")),
        .library("t_on_failure", "tm", [.route(.failure)]),
        .library("t_on_reply", "tm", [.route(.reply)]),
        .library("t_on_branch", "tm", [.route(.branch)]),
        FunctionEntry("t_on_negative", "tm", .library("t_on_failure"), [.route(.failure)]),
        FunctionEntry("t_check_status", "tm", .special(.checkStatus), [.literal]),
        FunctionEntry("t_was_cancelled", "tm", .constant(false, "no failure route runs for a call that was cancelled")),
        FunctionEntry("t_is_canceled", "tm", .constant(false, "no failure route runs for a call that was cancelled")),
        FunctionEntry(
            "t_local_replied", "tm", .library("t_local_replied"), [.literal], .approximated, "408 counts as ours"),
        FunctionEntry("t_release", "tm", .nothing("the core ends transactions by itself")),
        FunctionEntry("t_flush_flags", "tm", .nothing("flags of the request are those of its transaction")),
        FunctionEntry(
            "t_replicate", "tm", .library(nil), [.text, .ignored], .unsupported,
            "share the location table through the store instead of sending REGISTER on"),
        FunctionEntry(
            "t_set_fr", "tm", .library(nil), [], .unsupported,
            "timers are the same for all calls: `timers` of the configuration"),
        FunctionEntry("record_route", "rr", .special(.recordRoute), [.text]),
        FunctionEntry(
            "record_route_preset", "rr", .library(nil), [.text], .unsupported,
            "name the address in `listen` with `advertise`"),
        FunctionEntry("loose_route", "rr", .template("@:loose_route()")),
        .library("add_rr_param", "rr", [.text], .unsupported, "our Record-Route takes no parameters of a script"),
        .library(
            "check_route_param", "rr", [.literal], .unsupported, "our Record-Route takes no parameters of a script"),
        FunctionEntry(
            "is_direction", "rr", .library(nil), [.literal], .unsupported,
            "compare the From tag with that of the first request"),
        FunctionEntry(
            "mf_process_maxfwd_header", "maxfwd",
            .constant(true, "the core counts Max-Forwards down and answers 483 Too Many Hops")),
        FunctionEntry(
            "process_maxfwd", "maxfwd",
            .constant(true, "the core counts Max-Forwards down and answers 483 Too Many Hops")),
        FunctionEntry("is_maxfwd_lt", "maxfwd", .template("(@.max_forwards or 70) < %1"), [.number]),
        .library("options_reply", "options"),
        FunctionEntry(
            "sanity_check", "sanity", .constant(true, "the core checks every request before the script runs")),
    ]
}
