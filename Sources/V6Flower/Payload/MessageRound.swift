import Flower

extension Message {
    /// The round that a message belongs to, in words; empty where it says none: its group, or what Flower's strategies
    /// in Python write into its config (`flwr/serverapp/strategy/fedavg.py`).
    var round: String {
        if !metadata.groupID.isEmpty { return metadata.groupID }
        let rounds = content?.configRecords.values.compactMap { $0["server-round"]?.int }
        return rounds?.first.map(String.init) ?? ""
    }
}
