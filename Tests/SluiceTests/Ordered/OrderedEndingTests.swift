import Sluice
import Testing

/// Items that fail in an ordered stage, and runs that end in the middle of one: no gap in what is delivered,
/// nothing out of order, nothing lost or kept, no hang.
@Suite(.watchdog(seconds: 120)) struct OrderedEndingTests {
  /// Skipped items leave no gap, also where all or nearly all of them are skipped.
  @Test(arguments: Bodies.allCases, Consumer.allCases)
  func skippedItems(bodies: Bodies, consumer: Consumer) async throws {
    for throttle in OrderedStageTests.throttles {
      for (every, workers) in [(1, 4), (2, 2), (3, 5), (100, 20)] {
        note("throttle \(throttle) workers \(workers), one in \(every) is kept")
        let uneven = OrderedStageTests.uneven(processSeed)
        let pipeline =
          Stage.branch(throttle: throttle) { (n: Int) in 0..<n }
          | bodies.stage(workers: workers, throttle: throttle, ordered: true, onFailure: .skip) { item in
            if item % every != every - 1 || every == 1 { throw Failing(item: item, attempt: 1) }
            return uneven(item)
          }
          // Holes go through the next ordered stage too.
          | Bodies.sync.stage(workers: 3, throttle: throttle, ordered: true, uneven)
          | Bodies.async.stage(workers: 3, throttle: throttle, ordered: true, uneven)
        let expected = (0..<1_000).filter { every > 1 && $0 % every == every - 1 }
        #expect(try await pipeline.outputs(1_000, by: consumer) == expected)
      }
    }
  }

  @Test(arguments: Bodies.allCases, Consumer.allCases)
  func retriedItems(bodies: Bodies, consumer: Consumer) async throws {
    for throttle in OrderedStageTests.throttles {
      let attempts = Attempts()
      let uneven = OrderedStageTests.uneven(processSeed)
      let pipeline =
        Stage.branch(throttle: throttle) { (n: Int) in 0..<n }
        | bodies.stage(workers: 5, throttle: throttle, ordered: true, onFailure: .retry(2, then: .skip)) {
          item in
          let attempt = attempts.next(item)
          if attempt <= item % 4 { throw Failing(item: item, attempt: attempt) }
          return uneven(item)
        }
      #expect(try await pipeline.outputs(1_000, by: consumer) == (0..<1_000).filter { $0 % 4 < 3 })
      #expect(attempts.all == (0..<1_000).reduce(0) { $0 + min($1 % 4, 2) + 1 })
    }
  }

  @Test(arguments: Bodies.allCases)
  func theReportCountsWhatFailed(bodies: Bodies) async throws {
    let run =
      (Stage.branch { (n: Int) in 0..<n }
      | bodies.stage(workers: 4, throttle: 4, ordered: true, onFailure: .retry(1, then: .skip)) { item in
        if item % 5 == 0 { throw Failing(item: item, attempt: 0) }
        return nil
      })(500)
    #expect(try await run.collect() == (0..<500).filter { $0 % 5 != 0 })
    let stage = run.report.stages[1]
    #expect([stage.itemsIn, stage.itemsOut, stage.skipped, stage.retried] == [500, 400, 100, 100])
    #expect(Set(stage.failures.compactMap { $0.item as? Int }).count == 100)
  }

  /// What is delivered before the error has no gap: nothing after an item that did not come.
  @Test(arguments: Bodies.allCases, Consumer.allCases)
  func theFirstErrorEndsTheRun(bodies: Bodies, consumer: Consumer) async throws {
    for throttle in OrderedStageTests.throttles {
      for last in [0, 1, 7, 300] {
        let uneven = OrderedStageTests.uneven(processSeed)
        let pipeline =
          Stage.branch(throttle: throttle) { (n: Int) in 0..<n }
          | bodies.stage(workers: 5, throttle: throttle, ordered: true) { item in
            if item == last { throw Failing(item: item, attempt: 1) }
            return uneven(item)
          }
        let outputs = Observed<[Int]>([])
        let error = await #expect(throws: Failing.self) {
          try await pipeline.forEach(10_000, by: consumer) { item in
            outputs.update { $0.append(item) }
            return nil
          }
        }
        #expect(error == Failing(item: last, attempt: 1))
        #expect(outputs.now.count <= last)
        #expect(outputs.now == Array(0..<outputs.now.count))
      }
    }
  }

  /// Outputs that stand before the one that failed are delivered; those behind it are destroyed, once.
  @Test(arguments: [1, 4])
  func whatStandsBeforeTheErrorIsDelivered(next: Int) async throws {
    let lives = Lives()
    let outputs = Observed<[Int]>([])
    do {
      let started = Count()
      let mayFail = Gate()
      let pipeline =
        Stage.branch { (n: Int) in 0..<n }
        | Stage(workers: 4, throttle: 16, ordered: true) { (item: Int) in
          started.add()
          if item == 5 {
            mayFail.opening.block()
            throw Failing(item: item, attempt: 1)
          }
          return Tracked(item, lives)
        }
      await #expect(throws: Failing.self) {
        try await pipeline.forEach(1_000, by: .async) { item in
          outputs.update { $0.append(item.number) }
          guard item.number == 0 else { return nil }
          // All that can be worked on is: 1 taken, 16 places of which the failing one is kept, three in hand.
          return started.reaching(1 + 16 + 3).then { mayFail.open() }
        }
      }
    }
    #expect(outputs.now == [0, 1, 2, 3, 4])
    #expect(try await eventually { lives.died == lives.born })
  }

  @Test(arguments: Bodies.allCases, Consumer.allCases)
  func objectsLiveOnce(bodies: Bodies, consumer: Consumer) async throws {
    for (throttle, end) in [(0, Int.max), (1, .max), (3, 100), (64, 500), (0, 200)] {
      let lives = Lives()
      do {
        let uneven = OrderedStageTests.uneven(processSeed)
        let first = Stage.branch(throttle: throttle) { (n: Int) in 0..<n }
        let stage: Pipeline<Int, Tracked> =
          bodies == .sync
          ? Stage(workers: 5, throttle: throttle, ordered: true, onFailure: .skip) { (x: Int) in
            if x % 7 == 3 { throw Failing(item: x, attempt: 1) }
            uneven(x)?.block()
            return Tracked(x, lives)
          }
          : Stage(workers: 5, throttle: throttle, ordered: true, onFailure: .skip) { (x: Int) async throws in
            if x % 7 == 3 { throw Failing(item: x, attempt: 1) }
            await uneven(x)?.suspend()
            return Tracked(x, lives)
          }
        let outputs = Observed<[Int]>([])
        struct Enough: Error {}
        do {
          try await (first | stage).forEach(1_000, by: consumer) { item in
            outputs.update { $0.append(item.number) }
            if item.number >= end { throw Enough() }
            return nil
          }
        } catch is Enough {}
        let all = (0..<1_000).filter { $0 % 7 != 3 }
        #expect(outputs.now == Array(all.prefix { $0 < end }) + all.filter { $0 >= end }.prefix(1))
      }
      #expect(try await eventually { lives.died == lives.born })
    }
  }

  /// A join that has enough stops the ordered stages before it, wherever their workers stand.
  @Test(arguments: Bodies.allCases, OrderedStageTests.throttles)
  func aJoinThatReturnsEarly(bodies: Bodies, throttle: Int) async throws {
    for enough in [0, 1, 50] {
      let uneven = OrderedStageTests.uneven(processSeed)
      let pipeline =
        Stage.branch(throttle: throttle) { (n: Int) in 0..<n }
        | bodies.stage(workers: 5, throttle: throttle, ordered: true, uneven)
        | Stage.join { (xs: Inputs<Int>, yield: Outputs<Int>) in
          for x in xs.prefix(enough) { try yield(x) }
        }
        | bodies.stage(workers: 2, throttle: throttle, ordered: true, uneven)
      for consumer in Consumer.allCases {
        #expect(try await pipeline.outputs(1_000_000, by: consumer) == Array(0..<enough))
      }
    }
  }

  /// Breaking, throwing and cancelling while the first item, or a later one, is held back.
  @Test(arguments: Bodies.allCases, [0, 1, 30])
  func leftWhileAnItemIsHeldBack(bodies: Bodies, held: Int) async throws {
    for throttle in [1, 2, 64] {
      for how in 0..<3 {
        let (gate, started) = (Gate(), Count())
        let pipeline =
          Stage.branch { (n: Int) in 0..<n }
          | bodies.stage(workers: 4, throttle: throttle, ordered: true) { item in
            started.add()
            return item == held ? gate.opening : nil
          }
        let run = pipeline(1_000_000)
        let ending = Task {
          await started.reaching(held + throttle + 3).suspend()
          if how == 0 { run.cancel() }
        }
        let iterating = Task {
          var next = 0
          for try await output in run {
            #expect(output == next)
            next += 1
          }
        }
        await ending.value
        if how == 1 { iterating.cancel() }
        if how == 2 { gate.open() }
        if how == 2 { run.cancel() }
        await #expect(throws: CancellationError.self) { try await iterating.value }
        gate.open()
      }
    }
  }
}
