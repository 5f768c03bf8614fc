// The libFuzzer target of SIPMessage: parse, edit, serialise, parse again. Built by scripts/fuzz as one module
// with the sources of SIPMessage, under AddressSanitizer.
//
// An input is one byte of choices (the lowest bit: a stream; the three above: the number of edits), four
// bytes an edit, and the message.

/// What outlives one input: allocated once, so that the fuzzer's time goes into parsing.
private struct Workbench: ~Copyable {
    static let outputBytes = 262_144
    var message = SIPMessage()
    var again = SIPMessage()
    var edits = MessageEdits()
    let output = UnsafeMutableRawBufferPointer.allocate(byteCount: Workbench.outputBytes, alignment: 1)

    deinit { output.deallocate() }
}

nonisolated(unsafe) private var workbench = Workbench()

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let input = UnsafeRawBufferPointer(start: start, count: count)
    guard count > 0 else { return 0 }
    let editCount = Int(input[0] >> 1 & 7)
    let messageStart = 1 + editCount * 4
    guard messageStart <= count else { return 0 }
    let edits = UnsafeRawBufferPointer(rebasing: input[1..<messageStart])
    let text = UnsafeRawBufferPointer(rebasing: input[messageStart...])
    let framing: Framing = input[0] & 1 == 0 ? .datagram : .stream

    workbench.run(text, as: framing, edits: edits)
    return 0
}

private func require(_ condition: Bool, _ text: StaticString) {
    if !condition { fatalError("\(text)") }
}

private func requireInside(_ range: ByteRange, _ outer: ByteRange) {
    if range.isAbsent { return }
    require(range.start >= outer.start && range.end <= outer.end, "a range outside of its value")
}

private func isSame(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
    left.count == right.count && left.elementsEqual(right)
}

/// Every range lies where it should; also in a message that is broken.
private func checkIndex(_ message: borrowing SIPMessage) {
    let whole = ByteRange(0, min(message.bytes.count, 65_535))
    require(message.headerCount <= SIPMessage.headersMax, "too many headers")
    var end = message.startLineEnd
    for index in 0..<message.headerCount {
        let field = message.header(index)
        require(field.line.start >= end, "headers overlap")
        requireInside(field.nameRange, field.line)
        requireInside(field.value, field.line)
        require(field.nameRange.start == field.line.start, "a name away from its line")
        let name = message.bytes(field.nameRange)
        require(HeaderName.identify(name) == field.name, "a name identified in two ways")
        var found = message.first(named: name)
        while found >= 0, found != index { found = message.next(after: found, named: name) }
        require(found == index, "a header that is not found by its name")
        end = field.line.end
    }
    require(end <= max(message.headersEnd, message.startLineEnd), "a header behind the headers' end")
    for range in [
        message.requestURI, message.reasonPhrase, message.methodName, message.callID, message.from, message.to,
        message.fromTag, message.toTag, message.topVia.value, message.cSeqMethodName,
    ] { requireInside(range, whole) }
    require(message.body.count <= message.bytes.count, "a body larger than its message")
}

/// What holds of a message that was taken.
private func checkWhole(_ message: borrowing SIPMessage) {
    var end = message.startLineEnd
    for index in 0..<message.headerCount {
        require(message.header(index).line.start == end, "bytes between two headers")
        end = message.header(index).line.end
    }
    require(end == message.headersEnd, "bytes behind the last header")
    require(message.bodyStart + message.body.count == message.byteCount, "a body that does not end the message")
    let via = message.topVia
    requireInside(via.value, message.header(message.topViaElement.headerIndex).value)
    for range in [via.host, via.branch, via.received, via.maddr, via.rportName, via.rportParameter] {
        requireInside(range, via.value)
    }
    require(Via.parse(via.value, in: message.bytes) == via, "the top Via read in two ways")
    require(!message.callID.isEmpty && !message.fromAddress.uri.isEmpty, "a header without its value")
    if message.isRequest {
        require(
            SIPURI.parse(message.requestURI, in: message.bytes) == message.requestTarget, "a URI read in two ways")
    } else {
        require((100...699).contains(message.statusCode), "a status code out of range")
    }
}

