import Flower

/// Softmax regression.
struct Softmax: NetworkModel {
    static let name = "softmax"
    static let summary = "several classes"

    init() {}
    init(_ options: ConfigRecord) {}

    var target: TargetKind { .classes }

    func loss(_ design: Design) -> any Loss { SoftmaxLoss(classes: design.classes.count) }
}
