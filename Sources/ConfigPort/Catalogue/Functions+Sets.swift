// Functions about sets of servers and groups of addresses.
extension FunctionCatalogue {
    private static let setNote = "the set of that name in `dispatcher` of the configuration, which is yours to write"
    private static let groupNote =
        "the group of that name in `permissions` of the configuration, which is yours to write"

    static let sets: [FunctionEntry] = [
        .library("ds_select_dst", "dispatcher", [.text, .number, .ignored, .ignored], .approximated, setNote),
        .library("ds_select_domain", "dispatcher", [.text, .number, .ignored, .ignored], .approximated, setNote),
        FunctionEntry("ds_next_dst", "dispatcher", .library("ds_next")),
        FunctionEntry("ds_next_domain", "dispatcher", .library("ds_next")),
        .library(
            "ds_mark_dst", "dispatcher", [.literal], .approximated,
            "failures are noticed without it; probes bring back what is marked"),
        .library("ds_is_from_list", "dispatcher", [.text, .ignored], .approximated, "by IP address; \(setNote)"),
        .library("allow_source_address", "permissions", [.text], .approximated, groupNote),
        .library("allow_address", "permissions", [.text, .text, .text], .approximated, groupNote),
        FunctionEntry(
            "check_source_address", "permissions", .library("allow_source_address"),
            [.text, .ignored, .ignored], .approximated, groupNote),
        FunctionEntry(
            "check_address", "permissions", .library("allow_address"),
            [.text, .text, .text, .ignored, .ignored, .ignored],
            .approximated, groupNote),
    ]
}
