import Flower
import OrderedCollections
import Wire

/// A Grid whose replies are held against what was asked before a strategy sees them. What does not fit, or cannot be
/// read, becomes that organization's error. This is the one place for it; an app in Python has the bare grid, as Flower
/// gives it.
struct CheckedGrid: Grid {
    let base: any Grid
    /// The organizations' names, for sentences.
    let names: [Int64: String]
    /// Fewer organizations are not asked to train together.
    var fewestTraining = 1
    /// Throws what is wrong with a reply's content, given the question.
    let check: @Sendable (_ reply: Message, _ question: Message) throws -> Void

    func nodeIDs() async throws -> [Int64] { try await base.nodeIDs() }
    func beginTraining() async throws -> StrategyProgress? { try await base.beginTraining() }
    func record(_ fanOut: FanOut) async throws { try await base.record(fanOut) }
    func endTraining() async { await base.endTraining() }

    func sendAndReceive(_ messages: [Message], timeout: Double?) async throws -> [Message] {
        let training = Set(messages.filter { $0.metadata.messageType.category == .train }.map(\.metadata.dstNodeID))
        guard training.isEmpty || training.count >= fewestTraining else {
            throw Failure(
                "\(training.count) organizations would train together and \(fewestTraining) are needed "
                    + "(V6_FLOWER_MIN_ORGANIZATIONS of their nodes): raise fraction_train or min_train_nodes",
                exitCode: 69)
        }
        return try await base.sendAndReceive(messages, timeout: timeout).map { reply in
            guard reply.content != nil else { return reply }
            var checked = reply
            do {
                guard let question = messages.first(where: { reply.answers($0) }) else {
                    throw BadReply(problem: "it answers nothing that was asked")
                }
                try check(reply, question)
            } catch {
                let node = reply.metadata.srcNodeID
                let reason = "\(names[node] ?? "organization \(node)"): \(error)"
                checked.body = .failure(MessageError(code: .replyMessageUnavailable, reason: reason))
            }
            return checked
        }
    }
}

extension Message {
    fileprivate func answers(_ question: Message) -> Bool {
        metadata.srcNodeID == question.metadata.dstNodeID && metadata.messageType == question.metadata.messageType
            && metadata.groupID == question.metadata.groupID
    }
}

/// A reply that is none to what was asked.
struct BadReply: Error, Equatable, CustomStringConvertible {
    /// What is wrong, and with which array or metric.
    let problem: String
    var description: String { problem }

    /// Throws ``BadReply`` where a number of an array is farther from zero than `limit`, and by default only where it
    /// is NaN or infinite, which would spoil every mean that it enters. Throws what the file system throws.
    static func check(_ arrays: ArrayRecord, within limit: Double = .greatestFiniteMagnitude) throws {
        for (name, array) in arrays {
            guard let place = try array.first(beyond: limit) else { continue }
            let name = name.singleLine(limit: 200)
            if let place = try array.firstNonFinite() {
                throw BadReply(problem: "array '\(name)' of its reply holds NaN or infinity, first at element \(place)")
            }
            throw BadReply(
                problem: "array '\(name)' of its reply holds a number beyond \(limit), first at element \(place): "
                    + "no training on standardised columns ends there; lower learning_rate")
        }
    }
}

/// What the replies of a ready-made training must be: arrays like those sent, metrics that a table of the announced
/// rows can have.
struct TrainingReplyCheck: Sendable {
    /// The organizations as they described their tables.
    let organizations: [Preparation.Organization]
    /// The names of the metrics of a training and of an evaluation.
    let metricNames: (train: [String], evaluate: [String])

    /// Throws ``BadReply``, or an error of the file system.
    func callAsFunction(_ reply: Message, _ question: Message) throws {
        let node = reply.metadata.srcNodeID
        guard let organization = organizations.first(where: { $0.id == node }), let content = reply.content else {
            throw BadReply(problem: "it takes no part")
        }
        let isTraining = question.metadata.messageType.category == .train
        if isTraining {
            try checkArrays(content, question)
        } else if !content.arrayRecords.isEmpty {
            throw BadReply(problem: "an evaluation answers no arrays")
        }
        let held = organization.testRows > 0 ? organization.testRows : organization.trainRows
        try checkMetrics(
            content, isTraining ? metricNames.train : metricNames.evaluate,
            rows: isTraining ? organization.trainRows : held)
    }

    private func checkArrays(_ content: RecordDict, _ question: Message) throws {
        guard content.arrayRecords.count == 1, let arrays = content.arrayRecords.values.first,
            let sent = question.content?.arrayRecords.values.first
        else { throw BadReply(problem: "its reply holds no record of arrays, or several") }
        guard arrays.keys == sent.keys else {
            throw BadReply(problem: "the arrays of its reply are not those of the model")
        }
        for (name, array) in arrays {
            // A strategy may keep its model in float64; nodes train in float32 all the same.
            guard let model = sent[name], array.shape == model.shape, array.stype == model.stype,
                [.float32, model.dtype].contains(array.dtype)
            else {
                throw BadReply(problem: "array '\(name)' of its reply has another type or shape than the model's")
            }
        }
        try BadReply.check(arrays, within: Self.largestWeight)
    }

    /// Larger weights, finite as they are, would overflow in the others' next round and end everybody's run.
    private static let largestWeight = 1e6

    private func checkMetrics(_ content: RecordDict, _ names: [String], rows: Int) throws {
        guard content.metricRecords.count == 1, let metrics = content.metricRecords.values.first,
            metrics.keys == OrderedSet(names)
        else { throw BadReply(problem: "the metrics of its reply are not \(names.joined(separator: ", "))") }
        guard case .int(let examples) = metrics["num-examples"], examples > 0, examples <= Int64(rows) else {
            throw BadReply(problem: "its num-examples is not a number from 1 to the \(rows) rows that it announced")
        }
        for (name, value) in metrics {
            guard let number = value.double else { throw BadReply(problem: "its metric '\(name)' is not one number") }
            // AUC and R² have no value where the held-out rows are all of one kind; every mean leaves them out by name.
            guard number.isFinite || (number.isNaN && ["auc", "r2"].contains(name)) else {
                throw BadReply(problem: "its metric '\(name)' is not a finite number")
            }
        }
        for (name, range) in Self.ranges where metrics[name] != nil {
            guard let number = metrics[name]?.double, number.isNaN || range.contains(number) else {
                throw BadReply(problem: "its metric '\(name)' is outside of what it can be")
            }
        }
    }

    private static let ranges: [String: ClosedRange<Double>] = [
        "accuracy": 0...1, "auc": 0...1, "loss": 0...1e200, "train-loss": 0...1e200, "rmse": 0...1e100,
        "r2": -1e200...1,
        "target-variance": 0...1e200, "target-mean": -1e100...1e100,
    ]
}
