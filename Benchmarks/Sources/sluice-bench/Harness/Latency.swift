import Histogram

/// Calls of one row before the next row has its turn.
let callsInBlock = 200
/// Calls at the beginning of a block that are not recorded: they bring the row's code and threads back
/// into the caches.
private let warmUpCalls = 10

/// A row that says how long something takes.
struct LatencyRow: BenchmarkRow {
  /// Makes this many calls, one after the other, and gives the nanoseconds that each of them took.
  enum Block: Sendable {
    /// Called on the main thread.
    case blocking(@Sendable (_ calls: Int) throws -> [UInt64])
    /// Called in a task of its own, on Swift's cooperative threads.
    case async(@Sendable (_ calls: Int) async throws -> [UInt64])
  }

  let name: String
  let about: String
  /// With how many bare hand-overs it is compared; 0: it is one itself.
  var handOvers = 4
  /// Most times those hand-overs that the median should be.
  var bar: Double?
  let block: Block
}

/// Times calls of `call`, each of which must give `expected`.
func timeCalls(
  _ calls: Int, of row: String, giving expected: Int, _ call: () throws -> Int
) throws -> [UInt64] {
  var times: [UInt64] = []
  times.reserveCapacity(calls)
  for _ in 0..<calls {
    let started = nowNanoseconds()
    let result = try call()
    times.append(nowNanoseconds() - started)
    try check(result, is: expected, row)
  }
  return times
}

/// Times calls of `call`, each of which must give `expected`.
func timeCalls(
  _ calls: Int, of row: String, giving expected: Int, _ call: () async throws -> Int
) async throws -> [UInt64] {
  var times: [UInt64] = []
  times.reserveCapacity(calls)
  for _ in 0..<calls {
    let started = nowNanoseconds()
    let result = try await call()
    times.append(nowNanoseconds() - started)
    try check(result, is: expected, row)
  }
  return times
}

private func check(_ result: Int, is expected: Int, _ row: String) throws {
  guard result == expected else {
    throw WrongResult(row: row, actual: "\(result)", expected: "\(expected)")
  }
}

/// The median of a row over that of a hand-over, times as many as it is compared with.
struct Ratios: Codable, Sendable {
  /// With the hand-over's threads where the kernel places them.
  let unpinned: Double
  /// With both on one core.
  let oneCore: Double
  /// With each on a core of its own.
  let twoCores: Double
}

struct LatencyResult: Codable, Sendable {
  let name: String
  let calls: Int
  let medianMicroseconds: Double
  let percentile90Microseconds: Double
  let percentile999Microseconds: Double
  /// Nil for a hand-over itself.
  private(set) var handOvers: Int?
  private(set) var ratiosToHandOvers: Ratios?
  private(set) var bar: Bar?
  /// Whether comparing with hand-overs on one core and between two gives different answers: then where
  /// the kernel happened to place the threads decides.
  private(set) var placementDecides: Bool?

  init(_ row: LatencyRow, _ histogram: Histogram<UInt64>) {
    name = row.name
    calls = Int(histogram.totalCount)
    let microseconds = { (percentile: Double) in Double(histogram.valueAtPercentile(percentile)) / 1e3 }
    medianMicroseconds = microseconds(50)
    percentile90Microseconds = microseconds(90)
    percentile999Microseconds = microseconds(99.9)
  }

  /// - Parameter bare: microseconds, in the order of `handOverRows`.
  fileprivate mutating func compare(with bare: [Double], times count: Int, _ goal: Double?) {
    let ratio = bare.map { medianMicroseconds / ($0 * Double(count)) }
    let ratios = Ratios(unpinned: ratio[0], oneCore: ratio[1], twoCores: ratio[2])
    handOvers = count
    ratiosToHandOvers = ratios
    guard let goal else { return }
    bar = Bar(text: "bar \(goal) × \(count) hand-overs", isReached: ratios.unpinned <= goal)
    placementDecides = (ratios.oneCore <= goal) != (ratios.twoCores <= goal)
  }
}

/// Measures one block of each row, and of the hand-overs, in each round.
func measure(_ rows: [LatencyRow], rounds: Int) throws -> [LatencyResult] {
  let rows = handOverRows + rows.filter { $0.handOvers > 0 }
  let progress = Progress()
  defer { progress.clear() }
  var histograms = rows.map { _ in Histogram<UInt64>(numberOfSignificantValueDigits: .three) }
  for round in 1...rounds {
    for (index, row) in rows.enumerated() {
      progress.show("round \(round)/\(rounds), row \(index + 1)/\(rows.count): \(row.name)")
      let times: [UInt64]
      switch row.block {
      case .blocking(let block): times = try block(warmUpCalls + callsInBlock)
      case .async(let block): times = try waitForTask { try await block(warmUpCalls + callsInBlock) }
      }
      for time in times.dropFirst(warmUpCalls) { histograms[index].record(time) }
    }
  }
  var results = rows.indices.map { LatencyResult(rows[$0], histograms[$0]) }
  let bare = results.prefix(handOverRows.count).map { $0.medianMicroseconds }
  for index in rows.indices where rows[index].handOvers > 0 {
    results[index].compare(with: bare, times: rows[index].handOvers, rows[index].bar)
  }
  return results
}

func latencyTable(_ results: [LatencyResult]) -> Table {
  var table = Table(
    ["row", "median", "90 %", "99.9 %", "bare", "ratio", "one core", "two cores", "calls", ""],
    leftAligned: [0, 9])
  for result in results {
    let ratios = result.ratiosToHandOvers
    let remarks = [
      result.bar?.description, result.placementDecides == true ? "but placement decides" : nil,
    ]
    table.add([
      result.name, formatted(result.medianMicroseconds), formatted(result.percentile90Microseconds),
      formatted(result.percentile999Microseconds), result.handOvers.map { "\($0)" } ?? "",
      ratios.map { formatted($0.unpinned) } ?? "",
      ratios.map { formatted($0.oneCore) } ?? "", ratios.map { formatted($0.twoCores) } ?? "",
      grouped(result.calls), remarks.compactMap { $0 }.joined(separator: ", "),
    ])
  }
  return table
}
