import Foundation
import Wire

@testable import V6Flower

/// A parser of foreign bytes, with what must hold of all that it takes.
struct Target: Sendable {
    let name: String
    /// Parses the bytes and checks what came of it; an error that it throws is a refusal, and no fault.
    let body: @Sendable (Data) throws -> Void
    /// The first inputs: a few that are right, a few that are nasty.
    let seeds: @Sendable () throws -> [String: Data]

    /// The target of this process, which runs on one thread.
    nonisolated(unsafe) static var current: Target?

    func run(_ data: Data) {
        do {
            try body(data)
        } catch {
            // A refusal says what is wrong in words; those too are made of foreign bytes.
            _ = "\(error)"
        }
    }
}

/// What libFuzzer calls with each input.
@_cdecl("LLVMFuzzerTestOneInput")
func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ size: Int) -> Int32 {
    Target.current?.run(bytes.map { Data(bytes: $0, count: size) } ?? Data())
    return 0
}

/// Ends the process where a property does not hold, so that the fuzzer keeps the input.
func require(_ condition: Bool, _ property: String) {
    if !condition { fatalError("does not hold: \(property)") }
}

/// What a parser gives for what it has itself written; a refusal of that is a fault.
func again<Value>(_ property: String, _ body: () throws -> Value) -> Value {
    do {
        return try body()
    } catch {
        fatalError("does not hold: \(property): \(error)")
    }
}

/// Calls `body` with the bytes as a file.
func withFile<Result>(_ data: Data, _ body: (FileBytes) throws -> Result) throws -> Result {
    let file = try SpoolFile()
    try data.withUnsafeBytes(file.write)
    return try body(file.finish())
}
