import Vantage6
import Wire

/// The algorithm as a store takes it: `algorithm.json`, made of the argument definitions. A store of one generation of
/// vantage6 refuses what is written for the other.
///
/// Source: `vantage6-algorithm-store/vantage6/algorithm/store/model/common/enums.py` and its resource schema.
enum Description {
    static func json(_ algorithm: Algorithm, _ generation: Algorithm.Generation) -> JSON {
        [
            "name": .string(algorithm.name), "description": .string(algorithm.summary),
            "image": .string(algorithm.image), "partitioning": "horizontal",
            "vantage6_version": generation == .four ? "4.15" : "5.0", "code_url": .string(algorithm.codeURL),
            "documentation_url": .string(algorithm.documentationURL), "submission_comments": "",
            "functions": .array(Method.allCases.compactMap { function($0, algorithm, generation) }),
        ]
    }

    /// What a method is told as; nil where the generation has no such.
    private static func function(
        _ method: Method, _ algorithm: Algorithm, _ generation: Algorithm.Generation
    ) -> JSON? {
        let (title, summary) = titles(method, algorithm)
        var fields: OrderedDictionary<String, JSON> = [
            "name": .string(method.rawValue), "display_name": .string(title), "description": .string(summary),
        ]
        switch (generation, method) {
        case (.four, .central): fields["type"] = "central"
        case (.four, .partial): fields["type"] = "federated"
        case (.four, _): return nil
        case (.five, _): fields["step_type"] = .string(method.action.rawValue)
        }
        fields["standalone"] = .bool(method != .partial)
        let data = generation == .five && method != .extract ? "The session's dataframe." : "The organization's table."
        fields["databases"] = [["name": "Data", "description": .string(data)]]
        let arguments: [any DeclaredArgument] =
            switch method {
            case .central: algorithm.arguments
            case .partial: Partial.arguments
            case .extract: SessionTable.extractArguments
            case .preprocess: SessionTable.preprocessArguments
            }
        fields["arguments"] = .array(arguments.map(argument))
        fields["ui_visualizations"] = .array(method == .central ? algorithm.visualizations : [])
        return .object(fields)
    }

    private static func titles(_ method: Method, _ algorithm: Algorithm) -> (title: String, summary: String) {
        switch method {
        case .central: ("Federated training", algorithm.summary)
        case .partial: ("One round at one organization", "Answers the messages of one round; started by central.")
        case .extract:
            ("Read a table", "Reads the organization's table into a dataframe of the session. No row leaves the node.")
        case .preprocess:
            ("Prepare a table", "Changes a dataframe of the session, step by step. No row leaves the node.")
        }
    }

    private static func argument(_ argument: any DeclaredArgument) -> JSON {
        var members: OrderedDictionary<String, JSON> = [
            "name": .string(argument.name), "display_name": .string(argument.displayName),
            "description": .string(argument.help),
            "type": .string(argument.type), "has_default_value": .bool(argument.defaultJSON != nil),
        ]
        if let value = argument.defaultJSON { members["default_value"] = .string(text(value)) }
        if !argument.allowed.isEmpty { members["allowed_values"] = .array(argument.allowed.map(JSON.string)) }
        if let condition = argument.condition {
            members["conditional_on"] = .string(condition.argument)
            members["conditional_operator"] = "=="
            members["conditional_value"] = .string(condition.value)
        }
        return .object(members)
    }

    /// The store keeps defaults as strings, of whatever type they are.
    private static func text(_ value: JSON) -> String {
        value.string ?? String(decoding: value.serialized(), as: UTF8.self)
    }
}
