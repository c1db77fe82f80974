import Sluice
import Testing

/// Every way to end a run, times every throttle, times threads and tasks, times one worker and
/// several, with random lengths and chains, a few hundred runs in all: none hangs, and nothing is
/// left behind.
@Suite(.serialized) struct EndsMatrixTests {
  enum Ending: String, CaseIterable, Sendable {
    case breaking
    case throwing
    case cancelling
    case cancellingTask
    case finishing
  }

  struct Enough: Error {}
  struct Oops: Error {}

  /// A combination, and what chance adds to it.
  struct Shape: CustomStringConvertible, Sendable {
    let ending: Ending
    let throttle: Int
    let bodies: Bodies
    let workers: Int
    var producer = Producer.sequence
    var consumer = Consumer.async
    var hasJoin = false
    var isOrdered = false
    var isThrownByBody = false
    /// How many outputs come before the end.
    var length = 0

    var description: String {
      "\(ending) throttle \(throttle) \(bodies) workers \(workers) \(producer) \(consumer)"
        + (hasJoin ? " join" : "") + (isOrdered ? " ordered" : "") + (isThrownByBody ? " in body" : "")
        + " after \(length)"
    }

    static var all: [Shape] {
      var shapes: [Shape] = []
      for ending in Ending.allCases {
        for throttle in [0, 1, 2, 64] {
          for bodies in Bodies.allCases {
            for workers in [1, 4] {
              shapes.append(Shape(ending: ending, throttle: throttle, bodies: bodies, workers: workers))
            }
          }
        }
      }
      return shapes
    }

    mutating func vary(_ generator: inout SeededGenerator) {
      producer = Producer.allCases.randomElement(using: &generator) ?? .sequence
      hasJoin = Bool.random(using: &generator)
      isOrdered = Bool.random(using: &generator)
      isThrownByBody = Bool.random(using: &generator)
      length = Int.random(in: 0...(Bool.random(using: &generator) ? 3 : 200), using: &generator)
      // From outside, only a task and a run can be cancelled.
      if ending != .cancelling, ending != .cancellingTask {
        consumer = Consumer.allCases.randomElement(using: &generator) ?? .async
      }
    }

    var pipeline: Pipeline<Int, Int> {
      let (ending, length, isThrownByBody) = (ending, length, isThrownByBody)
      let source = producer.stage(throttle: throttle)
      let stage = bodies.stage(workers: workers, throttle: throttle, ordered: isOrdered) {
        if ending == .throwing, isThrownByBody, $0 == length { throw Oops() }
        return nil
      }
      guard hasJoin else { return source | stage | bodies.stage(throttle: throttle) }
      let join = (bodies == .sync ? Passing.join : .asyncJoin).stage(Int.self, throttle: throttle)
      return source | stage | join
    }

    /// Runs once and checks how it ended.
    func run() async throws {
      let count = ending == .finishing ? length : 1_000_000
      let taken = Count()
      func expect<E: Error>(_ type: E.Type, _ body: () async throws -> Void) async {
        await #expect(throws: type, "\(self)") { try await body() }
      }
      switch ending {
      case .finishing:
        #expect(try await pipeline.outputs(count, by: consumer).count == length, "\(self)")
      case .breaking where consumer == .blocking:
        let length = length
        try await onThread {
          try pipeline.run(count) { outputs in
            for _ in outputs where taken.add() > length { break }
          }
        }
      case .breaking:
        for try await _ in pipeline(count) where taken.add() > length { break }
      case .throwing where isThrownByBody:
        await expect(Oops.self) { _ = try await pipeline.outputs(count, by: consumer) }
      case .throwing:
        let length = length
        await expect(Enough.self) {
          try await pipeline.forEach(count, by: consumer) { _ in
            if taken.add() > length { throw Enough() }
            return nil
          }
        }
      case .cancelling:
        let run = pipeline(count)
        let length = length
        let cancelling = Task {
          await taken.reaching(length).suspend()
          run.cancel()
        }
        await expect(CancellationError.self) { for try await _ in run { taken.add() } }
        await cancelling.value
      case .cancellingTask:
        let task = Task { for try await _ in pipeline(count) { taken.add() } }
        await taken.reaching(length).suspend()
        task.cancel()
        await expect(CancellationError.self) { try await task.value }
      }
    }
  }

  private func runMatrix(_ generator: inout SeededGenerator) async throws {
    for shape in Shape.all.shuffled(using: &generator) {
      var shape = shape
      shape.vary(&generator)
      note("\(shape)")
      try await withWatchdog(seconds: 60, "\(shape)") { try await shape.run() }
    }
  }

  /// Waits until the process has as many threads and descriptors as `before`, or fewer.
  private func settled(to before: ProcessState) async throws -> ProcessState {
    var state = ProcessState.now
    for _ in 0..<100 {
      if state.threads <= before.threads, state.descriptors <= before.descriptors { break }
      try await Task.sleep(for: .milliseconds(100))
      state = .now
    }
    return state
  }

  @Test func everyEndLeavesNothingBehind() async throws {
    var generator = seededGenerator()
    try await runMatrix(&generator)
    // Idle threads are kept for a second; what is there after that is there to stay.
    try await Task.sleep(for: .seconds(2))
    let before = ProcessState.now
    for _ in 0..<4 { try await runMatrix(&generator) }
    let after = try await settled(to: before)
    #expect(after.threads <= before.threads)
    #expect(after.descriptors <= before.descriptors)
  }

  /// Threads that stood inside bodies all at once are gone some time after the run, and were used
  /// again by the runs before that.
  @Test func manyThreadsLeaveNothingBehind() async throws {
    try await withWatchdog {
      let workers = 64
      func run() async throws -> ProcessState {
        let inside = Count()
        let state = Observed<ProcessState?>(nil)
        let pipeline =
          Stage.branch { (n: Int) in 0..<n }
          | Stage(workers: workers) { (x: Int) in
            // All stay inside until the last to come has counted the threads.
            if inside.add() == workers { state.update { $0 = .now } }
            state.until { $0 != nil }.block()
            return x
          }
        for try await _ in pipeline(1_000) { break }
        return try #require(state.now)
      }
      // What earlier runs left is gone by then.
      try await Task.sleep(for: .seconds(3))
      let before = ProcessState.now
      var most = 0
      for _ in 0..<20 { most = max(most, try await run().threads) }
      #expect(most >= before.threads + workers)
      // Bodies of two runs may overlap, and some threads are the system's and the language's.
      #expect(most <= before.threads + 3 * workers)
      let some = ProcessState(threads: before.threads + 8, descriptors: before.descriptors)
      let after = try await settled(to: some)
      #expect(after.threads <= some.threads)
      #expect(after.descriptors <= some.descriptors)
    }
  }
}
