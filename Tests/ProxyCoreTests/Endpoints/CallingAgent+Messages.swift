import Reactor
import SIPMessage

// The requests of a call. Retransmissions are written anew: the same numbers give the same bytes.
extension CallingAgent {
    func sendMain(_ call: Int) {
        writeMain(call, into: composer)
        network.send(composer.bytes, from: address, to: proxy)
    }

    /// INVITE, OPTIONS or MESSAGE.
    func writeMain(_ call: Int, into text: Composer) {
        let number = firstNumber + call
        let kind = calls[call].kind
        text.begin()
        text.append(kind.method)
        text.append(" sip:")
        text.append(Int(kind.rawValue))
        text.append("@")
        text.append(callee)
        writeVia(number, "-m", into: text)
        text.append("Max-Forwards: 70\r\nFrom: \"Alice\" <sip:alice@example.com>;tag=f")
        text.append(number)
        text.append("\r\nTo: <sip:bob@example.com>")
        writeTail(number, cSeq: 1, kind.method, into: text)
    }

    private func writeVia(_ number: Int, _ suffix: StaticString, into text: Composer) {
        text.append(" SIP/2.0\r\nVia: SIP/2.0/UDP ")
        text.append(sentBy)
        text.append(";branch=z9hG4bK-")
        text.append(number)
        text.append(suffix)
        text.append(number % 2 == 0 ? ";rport\r\n" : "\r\n")
    }

    private func writeTail(_ number: Int, cSeq: Int, _ method: StaticString, into text: Composer) {
        text.append("\r\nCall-ID: ")
        text.append(number)
        text.append("@client.example.com\r\nCSeq: ")
        text.append(cSeq)
        text.append(" ")
        text.append(method)
        text.append("\r\nContact: <sip:alice@")
        text.append(sentBy)
        text.append(">\r\nUser-Agent: simulated\r\nContent-Length: 0\r\n\r\n")
    }

    func sendCancel(_ call: Int) {
        writeMain(call, into: original)
        _ = originalMessage.pointee.parse(original.bytes)
        composer.fill(RequestWriter.writeCancel(for: originalMessage.pointee, into: composer.room))
        network.send(composer.bytes, from: address, to: proxy)
    }

    /// The ACK for the failure that is the current message (§17.1.1.3).
    func sendAckForFailure(_ call: Int) {
        writeMain(call, into: original)
        _ = originalMessage.pointee.parse(original.bytes)
        composer.fill(
            RequestWriter.writeAck(for: originalMessage.pointee, response: message.pointee, into: composer.room))
        network.send(composer.bytes, from: address, to: proxy)
    }

    /// The ACK for a success (§13.2.2.4): a request of its own within the dialog.
    func sendAckForSuccess(_ call: Int) {
        sendInDialog(call, "ACK", branch: "-a", cSeq: 1)
    }

    func sendBye(_ call: Int) {
        sendInDialog(call, "BYE", branch: "-b", cSeq: 2)
    }

    private func sendInDialog(_ call: Int, _ method: StaticString, branch: StaticString, cSeq: Int) {
        let number = firstNumber + call
        composer.begin()
        composer.append(method)
        composer.append(" ")
        composer.append(calls[call].contact)
        writeVia(number, branch, into: composer)
        composer.append(calls[call].routes)
        composer.append("Max-Forwards: 70\r\nFrom: \"Alice\" <sip:alice@example.com>;tag=f")
        composer.append(number)
        composer.append("\r\nTo: ")
        composer.append(calls[call].remote)
        writeTail(number, cSeq: cSeq, method, into: composer)
        network.send(composer.bytes, from: address, to: proxy)
    }
}
