import Glibc

/// When the items of a paced source are due, and which of them are slow: what `tail` measures.
struct Pace: Sendable {
  static let nanoseconds = 20_000
  static let slowMicroseconds: UInt32 = 1_000

  /// What goes through the pipeline.
  struct Item: Sendable {
    let index: Int
    let due: UInt64

    var isSlow: Bool { index % 1_000 == 500 }
  }

  private let started = nowNanoseconds()

  static func slowItems(of items: Int) -> Int { (items + 499) / 1_000 }

  func item(_ index: Int) -> Item {
    Item(index: index, due: started + UInt64(index * Self.nanoseconds))
  }

  /// Sleeping ends some 60 µs late: the rest is spent looking at the clock, without keeping the core from others.
  static func wait(for item: Item) {
    if let rest = nanosecondsToSleep(before: item) { usleep(UInt32(rest / 1_000)) }
    while nowNanoseconds() < item.due { sched_yield() }
  }

  /// The same in a task.
  static func wait(for item: Item) async throws {
    if let rest = nanosecondsToSleep(before: item) { try await Task.sleep(nanoseconds: rest) }
    while nowNanoseconds() < item.due { await Task.yield() }
  }

  private static func nanosecondsToSleep(before item: Item) -> UInt64? {
    let now = nowNanoseconds()
    return item.due > now + 80_000 ? item.due - now - 60_000 : nil
  }
}

/// What the consumer of a paced source has seen.
struct Arrivals {
  private let started = nowNanoseconds()
  private var times: [UInt64] = []
  private var count = 0
  private var sum = 0

  init(_ items: Int) { times.reserveCapacity(items) }

  @inline(__always)
  mutating func add(_ item: Pace.Item) {
    count += 1
    sum &+= item.index
    if !item.isSlow { times.append(nowNanoseconds() - item.due) }
  }

  func outcome(_ items: Int) -> PipelineRun.Outcome {
    PipelineRun.Outcome(
      seconds: Double(nowNanoseconds() - started) / 1e9, times: times,
      ok: count == items && sum == items * (items - 1) / 2)
  }
}
