import Foundation
import LocalModels
import Testing
import Vantage6

@testable import V6Flower

/// What organizations send that is no honest reply.
@Suite("Replies that nobody should believe")
struct IncomingTests {
    private static let question: Message = {
        var message = Message(
            content: ["arrays": .arrays(["w": NDArray([Float](repeating: 1, count: 1000))])], dstNodeID: 4,
            messageType: .train)
        message.metadata.messageID = "m"
        return message
    }()

    private static func reply(_ records: [(String, String)]) -> JSON {
        let content = records.map { ($0, JSON.object(["arrays": .string($1)])) }
        return [
            "metadata": [
                "run_id": 1, "message_id": "", "src_node_id": 4, "dst_node_id": 1, "reply_to_message_id": "m",
                "group_id": "1",
                "created_at": 0.0, "ttl": 1.0, "message_type": "train",
            ],
            "content": .object(OrderedDictionary(content, uniquingKeysWith: { first, _ in first })),
        ]
    }

    private static func frame(_ replies: [JSON], _ ranges: [(String, Int, Int)], _ data: Data, length: UInt64? = nil)
        -> Data
    {
        let blobs = ranges.map { ($0.0, JSON.array([.int(Int64($0.1)), .int(Int64($0.2))])) }
        let head = JSON.object([
            "format": 1, "replies": .array(replies),
            "blobs": .object(OrderedDictionary(blobs, uniquingKeysWith: { first, _ in first })),
        ]).serialized()
        return Frame.magic + withUnsafeBytes(of: (length ?? UInt64(head.count)).littleEndian) { Data($0) } + head + data
    }

    @discardableResult
    private static func read(_ result: Data, _ format: ReplyFormat = ReplyFormat(isRaw: true)) throws -> [Message] {
        let text = Data(Base64.encode(result).utf8)
        return try Incoming.replies(
            text, folder: FileManager.default.temporaryDirectory.path, to: [question], format: format)
    }

    private static func problem(_ result: Data, _ format: ReplyFormat = ReplyFormat(isRaw: true)) -> String? {
        #expect(throws: Payload.Malformed.self) { try read(result, format) }?.problem
    }

    private static let blob: Data = (try? Safetensors.encode(["w": NDArray([Float(1), 2])]).joined()) ?? Data()

    static let impossible: [UInt64] = [
        .max, 0x8000_0000_0000_0000, 0x7FFF_FFFF_FFFF_FFFF, 0x7FFF_FFFF_FFFF_FFEF, 1 << 62, 1 << 32,
    ]

