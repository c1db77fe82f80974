import Testing

/// Random rounds over the public queues: threads and tasks, one and many elements at a time, waiting and not,
/// time-outs and cancellations that race with wake-ups, closes that race with both ends.
@Suite(.serialized) struct QueueStress {
  private static let capacities = [1, 2, 3, 64, 1_024]

  /// Runs the round, then sees that the queue has destroyed what was in it.
  private func run(_ name: String, _ make: () throws -> Round) async throws {
    let alive: @Sendable () -> Int
    do {
      let round = try make()
      alive = round.subject.alive
      await round.run()
    }
    // A thread that has just ended may hold the queue a moment longer.
    for _ in 0..<2_000 where alive() != 0 { try await Task.sleep(for: .milliseconds(5)) }
    #expect(alive() == 0, "\(name): elements that were not destroyed, or twice")
  }

  private func bounded(_ chance: inout SeededGenerator) throws -> Subject {
    let capacity = chance.pick(Self.capacities)
    return switch Int.random(in: 0..<4, using: &chance) {
    case 0: try .bounded(Boxed.self, capacity: capacity)
    case 1: try .bounded(Unique.self, capacity: capacity)
    default: try .bounded(capacity: capacity)
    }
  }

  @Test func boundedQueueBetweenThreads() async throws {
    try await Stress.rounds(of: "BoundedQueue, threads") { name, chance in
      try await run(name) { Round(name, try bounded(&chance), tasks: 0, chance: chance) }
    }
  }

  @Test func boundedQueueBetweenTasks() async throws {
    try await Stress.rounds(of: "BoundedQueue, tasks") { name, chance in
      try await run(name) { Round(name, try bounded(&chance), tasks: 100, chance: chance) }
    }
  }

  @Test func boundedQueueBetweenThreadsAndTasks() async throws {
    try await Stress.rounds(of: "BoundedQueue, threads and tasks") { name, chance in
      try await run(name) { Round(name, try bounded(&chance), tasks: 50, chance: chance) }
    }
  }

  @Test func unboundedQueue() async throws {
    try await Stress.rounds(of: "UnboundedQueue") { name, chance in
      try await run(name) {
        let subject: Subject = chance.chance(30) ? .unbounded(Boxed.self) : .unbounded(UInt64.self)
        return Round(name, subject, tasks: chance.pick([0, 50, 100]), chance: chance)
      }
    }
  }

  @Test func spscQueue() async throws {
    try await Stress.rounds(of: "SPSCQueue") { name, chance in
      try await run(name) {
        let capacity = chance.pick(Self.capacities)
        let subject: Subject =
          chance.chance(30)
          ? try .spsc(Boxed.self, capacity: capacity, consumerLeaves: false)
          : try .spsc(UInt64.self, capacity: capacity, consumerLeaves: false)
        return Round(name, subject, tasks: chance.pick([0, 50, 100]), chance: chance)
      }
    }
  }

  @Test func noWakeUpGoesAstray() async throws {
    try await Stress.rounds(of: "hand-overs at rest") { name, chance in
      try await run(name) {
        let subject: Subject =
          switch Int.random(in: 0..<3, using: &chance) {
          case 0: try .spsc(UInt64.self, capacity: chance.pick([1, 8]), consumerLeaves: false)
          case 1: .unbounded(UInt64.self)
          default: try .bounded(capacity: chance.pick([1, 2, 8]))
          }
        var round = Round(name, subject, tasks: chance.pick([0, 0, 50, 100]), chance: chance)
        round.isInStep = true
        round.closing = subject.producerCloses ? .atOnce : .whenDrained
        (round.producers, round.consumers) = (min(round.producers, 3), min(round.consumers, 4))
        round.perProducer = 300
        return round
      }
    }
  }

  @Test func noWakeUpStaysWithOneThatGoes() async throws {
    try await Stress.rounds(of: "consumers that go") { name, chance in
      try await run(name) {
        let subject: Subject =
          chance.chance(50) ? .unbounded(UInt64.self) : try .bounded(capacity: chance.pick([1, 2, 8]))
        var round = Round(name, subject, tasks: chance.pick([0, 0, 50, 100]), chance: chance)
        round.closing = .whenDrained
        round.producers = Int.random(in: 1...3, using: &chance)
        round.consumers = round.producers * Int.random(in: 1...3, using: &chance)
        let each = Int.random(in: 1...3, using: &chance)
        round.takesEach = each
        round.perProducer = each * round.consumers / round.producers
        return round
      }
    }
  }

  /// The consumer goes after some elements; what it got is the first of what was sent.
  @Test func spscQueueWhoseConsumerLeaves() async throws {
    try await Stress.rounds(of: "SPSCQueue, left by its consumer") { name, chance in
      try await run(name) {
        let subject: Subject = try .spsc(
          Boxed.self, capacity: chance.pick(Self.capacities), consumerLeaves: true)
        var round = Round(name, subject, tasks: chance.pick([0, 50, 100]), chance: chance)
        round.consumerLeaves = true
        return round
      }
    }
  }
}
