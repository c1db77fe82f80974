import Glibc
import Sluice
import Synchronization
import Testing

@Suite(.watchdog()) struct ThrottleTests {
  /// Counts what a stage has produced and the next one has not taken.
  ///
  /// `produced` is called in the producing body right before a value is handed over, `taken` right
  /// after the next stage has got it, so that a value on its way to the body that takes it counts as
  /// not taken: while the taker runs freely, that is one more for each of its workers. While it is
  /// held, `peakWhileHeld` is exact.
  final class Occupancy: Sendable {
    private let made = Atomic(0)
    private let gone = Atomic(0)
    private let isHeld = Atomic(false)
    private let highest = Atomic(0)
    private let highestWhileHeld = Atomic(0)
    private let watched = Count()

    var peak: Int { highest.load(ordering: .sequentiallyConsistent) }
    var peakWhileHeld: Int { highestWhileHeld.load(ordering: .sequentiallyConsistent) }
    var producedInAll: Int { made.load(ordering: .sequentiallyConsistent) }

    func produced() {
      let number = made.add(1, ordering: .sequentiallyConsistent).newValue
      let held = isHeld.load(ordering: .sequentiallyConsistent)
      let waiting = number - gone.load(ordering: .sequentiallyConsistent)
      raise(highest, to: waiting)
      if held {
        raise(highestWhileHeld, to: waiting)
        watched.update { $0 = max($0, number) }
      }
    }

    /// Returns how many were taken before.
    @discardableResult
    func taken() -> Int { gone.add(1, ordering: .sequentiallyConsistent).oldValue }

    /// The taker stops taking until this many stand in front of it and are not taken.
    func hold(until waiting: Int) -> Wait {
      isHeld.store(true, ordering: .sequentiallyConsistent)
      let number = gone.load(ordering: .sequentiallyConsistent) + waiting
      look()
      return watched.reaching(number)
    }

    func letGo() {
      look()
      isHeld.store(false, ordering: .sequentiallyConsistent)
    }

    private func look() {
      let number = made.load(ordering: .sequentiallyConsistent)
      raise(highestWhileHeld, to: number - gone.load(ordering: .sequentiallyConsistent))
      watched.update { $0 = max($0, number) }
    }

    private func raise(_ highest: borrowing Atomic<Int>, to number: Int) {
      _ = highest.max(number, ordering: .sequentiallyConsistent)
    }
  }

  static let throttles = [1, 2, 5, 5_000]

  /// How many items a test needs to see the throttle reached and kept several times.
  private static func count(_ throttle: Int) -> Int { throttle * 3 + 200 }

  /// A taker that holds back in its first items until the throttle is reached, and then goes on
  /// freely. What the stage before it does meanwhile must stay in bounds.
  private static func taker(_ occupancy: Occupancy, throttle: Int) -> @Sendable () -> Wait? {
    {
      let number = occupancy.taken()
      guard number < 20 || number == 150 else { return nil }
      return occupancy.hold(until: throttle).then {
        // Room for a producer that would not stop here to go on.
        for _ in 0..<100 { sched_yield() }
        occupancy.letGo()
      }
    }
  }

  /// A producer before a consumer.
  @Test(arguments: Producer.allCases, throttles)
  func producer(producer: Producer, throttle: Int) async throws {
    for consumer in Consumer.allCases {
      let occupancy = Occupancy()
      let take = Self.taker(occupancy, throttle: throttle)
      let pipeline = producer.stage(throttle: throttle) { _ in
        occupancy.produced()
        return nil
      }
      try await pipeline.forEach(Self.count(throttle), by: consumer) { _ in take() }
      #expect(occupancy.producedInAll == Self.count(throttle))
      #expect(occupancy.peakWhileHeld >= throttle)
      #expect(occupancy.peakWhileHeld <= throttle + 1, "\(consumer)")
      #expect(occupancy.peak <= throttle + 1 + 1, "\(consumer)")
    }
  }

  /// A producer before a stage.
  @Test(arguments: Producer.allCases, throttles)
  func producerBeforeStage(producer: Producer, throttle: Int) async throws {
    for (bodies, consumer) in [(Bodies.sync, Consumer.blocking), (.sync, .async), (.async, .async)] {
      let occupancy = Occupancy()
      let take = Self.taker(occupancy, throttle: throttle)
      let pipeline =
        producer.stage(throttle: throttle) { _ in
          occupancy.produced()
          return nil
        } | bodies.stage { _ in take() }
      _ = try await pipeline.outputs(Self.count(throttle), by: consumer)
      #expect(occupancy.peakWhileHeld >= throttle)
      #expect(occupancy.peakWhileHeld <= throttle + 1, "\(bodies) \(consumer)")
      #expect(occupancy.peak <= throttle + 1 + 1, "\(bodies) \(consumer)")
    }
  }

  /// A one-to-one stage before a consumer: each of its workers may hold one more.
  @Test(arguments: Bodies.allCases, throttles)
  func stage(bodies: Bodies, throttle: Int) async throws {
    for consumer in Consumer.allCases {
      for workers in [1, 4] {
        let occupancy = Occupancy()
        let take = Self.taker(occupancy, throttle: throttle)
        let pipeline =
          Stage.branch { (n: Int) in 0..<n }
          | bodies.stage(workers: workers, throttle: throttle) { _ in
            occupancy.produced()
            return nil
          }
        try await pipeline.forEach(Self.count(throttle), by: consumer) { _ in take() }
        #expect(occupancy.peakWhileHeld >= throttle)
        #expect(occupancy.peakWhileHeld <= throttle + workers, "\(workers) \(consumer)")
        #expect(occupancy.peak <= throttle + workers + 1, "\(workers) \(consumer)")
      }
    }
  }

  /// A stage of several workers between others of several workers.
  @Test(arguments: Bodies.allCases, throttles)
  func manyWorkersBeforeManyWorkers(bodies: Bodies, throttle: Int) async throws {
    let occupancy = Occupancy()
    let pipeline =
      Stage.branch(throttle: throttle) { (n: Int) in 0..<n }
      | bodies.stage(workers: 4, throttle: throttle) { _ in
        occupancy.produced()
        return nil
      }
      | bodies.stage(workers: 3, throttle: throttle) { _ in
        occupancy.taken()
        return nil
      }
    _ = try await pipeline.outputs(Self.count(throttle), by: .async)
    #expect(occupancy.producedInAll == Self.count(throttle))
    #expect(occupancy.peak <= throttle + 4 + 3)
  }

  /// Stages that yield have one worker's value in hand, or one for each worker.
  @Test(arguments: [1, 4], throttles)
  func yieldingStages(workers: Int, throttle: Int) async throws {
    func expectInBounds(_ make: (Occupancy) -> Pipeline<Int, Int>) async throws {
      for consumer in Consumer.allCases {
        let occupancy = Occupancy()
        let take = Self.taker(occupancy, throttle: throttle)
        let pipeline = Stage.branch { (n: Int) in 0..<n } | make(occupancy)
        try await pipeline.forEach(Self.count(throttle), by: consumer) { _ in take() }
        #expect(occupancy.peakWhileHeld >= throttle)
        #expect(occupancy.peakWhileHeld <= throttle + workers, "\(consumer)")
        #expect(occupancy.peak <= throttle + workers + 1, "\(consumer)")
      }
    }
    try await expectInBounds { occupancy in
      Stage.branch(workers: workers, throttle: throttle) { (x: Int, yield: Outputs<Int>) in
        occupancy.produced()
        try yield(x)
      }
    }
    try await expectInBounds { occupancy in
      Stage.branch(workers: workers, throttle: throttle) { (x: Int, yield: AsyncOutputs<Int>) in
        occupancy.produced()
        try await yield(x)
      }
    }
    try await expectInBounds { occupancy in
      Stage.branch(workers: workers, throttle: throttle) { (x: Int) in
        Numbers(count: 1) { _ in
          occupancy.produced()
          return nil
        }
      }
    }
    try await expectInBounds { occupancy in
      Stage.join(workers: workers, throttle: throttle) { (xs: Inputs<Int>, yield: Outputs<Int>) in
        for x in xs {
          occupancy.produced()
          try yield(x)
        }
      }
    }
    try await expectInBounds { occupancy in
      Stage.join(workers: workers, throttle: throttle) {
        (xs: AsyncInputs<Int>, yield: AsyncOutputs<Int>) in
        for await x in xs {
          occupancy.produced()
          try await yield(x)
        }
      }
    }
  }

  /// Every stage of a chain has its own throttle; a consumer that is held lets the source get ahead by
  /// all of them together and by what each worker holds.
  @Test(arguments: Consumer.allCases)
  func everyStageOfAChain(consumer: Consumer) async throws {
    let throttles = [3, 1, 6]
    let queues = throttles.map { _ in Occupancy() }
    let produced = Count()
    let mostAhead = Count()
    let pipeline =
      Stage.branch(throttle: throttles[0]) { (n: Int) in
        Numbers(count: n) { _ in
          queues[0].produced()
          produced.add()
          return nil
        }
      }
      | Stage(throttle: throttles[1]) { (x: Int) in
        queues[0].taken()
        queues[1].produced()
        return x
      }
      | Stage(throttle: throttles[2]) { (x: Int) in
        queues[1].taken()
        queues[2].produced()
        return x
      }
    try await pipeline.forEach(1_000, by: consumer) { x in
      queues[2].taken()
      guard x % 100 == 50 else { return nil }
      let taken = x + 1
      return produced.reaching(taken + throttles.reduce(0, +)).then {
        for _ in 0..<100 { sched_yield() }
        mostAhead.update { $0 = max($0, produced.now - taken) }
      }
    }
    #expect(mostAhead.now >= throttles.reduce(0, +))
    #expect(mostAhead.now <= throttles.reduce(0, +) + 3)
    for (queue, throttle) in zip(queues, throttles) {
      #expect(queue.producedInAll == 1_000)
      #expect(queue.peak <= throttle + 1 + 1)
    }
  }

  /// A throttle that is larger than any queue that is laid out in advance.
  @Test(arguments: Consumer.allCases)
  func largeThrottle(consumer: Consumer) async throws {
    let throttle = 100_000
    let occupancy = Occupancy()
    let pipeline = Producer.sequence.stage(throttle: throttle) { _ in
      occupancy.produced()
      return nil
    }
    try await pipeline.forEach(throttle + 1_000, by: consumer) { _ in
      guard occupancy.taken() == 0 else { return nil }
      return occupancy.hold(until: throttle).then {
        for _ in 0..<100 { sched_yield() }
        occupancy.letGo()
      }
    }
    #expect(occupancy.peakWhileHeld >= throttle)
    #expect(occupancy.peakWhileHeld <= throttle + 1)
  }

  /// Throttle 0 is no bound: the producer is through before the consumer takes its second item.
  @Test(arguments: Producer.allCases, Consumer.allCases)
  func noThrottleIsNoBound(producer: Producer, consumer: Consumer) async throws {
    let count = 100_000
    let produced = Count()
    let taken = Count()
    let pipeline = producer.stage { number in
      if number == count - 1 { produced.add() }
      return nil
    }
    try await pipeline.forEach(count, by: consumer) { _ in
      taken.add() == 1 ? produced.reaching(1) : nil
    }
    #expect(taken.now == count)
  }

  @Test(arguments: Bodies.allCases, Consumer.allCases)
  func noThrottleIsNoBoundForStages(bodies: Bodies, consumer: Consumer) async throws {
    let count = 10_000
    for workers in [1, 4] {
      let passed = Count()
      let taken = Count()
      let pipeline =
        Stage.branch { (n: Int) in 0..<n }
        | bodies.stage(workers: workers) { _ in
          passed.add()
          return nil
        }
      try await pipeline.forEach(count, by: consumer) { _ in
        taken.add() == 1 ? passed.reaching(count) : nil
      }
      #expect(taken.now == count)
    }
  }
}
