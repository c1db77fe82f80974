import Sluice
import Testing

/// How runs end while bodies fail: nothing is retried, skipped or counted after the end, nothing hangs,
/// nothing is lost or kept.
@Suite(.watchdog()) struct FailureEndingTests {
  private static let endless = FailurePolicy.retry(.max, then: .skip)

  /// A run is cancelled while each worker calls a body again and again.
  @Test(arguments: FailingForm.allCases, [1, 4])
  func cancelledDuringRetries(form: FailingForm, workers: Int) async throws {
    let calls = Count()
    let run =
      (Stage.branch { (n: Int) in 0..<n }
      | form.stage(workers: workers, onFailure: Self.endless) { (item: Int) in
        calls.add()
        if item % 2 == 1 { throw Failing(item: item, attempt: 0) }
      })(1_000)
    let cancelling = Task {
      await calls.reaching(100).suspend()
      run.cancel()
      // A worker that has passed the check may still be about to enter its body.
      return calls.now + workers
    }
    await #expect(throws: CancellationError.self) { for try await _ in run {} }
    let most = await cancelling.value
    let ended = try await eventually {
      let report = run.report.stages[1]
      return report.retried + report.itemsIn == calls.now
    }
    #expect(ended)
    #expect(calls.now <= most)
    #expect(run.report.stages[1].skipped == 0)
    #expect(run.report.stages[1].failures.isEmpty)
  }

  /// The consumer leaves while bodies are called again and again; its run, or its loop, is over at once.
  @Test(arguments: FailingForm.allCases, Consumer.allCases)
  func leftDuringRetries(form: FailingForm, consumer: Consumer) async throws {
    let calls = Count()
    let pipeline =
      Stage.branch(throttle: 1) { (n: Int) in 0..<n }
      | form.stage(workers: 4, throttle: 1, onFailure: Self.endless) { (item: Int) in
        calls.add()
        if item > 0 { throw Failing(item: item, attempt: 0) }
      }
    switch consumer {
    case .blocking:
      // Returns only when no body is running any more.
      try await onThread {
        try pipeline.run(1_000) { outputs in
          for _ in outputs {
            calls.reaching(100).block()
            break
          }
        }
      }
      #expect(calls.now >= 100)
    case .async:
      for try await _ in pipeline(1_000) {
        await calls.reaching(100).suspend()
        break
      }
    }
  }

  /// A body that is called again by the thread of a blocking consumer stops when another stage fails.
  @Test(arguments: FailingForm.allCases)
  func anotherStageFailsDuringRetries(form: FailingForm) async throws {
    let calls = Count()
    let pipeline =
      Stage.branch(throttle: 1) { (n: Int, yield: Outputs<Int>) in
        for x in 0..<n {
          try yield(x)
          if x == 0 { calls.reaching(100).block() }
          if x == 1 { throw Failing(item: -1, attempt: 0) }
        }
      }
      | form.stage(throttle: 1, onFailure: Self.endless) { (item: Int) in
        calls.add()
        throw Failing(item: item, attempt: 0)
      }
    let error = await #expect(throws: Failing.self) {
      _ = try await pipeline.outputs(1_000, by: .blocking)
    }
    #expect(error?.item == -1)
  }

  /// `yield` throws CancellationError once the run has ended: that is no failure of the item.
  @Test(arguments: Consumer.allCases, [FailurePolicy.skip, .retry(.max, then: .skip)])
  func theEndIsNoFailure(consumer: Consumer, policy: FailurePolicy) async throws {
    let calls = Count()
    let ended = Count()
    let sync = Stage.branch(throttle: 1, onFailure: policy) { (x: Int, yield: Outputs<Int>) in
      calls.add()
      defer { ended.add() }
      while true { try yield(x) }
    }
    let async = Stage.branch(throttle: 1, onFailure: policy) { (x: Int, yield: AsyncOutputs<Int>) in
      calls.add()
      defer { ended.add() }
      while true { try await yield(x) }
    }
    let asyncSequence = Stage.branch(throttle: 1, onFailure: policy) { (x: Int) async in
      calls.add()
      return AsyncNumbers(count: .max) { _ in
        if Task.isCancelled {
          ended.add()
          throw CancellationError()
        }
        return nil
      }
    }
    for (number, stage) in [sync, async, asyncSequence].enumerated() {
      let before = calls.now
      if consumer == .blocking {
        try await onThread {
          try stage.run(1) { outputs in for _ in outputs { break } }
        }
      } else {
        let run = stage(1)
        for try await _ in run { break }
        if number < 2 { await ended.reaching(before + 1).suspend() }
        #expect(run.report.stages[0].skipped == 0)
        #expect(run.report.stages[0].retried == 0)
        #expect(run.report.stages[0].failures.isEmpty)
      }
      #expect(calls.now == before + 1)
    }
  }

  /// An item is given up exactly once, however it ends; the report keeps those that it lists.
  @Test(arguments: FailingForm.allCases, Consumer.allCases)
  func itemsAreGivenUpOnce(form: FailingForm, consumer: Consumer) async throws {
    for policy in [FailurePolicy.skip, .retry(2, then: .skip), .retry(1)] {
      let lives = Lives()
      do {
        let pipeline =
          Stage.branch(throttle: 3) { (n: Int) in (0..<n).lazy.map { Tracked($0, lives) } }
          | form.stage(workers: 3, throttle: 3, onFailure: policy) { (item: Tracked) in
            if item.number % 3 == 0 { throw Failing(item: item.number, attempt: 0) }
          }
        if consumer == .blocking {
          _ = try? await onThread { try pipeline.run(500) { $0.reduce(0) { sum, _ in sum + 1 } } }
        } else {
          let run = pipeline(500)
          do { for try await _ in run {} } catch {}
          let kept = run.report.stages[1].failures
          #expect(policy == .retry(1) ? kept.count == 1 : kept.count == 100)
          withExtendedLifetime(kept) { #expect(lives.born - lives.died >= kept.count) }
        }
      }
      #expect(try await eventually { lives.died == lives.born })
    }
  }

  /// Many workers, and every third item fails a few times or for good: nothing lost, nothing twice.
  @Test(arguments: FailingForm.allCases)
  func manyWorkersThatFail(form: FailingForm) async throws {
    let count = 20_000
    let attempts = Attempts()
    let run =
      (Stage.branch(throttle: 64) { (n: Int) in 0..<n }
      | form.stage(workers: 8, throttle: 16, onFailure: .retry(2, then: .skip)) { (item: Int) in
        guard item % 3 == 0 else { return }
        let attempt = attempts.next(item)
        if item % 9 == 0 || attempt < 3 { throw Failing(item: item, attempt: attempt) }
      }
      | Stage(workers: 3, throttle: 4) { (x: Int) in x })(count)
    let outputs = try await run.collect()
    #expect(outputs.sorted() == (0..<count).filter { $0 % 9 != 0 })
    let stage = run.report.stages[1]
    #expect(stage.skipped == (0..<count).count { $0 % 9 == 0 })
    #expect(stage.retried == 2 * (0..<count).count { $0 % 3 == 0 })
    #expect(stage.itemsIn == count)
    #expect(stage.itemsOut == outputs.count)
    #expect(stage.failures.count == 100)
  }

  /// Skipped items take no place, and retries make none: the throttle is kept.
  @Test(arguments: FailingForm.allCases, [1, 2, 16])
  func theThrottleIsKept(form: FailingForm, throttle: Int) async throws {
    for (consumer, workers) in [(Consumer.blocking, 1), (.async, 1), (.blocking, 4), (.async, 4)] {
      let occupancy = ThrottleTests.Occupancy()
      let attempts = Attempts()
      let pipeline =
        Stage.branch { (n: Int) in 0..<n }
        | form.stage(workers: workers, throttle: throttle, onFailure: .retry(1, then: .skip)) { (item: Int) in
          if item % 2 == 1 { throw Failing(item: item, attempt: 0) }
          if item % 4 == 0, attempts.next(item) == 1 { throw Failing(item: item, attempt: 1) }
          occupancy.produced()
        }
      try await pipeline.forEach(throttle * 6 + 400, by: consumer) { _ in
        guard occupancy.taken() < 10 else { return nil }
        return occupancy.hold(until: throttle).then { occupancy.letGo() }
      }
      #expect(occupancy.producedInAll == throttle * 3 + 200)
      #expect(occupancy.peakWhileHeld >= throttle)
      #expect(occupancy.peakWhileHeld <= throttle + workers, "\(consumer) \(workers)")
      #expect(occupancy.peak <= throttle + workers + 1, "\(consumer) \(workers)")
    }
  }
}
