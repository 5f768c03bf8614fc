internal import Glibc

/// One client of the control socket. Owned by the control thread; closes its descriptor when it goes.
final class ControlConnection {
    let descriptor: Int32
    private var input: [UInt8] = []
    private var output: [UInt8] = []
    private var outputOffset = 0
    private var inputHasEnded = false
    private var isBroken = false
    /// Set once nothing further will be answered; the connection goes when the output has been taken.
    private var isLast = false
    private var lastProgress: Int

    private static let readBytesMax = 16_384

    init(descriptor: Int32, now: Int) {
        self.descriptor = descriptor
        lastProgress = now
    }

    deinit { close(descriptor) }

    var hasOutput: Bool { outputOffset < output.count }
    var isFinished: Bool { isBroken || (isLast && !hasOutput) }
    var wantedEvents: Int16 { Int16(hasOutput ? POLLOUT : POLLIN) }

    func deadline(limits: ControlLimits) -> Int {
        lastProgress + (hasOutput ? limits.stalledMilliseconds : limits.idleMilliseconds)
    }

    func expire(limits: ControlLimits, now: Int) {
        if now > deadline(limits: limits) { isBroken = true }
    }

    func refuse(_ message: String) {
        queue(ControlAnswer.failure(message))
        isLast = true
    }

    func readSome(now: Int) {
        var chunk = [UInt8](repeating: 0, count: ControlConnection.readBytesMax)
        while true {
            let count = recv(descriptor, &chunk, chunk.count, 0)
            if count > 0 {
                input.append(contentsOf: chunk.prefix(count))
                lastProgress = now
            } else if count == 0 {
                inputHasEnded = true
            } else if errno == EINTR {
                continue
            } else if errno != EAGAIN {
                isBroken = true
            }
            return
        }
    }

    func writeSome(now: Int) {
        while hasOutput, !isBroken {
            let count = output.withUnsafeBytes {
                send(descriptor, $0.baseAddress! + outputOffset, output.count - outputOffset, Int32(MSG_NOSIGNAL))
            }
            if count > 0 {
                outputOffset += count
                lastProgress = now
            } else if count < 0, errno == EINTR {
                continue
            } else if count < 0, errno == EAGAIN {
                return
            } else {
                isBroken = true
            }
        }
        output = []
        outputOffset = 0
    }

    /// Answers the lines that are complete, one at a time while the client takes the answers.
    func answer(with handler: ControlServer.Handler, limits: ControlLimits, now: Int) {
        while !hasOutput, !isBroken, !isLast {
            guard let line = takeLine(limits: limits) else { return }
            switch ControlRequest.parse(line) {
            case .success(let request):
                var answer = handler(request)
                answer.id = request.id
                queue(answer)
            case .failure(let answer): queue(answer)
            }
            writeSome(now: now)
        }
    }

    /// The next line without its end; blank ones are passed over. At the end of input an unfinished line counts.
    private func takeLine(limits: ControlLimits) -> ArraySlice<UInt8>? {
        while true {
            let end = input.firstIndex(of: 0x0A)
            if (end ?? input.count) > limits.requestLineBytes {
                refuse("the request is longer than \(limits.requestLineBytes) bytes")
                input = []
                writeSome(now: lastProgress)
                return nil
            }
            guard let end else {
                guard inputHasEnded else { return nil }
                isLast = true
                let rest = input[...]
                input = []
                if rest.allSatisfy(ControlConnection.isBlank) { return nil }
                return rest
            }
            let line = input[..<end]
            input = Array(input[(end + 1)...])
            if !line.allSatisfy(ControlConnection.isBlank) { return line }
        }
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0D }

    private func queue(_ answer: ControlAnswer) {
        output = Array(answer.json.text.utf8)
        output.append(0x0A)
        outputOffset = 0
    }
}
