import Flower
import Foundation
import LocalModels
import OrderedCollections
import Wire

/// What the first fan-out brought: the design all agreed on, who takes part with how many rows, and who does not.
struct Preparation: Sendable {
    struct Organization: Sendable {
        let id: Int64
        let name: String
        let trainRows: Int
        let testRows: Int
    }

    let design: Design
    let leftOut: [String]
    let organizations: [Organization]
    let failures: OrderedDictionary<Int64, String>

    /// Asks every participant for its table's profile. Those that cannot answer take no part.
    /// Throws ``Failure`` where too few are left, `ModelError/disagreement` where tables do not fit together.
    static func run(
        _ grid: any Grid, _ participants: [Central.Participant], _ question: Question, _ rules: ConfigRecord, required: Int, timeout: Double
    ) async throws -> Preparation {
        let type = try MessageType("query.\(LocalModel.profileAction)")
        let messages = participants.map {
            Message(
                content: ["config": .configs(question.config.merging(rules) { own, _ in own })], dstNodeID: $0.id, messageType: type,
                groupID: "0")
        }
        let replies = try await grid.sendAndReceive(messages, timeout: timeout)
        var profiles: OrderedDictionary<String, Profile> = [:]
        var organizations: [Organization] = []
        var failures: OrderedDictionary<Int64, String> = [:]
        for (reply, participant) in zip(replies, participants.sorted { $0.id < $1.id }) {
            do {
                let profile = try profile(of: reply)
                profiles[label(participant)] = profile
                organizations.append(
                    Organization(id: participant.id, name: participant.name, trainRows: profile.trainRows, testRows: profile.testRows))
            } catch {
                failures[participant.id] = "\(label(participant)): \(reply.error?.reason ?? "\(error)")"
            }
        }
        guard organizations.count >= required else {
            let reasons = failures.values.joined(separator: "; ")
            throw Failure(
                "\(organizations.count) of \(participants.count) organizations can take part and \(required) are needed: \(reasons)",
                exitCode: 69)
        }
        let agreement = try Agreement(profiles, question)
        return Preparation(design: agreement.design, leftOut: agreement.leftOut, organizations: organizations, failures: failures)
    }

    private static func label(_ participant: Central.Participant) -> String { "\(participant.name) (organization \(participant.id))" }

    private static func profile(of reply: Message) throws -> Profile {
        guard
            let text = try reply.body.get()["profile"].flatMap({ record -> String? in
                if case .configs(let configs) = record { configs["profile"]?.string } else { nil }
            })
        else { throw ModelError.badMessage("the reply holds no profile") }
        return try Profile(try JSON(parsing: text))
    }

    // MARK: - JSON, for the journal

    var json: JSON {
        [
            "design": design.json, "left_out": .array(leftOut.map(JSON.string)),
            "organizations": .array(
                organizations.map {
                    [
                        "id": .int($0.id), "name": .string($0.name), "train_rows": .int(Int64($0.trainRows)),
                        "test_rows": .int(Int64($0.testRows)),
                    ]
                }),
            "failures": .object(OrderedDictionary(uniqueKeysWithValues: failures.map { (String($0.key), .string($0.value)) })),
        ]
    }

    init(design: Design, leftOut: [String], organizations: [Organization], failures: OrderedDictionary<Int64, String>) {
        self.design = design
        self.leftOut = leftOut
        self.organizations = organizations
        self.failures = failures
    }

    init(_ json: JSON) throws {
        design = try Design(json["design"] ?? .null)
        leftOut = json["left_out"]?.elements?.compactMap(\.string) ?? []
        organizations = (json["organizations"]?.elements ?? []).map {
            Organization(
                id: $0["id"]?.int ?? 0, name: $0["name"]?.string ?? "", trainRows: Int($0["train_rows"]?.int ?? 0),
                testRows: Int($0["test_rows"]?.int ?? 0))
        }
        var failures: OrderedDictionary<Int64, String> = [:]
        for (id, reason) in json["failures"]?.members ?? [:] { failures[Int64(id) ?? 0] = reason.string }
        self.failures = failures
    }
}
