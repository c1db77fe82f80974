/// One row of the benchmark of worker processes.
struct ProcessRow: ContestRow {
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
  var isMain = false

  var figure: Figure {
    switch measure {
    case .stream: .items
    case .roundTrip, .handOver: .microseconds
    case .start: .milliseconds
    }
  }

  func takes(_ variant: ProcessVariant, _ role: Role) -> Bool { variant.measures.contains(measure.rawValue) }

  func arguments(_ variant: ProcessVariant, items: Int) -> [String] {
    [
      "--variant", variant.name, "--measure", measure.rawValue, "--bytes", "\(bytes)",
      "--items", "\(items)", "--throttle", "\(processThrottle)", "--pause", "\(pauseMicroseconds)",
    ]
  }

  func fewestItems(_ role: Role) -> Int {
    switch measure {
    // Ours needs many times what may be under way: see OurProcessRun.
    case .stream: role == .ours ? 8 * processThrottle : 1_000
    case .start: 3
    default: 4
    }
  }

  var mostItems: Int { measure == .stream ? 100_000_000 : 2_000 }

  // Each start counts.
  func warmUpCalls(of calls: Int) -> Int { measure == .start ? 0 : calls >= 100 ? 10 : 1 }
}

/// One way of exchanging with worker processes.
struct ProcessVariant: PeerVariant {
  let name: String
  let measures: [String]
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
      name: "8-byte items", about: "numbers through one process that adds 1 to each", measure: .stream,
      isMain: true),
    ProcessRow(
      name: "1 KiB arrays", about: "arrays of bytes through one process that gives them back",
      measure: .stream, bytes: 1_024),
    ProcessRow(
      name: "round trip", about: "a number there and back, the next one as soon as it is back",
      measure: .roundTrip, isMain: true),
    ProcessRow(
      name: "round trip at rest", about: "the same, the next one 200 µs after it is back",
      measure: .roundTrip, pauseMicroseconds: 200),
  ]
  + blocks.map { name, bytes in
    ProcessRow(
      name: "hand-over, \(name)", about: "a SharedArray of \(name), made once, to a process and back",
      measure: .handOver, bytes: bytes, isMain: bytes == 1 << 20)
  }
  + [
    ProcessRow(
      name: "start", about: "the start of four processes, until the first item is back", measure: .start)
  ]