private func checkLists(_ message: borrowing SIPMessage) {
    for name in [HeaderName.via, .route, .recordRoute, .contact, .supported, .subject] {
        var cursor = message.elements(of: name)
        var isFirst = true
        var previous = -1
        while let element = cursor.next(in: message) {
            requireInside(element.value, message.header(element.headerIndex).value)
            require(!element.value.isEmpty, "an empty element")
            isFirst = element.headerIndex != previous
            require(element.isFirst == isFirst, "an element that is not where it says")
            previous = element.headerIndex
            if let via = Via.parse(element.value, in: message.bytes) { requireInside(via.branch, element.value) }
            guard let address = NameAddress.parse(element.value, in: message.bytes) else { continue }
            requireInside(address.uri, element.value)
            requireInside(address.displayName, element.value)
            requireInside(address.parameters, element.value)
            var parameters = ParameterCursor(address.parameters)
            while let parameter = parameters.next(in: message.bytes) {
                requireInside(parameter.name, element.value)
                requireInside(parameter.value, element.value)
                require(
                    address.parameter(message.bytes(parameter.name), in: message.bytes) != nil, "a parameter not found")
            }
        }
    }
}

private func checkURIs(_ message: borrowing SIPMessage) {
    let to = message.bytes(message.toAddress.uri)
    let from = message.bytes(message.fromAddress.uri)
    require(SIPURI.equivalent(to, to), "a URI that is not its own equal")
    require(SIPURI.equivalent(to, from) == SIPURI.equivalent(from, to), "a comparison with a direction")
    guard let uri = SIPURI.parse(message.toAddress.uri, in: message.bytes) else { return }
    for range in [uri.schemeName, uri.user, uri.password, uri.host, uri.parameters, uri.headers, uri.hostPort] {
        requireInside(range, message.toAddress.uri)
    }
    var parameters = ParameterCursor(uri.parameters)
    while let parameter = parameters.next(in: message.bytes) { requireInside(parameter.name, uri.parameters) }
}

extension Workbench {
    fileprivate mutating func run(_ text: UnsafeRawBufferPointer, as framing: Framing, edits: UnsafeRawBufferPointer) {
        let outcome = message.parse(text, as: framing)
        require(outcome == again.parse(text, as: framing), "parsing twice gives two outcomes")
        switch outcome {
        case .keepAlive(let consumed): require(consumed <= text.count, "consumed more than there is")
        case .incomplete: require(framing == .stream, "a datagram is never incomplete")
        case .tooLarge: checkIndex(message)
        case .malformed(let error):
            checkIndex(message)
            require(Int(error.offset) <= text.count, "a malformation behind the end")
            _ = ResponseWriter.write(Int(max(error.responseCode, 400)), to: message, into: output)
        case .complete(let consumed):
            require(consumed <= text.count, "consumed more than there is")
            checkIndex(message)
            checkWhole(message)
            checkLists(message)
            checkURIs(message)
            checkIdentity()
            checkSource()
            if message.isRequest { checkWriters() }
            checkEdits(edits)
        }
    }

    /// Without edits the message is its own bytes, and is read the same again.
    fileprivate mutating func checkIdentity() {
        edits.removeAll()
        let count = edits.serialise(message, into: output)
        require(count == message.byteCount, "an unedited message of another length")
        let output = UnsafeRawBufferPointer(rebasing: output[0..<count])
        require(isSame(output, UnsafeRawBufferPointer(rebasing: message.bytes[0..<count])), "bytes that changed")
        guard case .complete = again.parse(output) else { fatalError("a message refused the second time") }
        require(again.headerCount == message.headerCount, "headers that came or went")
        require(again.byteCount == count, "a message that ends elsewhere the second time")
    }

