/// What the failure policy of one stage has done so far.
struct FailureLog {
  /// So many failures are kept as records: a stage that skips all of an endless stream must not fill
  /// the memory with them. The counts go on.
  static let mostRecords = 100

  /// Items that were dropped.
  private(set) var skipped = 0
  /// Calls of the body beyond the first one of each item.
  private(set) var retried = 0
  /// The first failures, in the order in which they were decided.
  private(set) var failures: [RunFailure] = []

  mutating func retry() { retried += 1 }

  mutating func end(_ failure: RunFailure) {
    if failure.wasSkipped { skipped += 1 }
    if failures.count < Self.mostRecords { failures.append(failure) }
  }
}
