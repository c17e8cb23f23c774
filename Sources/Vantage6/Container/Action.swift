/// What kind of step of a session a task is. Version 4 knows no such thing.
///
/// Source: `AlgorithmStepType` in `vantage6/common/enum.py`.
package enum Action: String, Sendable {
    case dataExtraction = "data_extraction"
    case preprocessing
    case federatedCompute = "federated_compute"
    case centralCompute = "central_compute"
    case postprocessing
}
