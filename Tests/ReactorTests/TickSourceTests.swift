import Reactor
import Testing

@Suite("Ticks") struct TickSourceTests {
    @Test("the length of a tick follows from two readings of both clocks")
    func rate() {
        var rate = TickRate()
        #expect(rate.secondsPerTick == 0)
        rate.note(ticks: 1_000, nanoseconds: 5_000_000_000)
        #expect(rate.secondsPerTick == 0)
        // Too close together to tell.
        rate.note(ticks: 9_000, nanoseconds: 5_000_100_000)
        #expect(rate.secondsPerTick == 0)
        rate.note(ticks: 400_001_000, nanoseconds: 5_200_000_000)
        #expect(abs(rate.secondsPerTick - 0.5e-9) < 1e-15)
    }

    @Test("ticks that stood still, went back or changed their speed are measured anew")
    func anew() {
        var rate = TickRate()
        rate.note(ticks: 1_000_000_000, nanoseconds: 1_000_000_000)
        rate.note(ticks: 2_000_000_000, nanoseconds: 2_000_000_000)
        #expect(abs(rate.secondsPerTick - 1e-9) < 1e-15)
        // Another machine: its counter is behind. The last rate holds until it can be told.
        rate.note(ticks: 500, nanoseconds: 3_000_000_000)
        #expect(abs(rate.secondsPerTick - 1e-9) < 1e-15)
        rate.note(ticks: 2_000_000_500, nanoseconds: 4_000_000_000)
        #expect(abs(rate.secondsPerTick - 0.5e-9) < 1e-15)
        // A minute on, the past is let go.
        rate.note(ticks: 122_000_000_500, nanoseconds: 65_000_000_000)
        rate.note(ticks: 126_000_000_500, nanoseconds: 66_000_000_000)
        #expect(abs(rate.secondsPerTick - 0.25e-9) < 1e-15)
    }

    @Test("the processor's ticks go on, a test's stand still until they are moved")
    func sources() {
        let processor = TickReader(.processor)
        let first = processor.now()
        #expect(eventually { processor.now() > first })
        let ticks = ManualTicks(7)
        let manual = TickReader(.manual(ticks))
        #expect(manual.now() == 7)
        ticks.advance(by: 3)
        #expect(manual.now() == 10)
    }
}
