import CSluice

/// How long a task has used queues without waiting for one: a task that never suspends keeps its cooperative thread
/// from every other task of the process, so now and then it lets others run.
@usableFromInline
struct TaskTurns {
  @usableFromInline var turns: UInt32 = 0
  private var since: UInt64 = 0

  /// Whether the last answer was that others must be let run, and it was not done.
  private var isDue = false

  /// Letting others run costs as much as hundreds of short items.
  private static let longest: UInt64 = 1_000_000

  @usableFromInline
  init() {}

  /// Whether the next use must be preceded by a yield.
  @inlinable @inline(__always)
  mutating func mustYield() -> Bool {
    turns &+= 1
    return turns & 255 == 0 && hasTakenLong()
  }

  mutating func takeDue() -> Bool {
    defer { isDue = false }
    return isDue
  }

  /// Looks at the clock, once in many items.
  @usableFromInline @inline(never)
  mutating func hasTakenLong() -> Bool {
    let now = sl_now_nanoseconds()
    guard now &- since >= Self.longest else { return false }
    since = now
    isDue = true
    return true
  }
}
