/// A number that a page holds as it is in memory.
protocol PlainNumber: BitwiseCopyable {
    /// What stands where a row has none.
    static var missing: Self { get }
    /// The next numbers of those that are written as differences.
    static func decode(
        _ deltas: inout DeltaDecoder, _ output: UnsafeMutableBufferPointer<Self>, in bytes: UnsafeRawBufferPointer
    ) throws(Malformed)
}

extension PlainNumber where Self: FixedWidthInteger {
    static var missing: Self { 0 }

    static func decode(
        _ deltas: inout DeltaDecoder, _ output: UnsafeMutableBufferPointer<Self>, in bytes: UnsafeRawBufferPointer
    ) throws(Malformed) {
        try deltas.decode(output, in: bytes)
    }
}

extension PlainNumber where Self: BinaryFloatingPoint {
    static var missing: Self { .nan }

    static func decode(
        _ deltas: inout DeltaDecoder, _ output: UnsafeMutableBufferPointer<Self>, in bytes: UnsafeRawBufferPointer
    ) throws(Malformed) {
        throw Malformed("a page holds differences of numbers that are not whole")
    }
}

extension Int32: PlainNumber {}
extension Int64: PlainNumber {}
extension Float: PlainNumber {}
extension Double: PlainNumber {}

extension ChunkReader {
    /// The next rows, and which of them have a value.
    mutating func numbers<Number: PlainNumber>(
        _ type: Number.Type, _ count: Int
    ) throws -> (values: [Number], isPresent: [Bool]?) {
        var present: [Bool]?
        let values = try [Number](unsafeUninitializedCapacity: count) { buffer, used in
            present = try forEachPart(count) { reader, rows, found, presence in
                let part = UnsafeMutableBufferPointer(rebasing: buffer[rows])
                try reader.decode(UnsafeMutableBufferPointer(rebasing: part[..<found]))
                if found < part.count, let flags = presence.flags {
                    Self.spread(part, found, flags[rows], missing: Number.missing)
                }
            }
            used = count
        }
        return (values, present)
    }

    /// Moves the first `found` values to the rows that have one.
    static func spread<Value: BitwiseCopyable>(
        _ part: UnsafeMutableBufferPointer<Value>, _ found: Int, _ present: ArraySlice<Bool>, missing: Value
    ) {
        var source = found
        for index in stride(from: part.count - 1, through: 0, by: -1) {
            if present[present.startIndex + index] {
                source -= 1
                part[index] = part[source]
            } else {
                part[index] = missing
            }
        }
    }

    /// The next values of the page, which are numbers.
    private mutating func decode<Number: PlainNumber>(
        _ output: UnsafeMutableBufferPointer<Number>
    ) throws(Malformed) {
        guard !output.isEmpty else { return }
        let dictionary = dictionary
        var values = values
        try bytes.withRaw { raw throws(Malformed) in
            switch values {
            case .plain(let start):
                let size = output.count * MemoryLayout<Number>.size
                guard size <= raw.count - start else { throw HybridDecoder.short }
                UnsafeMutableRawBufferPointer(output)
                    .copyMemory(from: UnsafeRawBufferPointer(rebasing: raw[start..<(start + size)]))
                values = .plain(start + size)
            case .codes(var codes):
                try Self.gather(&codes, raw, dictionary, output)
                values = .codes(codes)
            case .delta(var deltas):
                try Number.decode(&deltas, output, in: raw)
                values = .delta(deltas)
            case .split(let start, let next):
                try ByteStreamSplit.decode(raw, start, next, width: MemoryLayout<Number>.size, to: .init(output))
                values = .split(start: start, next: next + output.count)
            default: throw Malformed("a page is encoded in a way that its type cannot be")
            }
        }
        self.values = values
    }

    private static func gather<Number: PlainNumber>(
        _ codes: inout HybridDecoder, _ raw: UnsafeRawBufferPointer, _ dictionary: DictionaryPage?,
        _ output: UnsafeMutableBufferPointer<Number>
    ) throws(Malformed) {
        guard let dictionary, let target = output.baseAddress else { return }
        var done = 0
        while done < output.count {
            switch try codes.next(min(output.count - done, CodeBlock.size), in: raw) {
            case .repeated(let code, let count):
                guard code < dictionary.count else { throw CodeBlock.outOfRange }
                let value = dictionary.bytes.withUnsafeBytes {
                    $0.loadUnaligned(fromByteOffset: Int(code) * MemoryLayout<Number>.size, as: Number.self)
                }
                (target + done).update(repeating: value, count: count)
                done += count
            case .packed(let bit, let count):
                var block = CodeBlock()
                try block.unpack(raw, bit, codes.width, count, below: dictionary.count)
                dictionary.bytes.withUnsafeBytes { values in
                    block.withCodes(count) { codes in
                        for index in 0..<count {
                            target[done + index] = values.loadUnaligned(
                                fromByteOffset: Int(codes[index]) * MemoryLayout<Number>.size, as: Number.self)
                        }
                    }
                }
                done += count
            }
        }
    }
}

extension ChunkReader {
    /// The next rows of truth values, and which of them have one.
    mutating func booleans(_ count: Int) throws -> (values: [Bool], isPresent: [Bool]?) {
        var present: [Bool]?
        let values = try [Bool](unsafeUninitializedCapacity: count) { buffer, used in
            present = try forEachPart(count) { reader, rows, found, presence in
                let part = UnsafeMutableBufferPointer(rebasing: buffer[rows])
                try reader.decodeBits(UnsafeMutableBufferPointer(rebasing: part[..<found]))
                if found < part.count, let flags = presence.flags {
                    Self.spread(part, found, flags[rows], missing: false)
                }
            }
            used = count
        }
        return (values, present)
    }

    private mutating func decodeBits(_ output: UnsafeMutableBufferPointer<Bool>) throws(Malformed) {
        guard !output.isEmpty else { return }
        var values = values
        try bytes.withRaw { raw throws(Malformed) in
            switch values {
            case .bits(let first):
                guard output.count <= raw.count * 8 - first else { throw HybridDecoder.short }
                for index in 0..<output.count {
                    output[index] = raw[(first + index) >> 3] >> UInt8((first + index) & 7) & 1 == 1
                }
                values = .bits(first + output.count)
            case .runs(var runs):
                var done = 0
                while done < output.count {
                    switch try runs.next(output.count - done, in: raw) {
                    case .repeated(let value, let count):
                        output[done..<(done + count)].update(repeating: value == 1)
                        done += count
                    case .packed(let bit, let count):
                        for index in 0..<count {
                            output[done + index] = raw[(bit + index) >> 3] >> UInt8((bit + index) & 7) & 1 == 1
                        }
                        done += count
                    }
                }
                values = .runs(runs)
            default: throw Malformed("a page is encoded in a way that its type cannot be")
            }
        }
        self.values = values
    }
}
