/// One row of the benchmark of worker processes.
struct ProcessRow: BenchmarkRow, Codable, Hashable {
  /// What is measured; the programs' word for it.
  enum Measure: String, Codable {
    /// Items there and back, as fast as they go.
    case stream
    /// One item there and back, while nothing else is under way.
    case roundTrip = "roundtrip"
    /// A block of memory there and back.
    case handOver = "handover"
    /// Four processes, until the first answer.
    case start
  }

  let name: String
  let about: String
  let measure: Measure
  var bytes = 8
  /// Before each call, in which both sides fall asleep.
  var pauseMicroseconds = 0

  var unit: String {
    switch measure {
    case .stream: "M items/s"
    case .roundTrip, .handOver: "µs"
    case .start: "ms"
    }
  }

  /// Nanoseconds of one unit of time.
  var nanosecondsInUnit: Double { measure == .start ? 1e6 : 1e3 }

  /// Calls at the beginning of a run that are not recorded: pages and caches are cold. Each start is.
  func warmUpCalls(of calls: Int) -> Int {
    if measure == .start { return 0 }
    return calls >= 100 ? 10 : 1
  }
}

/// Items that may be under way in each direction, where a peer has such a bound; bytes in proportion, where its
/// bound is one of these.
let processThrottle = 8_192

/// The sizes of the blocks, whose hand-over should take the same time.
private let blocks = [("64 bytes", 64), ("1 MiB", 1 << 20), ("16 MiB", 16 << 20), ("64 MiB", 64 << 20)]

/// The rows of `sluice-bench processes`, in the order of the tables.
let processRows: [ProcessRow] =
  [
    ProcessRow(
      name: "8-byte items", about: "numbers through one process that adds 1 to each", measure: .stream),
    ProcessRow(
      name: "1 KiB arrays", about: "arrays of bytes through one process that gives them back",
      measure: .stream, bytes: 1_024),
    ProcessRow(
      name: "round trip", about: "a number there and back, the next one as soon as it is back",
      measure: .roundTrip),
    ProcessRow(
      name: "round trip at rest", about: "the same, the next one 200 µs after it is back",
      measure: .roundTrip, pauseMicroseconds: 200),
  ]
  + blocks.map { name, bytes in
    ProcessRow(
      name: "hand-over, \(name)", about: "a SharedArray of \(name), made once, to a process and back",
      measure: .handOver, bytes: bytes)
  }
  + [
    ProcessRow(
      name: "start", about: "the start of four processes, until the first item is back", measure: .start)
  ]
