/// What one way of exchanging reached in one row, in the row's unit.
struct ProcessResult: Codable, Sendable {
  let title: String
  let isOurs: Bool
  /// Items of a stream, or calls, in each run.
  let items: Int
  /// One for each round, in their order.
  let rounds: [Double]
  /// Of the rounds of a stream, or of all calls.
  let median: Double
  /// Of the rounds; of calls, that of the medians.
  let least: Double
  let most: Double
  /// Of all calls; nil for a stream.
  let percentile999: Double?
  let tooLong: Int
  let disturbed: Int
  /// Our median over this one.
  fileprivate(set) var ours: Double?

  /// Nil if no run ended in time.
  init?(_ row: ProcessRow, _ contestant: ProcessContestant) {
    let sorted = contestant.rounds.sorted()
    guard let first = sorted.first, let last = sorted.last else { return nil }
    title = contestant.variant.name
    isOurs = contestant.program.isOurs
    items = contestant.items
    rounds = contestant.rounds
    tooLong = contestant.tooLong
    disturbed = contestant.disturbed
    (least, most) = (first, last)
    if row.measure == .stream {
      let middle = sorted.count / 2
      median = sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
      percentile999 = nil
    } else {
      let value = { (percentile: Double) in
        Double(contestant.calls.valueAtPercentile(percentile)) / row.nanosecondsInUnit
      }
      median = value(50)
      percentile999 = value(99.9)
    }
  }
}

struct ProcessRowResult: Codable, Sendable {
  let row: ProcessRow
  let unit: String
  /// The quickest first.
  let results: [ProcessResult]
  /// Those of whose runs none ended in time.
  let unfinished: [String]

  init(_ row: ProcessRow, _ contestants: [ProcessContestant]) {
    self.row = row
    unit = row.unit
    let isStream = row.measure == .stream
    var results = contestants.compactMap { ProcessResult(row, $0) }
      .sorted { isStream ? $0.median > $1.median : $0.median < $1.median }
    let ours = results.first { $0.isOurs }?.median
    for index in results.indices where !results[index].isOurs {
      results[index].ours = ours.map { $0 / results[index].median }
    }
    self.results = results
    unfinished = contestants.filter { $0.rounds.isEmpty }.map(\.variant.name)
  }

  var heading: String {
    "\(row.name), \(unit): \(row.measure == .stream ? "more is better" : "less is better")"
  }

  var table: Table {
    let isStream = row.measure == .stream
    var table = Table(
      ["", "median"] + (isStream ? [] : ["99.9 %"])
        + ["min", "max", "ours / it", isStream ? "items" : "calls", ""],
      leftAligned: [0, isStream ? 6 : 7])
    for result in results {
      let percentile = result.percentile999.map { [formatted($0)] } ?? []
      table.add(
        ["\(result.isOurs ? "* " : "  ")\(result.title)", formatted(result.median)] + percentile + [
          formatted(result.least), formatted(result.most), result.ours.map { formatted($0) } ?? "",
          grouped(result.items), remarks(result),
        ])
    }
    return table
  }

  private func remarks(_ result: ProcessResult) -> String {
    var remarks: [String] = []
    if result.tooLong > 0 { remarks.append("\(result.tooLong) ended unfinished") }
    if result.disturbed > 0 { remarks.append("\(result.disturbed) disturbed") }
    return remarks.joined(separator: ", ")
  }
}

/// Whether our hand-over takes the same time for any size, as it should.
struct HandOverSpread: Codable, Sendable {
  /// The greatest of our medians over the least.
  let ratio: Double
  let bar: Bar

  /// Nil if fewer than two sizes were measured.
  init?(_ rows: [ProcessRowResult]) {
    let medians = rows.filter { $0.row.measure == .handOver }
      .compactMap { row in row.results.first { $0.isOurs }?.median }
    guard medians.count > 1, let least = medians.min(), let most = medians.max() else { return nil }
    let goal = 1.5
    ratio = most / least
    bar = Bar(text: "bar \(goal)", isReached: ratio <= goal)
  }
}