    @Test("A head of any declared length is refused in a sentence", arguments: impossible)
    func lengths(_ length: UInt64) {
        #expect(Self.problem(Self.frame([], [], Data(), length: length)) == "its result ends within its head")
        // The same through a pipe, where a frame has no known end.
        var rest = Self.frame([], [], Data(), length: length)
        #expect(throws: Payload.Malformed.self) {
            try Frame(
                from: { buffer in
                    let piece = rest.prefix(buffer.count)
                    piece.copyBytes(to: buffer)
                    rest = rest.dropFirst(piece.count)
                    return piece.count
                }, folder: FileManager.default.temporaryDirectory.path, limit: 1 << 30)
        }
    }

    static let places: [([(String, Int, Int)], Int, String)] = [
        ([("a", 0, 1 << 62)], 8, "lie outside it"), ([("a", Int.max - 1, Int.max)], 8, "lie outside it"),
        ([("a", 1 << 61, 1 << 62)], 8, "lie outside it"), ([("a", 5, 3)], 8, "lie outside it"),
        ([("a", -1, 3)], 8, "lie outside it"),
        ([("a", 0, 8), ("b", 0, 8)], 8, "overlap"), ([("a", 0, 8), ("b", 7, 9)], 9, "overlap"),
        ([("a", 0, 4), ("b", 5, 8)], 8, "a gap"),
        ([("a", 1, 8)], 8, "a gap"), ([("a", 0, 4)], 8, "bytes follow"), ([], 8, "bytes follow"),
    ]

    @Test("Blobs fill what is behind the head, each byte once", arguments: places)
    func ranges(_ ranges: [(String, Int, Int)], _ size: Int, _ words: String) {
        let problem = Self.problem(Self.frame([], ranges, Data(count: size)))
        #expect(problem?.contains(words) ?? false, "\(problem ?? "")")
    }

    @Test(
        "A range that is no pair of integers is refused",
        arguments: ["[0]", "[0,8,9]", "[0,\"x\"]", "[0,8.5]", "[0,1e300]", "{}", "8"])
    func noRange(_ range: String) throws {
        let head = Data(#"{"format":1,"replies":[],"blobs":{"a":\#(range)}}"#.utf8)
        let length = withUnsafeBytes(of: UInt64(head.count).littleEndian) { Data($0) }
        #expect(Self.problem(Frame.magic + length + head + Data(count: 8))?.contains("outside") ?? false)
    }

    @Test("Compressed arrays are taken only where they were asked for")
    func uninvited() throws {
        let compressed = try Zstandard.compress(ByteSegments([Self.blob]))
        let result = Self.frame([Self.reply([("r", "b")])], [("b", 0, compressed.count)], compressed)
        #expect(Self.problem(result)?.contains("nobody asked for") ?? false)
        #expect(try Self.read(result, ReplyFormat(isRaw: true, isCompressed: true)).count == 1)
    }

    @Test("All compressed arrays of a reply together hold what was sent and some, whichever share of it each takes")
    func bomb() throws {
        // A thousand floats were sent.
        let most = 4000 + PayloadLimits.slack
        func result(_ sizes: [Int]) throws -> Data {
            var (data, ranges, records) = (Data(), [(String, Int, Int)](), [(String, String)]())
            for (index, size) in sizes.enumerated() {
                let plain = Safetensors.encode([
                    "w": try NDArray(dtype: .uint8, shape: [size], bytes: Data(count: size))
                ])
                let blob = try Zstandard.compress(plain)
                ranges.append(("\(index)", data.count, data.count + blob.count))
                records.append(("r\(index)", "\(index)"))
                data += blob
            }
            return Self.frame([Self.reply(records)], ranges, data)
        }
        let format = ReplyFormat(isRaw: true, isCompressed: true)
        #expect(try Self.read(result([most - 200]), format).count == 1)
        #expect(try Self.read(result([most / 2 - 200, most / 2 - 200]), format).count == 1)
        for sizes in [[most], [most / 2, most / 2], [most / 2, most / 4, most / 4], [200_000_000]] {
            let problem = Self.problem(try result(sizes), format)
            #expect(problem == "its compressed arrays hold more than the \(most) bytes that they may")
        }
        let growing = ReplyFormat(isRaw: true, isCompressed: true, growth: 1000)
        #expect(try Self.read(result([most + 800]), growing).count == 1)
        #expect(Self.problem(try result([most + 1000]), growing)?.contains("\(most + 1000) bytes") ?? false)
    }

    @Test("What no record names is not opened, what many name once, and too many may not")
    func sharing() throws {
        var limits = PayloadLimits()
        limits.sharing = 3
        var opened: [String] = []
        func messages(_ records: [(String, String)], replies: Int = 1) throws -> [Message] {
            let members: OrderedDictionary<String, JSON> = [
                "format": 1, "replies": .array([JSON](repeating: Self.reply(records), count: replies)),
            ]
            return try Payload.messages(members, key: "replies", limits: limits) { name in
                opened.append(name)
                return [:]
            }
        }
        #expect(try messages([("x", "b"), ("y", "b"), ("z", "b")], replies: 2).count == 2)
        #expect(opened == ["b"])
        #expect(throws: Payload.Malformed.self) { try messages([("x", "b"), ("y", "b"), ("z", "b"), ("zz", "b")]) }
        let result = Self.frame([], [("unnamed", 0, 3)], Data("zst".utf8))
        #expect(try Self.read(result).isEmpty)
    }

    @Test("There are no more replies than messages")
    func tooMany() {
        let result = Self.frame([Self.reply([]), Self.reply([])], [], Data())
        #expect(Self.problem(result) == "it has more replies than it was sent messages")
    }

    @Test("A reply of very many values is refused", arguments: [true, false])
    func values(_ isRaw: Bool) throws {
        let text = Data(
            ("{\"format\":1,\"replies\":[],\"x\":[" + String(repeating: "0,", count: 1_000_000) + "0]}").utf8)
        let length = withUnsafeBytes(of: UInt64(text.count).littleEndian) { Data($0) }
        let error = #expect(throws: Payload.Malformed.self) {
            try Self.read(isRaw ? Frame.magic + length + text : text)
        }
        #expect(error?.problem.contains("more than 1000000 values") ?? false)
    }

    // MARK: - At a node

    private static func input(_ plain: ByteSegments) throws -> TaskInput {
        let blob = try Zstandard.compress(plain)
        let name = Digest(of: blob).hex
        let message = Self.reply([("arrays", name)])
        return try TaskInput(
            JSON.object([
                "method": "partial",
                "kwargs": [
                    "format": 1, "replies": [:], "messages": [message],
                    "blobs": .object([name: .base64(ByteSegments([blob]))]),
                ],
            ]).serialized())
    }

    @Test(
        "A node inflates no more than its administrator allows, and nothing where the frame says so itself",
        arguments: [1, 4])
    func node(_ megabytes: Int) async throws {
        let size = 3_000_000
        let input = try Self.input(
            Safetensors.encode(["w": try NDArray(dtype: .uint8, shape: [size], bytes: Data(count: size))]))
        let node = Node(
            try NodeSettings(["V6_FLOWER_MAX_MODEL_MB": "\(megabytes)"]), organization: 4, log: Log { _ in })
        let app = ClientApp().train { message, _ in Message(content: [:], replyTo: message) }
        if megabytes == 4 {
            _ = try await Partial.run(input.kwargs, app, node, state: nil, log: Log { _ in })
        } else {
            let error = await #expect(throws: ContainerError.self) {
                try await Partial.run(input.kwargs, app, node, state: nil, log: Log { _ in })
            }
            #expect(error.map { "\($0)" }?.contains("more than the 1000000 bytes") ?? false)
        }
    }
}
