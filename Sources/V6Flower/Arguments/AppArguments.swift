import Flower
import OrderedCollections
import Wire

/// What `central` of an app is asked to do: the app's own arguments, and what vantage6 needs to know besides.
struct AppArguments: RunArguments {
    let values: ArgumentValues
    let organizations: [Int64]
    let seed: Int64
    let maximumReplyBytes: Int
    /// Bytes of files that the result may hold; of an app in Python.
    let maximumFileBytes: Int
    let data: DataChoice
    private let definitions: Definitions

    /// The arguments of a new run, or those of the run that this one resumes. Throws ``InvalidArguments``.
    init(
        _ kwargs: OrderedDictionary<String, JSON>, _ definitions: Definitions, resuming earlier: JSON? = nil
    ) throws(InvalidArguments) {
        let mayChange: [any DeclaredArgument] = [definitions.resume, definitions.journal, definitions.files]
        let given = try ArgumentValues.resuming(earlier, with: kwargs, mayChange: mayChange)
        var problems: [String] = []
        let values = ArgumentValues(given, definitions.all, problems: &problems)
        guard problems.isEmpty else { throw InvalidArguments(problems: problems) }

        self.definitions = definitions
        self.values = values
        organizations = try values[definitions.organizations]
        seed = try values[definitions.seed]
        maximumReplyBytes = Int(saturating: try values[definitions.journal] * 1e6)
        guard definitions.isPython else {
            (maximumFileBytes, data) = (0, DataChoice())
            return
        }
        maximumFileBytes = Int(saturating: try values[definitions.files] * 1e6)
        data = DataChoice(
            label: try values[definitions.database], columns: try values[definitions.columns],
            query: try values[definitions.query])
    }

    /// The run config of an app in Swift, typed as its arguments are; objects as their JSON.
    func runConfig() throws(InvalidArguments) -> ConfigRecord { try values.config(definitions.own) }

    /// The run config of an app in Python: its defaults, and what the task says otherwise.
    func runConfig(_ defaults: ConfigRecord) throws(InvalidArguments) -> ConfigRecord {
        let given = try runConfig()
        return OrderedDictionary(
            firstOf: defaults.map { ($0.key, given[Definitions.argumentName($0.key)] ?? $0.value) })
    }
}

extension AppArguments {
    /// The arguments of an app: its own, then ours. Where the app has a name of ours, ours begins with `v6_`.
    struct Definitions: Sendable {
        let own: [any DeclaredArgument]
        let isPython: Bool

        private(set) var organizations = Argument(
            "organizations", .organizationList, "Organizations", default: [],
            help: "The organizations that take part. Empty: all of the collaboration or study.")
        private(set) var seed = Argument(
            "seed", .integer(.atLeast(0)), "Seed", default: 0,
            help: "Seeds the app's generators of random numbers (random, NumPy, torch) at central and at each "
                + "organization.")
        private(set) var database = Argument(
            "database", .string, "Database", default: "",
            help: "The label of the database that the app reads. Empty: the task's first.")
        private(set) var columns = Argument(
            "column_mapping", .json, "Column mapping", default: [:],
            help: "Where names differ: the app's name of a column to the table's, for example "
                + "{\"label\": \"diagnosis\"}.")
        private(set) var query = Argument(
            "query", .string, "Query", default: "", help: "The query with which an SQL database is read.")
        private(set) var files = Argument(
            "max_files_mb", .float(.within(0...2000)), "Files in the result", default: 25,
            help: "Megabytes of files that the ServerApp writes and that the result carries; larger ones are named.")
        private(set) var journal = Argument(
            "max_journal_mb", .float(.within(0...1_000_000)), "Journal", default: 20_000,
            help: "Megabytes of replies that central keeps on its disk for a run that is resumed.")
        private(set) var resume = Argument(
            "resume", .integer(.atLeast(0)), "Resume task", default: 0,
            help: "The id of an earlier task that stopped: this one goes on from where it stood, with its arguments. "
                + "0: a new run.")

        private init(_ own: [any DeclaredArgument], isPython: Bool) {
            (self.own, self.isPython) = (own, isPython)
            func free(_ name: String) -> String { own.contains { $0.name == name } ? free("v6_" + name) : name }
            organizations.name = free(organizations.name)
            seed.name = free(seed.name)
            database.name = free(database.name)
            columns.name = free(columns.name)
            query.name = free(query.name)
            files.name = free(files.name)
            journal.name = free(journal.name)
            resume.name = free(resume.name)
        }

        var all: [any DeclaredArgument] {
            let ofPython: [any DeclaredArgument] = isPython ? [database, columns, query, files] : []
            return own + [organizations, seed] + ofPython + [journal, resume]
        }

        /// Of an app in Swift.
        static func swift(_ arguments: [any DeclaredArgument]) -> Self { Self(arguments, isPython: false) }

        /// Of an app in Python: the keys of its run config, with a slash for each point, and its defaults.
        static func python(_ config: ConfigRecord) -> Self {
            Self(config.compactMap(definition), isPython: true)
        }

        /// Nil for a value that Flower's run config cannot have.
        private static func definition(_ key: String, _ value: ConfigValue) -> (any DeclaredArgument)? {
            let (name, help) = (argumentName(key), "Of the app's run config.")
            return switch value {
            case .bool(let value): Argument(name, .boolean, key, default: value, help: help)
            case .int(let value): Argument(name, .integer, key, default: value, help: help)
            case .double(let value): Argument(name, .float, key, default: value, help: help)
            case .string(let value): Argument(name, .string, key, default: value, help: help)
            default: nil
            }
        }

        /// The argument of a key of the run config. The UI's forms take a point for a step into a group and lose what
        /// is filled in there. Source: `submitTask` in
        /// `vantage6-ui/src/app/pages/analyze/task/create/task-create.component.ts`.
        static func argumentName(_ key: String) -> String { key.replacing(".", with: "/") }
    }
}
