import SIPTransaction
import Testing

/// SipHash-c-d with 64 or 128 bits as its authors describe it, written without a glance at the library's.
private struct ReferenceSipHash {
    static func hash(_ message: [UInt8], key: [UInt8], c: Int, d: Int) -> (low: UInt64, high: UInt64) {
        func word(_ bytes: ArraySlice<UInt8>) -> UInt64 {
            bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
        }
        let k0 = word(key[0..<8])
        let k1 = word(key[8..<16])
        var v: [UInt64] = [
            k0 ^ 0x736f_6d65_7073_6575, k1 ^ 0x646f_7261_6e64_6f6d, k0 ^ 0x6c79_6765_6e65_7261,
            k1 ^ 0x7465_6462_7974_6573,
        ]
        func rotated(_ value: UInt64, _ count: UInt64) -> UInt64 { value << count | value >> (64 - count) }
        func rounds(_ count: Int) {
            for _ in 0..<count {
                v[0] &+= v[1]
                v[2] &+= v[3]
                v[1] = rotated(v[1], 13) ^ v[0]
                v[3] = rotated(v[3], 16) ^ v[2]
                v[0] = rotated(v[0], 32)
                v[2] &+= v[1]
                v[0] &+= v[3]
                v[1] = rotated(v[1], 17) ^ v[2]
                v[3] = rotated(v[3], 21) ^ v[0]
                v[2] = rotated(v[2], 32)
            }
        }
        // The 128-bit variant marks itself here and in its finalisation.
        v[1] ^= 0xee
        var position = 0
        while position + 8 <= message.count {
            let block = word(message[position..<position + 8])
            v[3] ^= block
            rounds(c)
            v[0] ^= block
            position += 8
        }
        let last = word(message[position...]) | UInt64(message.count & 0xff) << 56
        v[3] ^= last
        rounds(c)
        v[0] ^= last
        v[2] ^= 0xee
        rounds(d)
        let low = v[0] ^ v[1] ^ v[2] ^ v[3]
        v[1] ^= 0xdd
        rounds(d)
        return (low, v[0] ^ v[1] ^ v[2] ^ v[3])
    }
}

@Suite struct KeyedHashTests {
    private let key = HashKey(low: 0x0706_0504_0302_0100, high: 0x0f0e_0d0c_0b0a_0908)

    private func digest(_ build: (inout KeyedHash) -> Void) -> [UInt64] {
        var hash = KeyedHash(key: key)
        build(&hash)
        let result = hash.finish128()
        return [result.low, result.high]
    }

    private func absorb(_ text: [UInt8], into hash: inout KeyedHash) {
        text.withUnsafeBytes { hash.absorb($0) }
    }

