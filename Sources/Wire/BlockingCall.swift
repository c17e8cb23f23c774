import Foundation

extension DispatchQueue {
    /// Waits for what blocks its thread: the queue's, so that no task is held up.
    package func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            async { continuation.resume(with: Result { try body() }) }
        }
    }
}
