import Wire

/// Reads a chunk's values in order, page by page, as they are written.
///
/// Holds a page and the dictionary; a page is decoded as far as rows are asked for.
struct ChunkReader {
    private var pages: PageStream
    let physical: PhysicalType
    let width: Int
    private let isText: Bool
    /// The bytes of the texts that may be read at once.
    let textBytes: Int
    /// The rows that have not been read.
    private(set) var rowsLeft: Int
    /// Of the page that is being read.
    private(set) var bytes: [UInt8] = []
    private var levels = LevelDecoder.all
    private var pageRowsLeft = 0
    var values = ValueDecoder.none
    private(set) var dictionary: DictionaryPage?

    init(pages: PageStream, column: SchemaColumn, rowCount: Int) {
        self.pages = pages
        physical = column.physical
        width = column.width
        isText = column.field.type.isText
        textBytes = min(pages.limits.textBytes, Int(UInt32.max))
        rowsLeft = rowCount
    }

    /// Reads the next `count` rows, which are left: calls `body` with places of rows that are within one page, and how
    /// many of them have a value, which it decodes. Gives which rows have one.
    mutating func forEachPart(
        _ count: Int, _ body: (inout ChunkReader, Range<Int>, Int, PresenceBuilder) throws -> Void
    ) throws -> [Bool]? {
        var present = PresenceBuilder(count: count)
        var done = 0
        while done < count {
            while pageRowsLeft == 0 { try openPage() }
            let part = min(count - done, pageRowsLeft)
            var levels = levels
            let found = try bytes.withRaw { raw throws(Malformed) in
                try levels.decode(part, at: done, in: raw, to: &present)
            }
            self.levels = levels
            try body(&self, done..<(done + part), found, present)
            pageRowsLeft -= part
            rowsLeft -= part
            done += part
        }
        if rowsLeft == 0 { try requireEnd() }
        return present.flags
    }

    private mutating func openPage() throws {
        guard let page = try pages.next() else {
            throw Malformed("its pages hold fewer values than the row group has rows")
        }
        if page.kind == .dictionary {
            guard dictionary == nil else { throw Malformed("it has two dictionaries") }
            let dictionary = try DictionaryPage(page, physical: physical, width: width)
            guard !isText || dictionary.texts.areUTF8 else { throw Malformed("it holds text that is not UTF-8") }
            self.dictionary = dictionary
            return
        }
        guard page.valueCount <= rowsLeft else {
            throw Malformed("its pages hold more values than the row group has rows")
        }
        bytes = page.bytes
        levels = page.levels
        pageRowsLeft = page.valueCount
        values = try ValueDecoder(page, physical: physical, hasDictionary: dictionary != nil)
    }

    /// Behind the last row there are no values.
    private mutating func requireEnd() throws {
        while let page = try pages.next() {
            guard page.kind != .dictionary, page.valueCount == 0 else {
                throw Malformed("its pages hold more values than the row group has rows")
            }
        }
    }
}

/// The values that a chunk's codes stand for.
struct DictionaryPage {
    let count: Int
    /// Values of fixed length, one behind the other.
    let bytes: [UInt8]
    /// Values of bytes.
    let texts: ParquetTexts

    init(_ page: Page, physical: PhysicalType, width: Int) throws(Malformed) {
        guard page.encoding == .plain || page.encoding == .plainDictionary, physical != .boolean else {
            throw Malformed("its dictionary is encoded in a way that it cannot be")
        }
        count = page.valueCount
        switch physical {
        case .byteArray, .fixed, .int96:
            var texts = ParquetTexts()
            var position = 0
            try page.bytes.withRaw { raw throws(Malformed) in
                try PlainTexts.decode(page.valueCount, width: width, raw, &position, to: &texts)
            }
            self.texts = texts
            bytes = []
        default:
            let size = physical == .int32 || physical == .float ? 4 : 8
            guard page.bytes.count / size >= count else { throw HybridDecoder.short }
            bytes = page.bytes
            texts = ParquetTexts()
        }
    }
}
