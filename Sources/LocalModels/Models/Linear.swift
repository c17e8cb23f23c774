import Flower

/// Linear regression.
struct Linear: NetworkModel {
    static let name = "linear"
    static let summary = "a number"

    init() {}
    init(_ options: ConfigRecord) {}

    var target: TargetKind { .number }

    func loss(_ design: Design) -> any Loss { SquaredLoss(deviation: design.scale.deviation) }
}
