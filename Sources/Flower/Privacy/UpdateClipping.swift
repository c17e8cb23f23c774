import Foundation
import OrderedCollections
import Wire

/// Shortens a model's update, what it adds to the model that it was trained from, to a norm: no node moves the global
/// model farther, whatever its rows are.
///
/// Follows `compute_clip_model_update` of `flwr/supercore/differential_privacy.py` (flat clipping, McMahan et al. 2018,
/// arXiv:1710.06963); arrays go together by their names.
public enum UpdateClipping {
    /// The clipped model, and whether it was shortened. Its numbers are computed while they are read, so that no model
    /// is held besides. An update of no length is none to shorten.
    ///
    /// - Parameters:
    ///   - arrays: the model after the training.
    ///   - base: the model that it was trained from.
    ///   - norm: the most that the update may be long; positive.
    ///   - exceptScalars: leaves arrays without dimensions as long as they are. Flower 1.42 does, since NumPy makes
    ///     numbers of them that its loop does not change: then no norm bounds the update.
    /// - Throws: ``InconsistentMessageReplies`` for other names, ``AggregationError`` for another shape, integers or an
    ///   update that is no finite number, ``NDArray/Problem``, or an error of the file system.
    public static func clipped(
        _ arrays: ArrayRecord, from base: ArrayRecord, norm: Double, exceptScalars: Bool = false
    ) throws -> (arrays: ArrayRecord, isClipped: Bool) {
        guard Set(arrays.keys) == Set(base.keys) else { throw InconsistentMessageReplies.differentArrays }
        var sorted: ArrayRecord = [:]
        for (name, old) in base {
            guard let new = arrays[name], new.shape == old.shape else {
                throw AggregationError(reason: "Array '\(name)' has another shape than that of the global model.")
            }
            guard new.dtype.isFloatingPoint, old.dtype.isFloatingPoint else {
                throw AggregationError(reason: "Array '\(name)' holds integers, which cannot be clipped.")
            }
            sorted[name] = new
        }
        let length = try ModelDistances.squared([base, sorted])[0][1].squareRoot()
        guard length.isFinite else { throw AggregationError(reason: "An update is no finite number. Cannot clip it.") }
        let factor = length > norm ? norm / length : 1
        let clipped = arrays.keys.compactMap { name -> (String, NDArray)? in
            guard let new = arrays[name], let old = base[name] else { return nil }
            let dtype = Elementwise.promoted([new.dtype, old.dtype])
            let own = exceptScalars && new.shape.isEmpty ? 1 : factor
            return (name, NDArray(unchecked: dtype, new.shape, ClippedBytes(dtype, new, old, own)))
        }
        return (ArrayRecord(firstOf: clipped), factor < 1)
    }
}

/// old + (new − old) · factor.
private struct ClippedBytes: ComputedNumbers {
    let dtype: DType
    let new: NDArray
    let old: NDArray
    let factor: Double

    init(_ dtype: DType, _ new: NDArray, _ old: NDArray, _ factor: Double) {
        (self.dtype, self.new, self.old, self.factor) = (dtype, new, old, factor)
    }

    var byteCount: Int { new.count * dtype.size }

    func withBytes<R>(in range: Range<Int>, _ body: (UnsafeRawBufferPointer) throws -> R) throws -> R {
        switch dtype {
        case .float16: return try lend(range, body) { try values($0, Float16.self) }
        case .bfloat16: return try lend(range, body) { try values($0, Float.self).map { BFloat16.bits($0) } }
        case .float64: return try lend(range, body) { try values($0, Double.self) }
        default: return try lend(range, body) { try values($0, Float.self) }
        }
    }

    private func values<Scalar: ArithmeticScalar>(_ range: Range<Int>, _: Scalar.Type) throws -> [Scalar] {
        var values = try new.elements(in: range, as: Scalar.self)
        let base = try old.elements(in: range, as: Scalar.self)
        let factor = Scalar(factor)
        for place in values.indices { values[place] = base[place] + (values[place] - base[place]) * factor }
        return values
    }
}
