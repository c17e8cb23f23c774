import Flower
import Foundation
import Vantage6
import Wire

/// A head of JSON and the blobs it names, as bytes: `V6FLOWER`, the length of the head (64-bit, little-endian), the
/// head (padded with spaces to a multiple of eight), the blobs. The head's `blobs` gives each blob's range behind the
/// head: `{name: [begin, end]}`. Blobs fill the part behind the head, without a gap and without overlap.
///
/// Replies travel so in collaborations that do not encrypt, and replies and inputs through a server's large result
/// store; so do messages to and from a Python worker, and what a node keeps of an app's state. The worker's side is
/// `frames.py`.
struct Frame {
    static let magic = Data("V6FLOWER".utf8)

    /// The longest head that a pipe may bring.
    private static let largestHead = 100_000_000

    /// Up to so many bytes wait in memory for who reads them, more on the disk.
    private static let mostInMemory = 1 << 30

    let head: JSON
    let blobs: [String: FileBytes]
    private let limits: PayloadLimits

    // MARK: - Writing

    static func encode(_ head: OrderedDictionary<String, JSON>, _ blobs: Payload.Blobs) -> ByteSegments {
        var head = head
        var ranges: OrderedDictionary<String, JSON> = [:]
        var end = 0
        for (name, blob) in blobs.segments {
            ranges[name] = [.int(Int64(end)), .int(Int64(end + blob.byteCount))]
            end += blob.byteCount
        }
        head["blobs"] = .object(ranges)
        var text = JSON.object(head).serialized()
        // The blobs start at a multiple of eight, so that a mapped file can be read in place.
        text.append(contentsOf: repeatElement(0x20, count: (8 - text.count % 8) % 8))
        let length = withUnsafeBytes(of: UInt64(text.count).littleEndian) { Data($0) }
        return ByteSegments([magic + length + text] + blobs.segments.values.flatMap(\.parts))
    }

    // MARK: - Reading

    static func isBeginning(of bytes: UnsafeRawBufferPointer) -> Bool { bytes.starts(with: magic) }

