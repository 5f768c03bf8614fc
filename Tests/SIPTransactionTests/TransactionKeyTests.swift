import SIPMessage
import SIPTransaction
import Testing

/// RFC 3261 §17.2.3: which requests belong to one server transaction.
@Suite struct TransactionKeyTests {
    private let hashKey = HashKey(low: 5, high: 6)

    private func key(_ text: String) -> TransactionKey {
        withMessage(text) { TransactionKey(request: $0, hashKey: hashKey) }
    }

    private func method(_ text: String) -> TransactionMethod {
        withMessage(text) { TransactionMethod(of: $0, hashKey: hashKey) }
    }

    private let via = "SIP/2.0/UDP pc.example.com:5060;branch=z9hG4bKabc"

    @Test("with the cookie it is branch and sent-by, and nothing else")
    func cookie() {
        let first = key(request())
        #expect(first == key(request(uri: "sip:other@example.com")))
        #expect(first == key(request(from: "<sip:carol@example.com>;tag=c")))
        #expect(first == key(request(to: "<sip:bob@example.com>;tag=b")))
        #expect(first == key(request(callID: "other")))
        #expect(first == key(request(cSeq: 9)))
        #expect(first == key(request(via: via + ";rport;received=192.0.2.9")))
        #expect(first == key(request(via: "SIP/2.0/TCP pc.example.com:5060;x=y;branch=z9hG4bKabc")))
        #expect(first != key(request(via: via + "d")))
        #expect(first != key(request(via: "SIP/2.0/UDP pc2.example.com:5060;branch=z9hG4bKabc")))
        #expect(first != key(request(via: "SIP/2.0/UDP pc.example.com:5061;branch=z9hG4bKabc")))
    }

    @Test("the host of sent-by compares without regard to case")
    func hostCase() {
        #expect(key(request()) == key(request(via: "SIP/2.0/UDP PC.Example.Com:5060;branch=z9hG4bKabc")))
        #expect(
            key(request(via: "SIP/2.0/UDP [2001:DB8::A];branch=z9hG4bKabc"))
                == key(request(via: "SIP/2.0/UDP [2001:db8::a];branch=z9hG4bKabc")))
    }

    @Test("the cookie counts in any case")
    func cookieCase() {
        let lower = key(request(via: "SIP/2.0/UDP pc.example.com;branch=Z9HG4BKabc"))
        #expect(lower == key(request(via: "SIP/2.0/UDP pc.example.com;branch=Z9HG4BKabc", callID: "other")))
    }

    @Test("only the topmost Via counts")
    func topVia() {
        #expect(key(request()) == key(request(via: via + ", SIP/2.0/UDP other.example.com;branch=z9hG4bKxyz")))
        #expect(key(request()) == key(request(headers: "Via: SIP/2.0/UDP other.example.com;branch=z9hG4bKxyz\n")))
    }

    @Test("CANCEL and ACK have their INVITE's key; ACK its method too, CANCEL not")
    func cancelAndAck() {
        #expect(key(request("CANCEL")) == key(request()))
        #expect(key(request("ACK", to: "<sip:bob@example.com>;tag=b")) == key(request()))
        #expect(method(request("ACK")) == method(request()))
        #expect(method(request()) == .invite)
        #expect(method(request("CANCEL")) == .cancel)
        #expect(method(request("CANCEL")) != method(request()))
    }

    @Test("every method is one of its own, unknown ones by their name")
    func methods() {
        let names = [
            "INVITE", "BYE", "CANCEL", "OPTIONS", "REGISTER", "PRACK", "SUBSCRIBE", "NOTIFY", "PUBLISH", "INFO",
            "REFER",
            "MESSAGE", "UPDATE", "FOO", "BAR", "foo", "invite",
        ]
        #expect(Set(names.map { method(request($0)) }).count == names.count)
        #expect(method(request("FOO")) == method(request("FOO", callID: "other")))
    }

    @Test("a response has the method of its CSeq")
    func responses() {
        let response = """
            SIP/2.0 200 OK
            Via: \(via)
            From: <sip:alice@example.com>;tag=a
            To: <sip:bob@example.com>;tag=b
            Call-ID: call@example.com
            CSeq: 1 CANCEL
            Content-Length: 0


            """
        #expect(method(response) == .cancel)
        #expect(method(response.replacing("CANCEL", with: "FOO")) == method(request("FOO")))
    }

    @Test("a peer without the cookie (RFC 2543) is known by Via, Call-ID, From tag and CSeq number")
    func oldPeers() {
        for branch in ["", ";branch=1", ";branch=z9hG4b", ";branch=z9hG4bK"] {
            let via = "SIP/2.0/UDP pc.example.com" + branch
            let first = key(request(via: via))
            #expect(first == key(request(via: via)))
            #expect(first == key(request("CANCEL", via: via)))
            #expect(first == key(request("ACK", via: via, to: "<sip:bob@example.com>;tag=b")))
            #expect(first != key(request(via: via, callID: "other")))
            #expect(first != key(request(via: via, from: "<sip:alice@example.com>;tag=z")))
            #expect(first != key(request(via: via, from: "<sip:alice@example.com>")))
            #expect(first != key(request(via: via, cSeq: 2)))
            #expect(first != key(request(via: "SIP/2.0/UDP pc.example.com;branch=2")))
        }
    }

    @Test("the Via below ours in a response gives the key of the request that came with it")
    func fromResponse() {
        for peer in [via, "SIP/2.0/UDP old.example.com", "SIP/2.0/UDP Old.Example.com:5062;branch=7"] {
            let response = """
                SIP/2.0 486 Busy Here
                Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKours
                Via: \(peer);received=192.0.2.5
                From: <sip:alice@example.com>;tag=a
                To: <sip:bob@example.com>;tag=b
                Call-ID: call@example.com
                CSeq: 1 INVITE
                Content-Length: 0


                """
            let second = withMessage(response) { message in
                var cursor = message.elements(of: .via)
                _ = cursor.next(in: message)
                guard let element = cursor.next(in: message), let via = Via.parse(element.value, in: message.bytes)
                else {
                    return TransactionKey(low: 0, high: 0)
                }
                return TransactionKey(via: via, message: message, hashKey: hashKey)
            }
            #expect(second == key(request(via: peer)))
        }
    }

    @Test("keys depend on the secret")
    func secret() {
        let other = withMessage(request()) { TransactionKey(request: $0, hashKey: HashKey(low: 5, high: 7)) }
        #expect(other != key(request()))
    }
}
