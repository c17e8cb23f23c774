import Foundation
import LocalModels
import Testing
import Vantage6

@testable import V6Flower

@Suite("Payloads")
struct PayloadTests {
    @Test(
        "Messages come through a fan-out's input as they were, arrays that they share travel once",
        arguments: [false, true])
    func roundTrip(_ isCompressed: Bool) throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("payload-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let arrays: ArrayRecord = [
            "w": try NDArray((0..<1000).map(Float.init), shape: [10, 100]), "b": NDArray([1.5]),
        ]
        let own: ArrayRecord = ["w": NDArray([Float(7)])]
        func message(_ node: Int64, _ type: MessageType, _ arrays: ArrayRecord) -> Message {
            Message(
                content: ["arrays": .arrays(arrays), "config": .configs(["lr": 0.1, "é": "ü"])], dstNodeID: node,
                messageType: type,
                groupID: "1")
        }
        let messages = [
            message(2, .train, arrays), message(1, .evaluate, arrays), message(1, .train, arrays),
            message(3, .train, own),
        ]
        let outgoing = try Outgoing(
            messages, in: ("{\"method\":\"partial\",\"kwargs\":", "}"),
            replies: ReplyFormat(isCompressed: isCompressed), folder: folder)
        #expect([Int64](outgoing.inputs.keys) == [1, 2, 3])
        for (node, input) in outgoing.inputs {
            let text = try input.joined()
            let data = try Base64.decode(String(decoding: text, as: UTF8.self))
            let json = try JSON(parsing: data)
            #expect(json["method"]?.string == "partial")
            #expect(json["kwargs"]?["blobs"]?.members?.count == 1)
            let read = try Payload.messages(try #require(json["kwargs"]?.members), key: "messages") { digest in
                var file = try Base64.decode(try #require(json["kwargs"]?["blobs"]?[digest]?.utf8))
                #expect(Digest(of: file).hex == digest)
                if isCompressed {
                    let frame = file
                    file = Data()
                    try Zstandard.decompress(frame, limit: 1 << 20) { file.append(contentsOf: $0) }
                }
                return try Safetensors.open(file)
            }
            #expect(read == messages.filter { $0.metadata.dstNodeID == node })
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty, "nothing is left on the disk")
    }

    // MARK: - An input as bytes

    private static func json(_ data: Data) throws -> JSON? {
        let file = try SpoolFile()
        try data.withUnsafeBytes(file.write)
        return try Frame.input(try file.finish())
    }

    private static func framed(_ message: Message, _ format: ReplyFormat = ReplyFormat(isRaw: true)) throws -> Data {
        let outgoing = try Outgoing(
            [message], in: ("{\"method\":\"partial\",\"kwargs\":", "}"), takesBytes: true, replies: format,
            folder: FileManager.default.temporaryDirectory.path)
        return try #require(outgoing.inputs[4]).joined()
    }

    @Test("An input as bytes is as long as its arrays, and gives what one in JSON gives", arguments: [false, true])
    func framedInput(_ isCompressed: Bool) async throws {
        let format = ReplyFormat(isRaw: true, isCompressed: isCompressed)
        var message = Message(content: ["arrays": .arrays(Self.base)], dstNodeID: 4, messageType: .train, groupID: "1")
        message.metadata.messageID = "m"
        let input = try Self.framed(message, format)
        let size = Self.base.values.reduce(0) { $0 + $1.bytes.byteCount }
        #expect(input.count < size + 2000)
        let json = try #require(try Self.json(input))
        let kwargs = try #require(json["kwargs"]?.members)
        #expect(json["method"]?.string == "partial" && kwargs["messages"]?.elements?.count == 1)
        let (sent, expected) = try await Self.answer(format)
        let result = try await Self.answer(kwargs)
        #expect(try Self.read(result, sent, format).map(\.content) == Self.read(expected, sent, format).map(\.content))
    }

