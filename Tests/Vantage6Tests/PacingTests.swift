import Foundation
import Synchronization
import Testing

@testable import Vantage6

/// A clock that goes on only when somebody sleeps, and notes for how long.
private final class ManualClock: Clock {
    struct Instant: InstantProtocol {
        var time: Duration
        func advanced(by duration: Duration) -> Instant { Instant(time: time + duration) }
        func duration(to other: Instant) -> Duration { other.time - time }
        static func < (one: Instant, other: Instant) -> Bool { one.time < other.time }
    }

    private let state = Mutex<(now: Duration, pauses: [Duration])>((.zero, []))
    var now: Instant { Instant(time: state.withLock { $0.now }) }
    let minimumResolution = Duration.zero
    var pauses: [Duration] { state.withLock { $0.pauses } }

    func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        try Task.checkCancellation()
        state.withLock { state in
            state.pauses.append(deadline.time - state.now)
            state.now = max(state.now, deadline.time)
        }
    }
}

@Suite("How long central pauses")
struct PacingTests {
    @Test(
        "Polls are frequent at first, then about once a second, and half a minute apart at most, whatever answers take")
    func bounds() {
        let polls = Pacing.polls
        #expect(polls.pause(after: .zero) == .milliseconds(10))
        #expect(polls.pause(after: .seconds(3)) == .milliseconds(500))
        #expect(polls.pause(after: .seconds(3600)) == .seconds(1))
        #expect(polls.pause(after: .seconds(3600), answer: .seconds(2)) == .seconds(8))
        #expect(polls.pause(after: .seconds(3600), answer: .seconds(14 * 60)) == .seconds(30))
        #expect(polls.pause(after: .seconds(-5), answer: .seconds(-5)) == .milliseconds(10))
        for pacing in [polls, .retries] {
            for waited in [0.0, 1e-9, 1, 1e3, 1e9] {
                for answer in [0.0, 1e-3, 1, 1e9] {
                    let pause = pacing.pause(after: .seconds(waited), answer: .seconds(answer))
                    #expect(pause >= pacing.shortest && pause <= pacing.longest)
                }
            }
        }
    }

    @Test("Whoever asks in a tight loop gets through once a pause")
    func gate() {
        let start = ContinuousClock.now
        var gate = Pacing.Gate(.polls, started: start)
        var times: [Duration] = []
        for step in 0..<10_000 {
            let now = start + .milliseconds(step)
            guard gate.isOpen(at: now) else { continue }
            times.append(.milliseconds(step))
            gate.close(at: now, answer: .milliseconds(step < 5000 ? 1 : 500))
        }
        #expect(times.first == .zero && times.dropFirst().first == .milliseconds(10))
        #expect(times.count < 60, "ten seconds of asking")
        let pauses = zip(times.dropFirst(), times).map { $0 - $1 }
        #expect(pauses.max() == .seconds(2), "four times what a slow answer takes")
    }

    @Test("The loop pauses as the policy says, by the answers' own time")
    func loop() async throws {
        let clock = ManualClock()
        let looks = Mutex(0)
        let isOver = try await Pacing.polls.wait(until: ManualClock.Instant?.none, on: clock) {
            let number = looks.withLock { looks in
                looks += 1
                return looks
            }
            return Pacing.Look(isOver: number == 4, answer: number == 2 ? .seconds(840) : .zero)
        }
        #expect(isOver)
        // The second answer was slow: half a minute. Then a sixth of what has passed, up to a second.
        #expect(clock.pauses == [.milliseconds(10), .seconds(30), .seconds(1)])
    }

    @Test("A deadline ends the wait even while a question hangs")
    func deadline() async throws {
        let clock = ManualClock()
        let isOver = try await Pacing.polls.wait(until: ManualClock.Instant(time: .seconds(3)), on: clock) {
            try await Task.sleep(for: .seconds(3600))
            return Pacing.Look(isOver: true, answer: .zero)
        }
        #expect(!isOver)
    }
}