    /// Reads a file, which errors call `what`. Throws ``Payload/Malformed``, `JSON.ParsingError` or an error of the
    /// file system.
    init(
        _ file: FileBytes, called what: String = "its result", limits: PayloadLimits = PayloadLimits()
    ) throws {
        guard file.byteCount >= 16 else { throw Payload.Malformed(problem: "\(what) ends within its head") }
        let length = try file.slice(8..<16).withBytes { UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self)) }
        guard length <= UInt64(file.byteCount - 16) else {
            throw Payload.Malformed(problem: "\(what) ends within its head")
        }
        let start = 16 + Int(length)
        head = try JSON(parsing: file.slice(16..<start), limits: limits)
        let (ranges, size) = try Self.ranges(head, what)
        guard size == file.byteCount - start else {
            throw Payload.Malformed(
                problem: size > file.byteCount - start
                    ? "arrays of \(what) lie outside it" : "bytes follow the arrays of \(what)")
        }
        blobs = ranges.mapValues { file.slice((start + $0.lowerBound)..<(start + $0.upperBound)) }
        self.limits = limits
    }

    /// Reads the next frame of a pipe, many blobs into a file in `folder` and no more than `limit` bytes of them; nil
    /// at the pipe's end. `read` fills the beginning of a buffer and says how far, 0 at the end. Throws
    /// ``Payload/Malformed``, `JSON.ParsingError` or what `read` throws.
    init?(from read: (UnsafeMutableRawBufferPointer) throws -> Int, folder: String, limit: Int) throws {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
        defer { buffer.deallocate() }
        func exactly(_ count: Int, _ body: (UnsafeRawBufferPointer) throws -> Void) throws -> Bool {
            var rest = count
            while rest > 0 {
                let done = try read(UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(rest, buffer.count)]))
                guard done > 0 else {
                    guard rest == count else { throw Payload.Malformed(problem: "the pipe ended within a frame") }
                    return false
                }
                rest -= done
                try body(UnsafeRawBufferPointer(rebasing: buffer[..<done]))
            }
            return true
        }
        var start = Data()
        guard try exactly(16, { start.append(contentsOf: $0) }) else { return nil }
        guard start.withUnsafeBytes(Self.isBeginning) else {
            throw Payload.Malformed(problem: "what came through the pipe is no frame")
        }
        let length = start.withUnsafeBytes {
            UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        }
        guard length <= UInt64(Self.largestHead) else {
            throw Payload.Malformed(problem: "a frame's head is longer than 100 MB")
        }
        // It grows with what arrives, whatever it is said to become.
        var text = Data()
        guard try exactly(Int(length), { text.append(contentsOf: $0) }) else {
            throw Payload.Malformed(problem: "the pipe ended within a frame")
        }
        head = try JSON(parsing: text)
        let (ranges, size) = try Self.ranges(head, "a frame")
        guard size <= limit else {
            throw Payload.Malformed(problem: "a frame's arrays are longer than \(limit / 1_000_000) MB")
        }
        let spool = try size <= Self.mostInMemory ? SpoolFile() : SpoolFile(in: folder)
        guard try exactly(size, spool.write) else {
            throw Payload.Malformed(problem: "the pipe ended within a frame")
        }
        let file = try spool.finish()
        blobs = ranges.mapValues(file.slice)
        limits = PayloadLimits()
    }

    /// The blobs' ranges, and how many bytes they are together. Within one another's bounds all sums are small.
    private static func ranges(_ head: JSON, _ what: String) throws -> (ranges: [String: Range<Int>], size: Int) {
        var ranges: [String: Range<Int>] = [:]
        for (name, range) in head["blobs"]?.members ?? [:] {
            guard let bounds = range.elements, bounds.count == 2, let begin = bounds[0].int, let end = bounds[1].int,
                0 <= begin,
                begin <= end, end <= Int64(Int.max / 2)
            else { throw Payload.Malformed(problem: "arrays of \(what) lie outside it") }
            ranges[name] = Int(begin)..<Int(end)
        }
        var end = 0
        for range in ranges.values.sorted(by: { ($0.lowerBound, $0.upperBound) < ($1.lowerBound, $1.upperBound) }) {
            guard range.lowerBound == end else {
                throw Payload.Malformed(
                    problem: range.lowerBound < end
                        ? "arrays of \(what) overlap" : "\(what) has a gap before arrays")
            }
            end = range.upperBound
        }
        return (ranges, end)
    }

    // MARK: - An input

    /// The object of a partial's input that is a frame, with its blobs where they are in one that is JSON; nil for an
    /// input that is none. Throws `ContainerError`.
    static func input(_ file: FileBytes) throws(ContainerError) -> JSON? {
        do {
            guard try file.slice(0..<magic.count).withBytes(isBeginning) else { return nil }
            let frame = try Frame(file, called: "it")
            guard var members = frame.head.members, var kwargs = members["kwargs"]?.members else {
                throw Payload.Malformed(problem: "its head has no kwargs")
            }
            members["blobs"] = nil
            kwargs["blobs"] = .object(
                OrderedDictionary(firstOf: frame.blobs.map { ($0.key, JSON.base64(ByteSegments([$0.value]))) }))
            members["kwargs"] = .object(kwargs)
            return .object(members)
        } catch {
            throw .badInput(problem: "\(error)")
        }
    }

    // MARK: - What it holds

    /// The record of arrays of a blob; nil where there is none such. Throws `Safetensors.FormatError`.
    func arrays(_ name: String) throws -> ArrayRecord? {
        try blobs[name].map { try Safetensors.open($0, limits: limits) }
    }

    /// The messages under a key of the head. Throws ``Payload/Malformed`` and others.
    func messages(_ key: String) throws -> [Message] {
        var members = head.members ?? [:]
        members["format"] = .int(Payload.format)
        return try Payload.messages(members, key: key, open: arrays)
    }

    /// The records under a key of the head. Throws ``Payload/Malformed`` and others.
    func records(_ key: String) throws -> RecordDict {
        try Payload.records(head[key]?.members ?? [:]) { name in
            guard let record = try arrays(name) else { throw Payload.Malformed(problem: "it lacks the arrays \(name)") }
            return record
        }
    }
}