    @Test("the reference gives the published SipHash-2-4-128 values")
    func reference() {
        let key = (0..<16).map { UInt8($0) }
        func bytes(_ value: (low: UInt64, high: UInt64)) -> [UInt8] {
            [value.low, value.high].flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(8 * $0)) }
            }
        }
        // vectors.h of the reference implementation: inputs of 0 and 1 bytes (00).
        #expect(
            bytes(ReferenceSipHash.hash([], key: key, c: 2, d: 4)) == [
                0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6, 0x6d, 0xf6, 0x72, 0x14, 0xc7, 0x55, 0x02, 0x93,
            ])
        #expect(
            bytes(ReferenceSipHash.hash([0], key: key, c: 2, d: 4)) == [
                0xda, 0x87, 0xc1, 0xd8, 0x6b, 0x99, 0xaf, 0x44, 0x34, 0x76, 0x59, 0x11, 0x9b, 0x22, 0xfc, 0x45,
            ])
    }

    @Test("on whole words and with their final block it is SipHash-1-3-128")
    func sipHash() {
        var random = SeededGenerator.printed("sipHash")
        let keyBytes = (0..<16).map { UInt8($0) }
        for count in 0..<20 {
            let words = (0..<count).map { _ in random.next() }
            let message = words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(8 * $0)) } }
            let expected = ReferenceSipHash.hash(message, key: keyBytes, c: 1, d: 3)
            let ours = digest { hash in
                for word in words { hash.absorb(word) }
                hash.absorb(UInt64(message.count & 0xff) << 56)
            }
            #expect(ours == [expected.low, expected.high])
        }
    }

    @Test("a field of bytes is its length and its bytes padded with zeros to words")
    func fieldLayout() {
        var random = SeededGenerator.printed("fieldLayout")
        for count in 0..<40 {
            let bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            let ours = digest { absorb(bytes, into: &$0) }
            let padded = bytes + [UInt8](repeating: 0, count: (8 - count % 8) % 8)
            let expected = digest { hash in
                hash.absorb(UInt64(count))
                for start in stride(from: 0, to: padded.count, by: 8) {
                    hash.absorb(padded[start..<start + 8].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
                }
            }
            #expect(ours == expected)
        }
    }

    @Test("fields do not run into each other: no two ways to split some bytes are equal")
    func boundaries() {
        var seen: [[UInt64]: String] = [:]
        let text = Array("aaaaaaaaaaaaaaaa".utf8)
        for total in 0...16 {
            for first in 0...total {
                for second in first...total {
                    let digest = digest { hash in
                        absorb(Array(text[0..<first]), into: &hash)
                        absorb(Array(text[first..<second]), into: &hash)
                        absorb(Array(text[second..<total]), into: &hash)
                    }
                    let name = "\(first)+\(second - first)+\(total - second)"
                    #expect(seen[digest] == nil, "\(name) is \(seen[digest] ?? "")")
                    seen[digest] = name
                }
            }
        }
    }

    @Test("trailing zeros, field counts and field order matter")
    func distinct() {
        let digests: [[UInt64]] = [
            digest { _ in },
            digest { absorb([], into: &$0) },
            digest { absorb([0], into: &$0) },
            digest { absorb([0, 0], into: &$0) },
            digest { absorb([0, 0, 0, 0, 0, 0, 0, 0], into: &$0) },
            digest {
                absorb([], into: &$0)
                absorb([], into: &$0)
            },
            digest {
                absorb([1], into: &$0)
                absorb([2], into: &$0)
            },
            digest {
                absorb([2], into: &$0)
                absorb([1], into: &$0)
            },
        ]
        #expect(Set(digests).count == digests.count)
    }

    @Test("case is folded where it is asked for, for ASCII letters only")
    func caseFolding() {
        func folded(_ text: [UInt8]) -> [UInt64] {
            digest { hash in text.withUnsafeBytes { hash.absorbLowercased($0) } }
        }
        #expect(folded(Array("PC33.Atlanta.Example.COM".utf8)) == folded(Array("pc33.atlanta.example.com".utf8)))
        #expect(folded(Array("AbC".utf8)) == folded(Array("aBc".utf8)))
        #expect(digest { absorb(Array("ABC".utf8), into: &$0) } != digest { absorb(Array("abc".utf8), into: &$0) })
        // Neighbours of the letters, and what is 32 apart outside of them.
        for (left, right) in [("@", "`"), ("[", "{"), ("^", "~")] {
            #expect(folded(Array(left.utf8)) != folded(Array(right.utf8)))
        }
        #expect(folded([0xC0]) != folded([0xE0]))
        #expect(folded(Array("abc".utf8)) == digest { absorb(Array("abc".utf8), into: &$0) })
    }

    @Test("another key, another hash; equal keys, equal hashes")
    func keys() {
        func value(_ key: HashKey) -> UInt64 {
            var hash = KeyedHash(key: key)
            hash.absorb(UInt64(7))
            return hash.finish()
        }
        #expect(value(HashKey(low: 1, high: 2)) == value(HashKey(low: 1, high: 2)))
        #expect(value(HashKey(low: 1, high: 2)) != value(HashKey(low: 2, high: 1)))
        #expect(value(HashKey(low: 1, high: 2)) != value(HashKey(low: 1, high: 3)))
        #expect(HashKey(bytes: Array("one".utf8)) == HashKey(bytes: Array("one".utf8)))
        #expect(HashKey(bytes: Array("one".utf8)) != HashKey(bytes: Array("two".utf8)))
        #expect(HashKey(bytes: []) != HashKey(bytes: [0]))
        #expect(HashKey.random() != HashKey.random())
    }
}
