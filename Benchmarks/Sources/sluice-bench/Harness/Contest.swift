/// Measures rows of programs: round by round, and in each round one contestant after the other.
struct Contest<Row: ContestRow> {
  let rounds: Int
  /// How long one run is to take.
  let seconds: Double
  /// Programs that could not be built, and what they need.
  private(set) var missing: [String]
  private var entries: [(row: Row, contestants: [Contestant<Row>])]
  private let progress = Progress()
  private var quietRuns: QuietRuns

  /// A run may take so much longer than it was meant to: threads that spin inside an operation take that
  /// long when others want their cores.
  private static var factor: Double { 8 }

  /// - Parameter seconds: how long one run is to take; with `--quick` 0.1.
  init(_ rows: [Row], _ family: PeerFamily, _ options: Options, _ peers: String?, seconds: Double) throws {
    rounds = options.rounds ?? (options.quick ? 3 : 5)
    self.seconds = options.quick ? 0.1 : seconds
    let (programs, missing) = try PeerProgram<Row.Variant>.all(family, in: peers)
    self.missing = missing
    let variants = try programs.map { try $0.variants() }
    entries = rows.map { row in
      let contestants = zip(programs, variants).flatMap { program, variants in
        variants.flatMap { Contestant.all(row, program, $0) }
      }
      return (row, contestants)
    }
    quietRuns = QuietRuns(runs: 0, seconds: 0)
  }

  /// Adds others to a row than the family's programs.
  mutating func add(_ contestants: [Contestant<Row>], missing: [String], to isRow: (Row) -> Bool) {
    guard let index = entries.firstIndex(where: { isRow($0.row) }) else { return }
    entries[index].contestants += contestants
    self.missing += missing
  }

  /// Measures every row, and has each made a result of when it is there.
  mutating func measure<Result>(
    _ result: (Row, [Contestant<Row>]) throws -> Result
  ) throws -> [Result] {
    let runs = rounds * entries.reduce(0) { $0 + $1.contestants.count }
    quietRuns = QuietRuns(runs: runs, seconds: seconds)
    for line in missing { try Report.show(line) }
    var results: [Result] = []
    for (index, entry) in entries.enumerated() {
      let label = "\(index + 1)/\(entries.count), \(entry.row.name)"
      results.append(try result(entry.row, measure(entry.row, entry.contestants, label)))
    }
    return results
  }

  private mutating func measure(
    _ row: Row, _ contestants: [Contestant<Row>], _ label: String
  ) throws -> [Contestant<Row>] {
    defer { progress.clear() }
    var contestants = contestants
    for index in contestants.indices {
      progress.show("\(label): warming up \(contestants[index].title)")
      contestants[index].items = try calibrate(row, contestants[index])
    }
    for round in 1...rounds {
      for index in contestants.indices {
        progress.show("\(label): round \(round)/\(rounds), \(contestants[index].title)")
        try runOnce(row, &contestants[index])
      }
    }
    return contestants
  }

  private func limit(_ row: Row) -> Double { row.patience + Self.factor * seconds }

  /// How many items or calls take about as long as a run is to take. Finding that out warms up, too.
  private func calibrate(_ row: Row, _ contestant: Contestant<Row>) throws -> Int {
    let fewest = row.fewestItems(contestant.role)
    let bounded = { (items: Double) in Int(max(Double(fewest), min(Double(row.mostItems), items))) }
    if contestant.items > 0 { return contestant.items }
    if let items = row.items(in: seconds) {
      _ = try contestant.run(items, limit(row))
      return items
    }
    if row.figure.nanosecondsOfCalls != nil {
      guard let answer = try contestant.run(fewest, limit(row)) else { return fewest }
      let call = Double(answer.calls.min() ?? 0) / 1e9 + Double(row.pauseMicroseconds) / 1e6
      return bounded(seconds / call)
    }
    var items = fewest
    while let answer = try contestant.run(items, limit(row)) {
      let wanted = bounded(Double(items) * seconds / max(answer.seconds, 1e-6))
      // Short runs are mostly start and end: they say little about long ones.
      if answer.seconds >= seconds / 5 || items == row.mostItems { return wanted }
      items = max(items, min(bounded(Double(items) * 10), wanted))
    }
    // The last number took too long.
    return max(1, items / 10)
  }

  private mutating func runOnce(_ row: Row, _ contestant: inout Contestant<Row>) throws {
    let (present, limit) = (contestant, limit(row))
    let (answer, isDisturbed) = try quietRuns.measure { try present.run(present.items, limit) }
    if isDisturbed { contestant.disturbed += 1 }
    if answer == nil { contestant.tooLong += 1 }
    contestant.peakKiB = [contestant.peakKiB, answer?.peakKiB].compactMap { $0 }.max()
    let (seconds, calls) = (answer?.seconds ?? limit, answer?.calls ?? [])
    if let figure = row.figure.value(items: present.items, seconds: seconds, times: calls) {
      contestant.rounds.append(figure)
    } else if let unit = row.figure.nanosecondsOfCalls, !calls.isEmpty {
      let times = calls.dropFirst(row.warmUpCalls(of: calls.count)).sorted()
      for time in times { contestant.calls.record(time) }
      contestant.rounds.append(Double(times[times.count / 2]) / unit)
    }
  }
}
