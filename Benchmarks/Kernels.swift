import Flower
import Foundation
import LocalData
import Wire

/// What is ours although others have the same, beside the fastest of theirs in Foundation where there is one.
///
/// Prints a line each: its name, our seconds, and theirs by name.
struct Kernels {
    /// Where scripts/benchmark has put `page.json`, `values.json`, `model.safetensors` and `table.csv`.
    let folder: String

    private struct Page: Codable {
        struct Row: Codable {
            let id: Int
            let result: String
        }
        let data: [Row]
    }

    private struct Round: Codable {
        let organization: Int
        let name: String
        let metrics: [String: Double]
    }

    func run() throws {
        try json()
        try base64()
        try report("safetensors", []) {
            try Safetensors.open(FileBytes(path: folder + "/model.safetensors")).values.map { try $0.floats() }
        }
        try report("csv", []) {
            try Table.csv(Data(contentsOf: URL(fileURLWithPath: folder + "/table.csv")), source: "table.csv").rowCount
        }
    }

    private func json() throws {
        let (page, values) = (folder + "/page.json", folder + "/values.json")
        let decoder = JSONDecoder()
        try report(
            "json of results",
            [
                ("JSONDecoder", { try decoder.decode(Page.self, from: data(page)) }),
                ("JSONSerialization", { try JSONSerialization.jsonObject(with: data(page)) }),
            ]
        ) { try JSON(parsing: FileBytes(path: page)) }
        try report(
            "json of numbers",
            [
                ("JSONDecoder", { try decoder.decode([Round].self, from: data(values)) }),
                ("JSONSerialization", { try JSONSerialization.jsonObject(with: data(values)) }),
            ]
        ) { try JSON(parsing: data(values)) }
        let ours = try JSON(parsing: data(values))
        let rounds = try decoder.decode([Round].self, from: data(values))
        let objects = try JSONSerialization.jsonObject(with: data(values))
        try report(
            "json written",
            [
                ("JSONEncoder", { try JSONEncoder().encode(rounds) }),
                ("JSONSerialization", { try JSONSerialization.data(withJSONObject: objects) }),
            ]
        ) { ours.serialized() }
    }

    private func base64() throws {
        let bytes = try data(folder + "/model.safetensors")
        let text = bytes.base64EncodedData()
        try report("base64 read", [("Data", { Data(base64Encoded: text) })]) { try Base64.decode(text) }
        try report("base64 written", [("Data", { bytes.base64EncodedString() })]) { Base64.encode(bytes) }
    }

    private func data(_ path: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path)) }

    private func report(_ name: String, _ theirs: [(String, () throws -> Any?)], _ ours: @escaping () throws -> Any?)
        throws
    {
        var seconds = [[Double]](repeating: [], count: theirs.count + 1)
        // In turn, so that what else the machine does is for all.
        for _ in 0..<7 {
            for (index, body) in ([ours] + theirs.map(\.1)).enumerated() {
                let started = ContinuousClock.now
                guard try body() != nil else { throw CocoaError(.coderValueNotFound) }
                seconds[index].append(started.duration(to: .now) / .seconds(1))
            }
        }
        let medians = seconds.map { $0.sorted()[$0.count / 2] }
        print(
            ([name, "\(medians[0])"] + zip(theirs, medians.dropFirst()).map { "\($0.0)=\($1)" }).joined(separator: "\t")
        )
    }
}
