import OrderedCollections

/// FedProx (Li et al. 2018, arXiv:1812.06127): averaging for nodes that differ; each node's loss has a term that holds
/// it near the global model.
///
///     min Fᵢ(w) + μ/2 ‖w − wᵗ‖²
///
/// The server only sends μ as `proximal-mu`; the ClientApp applies it. Costs as ``FedAvg``.
/// Source: `flwr/serverapp/strategy/fedprox.py`.
public struct FedProx: AveragingStrategy {
    /// The averaging underneath.
    public var averaging: FedAvg
    /// μ, the weight of the proximal term; 0 makes this FedAvg.
    public var proximalMu: Double

    /// Flower's parameters.
    public init(_ averaging: FedAvg = FedAvg(), proximalMu: Double = 0) {
        self.averaging = averaging
        self.proximalMu = proximalMu
    }

    /// The settings, a line each, for the log.
    public var summary: [String] { ["Proximal mu: \(proximalMu)"] + averaging.summary }

    /// FedAvg's messages with `proximal-mu` in the config.
    public mutating func configureTrain(
        round: Int, arrays: ArrayRecord, config: ConfigRecord, grid: any Grid
    ) async throws -> [Message] {
        var config = config
        config["proximal-mu"] = .double(proximalMu)
        return try await averaging.configureTrain(round: round, arrays: arrays, config: config, grid: grid)
    }
}
