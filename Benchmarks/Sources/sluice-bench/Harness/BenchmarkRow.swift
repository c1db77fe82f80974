/// One line of a table: what `--filter` and the help know of it.
protocol BenchmarkRow: Sendable {
  var name: String { get }
  /// What is measured, in one sentence.
  var about: String { get }
  /// Whether `--quick` measures it, too.
  var isMain: Bool { get }
}

extension BenchmarkRow {
  var isMain: Bool { true }
}

/// The rows and what they measure, for the help.
func listing(of rows: [some BenchmarkRow]) -> String {
  rows.map { "  \($0.isMain ? "*" : " ") \($0.name)\n      \($0.about)" }.joined(separator: "\n")
}

/// A benchmark that computed something wrong: its numbers mean nothing.
struct WrongResult: Error, CustomStringConvertible {
  let row: String
  let actual: String
  let expected: String

  var description: String { "row '\(row)' computed \(actual), not \(expected)" }
}

/// A goal for a row.
struct Bar: Codable, Sendable {
  let text: String
  let isReached: Bool

  var description: String { "\(text), \(isReached ? "reached" : "missed")" }
}
