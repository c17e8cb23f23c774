import Vantage6
import Wire

extension Central {
    /// What central's method gives: the task's result, and what is to be done once it is on the disk.
    struct Outcome: Sendable {
        let result: JSON
        /// Records that the run has ended: only now, since until the result is written there must be something to go on
        /// from.
        let whenWritten: @Sendable () throws -> Void

        init(_ result: JSON, whenWritten: @escaping @Sendable () throws -> Void = {}) {
            self.result = result
            self.whenWritten = whenWritten
        }

        /// Writes the result and then does the rest. Throws where the result cannot be written; one that is written
        /// stands.
        func deliver(to output: WholeFile, log: Log) throws {
            try output.write(result)
            do {
                try whenWritten()
            } catch {
                log.line("the result is written; its checkpoint may hold more than it needs: \(error)")
            }
        }
    }
}
