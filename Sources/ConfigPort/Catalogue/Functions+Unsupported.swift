// Functions without a counterpart, with what to do about them. Move one to the other tables when there is one.
extension FunctionCatalogue {
    static let unsupported: [FunctionEntry] =
        names(
            "acc", "no RADIUS or Diameter; `acc.log` writes to the sinks of `accounting`",
            "acc_aaa_request", "acc_rad_request", "acc_request")
        + names("alias_db", "give the aliases as a table in the script", "alias_db_lookup", "alias_db_find")
        + names(
            "avpops", "read the data into a table of the script", "avp_db_load", "avp_db_store", "avp_db_delete",
            "avp_db_query", "sql_query", "sql_result_free", "avp_op")
        + names(
            "carrierroute", "give the carriers as a table in the script", "cr_route", "cr_next_domain",
            "cr_user_carrier", "cr_user_rewrite_uri")
        + names("dispatcher", "dispatcher.contains(set, address) tells", "ds_is_in_list")
        + names(
            "dialog", "dialogs are not tracked", "create_dialog", "dlg_manage", "dlg_isflagset", "dlg_setflag",
            "is_known_dlg", "validate_dialog", "get_profile_size", "set_dlg_profile", "unset_dlg_profile",
            "is_in_profile")
        + names(
            "drouting", "give the gateways as a list in the script", "do_routing", "use_next_gw", "is_from_gw",
            "goes_to_gw")
        + names(
            "enum", "no ENUM yet: rewrite the number by a table of the script", "enum_query", "enum_fquery",
            "is_from_user_enum", "i_enum_query")
        + names("exec", "a worker never waits for a program", "exec_dset", "exec_msg", "exec_avp")
        + names("group", "give the groups as a table in the script", "is_user_in", "get_user_group", "db_is_user_in")
        + names(
            "htable", "use a table of the script; each worker has its own", "sht_lock", "sht_unlock", "sht_rm_name_re")
        + names(
            "lcr", "give the gateways as a list in the script", "load_gws", "next_gw", "from_gw", "to_gw",
            "load_contacts", "next_contacts", "next_branches")
        + names("mediaproxy", "media is not relayed", "use_media_proxy", "end_media_session", "engage_media_proxy")
        + names("msilo", "messages are not stored", "m_store", "m_dump")
        + names(
            "nathelper", "media is not relayed", "force_rtp_proxy", "rtpproxy_offer", "rtpproxy_answer",
            "unforce_rtp_proxy",
            "rtpproxy_manage", "rtpproxy_engage", "rtpengine_offer", "rtpengine_answer", "rtpengine_manage",
            "rtpengine_delete",
            "nat_keepalive", "handle_ruri_alias", "add_contact_alias", "set_contact_alias", "add_rcv_param")
        + names("path", "Path is not supported yet", "add_path", "add_path_received")
        + names("pdt", "give the prefixes as a table in the script", "prefix2domain", "pd_translate")
        + names(
            "permissions", "permissions.allowed(group) tells where a request comes from", "allow_routing",
            "allow_register", "allow_refer_to", "allow_uri", "allow_source_address_group", "allow_trusted",
            "get_source_group")
        + names("pike", "bound what sources may send in the firewall", "pike_check_req", "rl_check", "rl_check_pipe")
        + names(
            "presence", "there is no presence server", "handle_publish", "handle_subscribe", "pua_update_contact",
            "pua_set_publish")
        + names("siptrace", "record packets outside, by tcpdump or the like", "sip_trace", "trace_dialog")
        + names("speeddial", "give the numbers as a table in the script", "sd_lookup")
        + names(
            "uac", "a proxy does not change From and To", "uac_replace_from", "uac_replace_to", "uac_restore_from",
            "uac_restore_to", "uac_auth")
        + names(
            "uac_redirect", "relay to the contacts of the 3xx from a table of the script", "get_redirects",
            "set_deny_filter", "set_accept_filter")
        + names("uri_db", "subscribers are known to auth.require only", "does_uri_exist", "does_uri_user_exist")
        + names("userblacklist", "give the numbers as a table in the script", "check_user_blacklist", "check_blacklist")

    private static func names(_ module: String, _ note: String, _ names: String...) -> [FunctionEntry] {
        names.map { .missing($0, module, note) }
    }
}
