internal import Reactor
internal import StatePolicy

/// What a worker knows of addresses: whether they are trusted, and the numbers of those that take part.
///
/// Worker-owned. Asked for every request and response, so the last answers are remembered by a hash of the address.
struct NeighbourTable: ~Copyable {
    struct Place {
        var isTrusted: Bool
        /// `PathSample.outside` unless it is a neighbour that takes part.
        var number: Int32

        static let stranger = Place(isTrusted: false, number: PathSample.outside)
    }

    private struct Answer {
        var address: SocketAddress
        var place: Place
    }

    /// Answers remembered; a power of two.
    private static let answersMax = 1_024

    private let trusted: [TrustedPeer]
    private let answers: UnsafeMutablePointer<Answer>
    private let addresses: UnsafeMutablePointer<SocketAddress>
    private let neighboursMax: Int
    private(set) var count = 0

    init(trusted: [TrustedPeer], neighboursMax: Int) {
        self.trusted = trusted
        self.neighboursMax = neighboursMax
        answers = .allocate(capacity: Self.answersMax)
        answers.initialize(repeating: Answer(address: .none, place: .stranger), count: Self.answersMax)
        addresses = .allocate(capacity: max(neighboursMax, 1))
        addresses.initialize(repeating: .none, count: max(neighboursMax, 1))
    }

    deinit {
        answers.deallocate()
        addresses.deallocate()
    }

    func find(_ address: SocketAddress) -> Place {
        let answer = answers + Self.slot(address)
        if answer.pointee.address == address { return answer.pointee.place }
        let place = lookUp(address)
        answer.pointee = Answer(address: address, place: place)
        return place
    }

    /// The number of a trusted address, a new one if it has none yet; `outside` when the table is full.
    mutating func enter(_ address: SocketAddress) -> Int32 {
        let place = find(address)
        guard place.isTrusted, place.number < 0, count < neighboursMax else { return place.number }
        addresses[count] = address
        count += 1
        let number = Int32(count - 1)
        answers[Self.slot(address)] = Answer(address: address, place: Place(isTrusted: true, number: number))
        return number
    }

    func address(_ number: Int32) -> SocketAddress {
        precondition(number >= 0 && number < count, "no such neighbour")
        return addresses[Int(number)]
    }

    private func lookUp(_ address: SocketAddress) -> Place {
        guard trusted.contains(where: { $0.contains(address) }) else { return .stranger }
        for number in 0..<count where addresses[number] == address {
            return Place(isTrusted: true, number: Int32(number))
        }
        return Place(isTrusted: true, number: PathSample.outside)
    }

    private static func slot(_ address: SocketAddress) -> Int {
        let mixed = (address.low ^ address.high &* 0x9E37_79B9_7F4A_7C15 ^ UInt64(address.port) << 40)
        return Int((mixed &* 0x9E37_79B9_7F4A_7C15) >> 54)
    }
}
