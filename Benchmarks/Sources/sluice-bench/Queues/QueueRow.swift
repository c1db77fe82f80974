/// One row of the queue benchmark: how many threads, and how they enqueue and dequeue.
struct QueueRow: ContestRow {
  /// Which queues take part.
  enum Kind: String, Codable {
    /// Those made for one producer and one consumer.
    case spsc = "SPSC"
    /// Those for any number of either.
    case mpmc = "MPMC"
    /// Those for many producers, be it for one consumer only.
    case mpsc = "MPSC"
    /// Those for many consumers, be it for one producer only.
    case spmc = "SPMC"
    /// Those without a bound, for any number of either.
    case unbounded = "unbounded"
  }

  let kind: Kind
  let producers: Int
  let consumers: Int
  /// Elements at a time; 1: no bulk operations.
  let batch: Int

  var shape: String { "\(producers)P\(consumers)C" }

  var name: String {
    let ends = kind == .spsc ? "" : " \(shape)"
    return "\(kind.rawValue)\(ends), \(batch == 1 ? "unbatched" : "bulk \(batch)")"
  }

  var about: String {
    let threads = "\(producers) producer(s), \(consumers) consumer(s)"
    return batch == 1 ? "\(threads), one element at a time" : "\(threads), up to \(batch) elements at a time"
  }

  /// Whether the queue is measured in this row. Where there are bulk operations, those without a bound
  /// stand beside the others: few bounded queues have any.
  func takes(_ queue: QueueVariant, _ role: Role) -> Bool {
    guard queue.mostProducers >= producers, queue.mostConsumers >= consumers else { return false }
    guard queue.fixedCapacity == 0 || queue.fixedCapacity == queueCapacity else { return false }
    guard batch == 1 || queue.bulk else { return false }
    let many = 2
    switch kind {
    case .spsc: return queue.mostProducers < many && queue.mostConsumers < many
    case .mpsc, .spmc: return queue.bounded
    case .mpmc:
      return queue.mostProducers >= many && queue.mostConsumers >= many && (queue.bounded || batch > 1)
    case .unbounded: return !queue.bounded
    }
  }
}

extension QueueRow {
  var figure: Figure { .elements }
  func fewestItems(_ role: Role) -> Int { 10_000 }
  var mostItems: Int { 40_000_000 }
  var patience: Double { 0 }
  static var namesPrograms: Bool { true }
  // Where all threads have a core, and where they have not.
  var isMain: Bool { batch == 1 && (kind == .spsc || kind == .mpmc && producers == 4) }

  func arguments(_ queue: QueueVariant, items: Int) -> [String] {
    [
      "--variant", queue.name, "--producers", "\(producers)", "--consumers", "\(consumers)",
      "--capacity", "\(queueCapacity)", "--elements", "\(items)", "--batch", "\(batch)",
    ]
  }
}

/// Elements that fit into each bounded queue.
let queueCapacity = 1_024

private let bulk = 16

/// The rows of `sluice-bench queues`, in the order of the tables.
let queueRows: [QueueRow] =
  [1, bulk].map { QueueRow(kind: .spsc, producers: 1, consumers: 1, batch: $0) }
  + [1, bulk].flatMap { batch in
    [1, 2, 4, 8].map { QueueRow(kind: .mpmc, producers: $0, consumers: $0, batch: batch) }
  }
  + [
    QueueRow(kind: .mpsc, producers: 4, consumers: 1, batch: 1),
    QueueRow(kind: .spmc, producers: 1, consumers: 4, batch: 1),
    QueueRow(kind: .unbounded, producers: 1, consumers: 1, batch: 1),
    QueueRow(kind: .unbounded, producers: 4, consumers: 4, batch: 1),
  ]
