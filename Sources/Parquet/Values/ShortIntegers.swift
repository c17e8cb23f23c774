/// Whole numbers of 8 and 16 bits, which are written as if they had 32.
enum ShortIntegers {
    static let outOfRange = Malformed("it holds a whole number that its type has no room for")

    /// Throws where one of the numbers is not of the type; rows without a value have zero.
    static func check(_ numbers: [Int32], _ type: ParquetType) throws(Malformed) {
        guard case .integer(let bits, let isSigned) = type, bits < 32 else { return }
        let low: Int32 = isSigned ? -(1 << (Int32(bits) - 1)) : 0
        let high: Int32 = isSigned ? (1 << (Int32(bits) - 1)) - 1 : (1 << Int32(bits)) - 1
        var (least, most): (Int32, Int32) = (0, 0)
        for number in numbers {
            least = min(least, number)
            most = max(most, number)
        }
        guard least >= low, most <= high else { throw outOfRange }
    }
}
