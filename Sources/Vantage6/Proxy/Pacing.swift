/// How long to pause before something is asked again: little at first and then more, by the time already waited, within
/// stated bounds.
package struct Pacing: Sendable {
    package var shortest: Duration
    /// A pause's share of the time already waited: an answer is seen late by that much of the time it took.
    package var share: Double
    /// The longest pause where answers are quick.
    package var usual: Duration
    /// What an answer may take without being a burden.
    package var quick: Duration
    /// How many times a slow answer's time the pause is.
    package var relief: Double
    /// The longest pause, whatever answers take.
    package var longest: Duration

    /// Between two questions for a task's state. The server reads all inputs and results of a task to tell it, so with
    /// large models each question is work for it: where an answer is slow, it gets a pause of four times as long, and
    /// half a minute at most.
    package static let polls = Pacing(
        shortest: .milliseconds(10), share: 1.0 / 6, usual: .seconds(1), quick: .milliseconds(250), relief: 4,
        longest: .seconds(30))

    /// Between two tries of a request that failed: as long as all before them, so twice as long each time, and ten
    /// seconds at most.
    package static let retries = Pacing(
        shortest: .milliseconds(200), share: 1, usual: .seconds(10), quick: .zero, relief: 0, longest: .seconds(10))

    /// The next pause.
    ///
    /// - Parameters:
    ///   - waited: the time since the first question.
    ///   - answer: the time that the last answer took; what passed in an outage is none of it.
    package func pause(after waited: Duration, answer: Duration = .zero) -> Duration {
        let usual = min(max(waited, .zero) * share, self.usual)
        let relief = answer > quick ? min(answer, longest) * relief : .zero
        return min(max(usual, relief, shortest), longest)
    }
}

extension Pacing {
    /// What was seen when something was asked.
    package struct Look: Sendable {
        /// Whether there is nothing more to wait for.
        package var isOver: Bool
        /// The time that the answer took.
        package var answer: Duration

        /// What was seen.
        package init(isOver: Bool, answer: Duration) {
            self.isOver = isOver
            self.answer = answer
        }
    }

    /// Asks until it is over (true) or the deadline has come (false). A question that is under way then is cancelled.
    /// Throws what `ask` throws.
    package func wait<C: Clock>(
        until deadline: C.Instant?, on clock: C, _ ask: @escaping @Sendable () async throws -> Look
    ) async throws -> Bool where C.Duration == Duration {
        guard let deadline else {
            try await wait(on: clock, ask)
            return true
        }
        return try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                try await wait(on: clock, ask)
                return true
            }
            group.addTask {
                try await clock.sleep(until: deadline, tolerance: nil)
                return false
            }
            defer { group.cancelAll() }
            return try await group.next() ?? false
        }
    }

    private func wait<C: Clock>(on clock: C, _ ask: () async throws -> Look) async throws where C.Duration == Duration {
        let started = clock.now
        while true {
            let look = try await ask()
            if look.isOver { return }
            try await clock.sleep(for: pause(after: started.duration(to: clock.now), answer: look.answer))
        }
    }
}

extension Pacing {
    /// Lets a question through when its pause is over, however often somebody comes with it.
    package struct Gate: Sendable {
        private let pacing: Pacing
        private let started: ContinuousClock.Instant
        private var next: ContinuousClock.Instant

        /// A gate that is open until the first answer.
        package init(_ pacing: Pacing, started: ContinuousClock.Instant) {
            self.pacing = pacing
            self.started = started
            next = started
        }

        /// Whether the question may be asked now.
        package func isOpen(at now: ContinuousClock.Instant) -> Bool { now >= next }

        /// Closes it for the pause after an answer that took so long.
        package mutating func close(at now: ContinuousClock.Instant, answer: Duration) {
            next = now + pacing.pause(after: started.duration(to: now), answer: answer)
        }
    }
}
