import Foundation

/// What one contestant reached in one row, in the row's unit.
struct ContestResult: Codable, Sendable {
  let title: String
  let role: Role
  /// Items or calls in each run.
  let items: Int
  /// One for each round, in their order.
  let rounds: [Double]
  /// Of the rounds, or of all calls.
  let median: Double
  /// Of the rounds; of calls, that of the medians.
  let least: Double
  let most: Double
  /// Of all calls.
  private(set) var percentile99: Double?
  private(set) var percentile999: Double?
  let tooLong: Int
  let disturbed: Int
  let peakKiB: Int?
  /// Our median over this one.
  fileprivate(set) var ours: Double?

  var isOurs: Bool { role == .ours }

  /// Nil if no run ended in time.
  init?<Row>(_ row: Row, _ contestant: Contestant<Row>) {
    let sorted = contestant.rounds.sorted()
    guard let first = sorted.first, let last = sorted.last else { return nil }
    title = contestant.title
    role = contestant.role
    items = contestant.items
    rounds = contestant.rounds.map { $0.toFourDigits }
    (least, most) = (first.toFourDigits, last.toFourDigits)
    tooLong = contestant.tooLong
    disturbed = contestant.disturbed
    peakKiB = contestant.peakKiB
    guard let unit = row.figure.nanosecondsOfCalls else {
      let middle = sorted.count / 2
      let center = sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
      median = center.toFourDigits
      return
    }
    let percentile = { (Double(contestant.calls.valueAtPercentile($0)) / unit).toFourDigits }
    median = percentile(50)
    percentile99 = percentile(99)
    percentile999 = percentile(99.9)
  }

  var remarks: String {
    var remarks: [String] = []
    if tooLong > 0 { remarks.append("\(tooLong) ended unfinished") }
    if disturbed > 0 { remarks.append("\(disturbed) disturbed") }
    return remarks.joined(separator: ", ")
  }

  /// The title as a table has it.
  var entry: String { "\(isOurs ? "* " : role == .limit ? "= " : "  ")\(title)" }
}

struct ContestRowResult<Row: ContestRow>: Encodable, Sendable {
  let row: Row
  let unit: String
  /// The best first.
  let results: [ContestResult]
  /// Those of whose runs none ended in time.
  let unfinished: [String]

  init(_ row: Row, _ contestants: [Contestant<Row>]) {
    self.row = row
    unit = row.figure.unit
    let isMoreBetter = row.figure.isMoreBetter
    var results = contestants.compactMap { ContestResult(row, $0) }
      .sorted { isMoreBetter ? $0.median > $1.median : $0.median < $1.median }
    let main = Self.main(row, results)
    for index in results.indices where results[index].title != main?.title {
      results[index].ours = main.map { ($0.median / results[index].median).toFourDigits }
    }
    self.results = results
    unfinished = contestants.filter { $0.rounds.isEmpty }.map(\.title)
  }

  /// Ours that the others are compared with.
  var main: ContestResult? { Self.main(row, results) }

  private static func main(_ row: Row, _ results: [ContestResult]) -> ContestResult? {
    results.first { $0.isOurs && $0.title == row.mainVariant ?? $0.title }
  }

  var text: String {
    let heading = "\(row.name), \(unit): \(row.figure.isMoreBetter ? "more is better" : "less is better")"
    if results.isEmpty, unfinished.isEmpty { return "\n\(heading)\n\n  nothing to measure" }
    return (["\n\(heading)\n\n\(table)"] + unfinished.map { "  \($0): no run ended in time" })
      .joined(separator: "\n")
  }

  private var table: Table {
    let isOfCalls = row.figure.nanosecondsOfCalls != nil
    var table = Table(
      ["", "median"] + (isOfCalls ? ["99 %", "99.9 %"] : [])
        + ["min", "max", "ours / it", isOfCalls ? "calls" : "items", ""],
      leftAligned: [0, isOfCalls ? 8 : 6])
    for result in results {
      let percentiles = [result.percentile99, result.percentile999].compactMap { $0.map(formatted) }
      table.add(
        [result.entry, formatted(result.median)] + percentiles + [
          formatted(result.least), formatted(result.most), result.ours.map(formatted) ?? "",
          grouped(result.items), result.remarks,
        ])
    }
    return table
  }
}

extension Double {
  /// More digits say nothing, and make the files of results long.
  var toFourDigits: Double { Double(String(format: "%.4g", self)) ?? self }
}
