import Flower
import OrderedCollections
import Wire

/// What `central` of an app is asked to do: the app's own arguments, and what vantage6 needs to know besides.
struct AppArguments: RunArguments {
    let values: ArgumentValues
    private let definitions: Definitions

    /// The arguments of an app: its own, then ours. Where the app has a name of ours, ours begins with `v6_`.
    struct Definitions: Sendable {
        let own: [Argument]
        private let general: [Argument]
        /// What ours are called here.
        fileprivate let names: OrderedDictionary<String, String>

        private init(_ own: [Argument], _ general: [Argument]) {
            func free(_ name: String) -> String { own.contains { $0.name == name } ? free("v6_" + name) : name }
            self.own = own
            self.general = general.map { $0.named(free($0.name)) }
            names = OrderedDictionary(firstOf: general.map { ($0.name, free($0.name)) })
        }

        var all: [Argument] { own + general }

        /// Of an app in Swift.
        static func swift(_ arguments: [Argument]) -> Self {
            Self(arguments, AppArguments.run + AppArguments.durability)
        }

        /// Of an app in Python: the keys of its run config, with a slash for each point, and its defaults.
        static func python(_ config: ConfigRecord) -> Self {
            Self(
                config.map(AppArguments.definition),
                AppArguments.run + AppArguments.ofPython + AppArguments.durability)
        }

        /// What `resume` is called here.
        var resume: String { names["resume"] ?? "resume" }
    }

    private static let run: [Argument] = [
        Argument(
            "organizations", .organizationList, "Organizations", default: [], .atLeast(1),
            help: "The organizations that take part. Empty: all of the collaboration or study."),
        Argument(
            "seed", .integer, "Seed", default: 0, .atLeast(0),
            help:
                "Seeds the app's generators of random numbers (random, NumPy, torch) at central and at each organization."
        ),
    ]

    private static let durability: [Argument] = [
        Argument(
            "max_journal_mb", .float, "Journal", default: 20_000.0, .within(0...1_000_000),
            help: "Megabytes of replies that central keeps on its disk for a run that is resumed."),
        Argument(
            "resume", .integer, "Resume task", default: 0, .atLeast(0),
            help:
                "The id of an earlier task that stopped: this one goes on from where it stood, with its arguments. 0: a new run."
        ),
    ]

    private static let ofPython: [Argument] = [
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
    ]

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

    /// The arguments of a new run, or those of the run that this one resumes. Throws ``InvalidArguments``.
    init(
        _ kwargs: OrderedDictionary<String, JSON>, _ definitions: Definitions, resuming earlier: JSON? = nil
    ) throws(InvalidArguments) {
        self.definitions = definitions
        let mayChange = ["resume", "max_files_mb", "max_journal_mb"].compactMap { definitions.names[$0] }
        let given = try ArgumentValues.resuming(earlier, with: kwargs, mayChange: Set(mayChange))
        var problems: [String] = []
        values = ArgumentValues(given, definitions.all, problems: &problems)
        guard problems.isEmpty else { throw InvalidArguments(problems: problems) }
    }

    /// The run config of an app in Swift: lists with their type, objects as their JSON. Throws `RecordJSON.Malformed`.
    func runConfig() throws -> ConfigRecord {
        let own = values.values.filter { name, _ in definitions.own.contains { $0.name == name } }
        return try RecordJSON.configs(
            .object(
                own.mapValues { value in
                    switch value {
                    case .array(let elements):
                        elements.allSatisfy { $0.string != nil } ? ["strings": value] : ["ints": value]
                    case .object: .string(String(decoding: value.serialized(), as: UTF8.self))
                    default: value
                    }
                }))
    }

    /// The run config of an app in Python, with its types.
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

    private func name(_ general: String) -> String { definitions.names[general] ?? general }

    var organizations: [Int64] { values.ints(name("organizations")) }
    var seed: Int64 { values.int(name("seed")) }
    var maximumFileBytes: Int { Int(saturating: values.double(name("max_files_mb")) * 1e6) }
    var maximumReplyBytes: Int { Int(saturating: values.double(name("max_journal_mb")) * 1e6) }
    var data: DataChoice {
        DataChoice(
            label: values.string(name("database")), columns: values.members(name("column_mapping")),
            query: values.string(name("query")))
    }
}

extension Argument {
    fileprivate func named(_ name: String) -> Argument {
        Argument(
            name, kind, displayName, default: defaultValue, allowed: allowed, bounds, onlyIf: condition, help: help)
    }
}
