import CXGBoost
import Foundation

/// What XGBoost is told of a training.
struct Boosting: Sendable {
    /// So many trees are added.
    let trees: Int
    let learningRate: Float
    let maxDepth: Int
    /// A leaf has at least so large a sum of second derivatives.
    let minChildWeight: Double
    let regLambda: Double
    let seed: Int64

    /// Grows trees by `hist` on what the rows lack of their targets, and gives them as the library writes them.
    ///
    /// One thread, so that the same rows give the same trees whatever the machine. The library is given numbers and
    /// settings, no model: what there is of one before comes as each row's margin.
    ///
    /// - Parameters:
    ///   - targets: the rows' numbers, or 0 and 1 for classes.
    ///   - margins: the rows' outputs so far.
    /// - Throws: ``Forest/Problem``.
    func grow(_ rows: DesignMatrix, targets: [Float], margins: [Float], _ kind: Forest.Kind) throws -> Data {
        var matrix: DMatrixHandle?
        try check(
            XGDMatrixCreateFromMat_omp(
                rows.features, bst_ulong(rows.rows), bst_ulong(rows.width), .nan, &matrix, 1))
        defer { XGDMatrixFree(matrix) }
        try check(XGDMatrixSetFloatInfo(matrix, "label", targets, bst_ulong(targets.count)))
        try check(XGDMatrixSetFloatInfo(matrix, "base_margin", margins, bst_ulong(margins.count)))
        var booster: BoosterHandle?
        try check(XGBoosterCreate([matrix], 1, &booster))
        defer { XGBoosterFree(booster) }
        for (name, value) in settings(kind) { try check(XGBoosterSetParam(booster, name, value)) }
        for round in 0..<trees { try check(XGBoosterUpdateOneIter(booster, Int32(round), matrix)) }
        var (count, text) = (bst_ulong(0), UnsafePointer<CChar>?.none)
        try check(XGBoosterSaveModelToBuffer(booster, "{\"format\": \"json\"}", &count, &text))
        return text.map { Data(bytes: $0, count: Int(count)) } ?? Data()
    }

    /// As many bins as there are values: `Cells` makes no more.
    private func settings(_ kind: Forest.Kind) -> KeyValuePairs<String, String> {
        [
            "verbosity": "0", "nthread": "1", "seed": "\(seed)", "objective": kind.objective,
            "base_score": "\(kind.baseScore)", "tree_method": "hist", "max_bin": "\(Cells.most)",
            "max_depth": "\(maxDepth)", "eta": "\(learningRate)", "min_child_weight": "\(minChildWeight)",
            "lambda": "\(regLambda)",
        ]
    }

    /// The library's own sentence may hold what rows say: nobody reads it.
    private func check(_ status: Int32) throws(Forest.Problem) {
        guard status == 0 else { throw Forest.Problem("libxgboost could not train it") }
    }
}
