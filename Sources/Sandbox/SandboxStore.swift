import Foundation
import V6Flower
import Vantage6
import Wire

/// The large result store of a network that has one: its tasks name inputs and results by UUIDs, and nothing in them
/// has to be JSON.
extension SandboxNetwork {
    /// Keeps an input until its task is created, and gives its UUID.
    func keep(input: Data) throws -> JSON {
        guard configuration.hasStore else { throw Refusal("there is no large result store") }
        let name = UUID().uuidString.lowercased()
        inputs[name] = input
        return ["uuid": .string(name)]
    }

    /// What an organization of a task is sent: the text, or what it names.
    func input(_ text: any ByteSource) throws -> Data {
        guard configuration.hasStore else { return try Base64.decode(text) }
        let name = String(decoding: try text.materialized(), as: UTF8.self)
        guard let input = inputs.removeValue(forKey: name) else {
            throw Refusal("the input is no UUID of the large result store")
        }
        return input
    }

    /// The file of the result of a UUID.
    func blob(_ name: String) throws -> FileBytes {
        for case .file(let path) in tasks.values.flatMap(\.runs).filter({ Self.blobName($0) == name }).map(\.result) {
            return try FileBytes(path: path)
        }
        throw Refusal("no run found with input or result id=\(name)")
    }

    static func blobName(_ run: SandboxTask.Run) -> String { String(format: "00000000-0000-4000-8000-%012lld", run.id) }
}
