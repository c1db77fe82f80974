/// A queue in a row, and what its runs gave.
struct QueueContestant {
  let program: QueueProgram
  let variant: QueueVariant
  var elements = 0
  /// M elements/s, one for each round.
  var rounds: [Double] = []
  /// Runs that were ended because they took too long. They count with the speed that they did not reach.
  var tooLong = 0
  /// Runs during which other processes used the cores, and that could not be repeated.
  var disturbed = 0

  var title: String {
    program.isOurs || variant.name.hasPrefix(program.name) ? variant.name : "\(program.name) \(variant.name)"
  }
}

/// Measures rows of queues: round by round, and in each round queue by queue.
struct QueueMeasuring {
  let rounds: Int
  /// How long one run is to take.
  let seconds: Double
  let progress = Progress()

  /// A run may take as much longer than it was meant to: threads that spin inside an operation take that
  /// long when others want their cores.
  private static let patience = 8.0
  private static let mostElements = 40_000_000
  private var quietRuns: QuietRuns

  init(rounds: Int, seconds: Double, contestants: Int) {
    self.rounds = rounds
    self.seconds = seconds
    quietRuns = QuietRuns(runs: contestants * rounds, seconds: seconds)
  }

  mutating func measure(
    _ row: QueueRow, _ contestants: [QueueContestant], label: String
  ) throws -> [QueueContestant] {
    defer { progress.clear() }
    var contestants = contestants
    for index in contestants.indices {
      progress.show("\(label), \(row.name): warming up \(contestants[index].title)")
      contestants[index].elements = try calibrate(row, contestants[index])
    }
    for round in 1...rounds {
      for index in contestants.indices {
        progress.show("\(label), \(row.name): round \(round)/\(rounds), \(contestants[index].title)")
        try runOnce(row, &contestants[index])
      }
    }
    return contestants
  }

  /// How many elements take about as long as a run is to take.
  private func calibrate(_ row: QueueRow, _ contestant: QueueContestant) throws -> Int {
    var elements = 100_000
    while true {
      let ending = try contestant.program.run(
        contestant.variant, row, elements: elements, limit: seconds * Self.patience)
      guard case .answer(let answer) = ending else {
        if elements <= 1_000 { return elements }
        elements /= 10
        continue
      }
      let wanted = Int(Double(elements) * seconds / answer.seconds)
      if answer.seconds >= seconds / 5 || elements == Self.mostElements {
        return max(1_000, min(Self.mostElements, wanted))
      }
      elements = max(1_000, min(Self.mostElements, elements * 10, wanted))
    }
  }

  private mutating func runOnce(_ row: QueueRow, _ contestant: inout QueueContestant) throws {
    let limit = seconds * Self.patience
    let present = contestant
    let (ending, isDisturbed) = try quietRuns.measure {
      try present.program.run(present.variant, row, elements: present.elements, limit: limit)
    }
    if isDisturbed { contestant.disturbed += 1 }
    switch ending {
    case .answer(let answer):
      contestant.rounds.append(Double(answer.elements) / answer.seconds / 1e6)
    case .tooLong:
      contestant.tooLong += 1
      contestant.rounds.append(Double(contestant.elements) / limit / 1e6)
    }
  }
}
