internal import SIPMessage

extension HeaderName {
    /// Why a script may not touch the header; nil when it may.
    var protection: StaticString? {
        switch self {
        case .via: "is the proxy's own: replies find their way back by it (RFC 3261 §16.6, §16.7)"
        case .callID: "cannot be changed: it names the call for everyone on the path (RFC 3261 §16.6)"
        case .cSeq: "cannot be changed: replies are matched by it (RFC 3261 §16.6)"
        case .from: "cannot be changed: its tag names the dialog (RFC 3261 §16.6)"
        case .to: "cannot be changed: its tag names the dialog (RFC 3261 §16.6)"
        case .contentLength: "follows the body: assign body instead"
        default: nil
        }
    }

    /// Whether its values are comma-separated lists (RFC 3261 §7.3.1, §20). The headers that hold challenges and
    /// credentials use commas otherwise.
    var isList: Bool {
        switch self {
        case .accept, .acceptContact, .acceptEncoding, .acceptLanguage, .alertInfo, .allow, .allowEvents, .callInfo,
            .contact, .contentEncoding, .contentLanguage, .diversion, .errorInfo, .historyInfo, .inReplyTo,
            .pAssertedIdentity, .pPreferredIdentity, .path, .proxyRequire, .reason, .recordRoute, .rejectContact,
            .requestDisposition, .require, .route, .serviceRoute, .supported, .unsupported, .via, .warning:
            true
        case .other, .from, .to, .callID, .cSeq, .maxForwards, .contentLength, .contentType, .contentDisposition,
            .mimeVersion, .expires, .minExpires, .authorization, .proxyAuthorization, .wwwAuthenticate,
            .proxyAuthenticate, .authenticationInfo, .event, .subscriptionState, .sipETag, .sipIfMatch, .subject,
            .userAgent, .server, .date, .timestamp, .organization, .priority, .retryAfter, .referTo, .referredBy,
            .replaces, .join, .replyTo, .sessionExpires, .minSE, .pChargingVector, .privacy, .rAck, .rSeq, .identity,
            .identityInfo:
            false
        }
    }
}
