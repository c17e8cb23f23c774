/// Makes what a type's values are of how they are written.
struct Conversion {
    let type: ParquetType
    let physical: PhysicalType

    func callAsFunction(_ values: ParquetColumn.Values, _ present: [Bool]?) throws(Malformed) -> ParquetColumn {
        ParquetColumn(try convert(values, present), isPresent: present)
    }

    private func convert(
        _ values: ParquetColumn.Values, _ present: [Bool]?
    ) throws(Malformed) -> ParquetColumn.Values {
        switch (values, type) {
        case (.int32s(let numbers), .integer(bits: 32, isSigned: false)):
            return .int64s(numbers.map { Int64(UInt32(bitPattern: $0)) })
        case (.int32s(let numbers), .integer):
            try ShortIntegers.check(numbers, type)
            return values
        case (.int64s(let numbers), .integer(bits: 64, isSigned: false)):
            return .uint64s(numbers.map { UInt64(bitPattern: $0) })
        case (.int32s(let numbers), .decimal(_, let scale)):
            let decimals = Decimals(scale: scale)
            return .doubles(fill(numbers, present) { decimals.number(Int64($0)) })
        case (.int64s(let numbers), .decimal(_, let scale)):
            let decimals = Decimals(scale: scale)
            return .doubles(fill(numbers, present) { decimals.number($0) })
        case (.texts, .decimal(_, let scale)), (.codes, .decimal(_, let scale)):
            let decimals = Decimals(scale: scale)
            return .doubles(
                try map(values, present, missing: .nan) { bytes throws(Malformed) in
                    guard bytes.count <= 32 else {
                        throw Malformed("a decimal number has more digits than it may have")
                    }
                    return decimals.number(bytes)
                })
        case (.texts, .float16), (.codes, .float16):
            return .floats(try map(values, present, missing: .nan, Self.half))
        case (.texts, .timestamp), (.codes, .timestamp):
            return .int64s(try map(values, present, missing: 0, Self.moment))
        case (.texts(let texts), .string), (.texts(let texts), .json):
            guard texts.areUTF8 else { throw Malformed("it holds text that is not UTF-8") }
            return values
        default: return values
        }
    }

    private func fill<Number>(
        _ numbers: [Number], _ present: [Bool]?, _ convert: (Number) -> Double
    ) -> [Double] {
        guard let present else { return numbers.map(convert) }
        return zip(numbers, present).map { $1 ? convert($0) : .nan }
    }

    /// A value of each row's bytes; of codes, one of each entry of the vocabulary.
    private func map<Value>(
        _ values: ParquetColumn.Values, _ present: [Bool]?, missing: Value,
        _ convert: (ArraySlice<UInt8>) throws(Malformed) -> Value
    ) throws(Malformed) -> [Value] {
        switch values {
        case .codes(let codes, let vocabulary):
            var words: [Value] = []
            words.reserveCapacity(vocabulary.count)
            for index in 0..<vocabulary.count { try words.append(convert(vocabulary[index])) }
            return codes.map { $0 < 0 ? missing : words[Int($0)] }
        case .texts(let texts):
            var rows: [Value] = []
            rows.reserveCapacity(texts.count)
            for index in 0..<texts.count {
                try rows.append(present?[index] == false ? missing : convert(texts[index]))
            }
            return rows
        default: return []
        }
    }

    /// A number of 16 bits (IEEE 754), the lowest byte first.
    private static func half(_ bytes: ArraySlice<UInt8>) -> Float {
        var bits: UInt32 = 0
        for byte in bytes.reversed() { bits = bits << 8 | UInt32(byte) }
        let sign: Float = bits & 0x8000 == 0 ? 1 : -1
        let (exponent, fraction) = (Int(bits >> 10 & 31), bits & 0x3FF)
        switch exponent {
        case 0: return sign * Float(fraction) * 0x1p-24
        case 31: return fraction == 0 ? sign * .infinity : .nan
        default: return Float(bitPattern: (bits & 0x8000) << 16 | UInt32(exponent + 112) << 23 | fraction << 13)
        }
    }

    /// Billionths of a second, of such and a day of 12 bytes (`INT96`).
    private static func moment(_ bytes: ArraySlice<UInt8>) throws(Malformed) -> Int64 {
        guard bytes.count == 12 else { throw HybridDecoder.short }
        var nanoseconds: UInt64 = 0
        for byte in bytes.prefix(8).reversed() { nanoseconds = nanoseconds << 8 | UInt64(byte) }
        var day: UInt32 = 0
        for byte in bytes.suffix(4).reversed() { day = day << 8 | UInt32(byte) }
        // The Julian day of 1970-01-01.
        let days = Int64(Int32(bitPattern: day)) - 2_440_588
        let (start, isFar) = days.multipliedReportingOverflow(by: 86_400_000_000_000)
        let (moment, isBeyond) = start.addingReportingOverflow(Int64(bitPattern: nanoseconds))
        guard !isFar, !isBeyond else { throw Malformed("it holds a moment before 1677 or after 2262") }
        return moment
    }
}
