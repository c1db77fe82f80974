import Sluice
import Testing

@Suite(.watchdog()) struct ReportTests {
  // MARK: Counts

  /// Items in and out of a stage of each kind, exact after the end.
  @Test(arguments: [0, 1, 7])
  func countsOfEachKindOfStage(throttle: Int) async throws {
    let run = Pipeline {
      Stage.branch(name: "source", throttle: throttle) { (n: Int) in 0..<n }
      Stage(throttle: throttle) { (x: Int) in x }
      Stage(name: "many", workers: 4, throttle: throttle) { (x: Int) in x }
      Stage.branch(name: "double", throttle: throttle) { (x: Int) in [x, x] }
      Stage.branch(workers: 2, throttle: throttle) { (x: Int, yield: Outputs<Int>) in
        for _ in 0..<3 { try yield(x) }
      }
      Stage(name: "later", workers: 5, throttle: throttle) { (x: Int) async in x }
      Stage.branch(throttle: throttle) { (x: Int, yield: AsyncOutputs<Int>) in
        if x % 2 == 0 { try await yield(x) }
      }
      Stage.branch(throttle: throttle) { (x: Int) async in [x, x] }
      Stage.join(throttle: throttle) { (xs: Inputs<Int>, yield: Outputs<Int>) in
        for x in xs { try yield(x) }
      }
      Stage.join(name: "thirds", throttle: throttle) { (xs: AsyncInputs<Int>, yield: AsyncOutputs<Int>) in
        var count = 0
        for await x in xs {
          count += 1
          if count % 3 == 0 { try await yield(x) }
        }
      }
      Stage.join(name: "count", workers: 2, throttle: throttle) { (xs: Inputs<Int>) in
        xs.reduce(0) { count, _ in count + 1 }
      }
      Stage(name: "end", throttle: throttle) { (x: Int) in x }
    }(100)
    #expect(try await run.collect().reduce(0, +) == 200)
    let stages = run.report.stages
    #expect(
      stages.map { $0.name } == [
        "source", "stage", "many", "double", "branch", "later", "branch", "branch", "join", "thirds",
        "count", "end",
      ])
    #expect(stages.map { $0.workers } == [1, 1, 4, 1, 2, 5, 1, 1, 1, 1, 2, 1])
    #expect(stages.map { $0.itemsIn } == [1, 100, 100, 100, 200, 600, 600, 300, 600, 600, 200, 2])
    #expect(stages.map { $0.itemsOut } == [100, 100, 100, 200, 600, 600, 300, 600, 600, 200, 2, 2])
  }

  /// Chains of single workers, whose items are pulled through by calls and never counted at a queue.
  @Test(arguments: [0, 1, 64])
  func countsOfAChain(throttle: Int) async throws {
    for producer in Producer.allCases {
      for kind in Passing.allCases {
        let run =
          (producer.stage(throttle: throttle) | kind.stage(Int.self, throttle: throttle)
          | kind.stage(Int.self, throttle: throttle))(1_000)
        #expect(try await run.collect().count == 1_000)
        let stages = run.report.stages
        #expect(stages.map { $0.itemsIn } == [1, 1_000, 1_000], "\(producer) \(kind)")
        #expect(stages.map { $0.itemsOut } == [1_000, 1_000, 1_000], "\(producer) \(kind)")
      }
    }
  }

  @Test func beforeTheStartNothingIsDone() async throws {
    let run = (Stage.branch { (n: Int) in 0..<n } | Stage(name: "two", workers: 2) { (x: Int) in x })(3)
    let report = run.report
    #expect(report.elapsed == .zero)
    #expect(report.stages.map { $0.name } == ["branch", "two"])
    #expect(report.stages.map { $0.workers } == [1, 2])
    #expect(report.stages.allSatisfy { $0.itemsIn == 0 && $0.itemsOut == 0 && $0.busy == .zero })
  }

  /// A run that was left early counts what it did, and no item twice.
  @Test(arguments: Bodies.allCases)
  func countsOfARunThatWasLeft(bodies: Bodies) async throws {
    let started = Count()
    let run =
      (Stage.branch(throttle: 5) { (first: Int) in sequence(first: first) { $0 &+ 1 } }
      | bodies.stage(throttle: 5) { _ in
        started.add()
        return nil
      })(0)
    for try await x in run where x == 49 { break }
    #expect(try await eventually { run.report.stages[1].itemsIn == started.now })
    let stages = run.report.stages
    #expect(stages[0].itemsIn == 1)
    #expect((50...62).contains(stages[0].itemsOut))
    #expect((50...56).contains(stages[1].itemsIn))
    #expect((50...56).contains(stages[1].itemsOut))
  }

  /// May be asked at any time, from any thread.
  @Test func whileItGoesOn() async throws {
    let run =
      (Stage.branch(throttle: 8) { (n: Int) in 0..<n } | Stage(workers: 3) { (x: Int) in x })(20_000)
    let asking = Task {
      try await onThread {
        var last = (0, 0)
        while last.0 < 20_000 {
          let stages = run.report.stages
          let now = (stages[0].itemsOut, stages[1].itemsOut)
          guard now.0 >= last.0, now.1 >= last.1, stages[0].peakQueueLength <= 8 else { return false }
          last = now
        }
        return true
      }
    }
    #expect(try await run.collect().count == 20_000)
    #expect(try await asking.value)
  }

  @Test func elapsedStandsStillAfterTheEnd() async throws {
    let run = Stage.branch { (n: Int) in 0..<n }(1_000)
    _ = try await run.collect()
    let elapsed = run.report.elapsed
    #expect(elapsed > .zero)
    try await Task.sleep(for: .milliseconds(5))
    #expect(run.report.elapsed == elapsed)
  }

  // MARK: Queues

  /// The longest that a queue was, while the consumer was held back.
  @Test(arguments: [1, 5, 64, 100_000], [1, 4])
  func peakQueueLength(throttle: Int, workers: Int) async throws {
    let count = min(throttle, 1_000) * 2 + 10
    let kinds: [(Count) -> Pipeline<Int, Int>] = [
      { passed in
        Bodies.sync.stage(workers: workers, throttle: throttle) { _ in
          passed.add()
          return nil
        }
      },
      { passed in
        Bodies.async.stage(workers: workers, throttle: throttle) { _ in
          passed.add()
          return nil
        }
      },
      { passed in
        Stage.branch(workers: workers, throttle: throttle) { (x: Int, yield: Outputs<Int>) in
          passed.add()
          try yield(x)
        }
      },
    ]
    for kind in kinds {
      let passed = Count()
      let run = (Stage.branch { (n: Int) in 0..<n } | kind(passed))(count)
      var isFirst = true
      for try await _ in run {
        if isFirst {
          await passed.reaching(min(count, 1 + throttle + workers)).suspend()
          // A worker that finds the queue full has seen all of it.
          let isSeen = try await eventually {
            let peak = run.report.stages[1].peakQueueLength
            return throttle < count ? peak == throttle : peak > 0
          }
          #expect(isSeen)
        }
        isFirst = false
      }
      let peak = run.report.stages[1].peakQueueLength
      #expect(peak > 0)
      #expect(peak <= min(throttle, count))
    }
  }

  // MARK: Time

  private static func work(milliseconds: Int) {
    let clock = ContinuousClock()
    let end = clock.now + .milliseconds(milliseconds)
    while clock.now < end {}
  }

  /// Bodies that work are busy at least for as long as they took, summed over the workers.
  @Test(arguments: [1, 4])
  func busyIsTheTimeInBodies(workers: Int) async throws {
    let run = Pipeline {
      Stage.branch { (n: Int) in 0..<n }
      Stage(workers: workers) { (x: Int) in
        Self.work(milliseconds: 3)
        return x
      }
      Stage.branch(workers: workers) { (x: Int, yield: Outputs<Int>) in
        Self.work(milliseconds: 3)
        try yield(x)
      }
      Stage.join(workers: workers) { (xs: Inputs<Int>, yield: Outputs<Int>) in
        for x in xs {
          Self.work(milliseconds: 3)
          try yield(x)
        }
      }
      Stage(workers: workers) { (x: Int) async in
        Self.work(milliseconds: 3)
        return x
      }
    }(20)
    #expect(try await run.collect().count == 20)
    for stage in run.report.stages.dropFirst() { #expect(stage.busy >= .milliseconds(20 * 3)) }
  }

  /// Waiting for a place in the queue, or for an item, is no work.
  @Test func waitingIsNotBusy() async throws {
    let run = Pipeline {
      Stage.branch(throttle: 1) { (n: Int, yield: Outputs<Int>) in for x in 0..<n { try yield(x) } }
      Stage.join(throttle: 1) { (xs: Inputs<Int>, yield: Outputs<Int>) in for x in xs { try yield(x) } }
      Stage.branch(throttle: 1) { (x: Int) in [x] }
    }(20)
    let clock = ContinuousClock()
    let start = clock.now
    for try await _ in run { try await Task.sleep(for: .milliseconds(50)) }
    let elapsed = clock.now - start
    for stage in run.report.stages { #expect(stage.busy < elapsed / 2) }
  }
}
