// Functions of acc. Flags need none: the library reads them when the request is relayed.
extension FunctionCatalogue {
    static let accounting: [FunctionEntry] = [
        .library("acc_log_request", "acc", [.text], .approximated, "a row in every sink of `accounting`"),
        .library("acc_db_request", "acc", [.text, .text], .approximated, "a row in every sink of `accounting`"),
    ]
}
