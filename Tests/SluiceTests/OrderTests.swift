import Sluice
import Testing

/// One worker in each stage keeps the order of the items.
@Suite(.watchdog(seconds: 120)) struct OrderTests {
  private func expectOrder(
    _ pipeline: Pipeline<Int, Int>, count: Int, by consumer: Consumer,
    sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    let state = Observed((next: 0, misplaced: 0))
    try await pipeline.forEach(count, by: consumer) { item in
      state.update {
        if $0.next != item { $0.misplaced += 1 }
        $0.next += 1
      }
      return nil
    }
    #expect(state.now.next == count, sourceLocation: sourceLocation)
    #expect(state.now.misplaced == 0, sourceLocation: sourceLocation)
  }

  @Test(arguments: [0, 1, 2, 64, 1_024], Consumer.allCases)
  func syncStages(throttle: Int, consumer: Consumer) async throws {
    let pipeline =
      Producer.sequence.stage(throttle: throttle)
      | Bodies.sync.stage(throttle: throttle) | Bodies.sync.stage(throttle: throttle)
    try await expectOrder(pipeline, count: throttle == 1 ? 20_000 : 100_000, by: consumer)
  }

  @Test(arguments: [0, 1, 2, 64, 1_024], Consumer.allCases)
  func asyncStages(throttle: Int, consumer: Consumer) async throws {
    let pipeline =
      Producer.asyncSequence.stage(throttle: throttle) | Bodies.async.stage(throttle: throttle)
    try await expectOrder(pipeline, count: throttle == 1 ? 20_000 : 100_000, by: consumer)
  }

  @Test(arguments: [0, 1, 64], Consumer.allCases)
  func mixedStages(throttle: Int, consumer: Consumer) async throws {
    let pipeline = Pipeline {
      Producer.yield.stage(throttle: throttle)
      Passing.asyncMap.stage(Int.self, throttle: throttle)
      Passing.map.stage(Int.self, throttle: throttle)
      Passing.sequence.stage(Int.self, throttle: throttle)
      Passing.asyncJoin.stage(Int.self, throttle: throttle)
      Passing.join.stage(Int.self, throttle: throttle)
      Passing.yield.stage(Int.self, throttle: throttle)
      Passing.asyncYield.stage(Int.self, throttle: throttle)
    }
    try await expectOrder(pipeline, count: throttle == 1 ? 5_000 : 20_000, by: consumer)
  }

  /// Each two kinds of stages behind one another.
  @Test(arguments: Passing.allCases, Passing.allCases)
  func eachTwoKindsOfStages(first: Passing, second: Passing) async throws {
    for throttle in [0, 1, 16] {
      let pipeline =
        Producer.sequence.stage(throttle: throttle)
        | first.stage(Int.self, throttle: throttle) | second.stage(Int.self, throttle: throttle)
      for consumer in Consumer.allCases {
        try await expectOrder(pipeline, count: 2_000, by: consumer)
      }
    }
  }

  /// Random chains of kinds of stages and throttles.
  @Test func randomChains() async throws {
    var generator = seededGenerator()
    for _ in 0..<30 {
      let throttles = [0, 1, 2, 7, 64, 1_024]
      var pipeline = (Producer.allCases.randomElement(using: &generator) ?? .yield)
        .stage(throttle: throttles.randomElement(using: &generator) ?? 0)
      var names: [String] = []
      for _ in 0..<Int.random(in: 1...8, using: &generator) {
        let kind = Passing.allCases.randomElement(using: &generator) ?? .map
        let throttle = throttles.randomElement(using: &generator) ?? 0
        pipeline = pipeline | kind.stage(Int.self, throttle: throttle)
        names.append("\(kind) \(throttle)")
      }
      note(names.joined(separator: " | "))
      for consumer in Consumer.allCases {
        try await expectOrder(pipeline, count: 2_000, by: consumer)
      }
    }
  }
}
