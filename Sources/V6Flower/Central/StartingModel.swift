import Flower
import Foundation
import Journal
import LocalModels
import Vantage6
import Wire

/// The model of an earlier training, with what it was trained with: a new training starts from it.
struct StartingModel: Sendable {
    let task: Int64
    /// The columns and how they become numbers, for the new task's question.
    let design: Design
    /// Arrays as the design's model has them.
    let arrays: ArrayRecord

    /// The model in the result of a task, to go on with for this question. Throws ``InvalidArguments`` where it was
    /// trained for another one, ``Failure`` where the result holds no such model.
    init(_ result: JSON, ofTask task: Int64, for question: Question) throws {
        guard let settings = TrainingSettings(result: result), let text = result["model"]?["safetensors"]?.string,
            let given = try? Safetensors.open(try Base64.decode(text))
        else { throw Self.damaged(task) }
        var earlier = settings.design.question
        earlier.seed = question.seed
        guard earlier == question else {
            throw InvalidArguments(problems: [
                "start_from names task \(task), which answers another question: model, target, features, exclude, "
                    + "test_fraction, model_options on reading and missing values, and the model's own arguments must "
                    + "be that task's"
            ])
        }
        self.task = task
        design = try Design(settings.design.json, question)
        do {
            arrays = try Self.checked(given, design)
        } catch {
            throw Self.damaged(task)
        }
    }

    fileprivate static func damaged(_ task: Int64) -> Failure {
        Failure("the result of task \(task) holds no model to start from; start without start_from", exitCode: 66)
    }

    fileprivate static func unfit(_ task: Int64, _ error: JournalError) -> Failure {
        let why =
            switch error {
            case .otherOwner(_, .image): "another image trained it"
            case .otherOwner(_, .collaboration): "it belongs to another collaboration"
            case .otherOwner(_, .organization): "it ran at another organization"
            case .otherOwner(_, .program(let found, _)): "it was a \(found.rawValue)"
            case .missing, .otherTask: "none of its central is left at this node"
            default: "its checkpoint cannot be read"
            }
        return Failure(
            "start_from names task \(task), from which this task cannot start: \(why)", exitCode: 66)
    }

    /// The arrays in the model's order, where they have its names and shapes and are numbers.
    private static func checked(_ given: ArrayRecord, _ design: Design) throws -> ArrayRecord {
        // Reads it as a result does, which refuses what is no model of its kind.
        _ = try design.question.model.report(given, design)
        guard !(design.question.model is any GrowingModel) else { return given }
        let fresh = try design.initialArrays()
        guard given.count == fresh.count else { throw ModelError.badMessage("other arrays") }
        return try fresh.reduce(into: [:]) { arrays, own in
            guard let array = given[own.key], array.shape == own.value.shape, array.stype == NDArray.numpy,
                array.dtype == .float32 || array.dtype == .float64
            else { throw ModelError.badMessage("other arrays") }
            try BadReply.check([own.key: array], within: TrainingReplyCheck.largestWeight)
            arrays[own.key] = array
        }
    }
}

extension Central {
    /// The model of a task that has ended well at this node. Throws ``InvalidArguments``, `JournalError`, ``Failure``
    /// or `ProxyError`.
    func startingModel(_ task: Int64, for question: Question) async throws -> StartingModel {
        guard task != self.task.taskID else {
            throw InvalidArguments(problems: ["start_from names this very task"])
        }
        let place = try await place(ofTask: task, named: "start_from")
        let result = try folder.whileNobodyWorks(onRun: place, ofTask: task) { path in
            let run: Journal.Run
            do {
                run = try Journal.open(path: path, isWhole: false).run()
                try run.check(Self.owner(self.task), .training, task: task)
            } catch let error as JournalError {
                throw StartingModel.unfit(task, error)
            }
            guard run.isComplete else {
                throw Failure(
                    "start_from names task \(task), which has not ended well; a task with resume goes on with it",
                    exitCode: 64)
            }
            return try folder.result(ofRun: place)
        }
        guard let json = try? JSON(parsing: result) else { throw StartingModel.damaged(task) }
        return try StartingModel(json, ofTask: task, for: question)
    }
}
