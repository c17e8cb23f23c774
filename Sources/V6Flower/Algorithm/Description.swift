import Wire

/// The algorithm as the store of version 4.15 takes it: `algorithm.json`, made of the argument definitions.
///
/// Source: `vantage6-algorithm-store/vantage6/algorithm/store/model/common/enums.py` and its resource schema.
enum Description {
    static func json(_ algorithm: Algorithm) -> JSON {
        [
            "name": .string(algorithm.name), "description": .string(algorithm.summary),
            "image": .string(algorithm.image),
            "partitioning": "horizontal", "vantage6_version": "4.15", "code_url": .string(algorithm.codeURL),
            "documentation_url": .string(algorithm.documentationURL), "submission_comments": "",
            "functions": [central(algorithm), partial],
        ]
    }

    private static func central(_ algorithm: Algorithm) -> JSON {
        [
            "name": "central", "display_name": "Federated training", "description": .string(algorithm.summary),
            "type": "central",
            "standalone": true, "databases": databases, "arguments": .array(algorithm.arguments.map(argument)),
            "ui_visualizations": .array(algorithm.visualizations),
        ]
    }

    private static let partial: JSON = [
        "name": "partial", "display_name": "One round at one organization",
        "description": "Answers the messages of one round; started by central.", "type": "federated",
        "standalone": false,
        "databases": databases, "ui_visualizations": [],
        "arguments": .array(Partial.arguments.map(argument)),
    ]

    private static let databases: JSON = [
        ["name": "Data", "description": "The organization's table: CSV with a header."]
    ]

    private static func argument(_ argument: Argument) -> JSON {
        var members: OrderedDictionary<String, JSON> = [
            "name": .string(argument.name), "display_name": .string(argument.displayName),
            "description": .string(argument.help),
            "type": .string(argument.kind.rawValue), "has_default_value": .bool(argument.defaultValue != nil),
        ]
        if let value = argument.defaultValue { members["default_value"] = .string(text(value)) }
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
