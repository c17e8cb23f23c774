import Flower
import OrderedCollections
import Wire

/// What `central` of an app is asked to do: the app's run config, and what vantage6 needs to know besides.
struct AppArguments: Sendable {
    /// Arguments that may differ between a run and the task that resumes it.
    private static let mayChange: Set<String> = ["resume", "max_files_mb", "max_journal_mb"]

    let values: ArgumentValues
    private let own: OrderedDictionary<String, String>

    private static let general: [Argument] = [
        Argument(
            "organizations", .organizationList, "Organizations", default: [], .atLeast(1),
            help: "The organizations that take part. Empty: all of the collaboration or study."),
        Argument(
            "seed", .integer, "Seed", default: 0, .atLeast(0),
            help:
                "Seeds the app's generators of random numbers (random, NumPy, torch) at central and at each organization."
        ),
        Argument(
            "database", .string, "Database", default: "",
            help: "The label of the database that the app reads. Empty: the task's first."),
        Argument(
            "column_mapping", .json, "Column mapping", default: [:],
            help:
                "Where names differ: the app's name of a column to the table's, for example {\"label\": \"diagnosis\"}."
        ),
        Argument("query", .string, "Query", default: "", help: "The query with which an SQL database is read."),
        Argument(
            "max_files_mb", .float, "Files in the result", default: 25.0, .within(0...2000),
            help: "Megabytes of files that the ServerApp writes and that the result carries; larger ones are named."),
        Argument(
            "max_journal_mb", .float, "Journal", default: 20_000.0, .within(0...1_000_000),
            help: "Megabytes of replies that central keeps on its disk for a run that is resumed."),
        Argument(
            "resume", .integer, "Resume task", default: 0, .atLeast(0),
            help:
                "The id of an earlier task that stopped: this one goes on from where it stood, with its arguments. 0: a new run."
        ),
    ]

    /// The arguments of an app: its run config by its own names (a slash for each point) and defaults, then ours. Where
    /// the app has a name of ours, ours begins with `v6_`.
    static func definitions(_ config: ConfigRecord) -> [Argument] {
        config.map(definition) + general.map { $0.named(ownName($0.name, config)) }
    }

    private static func definition(_ key: String, _ value: ConfigValue) -> Argument {
        let (name, help) = (argumentName(key), "Of the app's run config.")
        return switch value {
        case .bool(let value): Argument(name, .boolean, key, default: .bool(value), help: help)
        case .int(let value): Argument(name, .integer, key, default: .int(value), help: help)
        case .double(let value): Argument(name, .float, key, default: .double(value), help: help)
        default: Argument(name, .string, key, default: .string(value.string ?? ""), help: help)
        }
    }

    /// The argument of a key of the run config. The UI's forms take a point for a step into a group and lose what is
    /// filled in there. Source: `submitTask` in
    /// `vantage6-ui/src/app/pages/analyze/task/create/task-create.component.ts`.
    private static func argumentName(_ key: String) -> String { key.replacing(".", with: "/") }

    private static func ownName(_ name: String, _ config: ConfigRecord) -> String {
        config.keys.contains { argumentName($0) == name } ? ownName("v6_" + name, config) : name
    }

    /// Checks the arguments of a new run, or takes those of the run that it resumes. Throws ``InvalidArguments``.
    init(_ kwargs: OrderedDictionary<String, JSON>, _ config: ConfigRecord, resuming: JSON? = nil) throws {
        own = OrderedDictionary(firstOf: Self.general.map { ($0.name, Self.ownName($0.name, config)) })
        var problems: [String] = []
        var given = kwargs
        if let earlier = resuming?.members {
            let free = Set(Self.mayChange.map { Self.ownName($0, config) })
            for (name, value) in kwargs where !free.contains(name) && !value.isNull && earlier[name] != value {
                problems.append("\(name) cannot change when a task is resumed: leave it out")
            }
            given = earlier.merging(kwargs.filter { free.contains($0.key) }) { _, new in new }
        }
        values = ArgumentValues(given, Self.definitions(config), problems: &problems)
        guard problems.isEmpty else { throw InvalidArguments(problems: problems) }
    }

    /// The run config for the app, with its types.
    func runConfig(_ defaults: ConfigRecord) -> ConfigRecord {
        var config = defaults
        for (name, value) in defaults {
            guard let given = values.values[Self.argumentName(name)] else { continue }
            let typed: ConfigValue? =
                switch value {
                case .bool: given.bool.map(ConfigValue.bool)
                case .int: given.int.map(ConfigValue.int)
                case .double: given.double.map(ConfigValue.double)
                default: given.string.map(ConfigValue.string)
                }
            if let typed { config[name] = typed }
        }
        return config
    }

    private func name(_ general: String) -> String { own[general] ?? general }

    var organizations: [Int64] { values.ints(name("organizations")) }
    var seed: Int64 { values.int(name("seed")) }
    var maximumFileBytes: Int { Int(saturating: values.double(name("max_files_mb")) * 1e6) }
    var maximumJournalBytes: Int { Int(saturating: values.double(name("max_journal_mb")) * 1e6) }
    var data: DataChoice {
        DataChoice(
            label: values.string(name("database")), columns: values.members(name("column_mapping")),
            query: values.string(name("query")))
    }

    /// The task to resume; nil for a new run.
    static func resumedTask(_ kwargs: OrderedDictionary<String, JSON>, _ config: ConfigRecord) throws -> Int64? {
        guard let value = kwargs[ownName("resume", config)], !value.isNull else { return nil }
        guard let id = value.int, id >= 0 else { throw InvalidArguments(problems: ["resume must be the id of a task"]) }
        return id == 0 ? nil : id
    }
}

extension Argument {
    fileprivate func named(_ name: String) -> Argument {
        Argument(
            name, kind, displayName, default: defaultValue, allowed: allowed, bounds, onlyIf: condition, help: help)
    }
}
