import Synchronization

/// The merged counts of a run: a table in memory, and runs of words on disk when it grows too large.
///
/// When the table reaches its limits, the most frequent eighth of its words stays and the others are
/// written to disk in alphabetical order, so the memory that a count takes does not depend on how many
/// different words there are. A final merge adds up what stands where.
///
/// It can be looked at from any thread while words are added, so that an interrupted count can still
/// show what it had: the frequent words hardly ever leave the memory.
public final class WordTally: Sendable {
  /// About 12 MiB for the table, and half as much again while it is written to disk.
  static let tableLimits = WordTable.Limits(words: (1 << 18) - 2, bytes: 4 << 20)

  private struct State: ~Copyable {
    /// Words with the counts that are not on disk.
    var table: WordTable
    var runs: SpillRuns
    var totalWords: UInt64 = 0
  }

  private let state: Mutex<State>
  private let isStopped = Atomic<Bool>(false)

  /// - Parameter folder: where temporary files are made when the words do not fit in memory: by default
  ///   what the environment variable `TMPDIR` names, or else /var/tmp.
  public convenience init(folder: BytePath? = nil) {
    self.init(folder: folder ?? SpillFile.defaultFolder, limits: Self.tableLimits, fanIn: SpillRuns.fanIn)
  }

  init(folder: BytePath, limits: WordTable.Limits, fanIn: Int) {
    state = Mutex(State(table: WordTable(limits: limits), runs: SpillRuns(folder: folder, fanIn: fanIn)))
  }

  /// Adds the words of a piece.
  ///
  /// - Throws: ``SpillError`` when the disk is full; `CancellationError` after ``stop()``, if it would have
  ///   to use the disk.
  public func add(_ words: CountedWords) throws {
    try state.withLock { state in
      try words.forEachWord { key, count in
        // Each round leaves an eighth of the words at most, and an empty table takes any word.
        while !state.table.add(key, count: count) { try spill(&state) }
        state.totalWords &+= count
      }
    }
  }

  private func spill(_ state: inout State) throws {
    let bound = state.table.frequencyBound(keepingOneIn: 8)
    try state.runs.add(state.table, below: bound, checkStop: checkStop)
    state.table = state.table.words(from: bound)
    try state.runs.compact(checkStop: checkStop)
  }

  /// Makes a merge or a write to disk that is under way end soon, and refuses later ones.
  public func stop() {
    isStopped.store(true, ordering: .relaxed)
  }

  private func checkStop() throws {
    if isStopped.load(ordering: .relaxed) { throw CancellationError() }
  }

  /// The most frequent words, with all that was counted.
  ///
  /// - Parameter top: the number of words wanted.
  /// - Throws: ``SpillError`` when the disk is full; `CancellationError` after ``stop()``, if the disk was
  ///   used.
  public func summary(top: Int) throws -> WordSummary {
    try state.withLock { state in
      if state.runs.isEmpty { return Self.summary(of: state, top: top) }
      var words = TopWords(limit: top)
      var distinctWords: UInt64 = 0
      try state.runs.forEachMergedWord(with: state.table, checkStop: checkStop) { key, count in
        words.consider(key: key, count: count)
        distinctWords += 1
      }
      return WordSummary(
        words: words.sorted(), totalWords: state.totalWords, distinctWords: distinctWords, isPartial: false)
    }
  }

  /// The most frequent words by what is in memory, without a look at the disk.
  ///
  /// - Parameter top: the number of words wanted.
  public func summaryInMemory(top: Int) -> WordSummary {
    state.withLock { Self.summary(of: $0, top: top) }
  }

  private static func summary(of state: borrowing State, top: Int) -> WordSummary {
    var words = TopWords(limit: top)
    state.table.forEachWord { words.consider(key: $0, count: $1) }
    return WordSummary(
      words: words.sorted(), totalWords: state.totalWords, distinctWords: UInt64(state.table.wordCount),
      isPartial: !state.runs.isEmpty)
  }
}
