import Foundation
import Wire

/// Arithmetic on columns: numbers, columns by name (in backquotes where the name is not plain), `+ - * / ^`,
/// parentheses, and `log`, `log2`, `log10`, `exp`, `sqrt`, `abs`, `min`, `max`.
struct Expression: Sendable {
    private indirect enum Node: Sendable {
        case number(Double)
        case column(String)
        case negative(Node)
        case operation(Character, Node, Node)
        case call(String, [Node])
    }

    private let root: Node
    /// The columns it names, each once.
    let columns: [String]

    private static let functions: [String: @Sendable (Double) -> Double] = [
        "log": { Foundation.log($0) }, "log2": { Foundation.log2($0) }, "log10": { Foundation.log10($0) },
        "exp": { Foundation.exp($0) }, "sqrt": { $0.squareRoot() }, "abs": { Swift.abs($0) },
    ]

    /// Reads an expression. Throws ``StepError`` with the place of what is wrong.
    init(parsing text: String) throws(StepError) {
        var parser = Parser(text)
        root = try parser.expression()
        try parser.finish()
        columns = parser.columns
    }

    /// Its value for each row of these columns.
    func values(_ columns: [String: [Double]], count: Int) -> [Double] { Self.values(root, columns, count) }

    private static func values(_ node: Node, _ columns: [String: [Double]], _ count: Int) -> [Double] {
        switch node {
        case .number(let number): return [Double](repeating: number, count: count)
        case .column(let name): return columns[name] ?? [Double](repeating: .nan, count: count)
        case .negative(let node): return values(node, columns, count).map { -$0 }
        case .operation(let sign, let left, let right):
            let pairs = zip(values(left, columns, count), values(right, columns, count))
            return switch sign {
            case "+": pairs.map { $0 + $1 }
            case "-": pairs.map { $0 - $1 }
            case "*": pairs.map { $0 * $1 }
            case "/": pairs.map { $0 / $1 }
            default: pairs.map { Foundation.pow($0, $1) }
            }
        case .call(let name, let arguments):
            let given = arguments.map { values($0, columns, count) }
            guard let first = given.first else { return [] }
            if let function = functions[name] { return first.map(function) }
            // As in IEEE 754: what is missing in one is missing in the least and the greatest.
            return given.dropFirst().reduce(first) { so, next in
                zip(so, next).map { $0.isNaN || $1.isNaN ? .nan : name == "min" ? min($0, $1) : max($0, $1) }
            }
        }
    }

    private struct Parser {
        private let text: [Character]
        private var position = 0
        private var operations = 0
        private(set) var columns: [String] = []
        /// More than anybody writes, and less than would fill the stack.
        private static let most = 200

        init(_ text: String) { self.text = Array(text) }

        private mutating func count() throws(StepError) {
            operations += 1
            guard operations <= Self.most else {
                throw StepError("the expression has more than \(Self.most) operations: derive a part of it first")
            }
        }

        mutating func finish() throws(StepError) {
            if next() != nil { throw wrong("more than an expression") }
        }

        mutating func expression() throws(StepError) -> Node {
            try count()
            var left = try product()
            while let sign = next(), sign == "+" || sign == "-" {
                position += 1
                try count()
                left = .operation(sign, left, try product())
            }
            return left
        }

        private mutating func product() throws(StepError) -> Node {
            var left = try signed()
            while let sign = next(), sign == "*" || sign == "/" {
                position += 1
                try count()
                left = .operation(sign, left, try signed())
            }
            return left
        }

        /// A sign binds less than a power, as in Python: -2 ^ 2 is -4.
        private mutating func signed() throws(StepError) -> Node {
            guard next() == "-" else { return try power() }
            position += 1
            try count()
            return .negative(try signed())
        }

        private mutating func power() throws(StepError) -> Node {
            let base = try operand()
            guard next() == "^" else { return base }
            position += 1
            try count()
            return .operation("^", base, try signed())
        }

        private mutating func operand() throws(StepError) -> Node {
            guard let character = next() else { throw wrong("an end") }
            if character == "(" {
                position += 1
                let inner = try expression()
                try expect(")")
                return inner
            }
            if character == "`" {
                position += 1
                let name = take { $0 != "`" }
                try expect("`")
                return column(name)
            }
            if character.isNumber || character == "." {
                var digits = take { $0.isASCII && ($0.isNumber || $0 == ".") }
                if position < text.count, text[position] == "e" || text[position] == "E" {
                    digits.append(text[position])
                    position += 1
                    if position < text.count, text[position] == "-" || text[position] == "+" {
                        digits.append(text[position])
                        position += 1
                    }
                    digits += take { $0.isASCII && $0.isNumber }
                }
                guard let number = Double(digits), number.isFinite else { throw wrong("no number") }
                return .number(number)
            }
            guard character.isLetter || character == "_" else { throw wrong("'\(character)'") }
            let name = take { $0.isLetter || $0.isNumber || $0 == "_" }
            return next() == "(" ? try call(name) : column(name)
        }

        private mutating func call(_ name: String) throws(StepError) -> Node {
            let isOfSeveral = name == "min" || name == "max"
            guard isOfSeveral || functions[name] != nil else {
                throw StepError("there is no function '\(name.singleLine(limit: 100))'")
            }
            position += 1
            var arguments = [try expression()]
            while isOfSeveral, next() == "," {
                position += 1
                arguments.append(try expression())
            }
            try expect(")")
            return .call(name, arguments)
        }

        private mutating func column(_ name: String) -> Node {
            if !columns.contains(name) { columns.append(name) }
            return .column(name)
        }

        private mutating func next() -> Character? {
            while position < text.count, text[position].isWhitespace { position += 1 }
            return position < text.count ? text[position] : nil
        }

        private mutating func take(_ belongs: (Character) -> Bool) -> String {
            let start = position
            while position < text.count, belongs(text[position]) { position += 1 }
            return String(text[start..<position])
        }

        private mutating func expect(_ character: Character) throws(StepError) {
            guard next() == character else { throw wrong("no '\(character)'") }
            position += 1
        }

        private func wrong(_ what: String) -> StepError {
            StepError("the expression has \(what) at its character \(min(position, text.count) + 1)")
        }
    }
}
