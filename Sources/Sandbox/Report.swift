import Flower
import Foundation
import OrderedCollections
import Wire

/// A run as one self-contained HTML page: final metrics, comparison, curves of each organization, participation,
/// timing.
struct Report {
    let result: JSON
    let comparison: Comparison?
    let seconds: Double

    var html: String {
        """
        <!DOCTYPE html>
        <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
        <title>Federated training</title><style>\(Self.style)</style></head><body><main>
        <header><h1>\(escape(heading))</h1><p>\(subtitle)</p></header>
        \(tiles)
        \(comparisonSection)
        \(section("Curves", charts.isEmpty ? "" : "<div class=\"charts\">\(charts)</div>"))
        \(section("Participation", participation))
        \(section("Failures", failures))
        \(section("Timing", timing))
        \(coefficients)
        <footer>Rows never left their organization.\(footer)</footer>
        </main></body></html>

        """
    }

    private func section(_ title: String, _ content: String) -> String {
        content.isEmpty ? "" : "<section><h2>\(title)</h2>\(content)</section>"
    }

    private var footer: String {
        guard result["metrics"]?["auc"] != nil else { return "" }
        return " Held-out rows are scored at each organization; AUC is the mean of the organizations' own."
    }

    private var heading: String {
        if let name = result["app"]?["name"]?.string { return name }
        return (result["model"]?["kind"]?.string).map { "Federated training of a \($0) model" } ?? "Federated run"
    }
    private var rounds: [JSON] { result["rounds"]?.elements ?? [] }
    private var participants: [JSON] { result["participants"]?.elements ?? [] }

    private var subtitle: String {
        let rows = participants.reduce(0) { $0 &+ ($1["train_rows"]?.int ?? 0) }
        return [
            result["strategy"]?.string.map(escape), rounds.isEmpty ? nil : "\(rounds.count) rounds",
            participants.isEmpty ? nil : "\(participants.count) organizations",
            rows == 0 ? nil : "\(rows) rows to train on",
            result["model"]?["target"]?.string.map { "predicts <b>\(escape($0))</b>" },
        ].compactMap(\.self).joined(separator: " · ")
    }

    private var tiles: String {
        let metrics =
            (result["metrics"]?.members ?? [:]).map { name, value in (title(name), number(value)) } + [
                ("seconds", String(format: "%.2f", seconds))
            ]
        return "<section class=\"tiles\">"
            + metrics.map { "<div><span>\(escape($0.0))</span><b>\($0.1)</b></div>" }.joined() + "</section>"
    }

