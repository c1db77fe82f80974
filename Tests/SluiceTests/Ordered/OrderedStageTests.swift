import Glibc
import Sluice
import Testing

/// Many workers, and outputs in the order of inputs.
@Suite(.watchdog(seconds: 120)) struct OrderedStageTests {
  static let throttles = [0, 1, 2, 64]
  static let workers = [2, 5, 20]

  /// A body that takes its time, from none to some 50 microseconds, by the seed and the item.
  static func uneven(_ seed: UInt64) -> @Sendable (Int) -> Wait? {
    { item in
      var generator = SeededGenerator(seed: seed &+ UInt64(item))
      switch generator.next() & 7 {
      case 0: sched_yield()
      case 1: for _ in 0..<(generator.next() & 4_095) { _ = generator.next() }
      case 2: return Wait(block: { sched_yield() }, suspend: { await Task.yield() })
      default: break
      }
      return nil
    }
  }

  /// Who takes the outputs of the ordered stage.
  enum Taker: String, CaseIterable, Sendable {
    case blocking
    case async
    case nextStage
    case nextStages
    case nextOrderedStages
    case nextTasks
  }

  private func pipeline(
    _ bodies: Bodies, _ throttle: Int, _ workers: Int, before taker: Taker, seed: UInt64
  ) -> Pipeline<Int, Int> {
    let ordered =
      Stage.branch(throttle: throttle) { (n: Int) in 0..<n }
      | bodies.stage(workers: workers, throttle: throttle, ordered: true, Self.uneven(seed))
    switch taker {
    case .blocking, .async: return ordered
    case .nextStage: return ordered | Stage(throttle: throttle) { (x: Int) in x }
    case .nextStages:
      // What each of several takers gets is in order.
      return ordered
        | Stage.join(workers: 3, throttle: throttle) { (xs: Inputs<Int>, yield: Outputs<Int>) in
          var last = -1
          for x in xs {
            #expect(x > last)
            last = x
            try yield(x)
          }
        }
    case .nextOrderedStages:
      return ordered | Bodies.sync.stage(workers: 4, throttle: throttle, ordered: true, Self.uneven(seed + 1))
    case .nextTasks:
      return ordered
        | Bodies.async.stage(workers: 4, throttle: throttle, ordered: true, Self.uneven(seed + 1))
    }
  }

  @Test(arguments: Bodies.allCases, Taker.allCases)
  func outputsAreInOrder(bodies: Bodies, taker: Taker) async throws {
    var generator = seededGenerator()
    for throttle in Self.throttles {
      for workers in Self.workers {
        note("\(bodies) \(taker) throttle \(throttle) workers \(workers)")
        let count = throttle == 1 || throttle == 2 ? 400 : 2_000
        let pipeline = pipeline(bodies, throttle, workers, before: taker, seed: generator.next())
        let consumers: [Consumer] =
          taker == .blocking ? [.blocking] : taker == .async ? [.async] : Consumer.allCases
        for consumer in consumers {
          let outputs = try await pipeline.outputs(count, by: consumer)
          let isRight = (taker == .nextStages ? outputs.sorted() : outputs) == Array(0..<count)
          #expect(isRight, "throttle \(throttle) workers \(workers) \(consumer)")
        }
      }
    }
  }

  /// One behind the other, with different queues between them.
  @Test func randomChains() async throws {
    var generator = seededGenerator()
    for _ in 0..<40 {
      var description = ""
      func throttle() -> Int { [0, 1, 2, 7, 64, 100_000].randomElement(using: &generator) ?? 0 }
      var pipeline = Stage.branch(throttle: throttle()) { (n: Int) in 0..<n }
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        let (bodies, workers) = (
          Bool.random(using: &generator) ? Bodies.sync : .async, Int.random(in: 1...6, using: &generator)
        )
        let throttle = throttle()
        description += " | \(bodies) \(workers) \(throttle)"
        pipeline =
          pipeline
          | bodies.stage(workers: workers, throttle: throttle, ordered: true, Self.uneven(generator.next()))
      }
      note(description)
      for consumer in Consumer.allCases {
        #expect(try await pipeline.outputs(1_000, by: consumer) == Array(0..<1_000), "\(description)")
      }
    }
  }

  // Where places are counted, the source has a throttle too. In a queue without one, a place may be given up whose
  // producer was stopped in the middle of enqueueing; its number comes through as a hole, which takes the place of an
  // output until it is passed over.

  /// The first item is held back: the others are worked on, as far as there are places, and wait.
  @Test(arguments: Bodies.allCases, Consumer.allCases)
  func aSlowItemDelaysDeliveryAndNotWork(bodies: Bodies, consumer: Consumer) async throws {
    for throttle in [1, 2, 64] {
      for workers in Self.workers {
        note("throttle \(throttle) workers \(workers)")
        let (started, gate, taken) = (Count(), Gate(), Count())
        let pipeline =
          Stage.branch(throttle: 1_024) { (n: Int) in 0..<n }
          | bodies.stage(workers: workers, throttle: throttle, ordered: true) { item in
            started.add()
            return item == 0 ? gate.opening : nil
          }
        // The place of the first is kept for it: the rest of the throttle, and one for each other worker.
        let most = throttle + workers - 1
        let opening = Task {
          await started.reaching(most).suspend()
          let isHeldBack = taken.now == 0
          for _ in 0..<100 { sched_yield() }
          let number = started.now
          gate.open()
          return (isHeldBack, number)
        }
        let outputs = Observed<[Int]>([])
        try await pipeline.forEach(500, by: consumer) { item in
          taken.add()
          outputs.update { $0.append(item) }
          return nil
        }
        let (isHeldBack, number) = await opening.value
        #expect(isHeldBack)
        #expect(number == most)
        #expect(outputs.now == Array(0..<500))
      }
    }
  }

  /// A consumer that is held: as many outputs as the throttle stand, and each worker holds one.
  @Test(arguments: Bodies.allCases, Consumer.allCases)
  func theThrottleIsExact(bodies: Bodies, consumer: Consumer) async throws {
    for throttle in [1, 2, 5, 5_000] {
      for workers in Self.workers {
        let occupancy = ThrottleTests.Occupancy()
        let pipeline =
          Stage.branch(throttle: 1_024) { (n: Int) in 0..<n }
          | bodies.stage(workers: workers, throttle: throttle, ordered: true) { _ in
            occupancy.produced()
            return nil
          }
        let count = throttle + 300
        try await pipeline.forEach(count, by: consumer) { _ in
          let number = occupancy.taken()
          guard number < 10 || number == 150 else { return nil }
          return occupancy.hold(until: throttle + workers).then {
            for _ in 0..<100 { sched_yield() }
            occupancy.letGo()
          }
        }
        #expect(occupancy.producedInAll == count)
        #expect(occupancy.peakWhileHeld == throttle + workers, "\(throttle) \(workers)")
        #expect(occupancy.peak <= throttle + workers + 1, "\(throttle) \(workers)")
      }
    }
  }

  /// Without a throttle, and with a large one, there is a bound all the same.
  @Test(arguments: Bodies.allCases, [0, 200_000])
  func theLargestBound(bodies: Bodies, throttle: Int) async throws {
    let (started, most) = (Count(), 1 << 16)
    let workers = 4
    let run =
      (Stage.branch(throttle: 1_024) { (n: Int) in 0..<n }
      | bodies.stage(workers: workers, throttle: throttle, ordered: true) { _ in
        started.add()
        return nil
      })(100_000)
    var next = 0
    var isInOrder = true
    for try await output in run {
      if next == 0 {
        await started.reaching(1 + most + workers).suspend()
        for _ in 0..<100 { sched_yield() }
        #expect(started.now == 1 + most + workers)
      }
      isInOrder = isInOrder && output == next
      next += 1
    }
    #expect(isInOrder)
    #expect(next == 100_000)
    #expect(run.report.stages[1].peakQueueLength == most)
  }

  /// All workers are inside bodies at once, and the next stage's too, whatever came first.
  @Test(arguments: Bodies.allCases)
  func allWorkersWorkAtOnce(bodies: Bodies) async throws {
    let workers = 6
    let (first, second) = (Count(), Count())
    let pipeline =
      Stage.branch { (n: Int) in 0..<n }
      | bodies.stage(workers: workers, throttle: workers, ordered: true) { item in
        first.add()
        return first.reaching((item / workers + 1) * workers)
      }
      | bodies.stage(workers: workers, throttle: 2, ordered: true) { item in
        second.add()
        return second.reaching((item / workers + 1) * workers)
      }
    #expect(try await pipeline.outputs(workers * 20) == Array(0..<(workers * 20)))
  }

  /// A worker process takes from an ordered stage, and gives to one.
  @Test(arguments: Bodies.allCases, [0, 1, 16])
  func aroundAProcess(bodies: Bodies, throttle: Int) async throws {
    let pipeline =
      Stage.branch(throttle: throttle) { (n: Int) in 0..<n }
      | bodies.stage(workers: 4, throttle: throttle, ordered: true, Self.uneven(processSeed))
      | Stage(processes: 1, throttle: throttle, ordered: true, Doubled())
      | bodies.stage(workers: 3, throttle: throttle, ordered: true, Self.uneven(processSeed))
    #expect(try await pipeline.outputs(500) == (0..<500).map { $0 * 2 })
  }
  @Test(arguments: Bodies.allCases)
  func theReportCounts(bodies: Bodies) async throws {
    let run =
      (Stage.branch(throttle: 8) { (n: Int) in 0..<n }
      | bodies.stage(workers: 5, throttle: 8, ordered: true)
      | bodies.stage(workers: 3, throttle: 4, ordered: true))(2_000)
    #expect(try await run.collect() == Array(0..<2_000))
    #expect(run.report.stages.map(\.itemsIn) == [1, 2_000, 2_000])
    #expect(run.report.stages.map(\.itemsOut) == [2_000, 2_000, 2_000])
    #expect(run.report.stages[1].peakQueueLength <= 8)
    #expect(run.report.stages[2].peakQueueLength <= 4)
  }
}
