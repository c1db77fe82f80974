import Foundation

/// Text in aligned columns.
struct Table: CustomStringConvertible {
  private var rows: [[String]]
  private let leftAligned: Set<Int>

  init(_ heading: [String], leftAligned: Set<Int>) {
    rows = [heading]
    self.leftAligned = leftAligned
  }

  mutating func add(_ row: [String]) { rows.append(row) }

  var description: String {
    let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      let cells = row.indices.map { column in
        let padding = String(repeating: " ", count: widths[column] - row[column].count)
        return leftAligned.contains(column) ? row[column] + padding : padding + row[column]
      }
      let line = cells.joined(separator: "  ")
      return String(line[..<(line.lastIndex { $0 != " " }.map(line.index(after:)) ?? line.startIndex)])
    }.joined(separator: "\n")
  }
}

/// Three digits that count, and no more than four behind the point.
func formatted(_ value: Double) -> String {
  let decimals = value >= 100 ? 0 : value >= 10 ? 1 : value >= 1 ? 2 : value >= 0.1 ? 3 : 4
  return String(format: "%.\(decimals)f", value)
}

/// With a space between groups of three digits.
func grouped(_ number: Int) -> String {
  let digits = Array(String(number))
  return digits.indices.map { index in
    index > 0 && (digits.count - index) % 3 == 0 ? " \(digits[index])" : String(digits[index])
  }.joined()
}
