import Foundation
import Synchronization

/// Does the same for each place below `count`, on all cores, and gives the results in order. Throws the error of the
/// first place that has one.
package func concurrently<Value: Sendable>(
    _ count: Int, _ body: @Sendable (Int) throws -> Value
) throws -> [Value] {
    let results = Mutex([Result<Value, any Error>?](repeating: nil, count: count))
    DispatchQueue.concurrentPerform(iterations: count) { place in
        let result = Result { try body(place) }
        results.withLock { $0[place] = result }
    }
    return try results.withLock { results in try results.compactMap { try $0?.get() } }
}

/// How many of the container's cores are worth threads of their own.
package var coreCount: Int { max(ProcessInfo.processInfo.activeProcessorCount, 1) }
