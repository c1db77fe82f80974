import Foundation
import Sluice
import Testing

/// Throws at an item, which may never come.
struct ThrowsAt: ProcessStage {
  var item: Int
  func callAsFunction(_ x: Int) throws -> Int {
    if x == item { throw Refused(item: x) }
    return x
  }
}

/// Yields without end, and leaves a mark if it is told to stop.
struct Endless: ProcessBranch {
  var mark: String
  func callAsFunction(_ x: Int, yield: Outputs<Int>) throws {
    do {
      for i in 0... { try yield(i) }
    } catch is CancellationError {
      _ = FileManager.default.createFile(atPath: mark, contents: nil)
      throw CancellationError()
    }
  }
}

/// Early exit, cancelling and errors with process stages: every worker wakes, finishes and ends, and nothing is left.
@Suite(.serialized, .watchdog(seconds: 60)) struct ProcessEndsTests {
  enum Ending: String, CaseIterable, Sendable {
    case breaking, throwing, throwingInBody, throwingAfter, cancelling, cancellingTask, dropping
  }

  enum Kind: String, CaseIterable, Sendable {
    case stage, ordered, branch, join

    func pipeline(throttle: Int, failingAt item: Int) -> Pipeline<Int, Int> {
      let source = Stage.branch(throttle: throttle) { (n: Int) in 0..<n }
      let failing =
        source | Stage(processes: 2, throttle: throttle, ordered: self == .ordered, ThrowsAt(item: item))
      switch self {
      case .stage, .ordered: return failing
      case .branch: return failing | Stage.branch(processes: 2, throttle: throttle, Repeated<Int>(times: 3))
      case .join: return failing | Stage.join(processes: 1, throttle: throttle, RunningTotals())
      }
    }
  }

  struct Enough: Error {}

  private func end(_ pipeline: Pipeline<Int, Int>, _ ending: Ending, after length: Int) async throws {
    let taken = Count()
    switch ending {
    case .breaking:
      for try await _ in pipeline(1_000_000) where taken.add() > length { break }
    case .throwing:
      await #expect(throws: Enough.self) {
        try await onThread {
          try pipeline.run(1_000_000) { outputs in
            for _ in outputs where taken.add() > length { throw Enough() }
          }
        }
      }
    case .throwingInBody:
      await #expect(throws: Refused(item: length)) { try await pipeline.outputs(1_000_000, by: .blocking) }
    case .throwingAfter:
      await #expect(throws: Enough.self) {
        _ = try await (pipeline | Stage { (x: Int) in if x > length { throw Enough() } else { return x } })
          .outputs(1_000_000)
      }
    case .cancelling:
      let run = pipeline(1_000_000)
      await #expect(throws: CancellationError.self) {
        for try await _ in run where taken.add() > length { run.cancel() }
      }
    case .cancellingTask:
      let task = Task { for try await _ in pipeline(1_000_000) { taken.add() } }
      await taken.reaching(length).suspend()
      task.cancel()
      await #expect(throws: CancellationError.self) { try await task.value }
    case .dropping:
      var iterator: Run<Int>.AsyncIterator? = pipeline(1_000_000).makeAsyncIterator()
      for _ in 0..<length { _ = try await iterator?.next() }
      iterator = nil
    }
  }

  @Test(arguments: Ending.allCases, Kind.allCases)
  func nothingIsLeftBehind(ending: Ending, kind: Kind) async throws {
    // The runtime's own timers and threads come with the first use.
    try await end(kind.pipeline(throttle: 1, failingAt: ending == .throwingInBody ? 3 : -1), ending, after: 3)
    #expect(try await eventually { children().isEmpty })
    let before = ProcessState.now
    for throttle in [0, 1, 2, 64] {
      for length in [0, 1, 30] {
        note("throttle \(throttle), after \(length)")
        let failing = ending == .throwingInBody ? length : -1
        try await end(kind.pipeline(throttle: throttle, failingAt: failing), ending, after: length)
      }
    }
    #expect(try await eventually { children().isEmpty })
    #expect(try await eventually { ProcessState.now.descriptors <= before.descriptors })
    #expect(try await eventually { mappedSegments() == 0 })
    #expect(try await eventually { ProcessState.now.threads <= before.threads + 2 })
  }

  /// The throttle is exact over processes too: while nobody takes, no more bodies start than it has places and the stage
  /// has workers; and the source is no further than its own.
  @Test(arguments: [1, 2, 5, 64], [1, 2]) func theThrottleIsExact(throttle: Int, processes: Int) async throws
  {
    let folder = unusedPath()
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let produced = Count()
    let source = Stage.branch(throttle: throttle) { (n: Int, yield: Outputs<Int>) in
      for i in 0..<n {
        produced.add()
        try yield(i)
      }
    }
    let stage = Stage(processes: processes, throttle: throttle, LeavesMarks(folder: folder, failingAt: -1))
    func marks() -> Int { (try? FileManager.default.contentsOfDirectory(atPath: folder).count) ?? 0 }
    for try await _ in (source | stage)(10_000) {
      // One is taken. Until nothing has started for a while:
      var before = -1
      while marks() != before || produced.now == 0 {
        before = marks()
        try await Task.sleep(for: .milliseconds(100))
      }
      #expect(before <= 1 + throttle + processes, "bodies")
      #expect(before >= throttle / 2, "it waits before it must")
      // What the source has made stands in its queue, is one that it holds, or was started.
      #expect(produced.now <= before + throttle + 1 + processes, "the source")
      break
    }
  }

  /// One of two bodies returns before the stream is at its end: what its worker had not started goes to the other, which
  /// does not wait for it.
  @Test func aJoinThatReturnsEarlyLeavesTheRestToTheOthers() async throws {
    for round in 0..<20 {
      note("round \(round)")
      let mark = unusedPath()
      defer { unlink(mark) }
      let source = Stage.branch { (n: Int) in 1...n }
      let run = (source | Stage.join(processes: 2, OneReturnsEarly(mark: mark)))(round < 10 ? 3 : 500)
      let counts = try await run.collect()
      // Both had a body; the early one has taken one item at most.
      let most = round < 10 ? 3 : 500
      #expect(counts.count == 2 && counts.reduce(0, +) == most, "\(counts)")
    }
  }

  /// A generator in a worker unwinds when the run ends.
  @Test func yieldThrowsOnceTheRunHasEnded() async throws {
    let mark = unusedPath()
    defer { unlink(mark) }
    let pipeline = Stage.branch(processes: 1, throttle: 2, Endless(mark: mark))
    for try await x in pipeline(0) where x == 20 { break }
    #expect(try await eventually { FileManager.default.fileExists(atPath: mark) })
    #expect(try await eventually { children().isEmpty })
  }

  /// No body starts in any worker after the first error.
  @Test func noItemStartsAfterTheEnd() async throws {
    let folder = unusedPath()
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let source = Stage.branch { (n: Int) in 0..<n }
    let run = (source | Stage(processes: 3, LeavesMarks(folder: folder, failingAt: 5)))(10_000)
    await #expect(throws: Refused(item: 5)) { for try await _ in run {} }
    let files = FileManager.default
    #expect(try await eventually { children().isEmpty })
    let marks = try files.contentsOfDirectory(atPath: folder).count
    // Workers may be at an item when another one fails; nothing like the rest of the stream follows.
    #expect(marks < 5_000)
  }
}

/// Leaves a file for each item that it starts.
struct LeavesMarks: ProcessStage {
  var folder: String
  var failingAt: Int
  func callAsFunction(_ x: Int) throws -> Int {
    _ = FileManager.default.createFile(atPath: "\(folder)/\(x)", contents: nil)
    if x == failingAt { throw Refused(item: x) }
    return x
  }
}

/// The first body to start takes one item; others take all. Each gives how many it took.
struct OneReturnsEarly: ProcessJoin {
  var mark: String
  func callAsFunction(_ xs: Inputs<Int>, yield: Outputs<Int>) throws {
    let isFirst = open(mark, O_CREAT | O_EXCL | O_WRONLY, 0o600) >= 0
    var (inputs, count) = (xs, 0)
    while !isFirst || count == 0, inputs.next() != nil { count += 1 }
    try yield(count)
  }
}
