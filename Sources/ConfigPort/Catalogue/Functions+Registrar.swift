// Functions about where users are and who they are.
extension FunctionCatalogue {
    static let routing: [FunctionEntry] = [
        FunctionEntry("lookup", "registrar", .special(.lookup), [.text, .ignored]),
        FunctionEntry("save", "registrar", .special(.save), [.text, .literal]),
        .library("registered", "registrar", [.ignored]),
        .missing("unregister", "registrar", "let the registration expire"),
        FunctionEntry("add_sock_hdr", "registrar", .library(nil), [.text], .unsupported, "use Path between proxies"),
    ]

    static let people: [FunctionEntry] = [
        .library(
            "www_authorize", "auth_db", [.text, .ignored], .approximated,
            "a failure is challenged at once; subscribers are those of `auth.subscribers`"),
        .library(
            "proxy_authorize", "auth_db", [.text, .ignored], .approximated,
            "a failure is challenged at once; subscribers are those of `auth.subscribers`"),
        FunctionEntry(
            "www_authenticate", "auth_db", .library("www_authorize"), [.text, .ignored], .approximated,
            "a failure is challenged at once"),
        FunctionEntry(
            "proxy_authenticate", "auth_db", .library("proxy_authorize"), [.text, .ignored], .approximated,
            "a failure is challenged at once"),
        FunctionEntry(
            "www_challenge", "auth", .library(nil), [.text, .ignored], .approximated,
            "the challenge went out when the credentials were found wanting"),
        FunctionEntry(
            "proxy_challenge", "auth", .library(nil), [.text, .ignored], .approximated,
            "the challenge went out when the credentials were found wanting"),
        FunctionEntry(
            "auth_challenge", "auth", .library("proxy_challenge"), [.text, .ignored], .approximated,
            "the challenge went out when the credentials were found wanting"),
        FunctionEntry("consume_credentials", "auth", .nothing("credentials are taken out when they have been checked")),
        .library(
            "check_to", "uri_db", [], .approximated,
            "the user of To is compared with the name that the credentials prove"),
        .library(
            "check_from", "uri_db", [], .approximated,
            "the user of From is compared with the name that the credentials prove"),
        FunctionEntry("db_check_to", "uri_db", .library("check_to"), [], .approximated, "by name only"),
        FunctionEntry("db_check_from", "uri_db", .library("check_from"), [], .approximated, "by name only"),
        .library("is_user", "uri", [.text], .approximated, "the name that the credentials prove, without its domain"),
        FunctionEntry("has_totag", "uri", .template("@:has_to_tag()")),
        .library("uri_param", "uri", [.text, .text]),
        .library("add_uri_param", "uri", [.text]),
        .library("tel2sip", "uri"),
        FunctionEntry("has_user_agent", "uri", .template("@.headers:get(\"User-Agent\") ~= nil")),
        FunctionEntry(
            "is_domain_local", "domain", .library(nil), [.text], .approximated, "the domains are those of `domains`"),
        FunctionEntry(
            "is_uri_host_local", "domain", .template("@.uri.is_local"), [], .approximated,
            "the domains are those of `domains`"),
        FunctionEntry(
            "is_from_local", "domain", .template("@.from.uri.is_local"), [], .approximated,
            "the domains are those of `domains`"),
        .library("nat_uac_test", "nathelper", [.number], .approximated, "the tests of flags 1, 2, 8 and 16"),
        .library("client_nat_test", "nat_traversal", [.number], .approximated, "the tests of flags 1, 2 and 4"),
        .library("fix_nated_contact", "nathelper"),
        FunctionEntry("fix_contact", "nat_traversal", .library("fix_nated_contact")),
        .library("fix_nated_register", "nathelper"),
        .library(
            "fix_nated_sdp", "nathelper", [.number, .text], .approximated,
            "the addresses of c= and o= lines; no a=direction:active"),
    ]
}
