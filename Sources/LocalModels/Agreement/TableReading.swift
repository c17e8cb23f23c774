import Flower
import LocalData
import OrderedCollections
import Wire

/// How the cells of the organizations' tables are to be taken where they do not tell by themselves: the part of
/// central's arguments that docs/tables.md is about.
package struct TableReading: Sendable, Equatable {
    /// Columns that hold categories even where they look like numbers.
    package var categorical: [String] = []
    /// Columns of numbers: a cell that is none counts as missing.
    package var numeric: [String] = []
    /// What is done with columns of dates.
    package var dates = Table.DateReading.leaveOut
    /// What stands before the fraction of numbers, where the column does not tell; nil where nobody says.
    package var decimal: DecimalMark?
    /// How CSV files write letters beyond ASCII.
    package var encoding = TextEncoding.utf8

    package init(categorical: [String] = [], numeric: [String] = []) {
        (self.categorical, self.numeric) = (categorical, numeric)
    }

    /// The word for a mark that nobody stated.
    package static let auto = "auto"

    /// The settings of a message.
    var config: ConfigRecord {
        [
            "categorical": .strings(categorical), "numeric": .strings(numeric), "dates": .string(dates.rawValue),
            "decimal": .string(decimal?.rawValue ?? Self.auto), "encoding": .string(encoding.rawValue),
        ]
    }

    /// Of a message's settings, of which an app's may say nothing; nil where they are none.
    init?(_ config: ConfigRecord) {
        let config = TableReading().config.merging(config) { _, said in said }
        guard let categorical = config["categorical"]?.strings, let numeric = config["numeric"]?.strings,
            let dates = config["dates"]?.string.flatMap(Table.DateReading.init),
            let decimal = config["decimal"]?.string, decimal == Self.auto || DecimalMark(rawValue: decimal) != nil,
            let encoding = config["encoding"]?.string.flatMap(TextEncoding.init)
        else { return nil }
        (self.categorical, self.numeric, self.dates) = (categorical, numeric, dates)
        (self.decimal, self.encoding) = (DecimalMark(rawValue: decimal), encoding)
    }
}
