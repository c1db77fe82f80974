import Histogram

/// One program's way of exchanging in a row, and what its runs gave.
struct ProcessContestant {
  let program: ProcessProgram
  let variant: ProcessProgram.Variant
  /// Items of a stream, or calls, in each run.
  var items = 0
  /// In the row's unit, one for each round: the speed of a stream, or the median of the calls.
  var rounds: [Double] = []
  /// Nanoseconds of all calls of all rounds.
  var calls = Histogram<UInt64>(numberOfSignificantValueDigits: .three)
  /// Runs that were ended because they took too long. They count nowhere else.
  var tooLong = 0
  /// Runs during which others used the cores, and that could not be repeated.
  var disturbed = 0
}

/// Measures rows of processes: round by round, and in each round one way of exchanging after the other.
struct ProcessMeasuring {
  let rounds: Int
  /// How long one run is to take.
  let seconds: Double
  private let progress = Progress()
  private var quietRuns: QuietRuns

  /// How long a run may take, beyond several times what it was meant to: interpreters start slowly.
  private static let patience = 20.0
  private static let mostItems = 100_000_000
  private static let mostCalls = 2_000

  init(rounds: Int, seconds: Double, contestants: Int) {
    self.rounds = rounds
    self.seconds = seconds
    quietRuns = QuietRuns(runs: contestants * rounds, seconds: seconds)
  }

  mutating func measure(
    _ row: ProcessRow, _ contestants: [ProcessContestant], label: String
  ) throws -> [ProcessContestant] {
    defer { progress.clear() }
    var contestants = contestants
    for index in contestants.indices {
      progress.show("\(label), \(row.name): warming up \(contestants[index].variant.name)")
      contestants[index].items = try calibrate(row, contestants[index])
    }
    for round in 1...rounds {
      for index in contestants.indices {
        progress.show("\(label), \(row.name): round \(round)/\(rounds), \(contestants[index].variant.name)")
        try runOnce(row, &contestants[index])
      }
    }
    return contestants
  }

  private var limit: Double { Self.patience + 8 * seconds }

  /// How many items or calls take about as long as a run is to take.
  private func calibrate(_ row: ProcessRow, _ contestant: ProcessContestant) throws -> Int {
    func run(_ items: Int) throws -> ProcessProgram.Answer? {
      try contestant.program.run(contestant.variant, row, items: items, limit: limit)
    }
    guard row.measure == .stream else {
      let fewest = row.measure == .start ? 3 : 4
      guard let answer = try run(fewest) else { return fewest }
      let call = Double(answer.times.min() ?? 0) / 1e9 + Double(row.pauseMicroseconds) / 1e6
      return max(fewest, min(Self.mostCalls, Int(seconds / call)))
    }
    // Ours needs many times what may be under way: see OurProcessRun.
    let fewest = contestant.program.isOurs ? 8 * processThrottle : 1_000
    var items = fewest
    while let answer = try run(items) {
      let wanted = Int(Double(items) * seconds / max(answer.seconds, 1e-6))
      if answer.seconds >= seconds / 5 || items == Self.mostItems {
        return max(fewest, min(Self.mostItems, wanted))
      }
      items = max(items, min(Self.mostItems, items * 10, wanted))
    }
    return items
  }

  private mutating func runOnce(_ row: ProcessRow, _ contestant: inout ProcessContestant) throws {
    let (present, limit) = (contestant, limit)
    let (answer, isDisturbed) = try quietRuns.measure {
      try present.program.run(present.variant, row, items: present.items, limit: limit)
    }
    if isDisturbed { contestant.disturbed += 1 }
    guard let answer else {
      contestant.tooLong += 1
      return
    }
    if row.measure == .stream {
      contestant.rounds.append(Double(answer.items) / answer.seconds / 1e6)
      return
    }
    let times = answer.times.dropFirst(row.warmUpCalls(of: answer.times.count)).sorted()
    for time in times { contestant.calls.record(time) }
    contestant.rounds.append(Double(times[times.count / 2]) / row.nanosecondsInUnit)
  }
}
