import Sluice

/// Counts the words of all files under a folder, with a pipeline of four stages:
///
///     walk (branch) -> read (branch, workers) -> count (workers) -> merge (join)
///
/// or, where worker processes count, with ranges of files instead of their text between the stages:
///
///     walk (branch) -> divide (branch) -> count (branch, processes) -> merge (join)
///
/// A word is a run of ASCII letters, lower-cased; a file's end ends a word. The counts are those of
///
///     LC_ALL=C tr -cs 'A-Za-z' '\n' < FILE | tr A-Z a-z | sort | uniq -c
///
/// over the files that ``FolderWalk`` describes. Every stage's output is bounded by its throttle, and the
/// merged counts by ``WordTally``: memory does not grow with the input.
///
/// A value counts once: its tally and its log are those of one run.
public struct WordCount: Sendable {
  /// The readers that work at once: enough to keep a disk's queue filled.
  public static let readers = 4
  /// The files, pieces and counted pieces that may wait before the next stage.
  static let throttle = 64

  /// The merged counts, to be looked at also while the pipeline runs, and when it was cancelled.
  public let tally: WordTally
  /// The bytes read and the failures so far.
  public let log: ReadLog
  /// What counts the words.
  public enum Counters: Sendable {
    /// So many workers of this process.
    case threads(Int)
    /// So many processes, which also read.
    case processes(Int)
  }

  public let counters: Counters
  /// The number of words that the pipeline returns.
  public let top: Int

  /// - Parameters:
  ///   - top: the number of words wanted.
  ///   - counters: what counts the words.
  ///   - onFailure: called once for each file or folder that cannot be read, from any thread.
  public init(top: Int, counters: Counters, onFailure: @escaping @Sendable (ReadFailure) -> Void) {
    self.top = top
    self.counters = counters
    tally = WordTally()
    log = ReadLog(onFailure: onFailure)
  }

  /// The pipeline: from the path of a folder or a file to one summary.
  public var pipeline: Pipeline<BytePath, WordSummary> {
    switch counters {
    case .threads(let count): pipeline(workers: count)
    case .processes(let count): pipeline(processes: count)
    }
  }

  private func pipeline(workers: Int) -> Pipeline<BytePath, WordSummary> {
    let (tally, log, top) = (tally, log, top)
    return Pipeline {
      Stage.branch(name: "walk", throttle: Self.throttle) { (root: BytePath) in
        FolderWalk(root, log: log)
      }
      Stage.branch(name: "read", workers: Self.readers, throttle: Self.throttle) { (file: FoundFile) in
        PieceReader(file, log: log)
      }
      Stage(name: "count", workers: workers, throttle: Self.throttle) { (piece: Piece) in
        CountedWords(piece)
      }
      Stage.join(name: "merge") { (pieces: Inputs<CountedWords>) in
        for words in pieces { try tally.add(words) }
        return try tally.summary(top: top)
      }
    }
  }

  private func pipeline(processes: Int) -> Pipeline<BytePath, WordSummary> {
    let (tally, log, top) = (tally, log, top)
    return Pipeline {
      Stage.branch(name: "walk", throttle: Self.throttle) { (root: BytePath) in
        FolderWalk(root, log: log)
      }
      Stage.branch(name: "divide", throttle: Self.throttle) { (file: FoundFile) in
        FileRanges(file, log: log)
      }
      // What kills its process costs no more than a file that cannot be read.
      Stage.branch(
        name: "count", processes: processes, throttle: Self.throttle, onFailure: .skip, CountRange())
      Stage.join(name: "merge") { (ranges: Inputs<CountedRange>) in
        var failed = RecentPaths()
        for range in ranges {
          log.didRead(bytes: range.bytesRead)
          if let failure = range.failure, failed.isNew(failure.path) { log.didFail(failure) }
          try tally.add(range.words)
        }
        return try tally.summary(top: top)
      }
    }
  }

  /// Ends the disk work of the tally; to be called when the run is cancelled.
  public func stop() {
    tally.stop()
  }
}

/// The paths that came last, as many as ranges may be under way: a file that fails does so in each of its ranges,
/// and is to be reported once.
private struct RecentPaths {
  private var paths: [BytePath] = []

  mutating func isNew(_ path: BytePath) -> Bool {
    guard !paths.contains(path) else { return false }
    if paths.count == 2 * WordCount.throttle { paths.removeFirst() }
    paths.append(path)
    return true
  }
}

extension RunReport {
  /// The parts of files that were not counted to their end because their process died.
  public var uncounted: Int { stages.reduce(0) { $0 + $1.skipped } }

  /// The first of them, and how the processes died.
  public var deaths: [WorkerDied] { stages.flatMap { $0.failures.compactMap { $0.error as? WorkerDied } } }
}

extension StageRow {
  /// The row of one stage in the report of a run.
  public init(_ stage: RunReport.Stage, elapsed: Duration) {
    self.init(
      name: stage.name, workers: stage.workers, itemsIn: stage.itemsIn, itemsOut: stage.itemsOut,
      busySeconds: stage.busy / .seconds(1), peakQueueLength: stage.peakQueueLength,
      elapsedSeconds: elapsed / .seconds(1))
  }
}
