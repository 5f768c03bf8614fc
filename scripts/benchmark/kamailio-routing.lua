-- Max-Forwards, a fixed next hop, transaction-stateful relay: what servartuka-routing.lua does.
local next_hop = assert(os.getenv("NEXT_HOP"), "the harness sets NEXT_HOP")

function ksr_request_route()
    if KSR.maxfwd.process_maxfwd(10) < 0 then
        KSR.sl.sl_send_reply(483, "Too Many Hops")
        return
    end
    KSR.setdsturi(next_hop)
    if KSR.tm.t_relay() < 0 then
        KSR.sl.sl_reply_error()
    end
end
