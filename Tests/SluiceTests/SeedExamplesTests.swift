import Sluice
import Testing

/// The examples of the documentation that this library follows, one test for each, with what they
/// print as the expectation. The examples of processes are not here: there are no process stages yet.
@Suite(.watchdog()) struct SeedExamplesTests {
  private static func addOne(_ x: Int) -> Int { x + 1 }
  private static func addOne(later x: Int) async -> Int {
    await Task.yield()
    return x + 1
  }
  private static func applyMultiplier(_ data: Int, _ multiplier: Int) -> Int { data * multiplier }

  // MARK: task

  @Test func taskAsDecorator() async throws {
    let pipeline = Stage { (x: Int) in x + 1 }
    #expect(try await pipeline(1).printed() == ["2"])
  }

  @Test func taskOfFunction() async throws {
    let pipeline = Stage(Self.addOne(_:))
    #expect(try await pipeline(1).printed() == ["2"])
  }

  @Test func taskOfAsyncFunction() async throws {
    let pipeline = Stage(Self.addOne(later:))
    #expect(try await pipeline(1).printed() == ["2"])
  }

  // MARK: branch

  @Test func branchIsFalse() async throws {
    let pipeline = Stage { (x: Int) in [x + 1, x + 2, x + 3] }
    #expect(try await pipeline(0).printed() == ["[1, 2, 3]"])
  }

  @Test func branchIsTrue() async throws {
    let pipeline = Stage.branch { (x: Int) in [x + 1, x + 2, x + 3] }
    #expect(try await pipeline(0).printed() == ["1", "2", "3"])
  }

  @Test func branchOfAsyncFunction() async throws {
    let one = Stage { (x: Int) async in
      await Task.yield()
      return [x + 1, x + 2, x + 3]
    }
    let many = Stage.branch { (x: Int) async in
      await Task.yield()
      return [x + 1, x + 2, x + 3]
    }
    #expect(try await one(0).printed() == ["[1, 2, 3]"])
    #expect(try await many(0).printed() == ["1", "2", "3"])
  }

  @Test func branchOfGenerator() async throws {
    let pipeline = Stage.branch { (x: Int, yield: Outputs<Int>) in
      try yield(1)
      try yield(2)
      try yield(3)
    }
    #expect(try await pipeline(0).printed() == ["1", "2", "3"])
  }

  @Test func branchOfAsyncGenerator() async throws {
    let pipeline = Stage.branch { (x: Int, yield: AsyncOutputs<Int>) in
      try await yield(1)
      await Task.yield()
      try await yield(2)
      try await yield(3)
    }
    #expect(try await pipeline(0).printed() == ["1", "2", "3"])
  }

  /// The outputs of a generator are lazy: the consumer has the first before the second is made.
  @Test(arguments: Consumer.allCases)
  func branchOfGeneratorIsLazy(consumer: Consumer) async throws {
    let gate = Gate()
    let pipeline = Stage.branch { (x: Int, yield: Outputs<Int>) in
      try yield(1)
      gate.opening.block()
      try yield(2)
    }
    try await pipeline.forEach(0, by: consumer) { _ in
      gate.open()
      return nil
    }
    #expect(gate.now)
  }

  // MARK: join

  @Test func joinRunningTotal() async throws {
    let createData = Stage.branch { (x: Int) in [x + 1, x + 2, x + 3] }
    let runningTotal = Stage.join { (data: Inputs<Int>, yield: Outputs<Int>) in
      var total = 0
      for item in data {
        total += item
        try yield(total)
      }
    }
    let pipeline = createData | runningTotal
    #expect(try await pipeline(0).printed() == ["1", "3", "6"])
  }

  @Test func joinRunningTotalAsync() async throws {
    let createData = Stage.branch { (x: Int, yield: AsyncOutputs<Int>) in
      for i in 1...3 { try await yield(x + i) }
    }
    let runningTotal = Stage.join { (data: AsyncInputs<Int>, yield: AsyncOutputs<Int>) in
      var total = 0
      for await item in data {
        total += item
        try await yield(total)
      }
    }
    let pipeline = createData | runningTotal
    #expect(try await pipeline(0).printed() == ["1", "3", "6"])
  }

  /// Two workers of one join, each sure to take part, share the stream between them.
  @Test func joinWithSeveralWorkers() async throws {
    let taking = Count()
    let pipeline =
      Stage.branch { (n: Int) in 0..<n }
      | Stage.join(workers: 2) { (data: Inputs<Int>) in
        var items: [Int] = []
        for item in data {
          items.append(item)
          if items.count == 1 { taking.meeting(of: 2).block() }
        }
        return items
      }
    let parts = try await pipeline(1_000).collect()
    #expect(parts.count == 2)
    #expect(parts.allSatisfy { !$0.isEmpty && $0 == $0.sorted() })
    #expect(parts.flatMap { $0 }.sorted() == Array(0..<1_000))
  }

  // MARK: workers

  /// Twenty bodies that take two seconds each take two seconds: all of them are inside at one moment.
  @Test(arguments: Consumer.allCases)
  func workersOfSlowFunction(consumer: Consumer) async throws {
    let inside = Count()
    let pipeline =
      Stage.branch { (n: Int) in 0..<n }
      | Stage(workers: 20) { (data: Int) in
        inside.meeting(of: 20).block()
        return data
      }
    #expect(try await pipeline.outputs(20, by: consumer).sorted() == Array(0..<20))
  }

  @Test(arguments: Consumer.allCases)
  func workersOfSlowAsyncFunction(consumer: Consumer) async throws {
    let inside = Count()
    let pipeline =
      Stage.branch { (n: Int) in 0..<n }
      | Stage(workers: 20) { (data: Int) async in
        await inside.meeting(of: 20).suspend()
        return data
      }
    #expect(try await pipeline.outputs(20, by: consumer).sorted() == Array(0..<20))
  }

  // MARK: throttle

  /// The producer pauses at the throttle while the slow consumer is held in its first item, and comes
  /// to its end once that lets go.
  @Test(arguments: Producer.allCases, Bodies.allCases)
  func throttleOfFastProducer(producer: Producer, bodies: Bodies) async throws {
    let (throttle, count) = (50, 1_000)
    let produced = Count()
    let slowMayGoOn = Gate()
    let fastProducer = producer.stage(throttle: throttle) { _ in
      produced.add()
      return nil
    }
    let slowConsumer = bodies.stage { item in item == 0 ? slowMayGoOn.opening : nil }
    let run = (fastProducer | slowConsumer)(count)
    let outputs = Task { try await run.collect() }
    await produced.reaching(throttle).suspend()
    // It would go on at once if it could.
    try await Task.sleep(for: .milliseconds(50))
    // One was taken, `throttle` stand in the queue, and one is in the producer's hands.
    #expect(produced.now <= 1 + throttle + 1)
    slowMayGoOn.open()
    #expect(try await outputs.value == Array(0..<count))
    #expect(produced.now == count)
  }

  // MARK: multiprocess

  /// The slow function of the original, over fewer numbers.
  struct SlowFunction: ProcessStage {
    func callAsFunction(_ data: Int) -> Int {
      var i = 1
      for n in 1..<100_000 { i = i &* n &+ 1 }
      return i == .min ? i : data
    }
  }

  @Test(arguments: Consumer.allCases) func multiprocessOfSlowFunction(consumer: Consumer) async throws {
    let pipeline = Stage.branch { (n: Int) in 0..<n } | Stage(processes: 20, SlowFunction())
    #expect(try await pipeline.outputs(20, by: consumer).sorted() == Array(0..<20))
  }

  // MARK: bind

  @Test func bindOfMultiplier() async throws {
    let pipeline = Stage.branch { (n: Int) in 1..<n } | Stage(Self.applyMultiplier, bind: 10)
    #expect(try await pipeline(4).printed() == ["10", "20", "30"])
  }

  @Test func bindWithSeveralArguments() async throws {
    let pipeline =
      Stage.branch { (from: Int, to: Int) in from..<to } | Stage(Self.applyMultiplier, bind: 10)
    #expect(try await pipeline(1, 4).printed() == ["10", "20", "30"])
    let sum = try await onThread { try pipeline.run(1, 4) { $0.reduce(0, +) } }
    #expect(sum == 60)
  }

  @Test func bindOfAsyncFunction() async throws {
    @Sendable func applyMultiplier(_ data: Int, _ multiplier: Int) async -> Int {
      await Task.yield()
      return data * multiplier
    }
    let pipeline =
      Stage.branch { (from: Int, to: Int) in from..<to } | Stage(applyMultiplier, bind: 10)
    #expect(try await pipeline(1, 4).printed() == ["10", "20", "30"])
  }
}
