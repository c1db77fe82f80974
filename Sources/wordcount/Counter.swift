import Dispatch
import Glibc
import Sluice
import Synchronization
import WordCountCore

/// One count: runs the pipeline, shows how far it is, and prints what came of it.
final class Counter: Sendable {
  /// How long an interrupted run may take to end by itself. A body can be stuck in a read from a dead
  /// server; then the result is printed without waiting for it.
  private static let graceMilliseconds = 600

  private let wordCount: WordCount
  private let progress: ProgressLine
  private let wasInterrupted = Atomic<Bool>(false)
  private let isConcluded = Atomic<Bool>(false)

  init(top: Int, counters: WordCount.Counters, showsProgress: Bool) {
    let progress = ProgressLine(isShown: showsProgress)
    self.progress = progress
    wordCount = WordCount(top: top, counters: counters) { progress.message("wordcount: \($0)") }
  }

  /// Counts the words under `root`.
  ///
  /// - Returns: the exit status.
  func count(_ root: BytePath) async -> CInt {
    let run = wordCount.pipeline(root)
    Interrupt.onFirst { self.interrupt(run) }
    let timer = startProgress(of: run)
    defer { timer.cancel() }

    var summary: WordSummary?
    var failure: (any Error)?
    do {
      for try await result in run { summary = result }
    } catch {
      failure = error
    }

    guard claimConclusion() else {
      // The interrupt took too long for its taste: it prints and ends the process.
      while true { try? await Task.sleep(for: .seconds(1)) }
    }
    if wasInterrupted.load(ordering: .sequentiallyConsistent) { return concludeInterrupted(run.report) }
    if let summary { return conclude(summary, run.report) }
    progress.end()
    StandardError.write("wordcount: \(failure.map { "\($0)" } ?? "the pipeline ended without a result")\n")
    return 1
  }

  // MARK: Interrupting

  private func interrupt(_ run: Run<WordSummary>) {
    wasInterrupted.store(true, ordering: .sequentiallyConsistent)
    wordCount.stop()
    run.cancel()
    usleep(UInt32(Self.graceMilliseconds) * 1000)
    guard claimConclusion() else { return }
    _exit(concludeInterrupted(run.report))
  }

  /// True for the one caller that is to print the result.
  private func claimConclusion() -> Bool {
    !isConcluded.exchange(true, ordering: .sequentiallyConsistent)
  }

  // MARK: Results

  private func concludeInterrupted(_ report: RunReport) -> CInt {
    let summary = wordCount.tally.summaryInMemory(top: wordCount.top)
    let status = conclude(summary, report)
    StandardError.write("wordcount: interrupted: this is what was counted until then\n")
    if summary.isPartial {
      StandardError.write("wordcount: counts that stand on disk are not in it: rare words may show too few\n")
    }
    return status == 0 ? 130 : status
  }

  private func conclude(_ summary: WordSummary, _ report: RunReport) -> CInt {
    progress.end(lastLine: lastLine(summary, report))
    if wordCount.log.unreadable > 0 {
      StandardError.write("wordcount: files or folders that could not be read: \(wordCount.log.unreadable)\n")
    }
    for death in report.deaths { StandardError.write("wordcount: \(death)\n") }
    if report.uncounted > 0 {
      StandardError.write("wordcount: parts of files that could not be counted: \(report.uncounted)\n")
    }
    let rows = report.stages.map { StageRow($0, elapsed: report.elapsed) }
    let code = StandardOutput.write(TextTable.words(summary.words) + "\n" + TextTable.stages(rows))
    guard code == 0 else {
      StandardError.write("wordcount: cannot write the result: \(String(cString: strerror(code)))\n")
      return 1
    }
    return 0
  }

  private func lastLine(_ summary: WordSummary, _ report: RunReport) -> String {
    let different = (summary.isPartial ? "at least " : "") + "\(summary.distinctWords)"
    return progressText(report) + ", words \(summary.totalWords), different \(different)"
  }

  // MARK: Progress

  private func startProgress(of run: Run<WordSummary>) -> any DispatchSourceTimer {
    progress.show(progressText(run.report))
    let timer = DispatchSource.makeTimerSource(queue: DispatchQueue(label: "progress"))
    timer.setEventHandler { self.progress.show(self.progressText(run.report)) }
    timer.schedule(deadline: .now() + .milliseconds(200), repeating: .milliseconds(200))
    timer.activate()
    return timer
  }

  private func progressText(_ report: RunReport) -> String {
    let seconds = report.elapsed / .seconds(1)
    let megabytes = Double(wordCount.log.bytesRead) / 1e6
    let counts = report.stages.prefix(2).map(\.itemsOut)
    let perSecond = seconds > 0 ? megabytes / seconds : 0
    let (files, pieces) = (counts.first ?? 0, counts.last ?? 0)
    return "files \(files), pieces \(pieces), \(TextTable.oneDecimal(megabytes)) MB, "
      + "\(TextTable.oneDecimal(seconds)) s, \(TextTable.oneDecimal(perSecond)) MB/s"
  }
}
