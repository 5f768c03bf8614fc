import Foundation
import Scripting
import Testing

extension String {
    /// The text as a key.
    fileprivate func bytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        var copy = self
        return copy.withUTF8 { body(UnsafeRawBufferPointer($0)) }
    }
}

extension SharedDictionary {
    fileprivate func text(_ key: String, now: UInt64 = 0) -> String? {
        key.bytes { read($0, now: now) { value, _ in Self.describe(value) } }
    }

    fileprivate static func describe(_ value: SharedValue) -> String {
        switch value {
        case .boolean(let flag): "\(flag)"
        case .integer(let integer): "\(integer)"
        case .number(let number): "\(number)"
        case .bytes(let bytes): String(decoding: bytes, as: UTF8.self)
        }
    }

    @discardableResult
    fileprivate func put(
        _ key: String, _ value: String, expires: UInt64 = .max, if condition: SharedCondition = .always, now: UInt64 = 0
    ) -> SharedOutcome {
        key.bytes { key in value.bytes { write(key, .bytes($0), expires: expires, if: condition, now: now) } }
    }

    fileprivate func keys(now: UInt64 = 0) -> [String] {
        var keys: [String] = []
        forEachKey(now: now) { key in
            keys.append(String(decoding: key, as: UTF8.self))
            return true
        }
        return keys
    }
}

@Suite("Shared dictionaries") struct SharedDictionaryTests {
    @Test("a dictionary behaves like a simple one with times, whatever is done to it", arguments: 0..<8)
    func model(round: Int) {
        let seed = UInt64.random(in: 1 ... .max)
        var random = SIPRandom(seed: seed)
        let dictionary = SharedDictionary(name: "model", bytesMax: 64 << 20)
        var model: [String: (value: String, expires: UInt64)] = [:]
        var now: UInt64 = 1
        for step in 0..<20_000 {
            now += UInt64.random(in: 0...3, using: &random)
            let key = "key-\(Int.random(in: 0..<(50 << round), using: &random))"
            if let known = model[key], known.expires <= now { model[key] = nil }
            switch Int.random(in: 0..<10, using: &random) {
            case 0...4:
                let value = String(repeating: "v", count: Int.random(in: 0..<60, using: &random)) + "\(step)"
                let expires =
                    Bool.random(using: &random) ? UInt64.max : now + UInt64.random(in: 1...400, using: &random)
                let condition = [SharedCondition.always, .ifAbsent, .ifPresent].randomElement(using: &random)!
                let writes =
                    switch condition {
                    case .always: true
                    case .ifAbsent: model[key] == nil
                    case .ifPresent: model[key] != nil
                    }
                let outcome = dictionary.put(key, value, expires: expires, if: condition, now: now)
                #expect(outcome == (writes ? .stored : .declined), "seed \(seed), step \(step)")
                if writes { model[key] = (value, expires) }
            case 5:
                let isRemoved = key.bytes { dictionary.remove($0, now: now) }
                #expect(isRemoved == (model.removeValue(forKey: key) != nil), "seed \(seed), step \(step)")
            default:
                #expect(dictionary.text(key, now: now) == model[key]?.value, "seed \(seed), step \(step)")
            }
        }
        let alive = model.filter { $0.value.expires > now }.keys.sorted()
        #expect(dictionary.keys(now: now).sorted() == alive, "seed \(seed)")
        dictionary.removeAll()
        #expect(dictionary.figures.entries == 0 && dictionary.figures.bytes == 0, "seed \(seed)")
    }

    @Test("what was used least recently makes room, and the memory stays within its limit")
    func eviction() {
        let dictionary = SharedDictionary(name: "small", bytesMax: 64 << 10)
        for index in 0..<5_000 {
            dictionary.put("key-\(index)", String(repeating: "x", count: 100))
            _ = dictionary.text("key-0")
            #expect(dictionary.figures.bytes <= 64 << 10)
        }
        let kept = dictionary.figures.entries
        #expect(dictionary.figures.evictions == UInt64(5_000 - kept))
        #expect(dictionary.text("key-0") != nil, "it is used all the time")
        #expect(Set(dictionary.keys()) == Set(["key-0"] + ((5_000 - kept + 1)..<5_000).map { "key-\($0)" }))
    }

    @Test("what could never fit is refused, and what was there stays")
    func tooLarge() {
        let dictionary = SharedDictionary(name: "small", bytesMax: 64 << 10)
        dictionary.put("a", "old")
        #expect(dictionary.put("a", String(repeating: "x", count: 65 << 10)) == .tooLarge)
        #expect(dictionary.text("a") == "old")
        #expect(dictionary.figures.refusals == 1)
    }

    @Test("a smaller limit drops the least recently used at once, a larger one nothing")
    func limits() {
        let dictionary = SharedDictionary(name: "resized", bytesMax: 256 << 10)
        for index in 0..<1_000 { dictionary.put("\(index)", String(repeating: "x", count: 50)) }
        let before = dictionary.figures.entries
        dictionary.limit(bytes: 512 << 10)
        #expect(dictionary.figures.entries == before)
        dictionary.limit(bytes: 64 << 10)
        #expect(dictionary.figures.bytes <= 64 << 10)
        #expect(dictionary.text("999") != nil)
        #expect(dictionary.text("0") == nil)
    }

    @Test("what expires gives its memory back, though nobody asks for it again")
    func sweeping() {
        let dictionary = SharedDictionary(name: "swept", bytesMax: 1 << 20)
        for index in 0..<2_000 { dictionary.put("short-\(index)", "x", expires: 100, now: 1) }
        for index in 0..<2_000 { dictionary.put("long-\(index % 10)", "x", now: 200) }
        #expect(dictionary.figures.entries == 10)
        #expect(dictionary.keys(now: 200).count == 10)
    }

    @Test("no addition of any thread is lost")
    func additions() async {
        let dictionary = SharedDictionary(name: "counts", bytesMax: 16 << 20)
        await withTaskGroup(of: Void.self) { group in
            for thread in 0..<4 {
                group.addTask {
                    for step in 0..<20_000 {
                        let key = "counter-\((step + thread) % 100)"
                        _ = key.bytes { dictionary.add(.integer(1), to: $0, initial: .integer(0), now: 1) }
                    }
                }
            }
        }
        let sum = dictionary.keys().reduce(0) { $0 + (Int(dictionary.text($1) ?? "") ?? 0) }
        #expect(sum == 80_000)
    }
}
