import Flower
import LocalModels
import OrderedCollections
import Wire

/// What makes of a reply, given what was asked, the one that is recorded and handed on.
typealias ReplyCheck = @Sendable (_ reply: Message, _ question: Message) -> Message

/// A Grid that holds each reply to a check before it keeps it.
protocol CheckingGrid: Grid {
    func sendAndReceive(_ messages: [Message], timeout: Double?, check: ReplyCheck) async throws -> [Message]
}

/// A Grid whose replies are held against what was asked before a strategy sees them, and before they are recorded. What
/// does not fit, or cannot be read, becomes that organization's error. This is the one place for it; an app in Python
/// has the bare grid, as Flower gives it.
struct CheckedGrid: Grid {
    let base: any CheckingGrid
    /// The organizations that take part.
    let participants: [Participant]
    /// Fewer organizations are not asked to train together.
    var fewestTraining = 1
    /// Sees each fan-out of a training before it is recorded: what it throws ends the run with the fan-outs before.
    var afterFanOut: @Sendable (FanOut) throws -> Void = { _ in }
    /// Throws what is wrong with a reply's content, given the question.
    let check: @Sendable (_ reply: Message, _ question: Message) throws -> Void

    func nodeIDs() -> [Int64] { participants.map(\.id).sorted() }
    func beginTraining() async throws -> StrategyProgress? { try await base.beginTraining() }
    func endTraining() async { await base.endTraining() }
    func keep(_ arrays: ArrayRecord) async throws -> ArrayRecord { try await base.keep(arrays) }

    func record(_ fanOut: FanOut) async throws {
        try afterFanOut(fanOut)
        try await base.record(fanOut)
    }

    func sendAndReceive(_ messages: [Message], timeout: Double?) async throws -> [Message] {
        let training = Set(messages.filter { $0.metadata.messageType.category == .train }.map(\.metadata.dstNodeID))
        guard training.isEmpty || training.count >= fewestTraining else {
            throw Failure(
                "\(training.count) organizations would train together and \(fewestTraining) are needed "
                    + "(V6_FLOWER_MIN_ORGANIZATIONS of their nodes): raise fraction_train or min_train_nodes",
                exitCode: 69)
        }
        let names = participants.names
        return try await base.sendAndReceive(messages, timeout: timeout) { reply, question in
            guard reply.content != nil else { return reply }
            var checked = reply
            do {
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
    /// The metrics of a training and of an evaluation.
    let metrics: (train: [Metric], evaluate: [Metric])
    /// What all agreed on, and the model.
    let design: Design

    /// Throws ``BadReply``, what a model that grows finds wrong, or an error of the file system.
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
            content, isTraining ? metrics.train + steps(content, question) : metrics.evaluate,
            rows: isTraining ? organization.trainRows : held)
    }

    /// The number of steps where the strategy asks for it, which its mean counts by: as many as so many rows can take.
    private func steps(_ content: RecordDict, _ question: Message) throws -> [Metric] {
        let config = question.content?.configRecords.values.first ?? [:]
        guard config["tells-local-steps"]?.bool == true,
            case .int(let rows) = content.metricRecords.values.first?["num-examples"]
        else { return [] }
        return [.localSteps(try TrainingOptions(config), rows: Int(clamping: max(rows, 0)))]
    }

    private func checkArrays(_ content: RecordDict, _ question: Message) throws {
        guard content.arrayRecords.count == 1, let arrays = content.arrayRecords.values.first,
            let sent = question.content?.arrayRecords.values.first
        else { throw BadReply(problem: "its reply holds no record of arrays, or several") }
        if let model = design.question.model as? any GrowingModel {
            return try model.check(arrays, to: sent, question.content?.configRecords.values.first ?? [:], design)
        }
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
    static let largestWeight = 1e6

    private func checkMetrics(_ content: RecordDict, _ expected: [Metric], rows: Int) throws {
        let names = ["num-examples"] + expected.map(\.name)
        guard content.metricRecords.count == 1, let metrics = content.metricRecords.values.first,
            metrics.keys == OrderedSet(names)
        else { throw BadReply(problem: "the metrics of its reply are not \(names.joined(separator: ", "))") }
        guard case .int(let examples) = metrics["num-examples"], examples > 0, examples <= Int64(rows) else {
            throw BadReply(problem: "its num-examples is not a number from 1 to the \(rows) rows that it announced")
        }
        for metric in expected {
            guard let number = metrics[metric.name]?.double else {
                throw BadReply(problem: "its metric '\(metric.name)' is not one number")
            }
            if metric.isWhole, case .double = metrics[metric.name] {
                throw BadReply(problem: "its metric '\(metric.name)' is not a whole number")
            }
            // Every mean leaves out by name those that have no value over some rows.
            guard number.isFinite || (number.isNaN && metric.canBeNaN) else {
                throw BadReply(problem: "its metric '\(metric.name)' is not a finite number")
            }
            guard number.isNaN || metric.range.contains(number) else {
                throw BadReply(problem: "its metric '\(metric.name)' is outside of what it can be")
            }
        }
    }
}
