/// Where the ranges of a result go. It may be shared: each range is of other places, and one thread writes it.
struct OwnRanges<Scalar>: @unchecked Sendable {
    let start: UnsafeMutablePointer<Scalar>
}
