import Flower

/// Logistic regression.
struct Logistic: NetworkModel {
    static let name = "logistic"
    static let summary = "two classes"

    init() {}
    init(_ options: ConfigRecord) {}

    var target: TargetKind { .twoClasses }

    func loss(_ design: Design) -> any Loss { LogisticLoss() }
}
