import Foundation
import Sluice
import Testing

/// Workers that end in the middle of an item: what was finished is delivered, what was started is the policy's, what was
/// not started goes to another worker.
@Suite(.serialized, .watchdog(seconds: 120)) struct WorkerDeathTests {
  private static let source = Stage.branch { (n: Int) in 1...n }

  init() { withoutBacktraces() }

  @Test(arguments: [Ending.trap, .exit, .kill, .overflow], [1, 3])
  func skipLosesTheItemAndNothingElse(how: Ending, processes: Int) async throws {
    let pipeline =
      Self.source | Stage(name: "dies", processes: processes, onFailure: .skip, Dies(how: how, every: 10))
    let run = pipeline(100)
    let outputs = try await run.collect()
    let expected: [Int] = (1...100).filter { $0 % 10 != 0 }
    #expect(outputs.sorted() == expected)
    let report = run.report.stages[1]
    #expect(report.skipped == 10 && report.itemsIn == 100 && report.itemsOut == 90)
    let items = report.failures.compactMap { $0.item as? Int }
    #expect(items.sorted() == [10, 20, 30, 40, 50, 60, 70, 80, 90, 100])
    for failure in report.failures {
      let died = try #require(failure.error as? WorkerDied)
      #expect(died.item as? Int == failure.item as? Int)
      switch how {
      case .kill: #expect(died.signal == SIGKILL)
      case .exit: #expect(died.cause == .exit(3) && died.signal == nil)
      default: #expect(died.signal == SIGILL || died.signal == SIGTRAP)
      }
    }
  }

  /// A program may have the system reap its children: then nobody is told how a worker ended, and all else holds.
  @Test func theProgramMayIgnoreItsChildren() async throws {
    let before = signal(SIGCHLD, SIG_IGN)
    defer { signal(SIGCHLD, before) }
    let run = (Self.source | Stage(processes: 2, onFailure: .skip, Dies(how: .kill, every: 10)))(50)
    #expect(try await run.collect().count == 45)
    let causes = run.report.stages[1].failures.compactMap { ($0.error as? WorkerDied)?.cause }
    #expect(causes.count == 5 && causes.allSatisfy { $0 == .unknown || $0 == .signal(SIGKILL) })
    #expect(try await eventually { children().isEmpty })
  }

  @Test func failGivesTheErrorOfTheFirst() async throws {
    do {
      _ = try await (Self.source | Stage(name: "dies", processes: 1, Dies(how: .kill, every: 7))).outputs(100)
      Issue.record("nothing was thrown")
    } catch let error as WorkerDied {
      #expect(error.signal == SIGKILL && error.item as? Int == 7 && error.stage == "stage 2 (dies)")
      #expect(error.description.contains("stage 2 (dies)") && error.description.contains("7"))
    }
  }

  @Test func retryRunsTheItemAgain() async throws {
    let pipeline =
      Self.source | Stage(processes: 2, onFailure: .retry(2, then: .skip), Dies(how: .kill, every: 5))
    let run = pipeline(20)
    let expected: [Int] = (1...20).filter { $0 % 5 != 0 }
    #expect(try await run.collect().sorted() == expected)
    let report = run.report.stages[1]
    #expect(report.skipped == 4 && report.retried == 8)
    #expect(report.failures.allSatisfy { $0.attempts == 3 })
  }

  /// An item that kills each worker it meets is reported once.
  @Test func poisonIsReportedOnce() async throws {
    let run = (Self.source | Stage(processes: 2, onFailure: .skip, Dies(how: .kill, every: 5_000)))(10_000)
    var count = 0
    for try await _ in run { count += 1 }
    #expect(count == 9_998)
    #expect(run.report.stages[1].skipped == 2 && run.report.stages[1].failures.count == 2)
  }

  @Test func outputsOfABranchThatDiesStay() async throws {
    struct HalfWay: ProcessBranch {
      func callAsFunction(_ x: Int, yield: Outputs<Int>) throws {
        for i in 0..<5 {
          if x % 3 == 0, i == 2 { kill(getpid(), SIGKILL) }
          try yield(x * 10 + i)
        }
      }
    }
    let run = (Self.source | Stage.branch(processes: 1, onFailure: .skip, HalfWay()))(6)
    let outputs = try await run.collect()
    let expected: [Int] = (1...6).flatMap { (x: Int) -> [Int] in
      let count = x % 3 == 0 ? 2 : 5
      return (0..<count).map { x * 10 + $0 }
    }
    #expect(outputs == expected)
    #expect(run.report.stages[1].skipped == 2)
  }

  @Test func aJoinThatDiesFailsTheRun() async throws {
    struct DiesInTheStream: ProcessJoin {
      func callAsFunction(_ xs: Inputs<Int>, yield: Outputs<Int>) throws {
        for x in xs where x == 50 { kill(getpid(), SIGKILL) }
        try yield(0)
      }
    }
    do {
      _ = try await (Self.source | Stage.join(processes: 1, DiesInTheStream())).outputs(100)
      Issue.record("nothing was thrown")
    } catch let error as WorkerDied {
      #expect(error.signal == SIGKILL)
    }
  }

  @Test func aWorkerThatTakesTooLongIsKilled() async throws {
    let run =
      (Self.source
      | Stage(
        processes: 1, onFailure: .skip, timeout: .milliseconds(300),
        WaitsForFile(path: unusedPath(), item: 3)))(6)
    #expect(try await run.collect() == [1, 2, 4, 5, 6])
    let died = try #require(run.report.stages[1].failures.first?.error as? WorkerDied)
    #expect(died.cause == .timeout(.milliseconds(300)) && died.item as? Int == 3)
  }

  /// A time-out is for the item, and not for the time that its output or the next item waits for the consumer.
  @Test func aSlowConsumerCostsNoWorker() async throws {
    let source = Stage.branch(throttle: 1) { (n: Int) in 1...n }
    let run = (source | Stage(processes: 1, throttle: 1, timeout: .milliseconds(150), KnowsItself()))(8)
    var workers = Set<Int32>()
    for try await one in run {
      workers.insert(one.pid)
      try await Task.sleep(for: .milliseconds(500))
    }
    #expect(workers.count == 1, "a worker was killed while it waited")
  }

  /// A worker that ends while it starts, each time, fails the stage with the reason.
  @Test func aLoopOfDeathsAtTheStartFailsTheStage() async throws {
    struct CannotBeDecoded: ProcessStage {
      init() {}
      init(from decoder: any Decoder) throws { exit(9) }
      func encode(to encoder: any Encoder) throws { try 1.encode(to: encoder) }
      func callAsFunction(_ x: Int) -> Int { x }
      var padding = ""
    }
    do {
      _ = try await (Self.source | Stage(name: "start", processes: 2, CannotBeDecoded())).outputs(5)
      Issue.record("nothing was thrown")
    } catch let error as PipelineError {
      #expect(error.stage == "stage 2 (start)" && error.reason.contains("exit(9)"), "\(error)")
    }
  }

  @Test func aRefusedStageFailsWithItsReason() async throws {
    struct Refuses: ProcessStage {
      init() {}
      init(from decoder: any Decoder) throws { throw Refused(item: 77) }
      func encode(to encoder: any Encoder) throws { try 1.encode(to: encoder) }
      func callAsFunction(_ x: Int) -> Int { x }
      var padding = ""
    }
    do {
      _ = try await (Self.source | Stage(processes: 1, Refuses())).outputs(5)
      Issue.record("nothing was thrown")
    } catch let error as PipelineError {
      #expect(error.reason.contains("Refuses") && error.reason.contains("77"), "\(error)")
    }
  }

  /// A slow item holds up its own worker and no other: its worker gives back what it has not started.
  @Test func aStuckItemHasNoHostages() async throws {
    let path = unusedPath()
    defer { unlink(path) }
    let pipeline = Self.source | Stage(processes: 2, WaitsForFile(path: path, item: 40))
    var outputs: Set<Int> = []
    for try await x in pipeline(200) {
      outputs.insert(x)
      if outputs.count == 199 {
        #expect(!outputs.contains(40))
        #expect(FileManager.default.createFile(atPath: path, contents: nil))
      }
    }
    #expect(outputs == Set(1...200))
  }

  /// A thousand workers killed at random during one run: every item comes out once.
  @Test func randomKillsLoseNothing() async throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SeededGenerator(seed: seed)
    let (items, every) = isWatched ? (50_000, 1_000) : (1_000_000, 1_000)
    let stage = Stage(processes: 3, throttle: 4_096, onFailure: .retry(1_000), Doubled())
    let run = (Self.source | stage)(items)
    var (kills, count) = (0, 0)
    var seen = [Bool](repeating: false, count: items + 1)
    for try await output in run {
      #expect(output % 2 == 0 && !seen[output / 2], "\(output) came twice; seed \(seed)")
      seen[output / 2] = true
      count += 1
      // Tied to the items and not to the time, so that the run lasts for all of them.
      if count % every == 0 {
        usleep(UInt32(random.next() % 500))
        if let victim = children().randomElement(using: &random), kill(victim, SIGKILL) == 0 { kills += 1 }
      }
    }
    #expect(count == items && seen.dropFirst().allSatisfy { $0 }, "seed \(seed)")
    #expect(kills > items / every / 2, "\(kills)")
    #expect(run.report.stages[1].skipped == 0)
    #expect(try await eventually { children().isEmpty })
  }
}
