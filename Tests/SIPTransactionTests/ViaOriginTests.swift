import SIPMessage
import SIPTransaction
import Testing

@Suite struct ViaOriginTests {
    private let origin = ViaOrigin(worker: 0x12, listener: 0x34, returnHash: 0x89ab_cdef)

    private func read(_ parameters: String) -> ViaOrigin? {
        let text = request(via: "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKabc\(parameters)")
        return withMessage(text) { ViaOrigin($0.topVia, in: $0.bytes) }
    }

    @Test("the parameter is read wherever a peer has put it")
    func found() {
        #expect(read(";sv=123489abcdef") == origin)
        #expect(read(";received=192.0.2.9;sv=123489abcdef") == origin)
        #expect(read(";sv=123489abcdef;received=192.0.2.9") == origin)
    }

    @Test("what we did not write like that is not read")
    func refused() {
        #expect(read("") == nil)
        #expect(read(";sv=123489abcde") == nil)
        #expect(read(";sv=123489ABCDEF") == nil)
        #expect(read(";sx=123489abcdef") == nil)
    }

    @Test("the hash of the return address depends on address, port and key")
    func returnHash() {
        let key = HashKey(low: 1, high: 2)
        let hash = ViaOrigin.returnHash(high: 0, low: 0xC000_0201, port: 5_060, hashKey: key)
        #expect(hash == ViaOrigin.returnHash(high: 0, low: 0xC000_0201, port: 5_060, hashKey: key))
        #expect(hash != ViaOrigin.returnHash(high: 0, low: 0xC000_0202, port: 5_060, hashKey: key))
        #expect(hash != ViaOrigin.returnHash(high: 0, low: 0xC000_0201, port: 5_061, hashKey: key))
        #expect(hash != ViaOrigin.returnHash(high: 1, low: 0xC000_0201, port: 5_060, hashKey: key))
        let other = HashKey(low: 1, high: 3)
        #expect(hash != ViaOrigin.returnHash(high: 0, low: 0xC000_0201, port: 5_060, hashKey: other))
    }
}
