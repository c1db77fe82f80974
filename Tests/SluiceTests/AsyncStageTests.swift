import Sluice
import Testing

@Suite(.watchdog()) struct AsyncStageTests {
  /// Threads and tasks take turns along one pipeline, whatever the throttle between them.
  @Test(arguments: [0, 1, 7], Consumer.allCases)
  func mixWithSyncStages(throttle: Int, consumer: Consumer) async throws {
    let pipeline = Pipeline {
      Stage.branch(throttle: throttle) { (n: Int) in 0..<n }
      Stage(throttle: throttle) { (x: Int) async in
        if x % 64 == 0 { await Task.yield() }
        return x + 1
      }
      Stage(throttle: throttle) { (x: Int) in x * 2 }
      Stage.branch(throttle: throttle) { (x: Int, yield: AsyncOutputs<Int>) in try await yield(x) }
      Stage.branch(throttle: throttle) { (x: Int) in CollectionOfOne(x) }
      Stage.join(throttle: throttle) { (xs: AsyncInputs<Int>, yield: AsyncOutputs<Int>) in
        for await x in xs { try await yield(x) }
      }
    }
    #expect(try await pipeline.outputs(2_000, by: consumer) == (1...2_000).map { $0 * 2 })
  }

  @Test(arguments: Consumer.allCases)
  func branchOfAsyncSequence(consumer: Consumer) async throws {
    let pipeline =
      Stage.branch { (n: Int) async in AsyncNumbers(count: n) }
      | Stage.branch(workers: 3) { (x: Int) async in AsyncNumbers(count: x % 3) }
    let expected = (0..<300).flatMap { 0..<($0 % 3) }.sorted()
    #expect(try await pipeline.outputs(300, by: consumer).sorted() == expected)
  }

  /// An async sequence is pulled no further than the throttle lets it.
  @Test func branchOfAsyncSequenceIsLazy() async throws {
    let pulled = Count()
    let endless = Stage.branch(throttle: 3) { (n: Int) async in
      AsyncNumbers(count: n) { _ in
        pulled.add()
        return nil
      }
    }
    var first: [Int] = []
    for try await number in endless(.max).prefix(10) { first.append(number) }
    #expect(first == Array(0..<10))
    #expect(pulled.now <= 10 + 3 + 2)
  }

  @Test(arguments: Consumer.allCases)
  func manyWorkers(consumer: Consumer) async throws {
    let inside = Count()
    let pipeline =
      Stage.branch(throttle: 2) { (n: Int) in 0..<n }
      | Stage(workers: 100, throttle: 2) { (x: Int) async in
        if x < 100 { await inside.meeting(of: 100).suspend() }
        return x
      }
      | Stage.join(workers: 10) { (xs: AsyncInputs<Int>) in
        var total = 0
        for await x in xs { total += x }
        return total
      }
    let totals = try await pipeline.outputs(1_000, by: consumer)
    #expect(totals.count == 10)
    #expect(totals.reduce(0, +) == 499_500)
  }

  /// The tasks of a run that ends early are cancelled, so that what they await can end too.
  @Test func tasksAreCancelledWhenTheRunEnds() async throws {
    let (sleeping, woken) = (Count(), Count())
    let pipeline =
      Stage.branch { (n: Int) in 0..<n }
      | Stage(workers: 3) { (x: Int) async throws in
        if x == 0 { return x }
        sleeping.add()
        do {
          try await Task.sleep(for: .seconds(1_000))
        } catch {
          woken.add()
          throw error
        }
        return x
      }
    for try await _ in pipeline(100) {
      await sleeping.reaching(2).suspend()
      break
    }
    // The third worker may have begun an item after its first.
    let slept = sleeping.now
    await woken.reaching(slept).suspend()
  }

  /// Task-local values of whoever iterates do not change what a body does, but priorities and locals
  /// must not break it either: a run iterated by a detached task gives the same.
  @Test func iteratedByADetachedTask() async throws {
    let pipeline = Stage.branch { (n: Int) in 0..<n } | Stage { (x: Int) async in x + 1 }
    let outputs = try await Task.detached(priority: .background) {
      try await pipeline(100).collect()
    }.value
    #expect(outputs == Array(1...100))
  }

  /// A loop on an actor stays on it.
  @Test @MainActor func iteratedOnAnActor() async throws {
    var outputs: [Int] = []
    for try await x in (Stage.branch { (n: Int) in 0..<n } | Stage { (x: Int) in x + 1 })(100) {
      MainActor.assertIsolated()
      outputs.append(x)
    }
    #expect(outputs == Array(1...100))
  }
}
