/// A row that says how many items a second something handles.
struct ThroughputRow: BenchmarkRow {
  /// Handles this many items and gives their sum.
  enum Pass: Sendable {
    /// Called on the main thread.
    case blocking(@Sendable (_ items: Int) throws -> Int)
    /// Called in a task of its own, on Swift's cooperative threads.
    case async(@Sendable (_ items: Int) async throws -> Int)
  }

  let name: String
  let about: String
  /// M items/s that the median should reach.
  var bar: Double?
  /// Bounds the memory of a row whose queues have no bound.
  var mostItems = Int.max
  /// What a pass of this many items must give.
  var sum: @Sendable (_ items: Int) -> Int = { $0 * ($0 + 1) / 2 }
  let pass: Pass

  /// Times one pass, in nanoseconds.
  ///
  /// - Throws: `WrongResult` if its sum is wrong; what the pass throws.
  func timePass(items: Int) throws -> UInt64 {
    let (sum, nanoseconds): (Int, UInt64)
    switch pass {
    case .blocking(let pass):
      let started = nowNanoseconds()
      sum = try pass(items)
      nanoseconds = nowNanoseconds() - started
    case .async(let pass):
      (sum, nanoseconds) = try waitForTask {
        let started = nowNanoseconds()
        let sum = try await pass(items)
        return (sum, nowNanoseconds() - started)
      }
    }
    guard sum == self.sum(items) else {
      throw WrongResult(
        row: name, actual: "the sum \(sum) over \(items) items", expected: "\(self.sum(items))")
    }
    return nanoseconds
  }

  /// How many items take about this long. Measuring that warms up, too.
  func calibrate(seconds: Double) throws -> Int {
    var items = min(1_000, mostItems)
    while true {
      let measured = Double(try timePass(items: items)) / 1e9
      // Short passes are mostly start and end: they say little about long ones.
      if measured >= seconds / 4 || items == mostItems {
        return max(1, min(mostItems, Int(Double(items) * seconds / measured)))
      }
      items = min(mostItems, items * max(2, min(8, Int(seconds / 2 / measured))))
    }
  }
}

struct ThroughputResult: Codable, Sendable {
  let name: String
  /// In each pass.
  let items: Int
  /// M items/s, one for each round, in their order.
  let rounds: [Double]
  let median: Double
  let least: Double
  let most: Double
  var bar: Bar?

  init(_ row: ThroughputRow, items: Int, rounds: [Double]) {
    name = row.name
    self.items = items
    self.rounds = rounds
    let sorted = rounds.sorted()
    let middle = sorted.count / 2
    median = sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    least = sorted[0]
    most = sorted[sorted.count - 1]
    if let goal = row.bar { bar = Bar(text: "bar \(formatted(goal))", isReached: median >= goal) }
  }
}

/// Measures each row once a round.
func measure(_ rows: [ThroughputRow], rounds: Int, seconds: Double) throws -> [ThroughputResult] {
  let progress = Progress()
  defer { progress.clear() }
  var items: [Int] = []
  for (index, row) in rows.enumerated() {
    progress.show("warming up \(index + 1)/\(rows.count): \(row.name)")
    items.append(try row.calibrate(seconds: seconds))
  }
  var speeds = Array(repeating: [Double](), count: rows.count)
  for round in 1...rounds {
    for (index, row) in rows.enumerated() {
      progress.show("round \(round)/\(rounds), row \(index + 1)/\(rows.count): \(row.name)")
      let nanoseconds = try row.timePass(items: items[index])
      speeds[index].append(Double(items[index]) * 1e3 / Double(nanoseconds))
    }
  }
  return rows.indices.map { ThroughputResult(rows[$0], items: items[$0], rounds: speeds[$0]) }
}

func throughputTable(_ results: [ThroughputResult]) -> Table {
  var table = Table(["row", "median", "min", "max", "items", ""], leftAligned: [0, 5])
  for result in results {
    table.add([
      result.name, formatted(result.median), formatted(result.least), formatted(result.most),
      grouped(result.items), result.bar?.description ?? "",
    ])
  }
  return table
}
