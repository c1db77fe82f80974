/// The runs on disk of one count, few enough to be merged at one go.
///
/// As in a log-structured merge tree with tiers (P. O'Neil and others, 1996): when ``fanIn`` runs of one
/// tier have gathered they are merged into one run of the next. Each word is so written once for each
/// tier, that is log(runs) / log(fanIn) times, and no more than fanIn buffers are ever in memory.
struct SpillRuns {
  /// The runs that are merged at one go, each with a buffer of ``SpillRun/bufferSize`` and a descriptor.
  static let fanIn = 64

  private let folder: BytePath
  private let fanIn: Int
  private var tiers: [[SpillRun]] = []

  init(folder: BytePath, fanIn: Int = Self.fanIn) {
    self.folder = folder
    self.fanIn = max(2, fanIn)
  }

  var isEmpty: Bool { tiers.allSatisfy(\.isEmpty) }

  /// Writes the words of `table` that occur less than `bound` times as a run.
  ///
  /// - Throws: ``SpillError`` when the disk is full, and what `checkStop` throws; nothing has changed then.
  mutating func add(
    _ table: borrowing WordTable, below bound: UInt64, checkStop: () throws -> Void
  ) throws {
    let run = try write(table, below: bound, checkStop: checkStop)
    if tiers.isEmpty { tiers.append([]) }
    tiers[0].append(run)
  }

  /// Merges the tiers that are full.
  ///
  /// - Throws: ``SpillError`` when the disk is full, and what `checkStop` throws; what was counted is
  ///   untouched then.
  mutating func compact(checkStop: () throws -> Void) throws {
    var tier = 0
    while tier < tiers.count {
      if tiers[tier].count >= fanIn {
        let merged = try merged(tiers[tier], checkStop: checkStop)
        tiers[tier] = []
        if tier + 1 == tiers.count { tiers.append([]) }
        tiers[tier + 1].append(merged)
      }
      tier += 1
    }
  }

  private func write(
    _ table: borrowing WordTable, below bound: UInt64 = .max, checkStop: () throws -> Void
  ) throws -> SpillRun {
    try checkStop()
    return try SpillRun(in: folder) { writer in
      try table.forEachWordInOrder(below: bound) { key, count in
        try writer.append(key: key, count: count)
        if writer.wordCount.isMultiple(of: RunMerger.wordsBetweenChecks) { try checkStop() }
      }
    }
  }

  private func merged(_ runs: [SpillRun], checkStop: () throws -> Void) throws -> SpillRun {
    try SpillRun(in: folder) { writer in
      try RunMerger.merge(runs, checkStop: checkStop) { try writer.append(key: $0, count: $1) }
    }
  }

  /// Calls `body` with each word of all runs and of `table`, in order, each once.
  ///
  /// - Parameter checkStop: called from time to time; an error that it throws ends the merge.
  /// - Throws: ``SpillError``, and what `checkStop` and `body` throw. What was counted is untouched.
  func forEachMergedWord(
    with table: borrowing WordTable, checkStop: () throws -> Void,
    _ body: (UnsafeBufferPointer<UInt8>, UInt64) throws -> Void
  ) throws {
    var runs = tiers.flatMap { $0 }
    runs.append(try write(table, checkStop: checkStop))
    while runs.count > fanIn {
      // The smallest first: their words are written once more.
      runs.sort { $0.wordCount < $1.wordCount }
      let count = min(fanIn, runs.count - fanIn + 1)
      let merged = try merged(Array(runs[..<count]), checkStop: checkStop)
      runs.replaceSubrange(..<count, with: [merged])
    }
    try RunMerger.merge(runs, checkStop: checkStop, body)
  }
}
