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
    let leftOut: [Agreement.Remark]
    let remarks: [Agreement.Remark]
    let organizations: [Organization]
    /// Fewer organizations than this do not train together: the most that a node's administrator asks for.
    let minimumOrganizations: Int
    let failures: OrderedDictionary<Int64, String>

    /// Asks every participant for its table's profile. Those that cannot answer take no part.
    /// Throws ``Failure`` where too few are left, `ModelError/disagreement` where tables do not fit together.
    static func run(
        _ grid: any Grid, _ participants: [Participant], _ question: Question, _ rules: ConfigRecord,
        required: Int, timeout: Double, keeping kept: Design? = nil
    ) async throws -> Preparation {
        let type = try MessageType("query.\(Profile.action)")
        let messages = participants.map {
            Message(
                content: ["config": .configs(question.config.merging(rules) { own, _ in own })], dstNodeID: $0.id,
                messageType: type,
                groupID: "0")
        }
        let replies = try await grid.sendAndReceive(messages, timeout: timeout)
        var able: OrderedDictionary<String, (participant: Participant, profile: Profile)> = [:]
        var failures: OrderedDictionary<Int64, String> = [:]
        for participant in participants.sorted(by: { $0.id < $1.id }) {
            let reply = replies.first { $0.metadata.srcNodeID == participant.id }
            do {
                able[label(participant)] = (participant, try profile(of: reply))
            } catch {
                failures[participant.id] = "\(label(participant)): \(reply?.error?.reason ?? "\(error)")"
            }
        }
        // Who is left out changes what the others agree on, and with how many of them somebody would train.
        while true {
            for (name, reason) in tooFew(able) {
                if let left = able.removeValue(forKey: name) { failures[left.participant.id] = reason }
            }
            try checkEnough(able.count, of: participants.count, required, failures)
            let agreement = try Agreement(able.mapValues(\.profile), question, keeping: kept)
            guard !agreement.excluded.isEmpty else {
                return Preparation(
                    design: agreement.design, leftOut: agreement.leftOut, remarks: agreement.remarks,
                    organizations: able.values.map {
                        Organization(
                            id: $0.participant.id, name: $0.participant.name, trainRows: $0.profile.trainRows,
                            testRows: $0.profile.testRows)
                    }, minimumOrganizations: able.values.map(\.profile.minimumOrganizations).max() ?? 1,
                    failures: failures)
            }
            for (name, reason) in agreement.excluded {
                if let left = able.removeValue(forKey: name) { failures[left.participant.id] = reason }
            }
        }
    }

    private static func profile(of reply: Message?) throws -> Profile {
        guard let text = try reply?.body.get().configRecords["profile"]?["profile"]?.string else {
            throw ModelError.badMessage("the reply holds no profile")
        }
        return try Profile(try JSON(parsing: text))
    }

    /// Those that train only with more organizations than are left, the most demanding first.
    private static func tooFew(
        _ able: OrderedDictionary<String, (participant: Participant, profile: Profile)>
    ) -> [(name: String, reason: String)] {
        var left = able.count
        return able.map { (name: $0.key, least: $0.value.profile.minimumOrganizations) }.sorted { $0.least > $1.least }
            .prefix { organization in
                guard organization.least > left else { return false }
                left -= 1
                return true
            }
            .map { name, least in
                let reason =
                    "\(name): its administrator asks for \(least) organizations (V6_FLOWER_MIN_ORGANIZATIONS), and "
                    + "fewer can take part"
                return (name, reason)
            }
    }

    private static func checkEnough(
        _ count: Int, of all: Int, _ required: Int, _ failures: OrderedDictionary<Int64, String>
    ) throws {
        guard count < required || count == 0 else { return }
        let why =
            failures.isEmpty
            ? "; min_train_nodes of strategy_options says how many"
            : ": " + failures.values.joined(separator: "; ")
        throw Failure(
            "\(count) of \(all) organizations can take part and \(max(required, 1)) are needed\(why)", exitCode: 69)
    }

    private static func label(_ participant: Participant) -> String {
        "\(participant.name) (organization \(participant.id))"
    }

    // MARK: - JSON, for the journal

    var json: JSON {
        [
            "design": design.json, "left_out": Self.json(leftOut), "remarks": Self.json(remarks),
            "minimum_organizations": .int(Int64(minimumOrganizations)),
            "organizations": .array(
                organizations.map {
                    [
                        "id": .int($0.id), "name": .string($0.name), "train_rows": .int(Int64($0.trainRows)),
                        "test_rows": .int(Int64($0.testRows)),
                    ]
                }),
            "failures": .array(failures.map { ["organization": .int($0.key), "reason": .string($0.value)] }),
        ]
    }

    private static func json(_ remarks: [Agreement.Remark]) -> JSON {
        .array(remarks.map { ["column": .string($0.column), "reason": .string($0.reason)] })
    }

    /// Nil where they are none.
    private static func remarks(_ json: JSON?) -> [Agreement.Remark]? {
        guard let remarks = json?.elements else { return nil }
        let read = remarks.compactMap { remark -> Agreement.Remark? in
            guard let column = remark["column"]?.string, let reason = remark["reason"]?.string else { return nil }
            return Agreement.Remark(column: column, reason: reason)
        }
        return read.count == remarks.count ? read : nil
    }

    init(
        design: Design, leftOut: [Agreement.Remark], remarks: [Agreement.Remark], organizations: [Organization],
        minimumOrganizations: Int, failures: OrderedDictionary<Int64, String>
    ) {
        self.design = design
        self.leftOut = leftOut
        self.remarks = remarks
        self.organizations = organizations
        self.minimumOrganizations = minimumOrganizations
        self.failures = failures
    }

    /// What a journal holds of a question's preparation. Throws `ModelError/badMessage(_:)` where it holds something
    /// else.
    init(_ json: JSON, _ question: Question) throws {
        let damaged = ModelError.badMessage("the checkpoint's preparation is damaged")
        guard let design = json["design"], let leftOut = Self.remarks(json["left_out"]),
            let remarks = Self.remarks(json["remarks"]),
            let failures = json["failures"]?.elements,
            let organizations = json["organizations"]?.elements, let least = json["minimum_organizations"]?.int,
            let minimum = Int(exactly: least)
        else { throw damaged }
        self.design = try Design(design, question)
        minimumOrganizations = minimum
        (self.leftOut, self.remarks) = (leftOut, remarks)
        self.organizations = try organizations.map {
            guard let id = $0["id"]?.int, let name = $0["name"]?.string, let train = $0["train_rows"]?.int,
                let test = $0["test_rows"]?.int, (1...Profile.mostRows).contains(train),
                (0...Profile.mostRows).contains(test)
            else { throw damaged }
            return Organization(id: id, name: name, trainRows: Int(train), testRows: Int(test))
        }
        self.failures = try failures.reduce(into: [:]) { failures, failure in
            guard let id = failure["organization"]?.int, let reason = failure["reason"]?.string else { throw damaged }
            failures[id] = reason
        }
    }
}