    private var comparisonSection: String {
        guard let comparison else { return "" }
        let columns = comparison.columns
        let body = comparison.rows.enumerated().map { index, row in
            let cells = columns.map { "<td>\(row.metrics[$0]?.double.map { String(format: "%.4f", $0) } ?? "")</td>" }
                .joined()
            return "<tr\(index == 0 ? " class=\"own\"" : "")><th>\(escape(row.name))</th>\(cells)</tr>"
        }.joined()
        let notes = comparison.notes.map { "<p class=\"note\">\(escape($0))</p>" }.joined()
        return """
            <section><h2>Against pooled data, and each organization alone</h2>
            <table><thead><tr><th></th>\(columns.map { "<th>\(escape(title($0)))</th>" }.joined())</tr></thead><tbody>\(body)</tbody></table>
            <p class="note">All models are scored together on the rows that all organizations held out.</p>\(notes)</section>
            """
    }

    // MARK: - Curves

    private var charts: String {
        let columns = OrderedSet(
            (result["curves"]?.members ?? [:]).filter { name, values in
                !["round", "participants", "seconds"].contains(name) && values.members?.isEmpty == false
            }.keys)
        return columns.map { column in
            let palette = ["#2563eb", "#d97706", "#059669", "#9333ea", "#dc2626", "#0891b2", "#65a30d", "#db2777"]
            let own = participants.enumerated().map { index, participant in
                Chart.Line(
                    name: participant["name"]?.string ?? "", color: palette[index % palette.count], isBold: false,
                    points: points(participant["curves"]?[column]))
            }
            let rounds = result["curves"]?["round"]?.members ?? [:]
            let all = (result["curves"]?[column]?.members ?? [:]).compactMap { index, value in
                rounds[index]?.double.flatMap { round in value.double.map { (round, $0) } }
            }
            return Chart(
                title: title(column),
                lines: own + [Chart.Line(name: "all", color: "#111827", isBold: true, points: all)]
            ).svg
        }.joined()
    }

    private func points(_ curve: JSON?) -> [(Double, Double)] {
        (curve?.members ?? [:]).compactMap { round, value in
            Double(round).flatMap { round in value.double.map { (round, $0) } }
        }.sorted {
            $0.0 < $1.0
        }
    }

    // MARK: - Tables

    private var participation: String {
        guard !participants.isEmpty else { return "" }
        let rows = participants.map { participant in
            let share = Double(participant["rounds"]?.int ?? 0) / Double(max(rounds.count, 1))
            return
                "<tr><th>\(escape(participant["name"]?.string ?? ""))</th><td>\(number(participant["train_rows"]))</td>"
                + "<td>\(number(participant["test_rows"]))</td><td>\(number(participant["rounds"]))</td>"
                + "<td class=\"bar\"><i style=\"width:\(String(format: "%.0f", share * 100))%\"></i></td></tr>"
        }.joined()
        return
            "<table><thead><tr><th></th><th>rows to train on</th><th>held out</th><th>rounds</th><th>share of "
            + "rounds</th></tr></thead><tbody>\(rows)</tbody></table>"
    }

    private var failures: String {
        let rows = result["failures"]?.elements ?? []
        guard !rows.isEmpty else { return "" }
        let body = rows.map {
            "<tr><td>\(number($0["round"]))</td><td>\(number($0["organization"]))</td>"
                + "<td>\(escape($0["phase"]?.string ?? ""))</td>"
                + "<td class=\"text\">\(escape($0["reason"]?.string ?? ""))</td></tr>"
        }.joined()
        return
            "<table><thead><tr><th>round</th><th>organization</th><th>phase</th><th "
            + "class=\"text\">reason</th></tr></thead><tbody>\(body)</tbody></table>"
    }

    private var timing: String {
        let fanOuts = (result["timing"]?["seconds_per_fan_out"]?.elements ?? []).compactMap(\.double)
        guard !fanOuts.isEmpty else { return "" }
        let points = fanOuts.enumerated().map { (Double($0 + 1), $1) }
        let chart = Chart(
            title: "seconds by fan-out",
            lines: [Chart.Line(name: "all", color: "#111827", isBold: true, points: points)]
        ).svg
        let note =
            result["model"]?["kind"] == nil
            ? "" : "<p class=\"note\">One fan-out a round, and one for the last evaluation.</p>"
        return "<div class=\"charts\">\(chart)</div>\(note)"
    }

    private var coefficients: String {
        guard let table = result["coefficient_table"]?.members, table.count == 1,
            let members = table.values.first?.members
        else { return "" }
        let rows = members.map { "<tr><th>\(escape($0.key))</th><td>\(number($0.value))</td></tr>" }.joined()
        return
            "<section><h2>Coefficients</h2><p class=\"note\">In the units of the columns.</p><table "
            + "class=\"narrow\"><tbody>\(rows)</tbody></table></section>"
    }

    private func title(_ name: String) -> String { name.replacing("_", with: " ").replacing("-", with: " ") }

    private func number(_ value: JSON?) -> String {
        switch value {
        case .int(let value): String(value)
        case .double(let value): String(format: abs(value) >= 1000 ? "%.1f" : "%.4g", value)
        default: "–"
        }
    }

    private func escape(_ text: String) -> String { text.escapedForHTML }

    private static let style = """
        :root{font:16px/1.5 system-ui,"Segoe UI",Helvetica,Arial,sans-serif;color:#111827;background:#f3f4f6}
        body{margin:0}main{max-width:1080px;margin:0 auto;padding:32px 20px}
        h1{font-size:1.7rem;margin:0}h2{font-size:1.15rem;margin:0 0 12px}h3{font-size:1rem;margin:20px 0 8px}header p{color:#4b5563;margin:.3rem 0 20px}
        section{background:#fff;border:1px solid #e5e7eb;border-radius:10px;padding:18px 20px;margin:0 0 18px}
        .tiles{display:flex;flex-wrap:wrap;gap:12px;background:none;border:0;padding:0}
        .tiles div{flex:1 1 120px;background:#fff;border:1px solid #e5e7eb;border-radius:10px;padding:12px 16px}
        .tiles span{display:block;color:#6b7280;font-size:.8rem}.tiles b{font-size:1.4rem;font-variant-numeric:tabular-nums}
        table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:.92rem}table.narrow{width:auto;min-width:340px}
        th,td{padding:6px 10px;border-bottom:1px solid #e5e7eb;text-align:right}th:first-child,.text{text-align:left}thead th{color:#6b7280;font-weight:500}
        tr.own{background:#eff6ff}.bar{width:30%}.bar i{display:block;height:10px;border-radius:5px;background:#2563eb}
        .charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(300px,1fr));gap:16px}svg{width:100%;height:auto;display:block}
        .note,footer{color:#6b7280;font-size:.85rem}footer{padding:4px 2px}
        """
}

extension String {
    /// The text with what HTML would take for markup written out.
    var escapedForHTML: String {
        replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;").replacing(
            "\"", with: "&quot;")
    }
}