    @Test("An input as bytes that is cut or lies is refused in a sentence; one in JSON is none")
    func damagedInput() async throws {
        let message = Message(content: ["arrays": .arrays(Self.base)], dstNodeID: 4, messageType: .train, groupID: "1")
        let input = try Self.framed(message)
        for length in [8, 15, 16, 40, 200, input.count / 2, input.count - 1] {
            let error = #expect(throws: ContainerError.self, "\(length)") {
                try Self.json(input.prefix(length))
            }
            #expect("\(String(describing: error))".contains("its result") == false)
        }
        let headless = Frame.encode(["method": "partial"], Payload.Blobs())
        #expect(throws: ContainerError.self) { try Self.json(headless.joined()) }
        #expect(try Self.json(Data("{}".utf8)) == nil && Self.json(Data()) == nil)
        var changed = input
        changed[changed.count - 1] ^= 1
        let kwargs = try #require(try Self.json(changed)?["kwargs"]?.members)
        await #expect(throws: ContainerError.badInput(problem: "arrays do not have the digest they are named by")) {
            try await Self.answer(kwargs)
        }
    }

    @Test("Arrays that were changed are another blob; small and file-backed ones are never confused")
    func identity() throws {
        var blobs = Payload.Blobs()
        let first = try blobs.name(of: ["w": NDArray([Float(1)])])
        let second = try blobs.name(of: ["w": NDArray([Float(2)])])
        #expect(first != second)
        let long = NDArray((0..<100).map(Float.init))
        #expect(try blobs.name(of: ["w": long]) == blobs.name(of: ["w": long]))
        #expect(try blobs.name(of: ["w": long]) != blobs.name(of: ["v": long]))
        let names = try (0..<5).map { index in
            let path = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
            try Data(repeating: UInt8(index), count: 4096).write(to: URL(fileURLWithPath: path))
            return try blobs.name(of: ["w": NDArray(dtype: .uint8, shape: [4096], bytes: FileBytes(path: path))])
        }
        #expect(Set(names).count == 5)
    }

    static let damaged: [(JSON, String)] = [
        (["replies": []], "it has no format"), (["format": 2, "replies": []], "format 2"),
        (["format": 1], "it has no replies"),
        (["format": 1, "replies": [["content": [:]]]], "metadata"),
    ]

    @Test("A payload of another kind or version is refused in a sentence", arguments: damaged)
    func refuses(_ json: JSON, _ words: String) {
        let error = #expect(throws: Payload.Malformed.self) {
            try Payload.messages(json.members ?? [:], key: "replies") { _ in [:] }
        }
        #expect(error?.problem.contains(words) ?? false)
    }

    // MARK: - From a partial to central

    static let formats: [ReplyFormat] = [false, true].flatMap { raw in
        [false, true].flatMap { zstd in
            Quantization.allCases.map { ReplyFormat(isRaw: raw, quantization: $0, isCompressed: zstd, seed: 3) }
        }
    }

    private static let base: ArrayRecord = {
        var random = SeededRandom(1, "base")
        let shaped = try? NDArray((0..<6000).map { _ in Float(random.normal()) }, shape: [60, 100])
        return [
            "w": shaped ?? NDArray([Float]()), "b": NDArray((0..<50).map { _ in random.normal() }), "n": NDArray.counts,
        ]
    }()

    /// What a partial answers that adds 0.01 to every number, as its result's bytes.
    private static func answer(_ format: ReplyFormat) async throws -> (sent: Message, result: Data) {
        var message = Message(content: ["arrays": .arrays(base)], dstNodeID: 4, messageType: .train, groupID: "1")
        message.metadata.messageID = "m"
        let folder = FileManager.default.temporaryDirectory.path
        let input = try Outgoing(
            [message], in: ("{\"method\":\"partial\",\"kwargs\":", "}"), replies: format, folder: folder
        ).inputs[4]
        let json = try JSON(parsing: try Base64.decode(String(decoding: try #require(input).joined(), as: UTF8.self)))
        return (message, try await answer(try TaskInput(json.serialized()).kwargs))
    }

    private static func answer(_ kwargs: OrderedDictionary<String, JSON>) async throws -> Data {
        let app = ClientApp().train { message, _ in
            var arrays = try #require(message.content?.arrayRecords["arrays"])
            arrays["w"] = try NDArray(try #require(arrays["w"]).floats().map { $0 + 0.01 }, shape: [60, 100])
            arrays["b"] = NDArray(try #require(arrays["b"]).doubles().map { $0 + 0.01 })
            return Message(
                content: ["arrays": .arrays(arrays), "metrics": .metrics(["num-examples": 5])], replyTo: message)
        }
        let path = "\(FileManager.default.temporaryDirectory.path)/\(UUID().uuidString)"
        defer { unlink(path) }
        try await Partial.run(
            kwargs, app, Node(NodeSettings([:]), organization: 4, log: Log { _ in }), state: nil, log: Log { _ in }
        ).write(
            to: WholeFile(path: path))
        return try Data(contentsOf: URL(fileURLWithPath: path))
    }

    private static func read(_ result: Data, _ sent: Message, _ format: ReplyFormat = ReplyFormat()) throws -> [Message]
    {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("incoming-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer {
            #expect((try? FileManager.default.contentsOfDirectory(atPath: folder)) == [], "nothing is left on the disk")
        }
        return try Incoming.replies(Data(Base64.encode(result).utf8), folder: folder, to: [sent], format: format)
    }

    @Test(
        "Whatever the form of replies, the arrays come back: exactly, or as near as the quantisation promises",
        arguments: formats)
    func replies(_ format: ReplyFormat) async throws {
        let (sent, result) = try await Self.answer(format)
        let reply = try #require(try Self.read(result, sent, format).first)
        let arrays = try #require(reply.content?.arrayRecords["arrays"])
        #expect([String](arrays.keys) == ["w", "b", "n"])
        #expect(arrays["n"] == Self.base["n"])
        #expect(arrays["w"]?.shape == [60, 100])
        let tolerance: Double =
            switch format.quantization {
            case .none: 0
            case .float16: 0.01 * 0x1p-11
            case .bfloat16: 0.01 * 0x1p-8
            case .int8: 0.0101 / 127
            }
        let (found, old) = (try #require(arrays["b"]).doubles(), try #require(Self.base["b"]).doubles())
        for (value, before) in zip(found, old) { #expect(abs(value - (before + 0.01)) <= tolerance) }
        // float32 rounds besides.
        let (floats, before) = (try #require(arrays["w"]).floats(), try #require(Self.base["w"]).floats())
        for (value, before) in zip(floats, before) {
            #expect(abs(Double(value) - Double(before + 0.01)) <= tolerance + 1e-6)
        }
        #expect(try #require(arrays["w"]).bytes.withBytes { $0.count } == 24_000)
    }

    @Test("Raw replies spare the base64 within, int8 three quarters of the rest")
    func sizes() async throws {
        let json = try await Self.answer(ReplyFormat()).result.count
        let raw = try await Self.answer(ReplyFormat(isRaw: true)).result.count
        let int8 = try await Self.answer(ReplyFormat(isRaw: true, quantization: .int8)).result.count
        let arrays = Self.base.values.reduce(0) { $0 + $1.bytes.byteCount }
        #expect(raw < arrays + 1000)
        #expect(json > arrays * 4 / 3)
        #expect(int8 < arrays / 4 + 1500)
    }

    @Test("A raw result that is cut, or whose head lies, is refused in a sentence")
    func damagedRaw() async throws {
        let format = ReplyFormat(isRaw: true, isCompressed: true)
        let (sent, result) = try await Self.answer(format)
        #expect(try Self.read(result, sent, format).count == 1)
        for length in [0, 7, 8, 15, 16, 40, 200, result.count / 2, result.count - 1] {
            #expect(throws: (any Error).self, "\(length)") { try Self.read(result.prefix(length), sent, format) }
        }
        var wrongLength = result
        wrongLength.replaceSubrange(8..<16, with: Data(repeating: 0xFF, count: 8))
        let error = #expect(throws: Payload.Malformed.self) { try Self.read(wrongLength, sent) }
        #expect(error?.problem == "its result ends within its head")
        var longer = result
        longer.append(0)
        #expect(throws: (any Error).self) { try Self.read(longer, sent, format) }
    }

    @Test(
        "A long text is decoded by several threads to the same bytes, and refused where padding or rubbish stands within it"
    )
    func longText() throws {
        let folder = FileManager.default.temporaryDirectory.path
        let data = Data(
            (0..<(Incoming.parallelText + 12_345)).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 7) })
        func decode(_ text: Data) throws -> Data {
            let path = folder + "/\(UUID().uuidString)"
            try text.write(to: URL(fileURLWithPath: path))
            defer { unlink(path) }
            return try Incoming.decode(FileBytes(path: path), in: folder).materialized()
        }
        let text = Data(Base64.encode(data).utf8)
        #expect(try decode(text) == data)
        for place in [text.count / 7, text.count / 2, text.count - 9] {
            for wrong in ["====", "A===", "QUI=", "\u{1}AAA"] {
                var damaged = text
                damaged.replaceSubrange((place / 4 * 4)..<(place / 4 * 4 + 4), with: Data(wrong.utf8))
                #expect(throws: Base64.DecodingError.self, "\(wrong) at \(place)") { try decode(damaged) }
            }
        }
        // Padding just where a part ends.
        let part = text.count / min(max(ProcessInfo.processInfo.activeProcessorCount, 1), 4) / 4096 * 4096
        var cut = text
        if part < text.count { cut.replaceSubrange((part - 4)..<part, with: Data("QUI=".utf8)) }
        #expect(throws: Base64.DecodingError.self) { try decode(cut) }
        #expect(throws: Base64.DecodingError.self) { try decode(text.dropLast(1)) }
    }

    @Test("An update of arrays that were not sent, or that does not fit, is refused in a sentence")
    func foreignUpdate() async throws {
        let (sent, result) = try await Self.answer(ReplyFormat(isRaw: true, quantization: .int8))
        var other = sent
        other.body = .success([:])
        let missing = #expect(throws: Payload.Malformed.self) { try Self.read(result, other) }
        #expect(missing?.problem.contains("were not sent") ?? false)
        other.body = .success(["arrays": .arrays(["w": NDArray([Float(1)])])])
        #expect(throws: Quantization.Mismatch.self) { try Self.read(result, other) }
    }
}

extension NDArray {
    /// Integers, which no quantisation may touch.
    fileprivate static let counts: NDArray =
        (try? NDArray(dtype: .int64, shape: [3], bytes: ScalarBytes<Int64>([1, -2, 1 << 40]))) ?? NDArray([Double]())
}
