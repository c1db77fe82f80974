import Testing

@testable import Sluice

/// Leases that are revoked all the time, as no real load would: chains of single workers, whose items
/// are pulled through on one thread, handed over to other threads and taken back between any two.
@Suite(.serialized, .watchdog(seconds: 120)) struct ChaosTests {
  private static let throttles = [0, 1, 2, 7, 64, 1_024]

  /// Runs `body` while the monitor revokes whatever it sees.
  private func withChaos(_ body: () async throws -> Void) async throws {
    Engine.shared.monitor.setPace(tickNanoseconds: 20_000, patience: 1, itemsOfShortBodies: .max)
    defer { Engine.shared.monitor.resetPace() }
    try await body()
  }

  /// A random chain: it gives the numbers from 0 to below its input, as they are made by `make`.
  private func chain<Item: Sendable>(
    _ kinds: [Passing], _ generator: inout SeededGenerator,
    _ make: @escaping @Sendable (Int) -> Item
  ) -> (pipeline: Pipeline<Int, Item>, description: String) {
    func throttle() -> Int { Self.throttles.randomElement(using: &generator) ?? 0 }
    let first = throttle()
    var description = "source \(first)"
    var pipeline: Pipeline<Int, Item> =
      if Bool.random(using: &generator) {
        Stage.branch(throttle: first) { (n: Int) in (0..<n).lazy.map(make) }
      } else {
        Stage.branch(throttle: first) { (n: Int, yield: Outputs<Item>) in
          for x in 0..<n { try yield(make(x)) }
        }
      }
    for _ in 0..<Int.random(in: 1...5, using: &generator) {
      let kind = kinds.randomElement(using: &generator) ?? .map
      let throttle = throttle()
      description += " | \(kind) \(throttle)"
      pipeline = pipeline | kind.stage(Item.self, throttle: throttle)
    }
    return (pipeline, description)
  }

  /// How many items go through a chain. Mostly few: a run is most eager for leases when it is young.
  /// Where small throttles stand between stages that do not pull from one another, each item is a
  /// hand-over between threads: not as many of them as elsewhere.
  private func count(_ description: String, _ generator: inout SeededGenerator) -> Int {
    if Int.random(in: 0..<8, using: &generator) > 0 { return Int.random(in: 1...3_000, using: &generator) }
    let words = description.split(separator: " ")
    let isSlow = words.contains("1") || words.contains("2") || words.contains("7")
    return isSlow ? 20_000 : 200_000
  }

  /// A driver that loses its lease before it has come to the first stage of a long chain.
  @Test(arguments: Consumer.allCases)
  func longChainsStart(consumer: Consumer) async throws {
    try await withChaos {
      var pipeline = Stage.branch { (n: Int) in 0..<n }
      for _ in 0..<60 { pipeline = pipeline | Stage { (x: Int) in x } }
      let end = ContinuousClock.now + .seconds(3)
      repeat {
        let outputs = try await pipeline.outputs(3, by: consumer)
        #expect(outputs == [0, 1, 2])
      } while ContinuousClock.now < end
    }
  }

  /// Nothing lost, nothing twice, all in order.
  @Test(arguments: Consumer.allCases)
  func numbersKeepTheirOrder(consumer: Consumer) async throws {
    try await withChaos {
      var generator = seededGenerator()
      let end = ContinuousClock.now + .seconds(5)
      repeat {
        let (pipeline, description) = chain(Passing.sync, &generator) { $0 }
        note(description)
        let count = count(description, &generator)
        let state = Observed((next: 0, misplaced: 0))
        try await pipeline.forEach(count, by: consumer) { item in
          state.update {
            if item != $0.next { $0.misplaced += 1 }
            $0.next += 1
          }
          return nil
        }
        #expect(state.now.next == count, "\(description)")
        #expect(state.now.misplaced == 0, "\(description)")
      } while ContinuousClock.now < end
    }
  }

  /// Objects too, and each is destroyed once.
  @Test(arguments: Consumer.allCases)
  func objectsLiveOnce(consumer: Consumer) async throws {
    try await withChaos {
      var generator = seededGenerator()
      let end = ContinuousClock.now + .seconds(4)
      repeat {
        let lives = Lives()
        let (pipeline, description) = chain(Passing.sync, &generator) { Tracked($0, lives) }
        note(description)
        let count = count(description, &generator)
        let state = Observed((next: 0, misplaced: 0))
        try await pipeline.forEach(count, by: consumer) { item in
          state.update {
            if item.number != $0.next { $0.misplaced += 1 }
            $0.next += 1
          }
          return nil
        }
        #expect(state.now.next == count, "\(description)")
        #expect(state.now.misplaced == 0, "\(description)")
        let allDied = try await eventually { lives.died == count }
        #expect(allDied, "\(description)")
        #expect(lives.born == count)
      } while ContinuousClock.now < end
    }
  }

  /// Runs that end somewhere in the middle, by leaving or by an error, while leases come and go.
  @Test(arguments: Consumer.allCases)
  func endsInTheMiddle(consumer: Consumer) async throws {
    struct Enough: Error {}
    try await withChaos {
      var generator = seededGenerator()
      let end = ContinuousClock.now + .seconds(3)
      repeat {
        let lives = Lives()
        let last = Int.random(in: 0...3_000, using: &generator)
        let (before, description) = chain(Passing.sync, &generator) { Tracked($0, lives) }
        let endsInABody = Bool.random(using: &generator)
        let pipeline =
          before
          | Stage(throttle: 4) { (x: Tracked) throws in
            if endsInABody, x.number == last { throw Enough() }
            return x
          }
        note("\(description), ends at \(last)")
        let taken = Count()
        await #expect(throws: Enough.self, "\(description)") {
          try await pipeline.forEach(200_000, by: consumer) { x in
            if taken.add() != x.number + 1 { Issue.record("\(x.number) out of order: \(description)") }
            if x.number == last { throw Enough() }
            return nil
          }
        }
        #expect(taken.now == (endsInABody ? last : last + 1), "\(description)")
        let allDied = try await eventually { lives.died == lives.born }
        #expect(allDied, "\(description)")
      } while ContinuousClock.now < end
    }
  }

  /// Items that are retried and skipped on one thread, while its leases come and go between the attempts.
  @Test(arguments: Consumer.allCases)
  func itemsFail(consumer: Consumer) async throws {
    try await withChaos {
      var generator = seededGenerator()
      let end = ContinuousClock.now + .seconds(4)
      repeat {
        let lives = Lives()
        let (before, first) = chain(Passing.sync, &generator) { Tracked($0, lives) }
        let attempts = Attempts()
        var pipeline = before
        var description = first
        for place in 0..<2 {
          let form = FailingForm.sync.randomElement(using: &generator) ?? .map
          let throttle = Self.throttles.randomElement(using: &generator) ?? 0
          description += " | \(form) \(throttle) that fails"
          pipeline =
            pipeline
            | form.stage(throttle: throttle, onFailure: .retry(2, then: .skip)) { (item: Tracked) in
              // One in three fails in each place, at its first attempt or at all of them.
              guard item.number % 3 == place else { return }
              let attempt = attempts.next(item.number)
              if item.number % 2 == 0 || attempt == 1 { throw Failing(item: item.number, attempt: attempt) }
            }
        }
        note(description)
        let count = Int.random(in: 1...3_000, using: &generator)
        let outputs = Observed<[Int]>([])
        try await pipeline.forEach(count, by: consumer) { item in
          outputs.update { $0.append(item.number) }
          return nil
        }
        let isRight = outputs.now == (0..<count).filter { $0 % 3 == 2 || $0 % 2 == 1 }
        #expect(isRight, "\(description)")
        let failing = (0..<count).filter { $0 % 3 != 2 }
        #expect(attempts.all == failing.reduce(0) { $0 + ($1 % 2 == 0 ? 3 : 2) }, "\(description)")
        let allDied = try await eventually { lives.died == lives.born }
        #expect(allDied, "\(description)")
      } while ContinuousClock.now < end
    }
  }

  /// With async stages among them.
  @Test(arguments: Consumer.allCases)
  func mixedWithTasks(consumer: Consumer) async throws {
    try await withChaos {
      var generator = seededGenerator()
      let end = ContinuousClock.now + .seconds(3)
      repeat {
        let (pipeline, description) = chain(Passing.allCases, &generator) { $0 }
        note(description)
        let outputs = try await pipeline.outputs(10_000, by: consumer)
        #expect(outputs == Array(0..<10_000), "\(description)")
      } while ContinuousClock.now < end
    }
  }
}