    /// Where the request came from can be noted in every message that was taken.
    fileprivate mutating func checkSource() {
        edits.removeAll()
        edits.noteSource(address: UnsafeRawBufferPointer("192.0.2.1"), port: 5099, of: message)
        let count = edits.serialise(message, into: output)
        let output = UnsafeRawBufferPointer(rebasing: output[0..<max(count, 0)])
        // The address may be what makes the headers too long.
        guard count >= 0, message.headersEnd < 65_400 else { return }
        guard case .complete = again.parse(output) else { fatalError("a source breaks its Via") }
        let via = again.topVia
        require(isSame(again.bytes(via.received), UnsafeRawBufferPointer("192.0.2.1")), "a source not noted")
        require(message.topVia.rport < 0 || via.rport == 5099, "a port not noted")
    }

    fileprivate mutating func checkWriters() {
        var content = ResponseWriter.Content()
        content.toTag = UnsafeRawBufferPointer("tag")
        content.received = UnsafeRawBufferPointer("192.0.2.1")
        content.rport = 5099
        guard message.headersEnd < 65_000 else { return }
        var count = ResponseWriter.write(200, content, to: message, into: output)
        require(count > 0, "a response that does not fit")
        require(
            again.parse(UnsafeRawBufferPointer(rebasing: output[0..<count]), as: .stream)
                == .complete(consumed: count), "a response that is none")
        require(again.statusCode == 200, "another status code")
        require(isSame(again.bytes(again.callID), message.bytes(message.callID)), "another Call-ID")
        require(again.cSeqNumber == message.cSeqNumber, "another CSeq")
        require(
            message.toTag.isEmpty == isSame(again.bytes(again.toTag), content.toTag)
                || isSame(message.bytes(message.toTag), content.toTag), "a tag that is not as it should be")

        count = RequestWriter.writeCancel(for: message, into: output)
        require(count > 0, "a CANCEL that does not fit")
        require(
            again.parse(UnsafeRawBufferPointer(rebasing: output[0..<count]), as: .stream)
                == .complete(consumed: count), "a CANCEL that is none")
        require(again.method == .cancel, "a CANCEL with another method")
    }

    /// Edits as the input says. Those of whole lines leave a message whose headers can be counted.
    fileprivate mutating func checkEdits(_ input: UnsafeRawBufferPointer) {
        edits.removeAll()
        var areWholeLines = true
        var removed: Set<Int> = []
        var inserted = 0
        let headers = message.headerCount
        for index in stride(from: 0, to: input.count, by: 4) {
            let header = Int(input[index + 1]) % headers
            let amount = Int(input[index + 2])
            switch input[index] % 7 {
            case 0:
                edits.removeHeader(header, of: message)
                removed.insert(header)
            case 1:
                edits.insertHeader(
                    "X", value: UnsafeRawBufferPointer("y"), at: header, of: message)
                inserted += 1
            case 2:
                areWholeLines = false
                edits.replace(message.header(header).value, with: UnsafeRawBufferPointer("z, \"<"))
            case 3:
                areWholeLines = false
                var cursor = message.elements(of: message.header(header).name)
                if let element = cursor.next(in: message) {
                    edits.removeElement(element, of: message)
                }
            case 4:
                areWholeLines = false
                edits.replaceBody(with: UnsafeRawBufferPointer("body"), of: message)
            case 5:
                areWholeLines = false
                let offset = (Int(input[index + 3]) << 8 | amount) % (message.byteCount + 8)
                edits.begin(at: offset, removing: Int(input[index + 1]))
                edits.appendDecimal(amount)
                edits.end()
            default:
                areWholeLines = false
                edits.noteSource(address: UnsafeRawBufferPointer("::1"), port: amount, of: message)
            }
        }
        let expected = edits.serialisedCount(message)
        let count = edits.serialise(message, into: output)
        if edits.overflowed {
            require(count == -1, "an overflow that was written")
            return
        }
        require(count == expected, "another count than announced")
        let outcome = again.parse(UnsafeRawBufferPointer(rebasing: output[0..<count]))
        checkIndex(again)
        guard areWholeLines, outcome != .tooLarge else { return }
        require(again.headerCount == headers - removed.count + inserted, "headers that came or went by edits")
    }
}
