import Foundation
import Synchronization

/// Does the same for each place below `count`, on all cores, and gives the results in order. Throws the error of the
/// first place that has one.
package func concurrently<Value: Sendable, Failure>(
    _ count: Int, _ body: @Sendable (Int) throws(Failure) -> Value
) throws(Failure) -> [Value] {
    let results = Mutex([Result<Value, Failure>?](repeating: nil, count: count))
    DispatchQueue.concurrentPerform(iterations: count) { place in
        let result = Result { () throws(Failure) in try body(place) }
        results.withLock { $0[place] = result }
    }
    var values: [Value] = []
    for result in results.withLock({ $0 }) { if let value = try result?.get() { values.append(value) } }
    return values
}

/// How many of the container's cores are worth threads of their own.
package var coreCount: Int { max(ProcessInfo.processInfo.activeProcessorCount, 1) }
