import Sluice
import Testing

@Suite(.watchdog()) struct WorkersTests {
  // MARK: All workers at once

  /// Twenty bodies are inside at one moment, and for each twenty of a hundred items again.
  @Test(arguments: Bodies.allCases, [0, 1, 64])
  func allWorkersAreInsideAtOnce(bodies: Bodies, throttle: Int) async throws {
    for consumer in Consumer.allCases {
      let inside = (0..<5).map { _ in Count() }
      let pipeline =
        Stage.branch(throttle: throttle) { (n: Int) in 0..<n }
        | bodies.stage(workers: 20, throttle: throttle) { inside[$0 / 20].meeting(of: 20) }
      #expect(try await pipeline.outputs(100, by: consumer).sorted() == Array(0..<100))
    }
  }

  /// Twenty bodies behind a stage of several workers: none of the twenty sleeps while an item stands
  /// in the queue between them.
  @Test(arguments: Bodies.allCases, Bodies.allCases)
  func allWorkersAreInsideAtOnceBehindManyWorkers(before: Bodies, bodies: Bodies) async throws {
    for throttle in [0, 1, 20] {
      for round in 0..<20 {
        note("\(before), \(bodies), throttle \(throttle), round \(round)")
        let inside = Count()
        let pipeline =
          Stage.branch { (n: Int) in 0..<n }
          | before.stage(workers: 4, throttle: throttle)
          | bodies.stage(workers: 20) { _ in inside.meeting(of: 20) }
        #expect(try await pipeline.outputs(20).sorted() == Array(0..<20))
      }
    }
  }

  /// Every worker of a join gets an item although all others keep theirs.
  @Test(arguments: Bodies.allCases, Bodies.allCases)
  func allWorkersOfAJoinAreInsideAtOnce(before: Bodies, bodies: Bodies) async throws {
    for throttle in [0, 1, 20] {
      for round in 0..<20 {
        note("\(before), \(bodies), throttle \(throttle), round \(round)")
        let inside = Count()
        let join: Pipeline<Int, Int> =
          switch bodies {
          case .sync:
            Stage.join(workers: 20) { (xs: Inputs<Int>) in
              var items = 0
              for _ in xs {
                items += 1
                inside.meeting(of: 20).block()
              }
              return items
            }
          case .async:
            Stage.join(workers: 20) { (xs: AsyncInputs<Int>) in
              var items = 0
              for await _ in xs {
                items += 1
                await inside.meeting(of: 20).suspend()
              }
              return items
            }
          }
        let pipeline =
          Stage.branch { (n: Int) in 0..<n } | before.stage(workers: 4, throttle: throttle) | join
        #expect(try await pipeline.outputs(20) == [Int](repeating: 1, count: 20))
      }
    }
  }

  /// The workers of all stages are inside their bodies at one moment.
  @Test(arguments: Bodies.allCases, Consumer.allCases)
  func workersOfAllStagesAreInsideAtOnce(bodies: Bodies, consumer: Consumer) async throws {
    // The last five items to come to each stage meet there. Which items they are is open: many
    // workers keep no order.
    let all = Count()
    let (first, second) = (Count(), Count())
    let pipeline =
      Stage.branch { (n: Int) in 0..<n }
      | bodies.stage(workers: 5) { _ in first.add() > 10 ? all.meeting(of: 15) : nil }
      | bodies.stage(workers: 5) { _ in second.add() > 5 ? all.meeting(of: 15) : nil }
      | bodies.stage(workers: 5) { _ in all.meeting(of: 15) }
    #expect(try await pipeline.outputs(15, by: consumer).sorted() == Array(0..<15))
  }

  /// The stages before a consumer, or before a join, run although it waits for something they do before
  /// it asks for its first item.
  @Test func stagesRunBeforeTheFirstItemIsAskedFor() async throws {
    for isJoined in [false, true] {
      let made = Count()
      let counted = Stage.branch(throttle: 8) { (n: Int) in (0..<n).lazy.map { made.add() > 0 ? $0 : $0 } }
      let outputs = try await onThread {
        if isJoined {
          let joined =
            counted
            | Stage.join { (xs: Inputs<Int>) in
              made.reaching(8).block()
              return Array(xs)
            }
          return try joined.run(20) { Array($0) }.flatMap { $0 }
        }
        return try counted.run(20) { xs in
          made.reaching(8).block()
          return Array(xs)
        }
      }
      #expect(outputs == Array(0..<20))
    }
  }

  @Test func manyThreadsAtOnce() async throws {
    let inside = Count()
    let pipeline =
      Stage.branch { (n: Int) in 0..<n }
      | Stage(workers: 200) { (x: Int) in
        inside.meeting(of: 200).block()
        return x
      }
    #expect(try await pipeline.outputs(200, by: .blocking).count == 200)
  }

  @Test(arguments: Bodies.allCases)
  func neverMoreBodiesThanWorkers(bodies: Bodies) async throws {
    for workers in [1, 3] {
      let inside = Observed((now: 0, most: 0))
      let pipeline =
        Stage.branch { (n: Int) in 0..<n }
        | bodies.stage(workers: workers) { _ in
          inside.update {
            $0.now += 1
            $0.most = max($0.most, $0.now)
          }
          return Observed(true).until { $0 }.then { inside.update { $0.now -= 1 } }
        }
      _ = try await pipeline.outputs(2_000)
      #expect(inside.now.now == 0)
      #expect(inside.now.most <= workers)
    }
  }

  // MARK: A slow item

  /// An item in the middle that blocks until the consumer has seen all others holds up none of them.
  @Test(arguments: Bodies.allCases, [0, 1, 64])
  func aSlowItemHoldsUpNoOther(bodies: Bodies, throttle: Int) async throws {
    for consumer in Consumer.allCases {
      for slow in [5_000, 0] {
        note("\(consumer), slow item \(slow)")
        let count = 10_000
        let seen = Count()
        let last = Observed<Int?>(nil)
        let pipeline =
          Stage.branch(throttle: throttle) { (n: Int) in 0..<n }
          | bodies.stage(workers: 2, throttle: throttle) {
            $0 == slow ? seen.reaching(count - 1) : nil
          }
        try await pipeline.forEach(count, by: consumer) { item in
          seen.add()
          last.update { $0 = item }
          return nil
        }
        #expect(seen.now == count)
        #expect(last.now == slow)
      }
    }
  }

  /// The same in a stage further down, and with one that yields.
  @Test(arguments: [0, 1, 64], Consumer.allCases)
  func aSlowItemOfAYieldingStageHoldsUpNoOther(throttle: Int, consumer: Consumer) async throws {
    let count = 2_000
    let seen = Count()
    let pipeline =
      Stage.branch(throttle: throttle) { (n: Int) in 0..<n }
      | Stage(throttle: throttle) { (x: Int) in x }
      | Stage.branch(workers: 2, throttle: throttle) { (x: Int, yield: Outputs<Int>) in
        if x == 1_000 { seen.reaching(count - 1).block() }
        try yield(x)
      }
    try await pipeline.forEach(count, by: consumer) { _ in
      seen.add()
      return nil
    }
    #expect(seen.now == count)
  }

  /// A finished item goes on although the next one of the same worker takes long.
  @Test(arguments: Bodies.allCases, [0, 1, 64])
  func aSlowItemHoldsUpNoFinishedOne(bodies: Bodies, throttle: Int) async throws {
    for consumer in Consumer.allCases {
      let seen = Count()
      let pipeline =
        Stage.branch(throttle: throttle) { (n: Int) in 0..<n }
        | bodies.stage(throttle: throttle) { $0 > 0 && $0 % 37 == 0 ? seen.reaching($0) : nil }
        | bodies.stage(throttle: throttle)
      try await pipeline.forEach(500, by: consumer) { _ in
        seen.add()
        return nil
      }
      #expect(seen.now == 500)
    }
  }

  // MARK: Stages overlap

  /// With one worker in each stage, all bodies and the consumer are inside at one moment.
  @Test(arguments: Producer.allCases, Consumer.allCases)
  func stagesOverlap(producer: Producer, consumer: Consumer) async throws {
    for bodies in Bodies.allCases {
      for throttle in [0, 1, 64] {
        note("\(bodies), throttle \(throttle)")
        // Each meets in its own item, when the consumer is in its own item 100.
        let inside = Count()
        let pipeline =
          producer.stage(throttle: throttle) { $0 == 103 ? inside.meeting(of: 4) : nil }
          | bodies.stage(throttle: throttle) { $0 == 102 ? inside.meeting(of: 4) : nil }
          | bodies.stage(throttle: throttle) { $0 == 101 ? inside.meeting(of: 4) : nil }
        let seen = Count()
        try await pipeline.forEach(200, by: consumer) { item in
          seen.add()
          return item == 100 ? inside.meeting(of: 4) : nil
        }
        #expect(seen.now == 200)
      }
    }
  }

  /// A chain of single workers whose stages meet again and again: leases are taken, revoked and taken
  /// anew in one run.
  @Test(arguments: Consumer.allCases)
  func stagesOverlapAgainAndAgain(consumer: Consumer) async throws {
    let meetings = (0..<10).map { _ in Count() }
    @Sendable func meet(_ item: Int, in place: Int) -> Wait? {
      item % 1_000 == place ? meetings[item / 1_000].meeting(of: 4) : nil
    }
    let pipeline =
      Producer.sequence.stage(throttle: 8) { meet($0, in: 503) }
      | Bodies.sync.stage(throttle: 8) { meet($0, in: 502) }
      | Bodies.sync.stage(throttle: 8) { meet($0, in: 501) }
    let order = Observed((next: 0, isRight: true))
    try await pipeline.forEach(10_000, by: consumer) { item in
      order.update {
        $0.isRight = $0.isRight && $0.next == item
        $0.next += 1
      }
      return meet(item, in: 500)
    }
    #expect(order.now == (10_000, true))
  }

  /// A body that waits until the source has produced five more items gets them: a stage goes on while
  /// the one behind it is stuck.
  @Test(arguments: Producer.allCases, Bodies.allCases)
  func stagesBeforeAStuckBodyGoOn(producer: Producer, bodies: Bodies) async throws {
    for consumer in Consumer.allCases {
      for throttle in [0, 5, 64] {
        note("\(consumer), throttle \(throttle)")
        let produced = Count()
        let pipeline =
          producer.stage(throttle: throttle) { _ in
            produced.add()
            return nil
          }
          | bodies.stage { $0 % 100 == 10 ? produced.reaching($0 + 1 + 5) : nil }
        #expect(try await pipeline.outputs(300, by: consumer) == Array(0..<300))
      }
    }
  }

  /// The same with a stage between the two.
  @Test(arguments: Consumer.allCases)
  func allStagesBeforeAStuckBodyGoOn(consumer: Consumer) async throws {
    let (produced, passed) = (Count(), Count())
    let pipeline =
      Producer.sequence.stage(throttle: 5) { _ in
        produced.add()
        return nil
      }
      | Bodies.sync.stage(throttle: 5) { _ in
        passed.add()
        return nil
      }
      | Bodies.sync.stage {
        guard $0 == 100 else { return nil }
        passed.reaching(106).block()
        return produced.reaching(111)
      }
    #expect(try await pipeline.outputs(300, by: consumer) == Array(0..<300))
  }

  /// A consumer that waits until the source has produced five more items gets them.
  @Test(arguments: Producer.allCases, Consumer.allCases)
  func stagesBeforeAStuckConsumerGoOn(producer: Producer, consumer: Consumer) async throws {
    let produced = Count()
    let pipeline =
      producer.stage(throttle: 5) { _ in
        produced.add()
        return nil
      } | Stage(throttle: 5) { (x: Int) in x }
    try await pipeline.forEach(300, by: consumer) {
      $0 % 100 == 10 ? produced.reaching($0 + 1 + 5) : nil
    }
  }

  /// A source that blocks after some items does not hold them back.
  @Test(arguments: Producer.allCases, Consumer.allCases)
  func itemsBeforeAStuckSourceGoOn(producer: Producer, consumer: Consumer) async throws {
    for bodies in Bodies.allCases {
      for throttle in [0, 1, 64] {
        note("\(bodies), throttle \(throttle)")
        let seen = Count()
        let pipeline =
          producer.stage(throttle: throttle) { $0 % 30 == 29 ? seen.reaching($0) : nil }
          | bodies.stage(workers: 1, throttle: throttle)
          | bodies.stage(workers: 3, throttle: throttle)
        try await pipeline.forEach(100, by: consumer) { _ in
          seen.add()
          return nil
        }
        #expect(seen.now == 100)
      }
    }
  }
}
