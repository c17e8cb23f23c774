import Foundation

/// A line chart as SVG.
struct Chart {
    struct Line {
        let name: String
        let color: String
        let isBold: Bool
        let points: [(x: Double, y: Double)]
    }

    let title: String
    let lines: [Line]

    private static let (width, height) = (420.0, 250.0)
    private static let plot = (left: 52.0, top: 34.0, right: 408.0, bottom: 196.0)

    var svg: String {
        let points = lines.flatMap(\.points)
        guard let first = points.first else { return "" }
        var (minX, maxX, minY, maxY) = (first.x, first.x, first.y, first.y)
        for point in points {
            (minX, maxX) = (min(minX, point.x), max(maxX, point.x))
            (minY, maxY) = (min(minY, point.y), max(maxY, point.y))
        }
        let margin = max((maxY - minY) * 0.06, abs(maxY) * 1e-3, 1e-9)
        (minY, maxY) = (minY - margin, maxY + margin)
        let spanX = max(maxX - minX, 1)
        func place(_ x: Double, _ y: Double) -> (Double, Double) {
            (
                Self.plot.left + (x - minX) / spanX * (Self.plot.right - Self.plot.left),
                Self.plot.bottom - (y - minY) / (maxY - minY) * (Self.plot.bottom - Self.plot.top)
            )
        }
        var parts = [
            "<text x=\"8\" y=\"20\" font-size=\"14\" font-weight=\"600\" "
                + "fill=\"#111827\">\(title.escapedForHTML)</text>"
        ]
        for step in 0...3 {
            let value = minY + (maxY - minY) * Double(step) / 3
            let y = place(minX, value).1
            parts.append(
                "<line x1=\"\(Self.plot.left)\" x2=\"\(Self.plot.right)\" y1=\"\(y)\" y2=\"\(y)\" stroke=\"#e5e7eb\"/>")
            parts.append(
                "<text x=\"46\" y=\"\(y + 4)\" text-anchor=\"end\" font-size=\"11\" "
                    + "fill=\"#6b7280\">\(String(format: "%.3g", value))</text>"
            )
        }
        for x in Set([minX, (minX + spanX / 2).rounded(), maxX]).sorted() {
            let label = String(format: "%.0f", x)
            parts.append(
                "<text x=\"\(place(x, minY).0)\" y=\"212\" text-anchor=\"middle\" font-size=\"11\" "
                    + "fill=\"#6b7280\">\(label)</text>"
            )
        }
        for line in lines where !line.points.isEmpty {
            let path = line.points.map { point in
                let (x, y) = place(point.x, point.y)
                return String(format: "%.1f,%.1f", x, y)
            }.joined(separator: " ")
            parts.append(
                "<polyline points=\"\(path)\" fill=\"none\" stroke=\"\(line.color)\" "
                    + "stroke-width=\"\(line.isBold ? 2.6 : 1.4)\" stroke-linejoin=\"round\"/>"
            )
        }
        parts.append(legend)
        return
            "<svg viewBox=\"0 0 \(Self.width) \(Self.height)\" role=\"img\" aria-label=\"\(title.escapedForHTML)\" "
            + "font-family=\"inherit\">\(parts.joined())</svg>"
    }

    /// The names in a row below the plot, as many as fit.
    private var legend: String {
        var x = 8.0
        var text = ""
        for line in lines.reversed() where !line.points.isEmpty {
            let width = 26 + 6.4 * Double(line.name.count)
            if x + width > Self.width { break }
            text +=
                "<line x1=\"\(x)\" x2=\"\(x + 14)\" y1=\"236\" y2=\"236\" stroke=\"\(line.color)\" "
                + "stroke-width=\"\(line.isBold ? 3 : 2)\"/>"
            text +=
                "<text x=\"\(x + 18)\" y=\"240\" font-size=\"11\" fill=\"#374151\">\(line.name.escapedForHTML)</text>"
            x += width
        }
        return text
    }
}
