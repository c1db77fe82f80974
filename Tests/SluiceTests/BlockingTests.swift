import Foundation
import Sluice
import Testing

/// Swift's cooperative threads never block in the library, and never run sync bodies.
@Suite(.serialized, .watchdog()) struct BlockingTests {
  private static let crowd = 4 * ProcessInfo.processInfo.activeProcessorCount

  /// As many tasks as this come to their end, with many hops between, while all else stands still.
  private static func crowdMakesProgress(_ visit: @escaping @Sendable () -> Void = {}) async {
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<crowd {
        group.addTask {
          for _ in 0..<50 {
            visit()
            await Task.yield()
          }
        }
      }
    }
  }

  /// Sync bodies stand on semaphores, producers at their throttle, async stages and consumers before
  /// empty queues and full ones: more of each than there are cooperative threads.
  @Test func cooperativeThreadsAreFreeWhileAllWaits() async throws {
    let letGo = Gate()
    let isStuck = Count()
    let stuckBody = Bodies.sync.stage(workers: 2, throttle: 1) { _ in
      isStuck.add()
      return letGo.opening
    }
    let pipelines = [
      // An async consumer behind a sync body that is stuck, behind a producer at its throttle.
      Producer.yield.stage(throttle: 1) | stuckBody,
      Producer.sequence.stage(throttle: 1) | stuckBody,
      // Async stages before and behind it: the first at its throttle, the second without input.
      Producer.asyncYield.stage(throttle: 1) | stuckBody | Bodies.async.stage(workers: 4),
      Producer.asyncSequence.stage(throttle: 1)
        | Bodies.async.stage(workers: 4, throttle: 1) | stuckBody,
      // Joins on both sides.
      Producer.sequence.stage(throttle: 1) | Passing.asyncJoin.stage(Int.self, throttle: 1) | stuckBody
        | Passing.asyncJoin.stage(Int.self),
      Producer.asyncYield.stage(throttle: 1) | Passing.join.stage(Int.self, throttle: 1) | stuckBody
        | Passing.join.stage(Int.self),
    ]
    let tasks = (0..<(pipelines.count * Self.crowd)).map { number in
      Task { try await pipelines[number % pipelines.count](10).collect() }
    }
    await isStuck.reaching(tasks.count * 2).suspend()
    await Self.crowdMakesProgress()
    #expect(!letGo.now)
    letGo.open()
    for task in tasks { #expect(try await task.value.sorted() == Array(0..<10)) }
  }

  /// A source, a body and a yield that are stuck one after the other in one chain of single workers,
  /// which one thread would run for all of them.
  @Test func cooperativeThreadsAreFreeWhileAChainIsStuck() async throws {
    let letGo = Gate()
    for stuck in 0..<3 {
      let isStuck = Count()
      @Sendable func visit(_ place: Int) -> Wait? {
        guard place == stuck else { return nil }
        isStuck.add()
        return letGo.opening
      }
      let pipeline =
        Producer.sequence.stage(throttle: 2) { _ in visit(0) }
        | Bodies.sync.stage(throttle: 2) { _ in visit(1) }
        | Stage.branch(throttle: 2) { (x: Int, yield: Outputs<Int>) in
          visit(2)?.block()
          try yield(x)
        }
      let tasks = (0..<Self.crowd).map { _ in Task { try await pipeline(5).collect() } }
      await isStuck.reaching(tasks.count).suspend()
      await Self.crowdMakesProgress()
      letGo.open()
      for task in tasks { #expect(try await task.value == Array(0..<5)) }
      letGo.update { $0 = false }
    }
  }

  /// Sync bodies of all kinds run on other threads than tasks.
  @Test func syncBodiesNeverRunOnCooperativeThreads() async throws {
    let (ofBodies, ofTasks) = (Observed<Set<Int>>([]), Observed<Set<Int>>([]))
    @Sendable func visitBody() {
      let number = threadNumber()
      ofBodies.update { _ = $0.insert(number) }
    }
    @Sendable func visitTask() {
      let number = threadNumber()
      ofTasks.update { _ = $0.insert(number) }
    }
    let pipeline = Pipeline {
      Stage.branch(throttle: 2) { (n: Int) in
        visitBody()
        return Numbers(count: n) { _ in
          visitBody()
          return nil
        }
      }
      Stage(throttle: 2) { (x: Int) in
        visitBody()
        return x
      }
      Stage(throttle: 2) { (x: Int) async in
        visitTask()
        return x
      }
      Stage(workers: 3) { (x: Int) in
        visitBody()
        return x
      }
      Stage.branch { (x: Int, yield: Outputs<Int>) in
        visitBody()
        try yield(x)
      }
      Stage.join(throttle: 2) { (xs: Inputs<Int>, yield: Outputs<Int>) in
        visitBody()
        for x in xs {
          visitBody()
          try yield(x)
        }
      }
      Stage.branch(throttle: 1) { (x: Int, yield: AsyncOutputs<Int>) in
        visitTask()
        try await yield(x)
      }
      Stage { (x: Int) in
        visitBody()
        return x
      }
    }
    async let crowd: Void = Self.crowdMakesProgress(visitTask)
    for _ in 0..<5 {
      for try await _ in pipeline(200) { visitTask() }
    }
    await crowd
    #expect(!ofBodies.now.isEmpty)
    #expect(!ofTasks.now.isEmpty)
    #expect(ofBodies.now.isDisjoint(with: ofTasks.now))
  }

  /// Async stages that always find an item and a place never have to wait; even so they leave their
  /// threads to others from time to time.
  @Test(arguments: [0, 1_000])
  func asyncStagesThatNeverWaitLeaveRoomForOthers(throttle: Int) async throws {
    let runs = (0..<Self.crowd).map { _ in
      (Producer.asyncYield.stage(throttle: throttle) | Bodies.async.stage(throttle: throttle)
        | Passing.asyncJoin.stage(Int.self, throttle: throttle))(1_000_000_000)
    }
    let started = Count()
    let tasks = runs.map { run in
      Task {
        var isFirst = true
        for try await _ in run where isFirst {
          isFirst = false
          started.add()
        }
      }
    }
    await started.reaching(1).suspend()
    await Self.crowdMakesProgress()
    for run in runs { run.cancel() }
    for task in tasks { await #expect(throws: CancellationError.self) { try await task.value } }
  }

  /// A blocking run may be made on a thread that a body keeps, with async stages in it.
  @Test func blockingRunsWithAsyncStages() async throws {
    let inner = Stage.branch { (n: Int) in 0..<n } | Stage(workers: 2) { (x: Int) async in x }
    let pipeline =
      Stage.branch { (n: Int) in 0..<n }
      | Stage(workers: 8) { (n: Int) in try inner.run(n) { $0.reduce(0, +) } }
    let expected = (0..<100).map { $0 * ($0 - 1) / 2 }
    #expect(try await pipeline(100).collect().sorted() == expected)
  }
}
