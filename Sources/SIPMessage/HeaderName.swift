/// Header fields that have a name of their own here: those of RFC 3261 and of the extensions that proxies
/// and registrars meet. Everything else is `other`, kept byte for byte and found by its text.
@frozen
public enum HeaderName: UInt8, Sendable, CaseIterable {
    case other
    case via, from, to, callID, cSeq, maxForwards, route, recordRoute, contact, contentLength
    case contentType, contentEncoding, contentDisposition, contentLanguage, mimeVersion
    case expires, minExpires, require, proxyRequire, supported, unsupported, allow
    case authorization, proxyAuthorization, wwwAuthenticate, proxyAuthenticate, authenticationInfo
    case path, serviceRoute, event, allowEvents, subscriptionState, sipETag, sipIfMatch
    case subject, userAgent, server, date, timestamp, accept, acceptEncoding, acceptLanguage, acceptContact
    case rejectContact, requestDisposition
    case organization, priority, retryAfter, referTo, referredBy, replaces, join, inReplyTo, replyTo, alertInfo
    case callInfo, errorInfo
    case sessionExpires, minSE, reason, warning, pAssertedIdentity, pPreferredIdentity, pChargingVector
    case diversion, historyInfo, privacy, rAck, rSeq, identity, identityInfo

    /// One more than the largest raw value.
    static let caseCount = Int(HeaderName.identityInfo.rawValue) + 1

    /// The name as RFCs write it; empty for `other`.
    public var canonical: StaticString {
        switch self {
        case .other: ""
        case .via: "Via"
        case .from: "From"
        case .to: "To"
        case .callID: "Call-ID"
        case .cSeq: "CSeq"
        case .maxForwards: "Max-Forwards"
        case .route: "Route"
        case .recordRoute: "Record-Route"
        case .contact: "Contact"
        case .contentLength: "Content-Length"
        case .contentType: "Content-Type"
        case .contentEncoding: "Content-Encoding"
        case .contentDisposition: "Content-Disposition"
        case .contentLanguage: "Content-Language"
        case .mimeVersion: "MIME-Version"
        case .expires: "Expires"
        case .minExpires: "Min-Expires"
        case .require: "Require"
        case .proxyRequire: "Proxy-Require"
        case .supported: "Supported"
        case .unsupported: "Unsupported"
        case .allow: "Allow"
        case .authorization: "Authorization"
        case .proxyAuthorization: "Proxy-Authorization"
        case .wwwAuthenticate: "WWW-Authenticate"
        case .proxyAuthenticate: "Proxy-Authenticate"
        case .authenticationInfo: "Authentication-Info"
        case .path: "Path"
        case .serviceRoute: "Service-Route"
        case .event: "Event"
        case .allowEvents: "Allow-Events"
        case .subscriptionState: "Subscription-State"
        case .sipETag: "SIP-ETag"
        case .sipIfMatch: "SIP-If-Match"
        case .subject: "Subject"
        case .userAgent: "User-Agent"
        case .server: "Server"
        case .date: "Date"
        case .timestamp: "Timestamp"
        case .accept: "Accept"
        case .acceptEncoding: "Accept-Encoding"
        case .acceptLanguage: "Accept-Language"
        case .acceptContact: "Accept-Contact"
        case .rejectContact: "Reject-Contact"
        case .requestDisposition: "Request-Disposition"
        case .organization: "Organization"
        case .priority: "Priority"
        case .retryAfter: "Retry-After"
        case .referTo: "Refer-To"
        case .referredBy: "Referred-By"
        case .replaces: "Replaces"
        case .join: "Join"
        case .inReplyTo: "In-Reply-To"
        case .replyTo: "Reply-To"
        case .alertInfo: "Alert-Info"
        case .callInfo: "Call-Info"
        case .errorInfo: "Error-Info"
        case .sessionExpires: "Session-Expires"
        case .minSE: "Min-SE"
        case .reason: "Reason"
        case .warning: "Warning"
        case .pAssertedIdentity: "P-Asserted-Identity"
        case .pPreferredIdentity: "P-Preferred-Identity"
        case .pChargingVector: "P-Charging-Vector"
        case .diversion: "Diversion"
        case .historyInfo: "History-Info"
        case .privacy: "Privacy"
        case .rAck: "RAck"
        case .rSeq: "RSeq"
        case .identity: "Identity"
        case .identityInfo: "Identity-Info"
        }
    }

    /// The header with this name, in any case or in its compact form.
    public static func identify(_ name: UnsafeRawBufferPointer) -> HeaderName {
        guard let view = ByteView(name), view.skip(.token, from: 0, to: view.count) == view.count else {
            return .other
        }
        return identify(in: view, from: 0, to: view.count)
    }
}
