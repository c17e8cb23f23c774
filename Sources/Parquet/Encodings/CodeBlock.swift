/// Codes of a dictionary, unpacked some at a time, none of them beyond it.
struct CodeBlock {
    static let size = 2048
    static let outOfRange = Malformed("a page holds a code that its dictionary does not have")

    private var codes: [UInt32] = []

    mutating func unpack(
        _ bytes: UnsafeRawBufferPointer, _ bit: Int, _ width: Int, _ count: Int, below limit: Int
    ) throws(Malformed) {
        codes = [UInt32](unsafeUninitializedCapacity: count) { buffer, used in
            if let start = buffer.baseAddress {
                BitPacking.unpack(bytes, fromBit: bit, width: width, count: count, to: start)
            }
            used = count
        }
        var largest: UInt32 = 0
        for code in codes { largest = max(largest, code) }
        guard Int(largest) < limit else { throw Self.outOfRange }
    }

    func withCodes(_ count: Int, _ body: (UnsafeBufferPointer<UInt32>) -> Void) {
        codes.withUnsafeBufferPointer(body)
    }
}
