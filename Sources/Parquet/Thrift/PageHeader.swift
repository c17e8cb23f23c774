/// What stands before a page (`PageHeader`).
struct PageHeader {
    enum Kind: Int32 {
        case data, index, dictionary, data2
    }

    var kind: Int32 = -1
    var uncompressedSize = -1
    var compressedSize = -1
    var checksum: UInt32?
    var valueCount = -1
    var encoding: Int32 = -1
    var levelEncoding: Int32 = 3
    // Of the second version of data pages.
    var levelBytes = 0
    var repetitionBytes = 0
    var isCompressed = true
    /// The bytes of the header itself.
    var length = 0

    init(_ bytes: [UInt8]) throws(Malformed) {
        var reader = ThriftReader(bytes)
        var header = PageHeader()
        try reader.fields { reader, number, kind throws(Malformed) in
            switch number {
            case 1: header.kind = try reader.int32(kind)
            case 2: header.uncompressedSize = try Int(reader.int32(kind))
            case 3: header.compressedSize = try Int(reader.int32(kind))
            case 4: header.checksum = try UInt32(bitPattern: reader.int32(kind))
            case 5, 7: try header.readFirstVersion(&reader, kind)
            case 8: try header.readSecondVersion(&reader, kind)
            default: try reader.skip(kind)
            }
        }
        header.length = reader.position
        self = header
    }

    private init() {}

    /// Of a data page of the first version, or a dictionary, whose fields are the first of these.
    private mutating func readFirstVersion(
        _ reader: inout ThriftReader, _ kind: ThriftReader.Kind
    ) throws(Malformed) {
        var header = self
        try reader.structure(kind) { reader, number, kind throws(Malformed) in
            switch (number, kind) {
            case (1, _): header.valueCount = try Int(reader.int32(kind))
            case (2, _): header.encoding = try reader.int32(kind)
            case (3, .int32): header.levelEncoding = try reader.int32(kind)
            default: try reader.skip(kind)
            }
        }
        self = header
    }

    private mutating func readSecondVersion(
        _ reader: inout ThriftReader, _ kind: ThriftReader.Kind
    ) throws(Malformed) {
        var header = self
        try reader.structure(kind) { reader, number, kind throws(Malformed) in
            switch number {
            case 1: header.valueCount = try Int(reader.int32(kind))
            case 4: header.encoding = try reader.int32(kind)
            case 5: header.levelBytes = try Int(reader.int32(kind))
            case 6: header.repetitionBytes = try Int(reader.int32(kind))
            case 7: header.isCompressed = try reader.bool(kind)
            default: try reader.skip(kind)
            }
        }
        self = header
    }
}
