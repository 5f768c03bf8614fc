/// Configurations of our own.
enum Samples {
    /// Something of everything that the grammar knows.
    static let everything = """
        # A proxy for example.com
        debug=3            # level
        fork=yes
        listen=udp:192.0.2.1:5060
        listen=tcp:[2001:db8::1]:5060
        alias="example.com" "example.net"
        children=4
        avp_aliases="caller=i:10;callee=s:callee"
        mpath="/usr/lib/openser/modules/"
        loadmodule "tm.so"
        loadmodule "acc.so"
        modparam("tm", "fr_timer", 10)
        modparam("^auth$|acc", "db_url", "sqlite:/var/db")
        #!define PSTN 5

        /* the main
           route */
        route {
            if (!mf_process_maxfwd_header("10")) {
                sl_send_reply("483", "Too Many Hops");
                exit;
            };
            if (msg:len >= 2048 || uri =~ "^sip:\\+[1-9]{2}@" && !(src_ip == 192.0.2.0/24)) {
                setflag(PSTN); # towards the telephone network
                $avp(caller) = $fU + "@" + $fd;
                route(GATEWAY);
            } else if (is_method("INVITE|BYE")) {
                switch ($retcode) {
                    case -1:
                    case 2:
                        xlog("L_INFO", "from $fu to $(ru{uri.user}): $avp(caller)\\n");
                        break;
                    default:
                        drop();
                }
            } else {
                while ($var(i) < 5 && $var(i) != 3) {
                    $var(i) = $var(i) + 1;
                }
            }
            t_on_failure("1");
            if (!t_relay()) sl_reply_error();
        }

        route[GATEWAY] {
            rewritehostport("192.0.2.20:5060");
            return (-1);
        }

        onreply_route[1] { if (status =~ "18[0-9]") log(1, "ringing\\n"); }

        failure_route[1] {
            if (t_check_status("486|408")) { append_branch("sip:voicemail@example.com"); t_relay(); }
        }
        """
}
