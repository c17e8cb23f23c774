import Foundation
import Testing
import Wire

@Suite("Files for bytes that wait")
struct SpoolFileTests {
    @Test("Many at once in one folder share nothing, and none of them has a name there")
    func nameless() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("spool-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let files = try await withThrowingTaskGroup(of: (number: Int, bytes: FileBytes).self) { group in
            for number in 0..<50 {
                group.addTask {
                    let file = try SpoolFile(in: folder)
                    for _ in 0..<100 { try Data("\(number) ".utf8).withUnsafeBytes(file.write) }
                    return (number, try file.finish())
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
        #expect(files.count == 50)
        for (number, bytes) in files {
            #expect(try bytes.materialized() == Data(String(repeating: "\(number) ", count: 100).utf8))
        }
    }
}
