import Foundation
import Sluice
import Testing

/// Where items are short and come close together, whoever waits for them is woken for many at once, and one
/// thread runs the bodies of all workers. Neither must keep an item back for good, or bring a bound out of true.
@Suite(.serialized, .watchdog()) struct DenseFlowTests {
  private static let throttles = [16, 64, 1_024]

  /// One item of many is stuck, long after all have turned out to be short: all others come through. Those
  /// behind it stand before other workers, and what these have made before a consumer that is woken.
  @Test(arguments: Bodies.allCases, throttles)
  func anItemThatIsStuckAmongShortOnes(bodies: Bodies, throttle: Int) async throws {
    for consumer in Consumer.allCases {
      for workers in [2, 4, 20] {
        note("\(consumer), \(workers) workers")
        let (letGo, arrived) = (Gate(), Count())
        let stuck = 20_000
        // As many behind it as reach the consumer whatever the throttle.
        let count = stuck + 2 * throttle + 100
        let pipeline =
          Stage.branch(throttle: throttle) { (n: Int) in 0..<n }
          | bodies.stage(workers: workers, throttle: throttle) { $0 == stuck ? letGo.opening : nil }
        let running = Task {
          try await pipeline.forEach(count, by: consumer) { _ in
            arrived.add()
            return nil
          }
        }
        await arrived.reaching(count - 1).suspend()
        letGo.open()
        try await running.value
        #expect(arrived.now == count)
      }
    }
  }

  /// Bursts of short items, and after each the source waits until the consumer has had all of it: the last
  /// ones are not kept back for the next burst.
  @Test(arguments: Producer.allCases, Consumer.allCases)
  func theLastItemsOfABurst(producer: Producer, consumer: Consumer) async throws {
    var random = seededGenerator()
    for workers in [1, 3] {
      let arrived = Count()
      let bursts = (0..<60).map { _ in Int.random(in: 1...3_000, using: &random) }
      var (ends, sum) = (Set<Int>(), 0)
      for burst in bursts {
        sum += burst
        ends.insert(sum)
      }
      let pipeline =
        producer.stage(throttle: 256) { [ends] in ends.contains($0) ? arrived.reaching($0) : nil }
        | Bodies.sync.stage(workers: workers, throttle: 256)
        | Bodies.sync.stage(throttle: 64)
      try await pipeline.forEach(sum, by: consumer) { _ in
        arrived.add()
        return nil
      }
      #expect(arrived.now == sum)
    }
  }

  /// The source stops for longer than anybody is patient, in the middle of a dense flow, and then has three items.
  @Test(arguments: Producer.sync, Consumer.allCases)
  func aFewItemsAfterAPause(producer: Producer, consumer: Consumer) async throws {
    for workers in [1, 3] {
      let arrived = Count()
      let (dense, few) = (5_000, 3)
      // Each time: a dense part; a pause; some items, all of which must arrive before the next dense part.
      let period = dense + few
      let pipeline =
        producer.stage(throttle: 256) { number in
          if number > 0, number % period == 0 { return arrived.reaching(number) }
          if number % period == dense { usleep(5_000) }
          return nil
        }
        | Bodies.sync.stage(workers: workers, throttle: 256)
        | Bodies.sync.stage(throttle: 64)
      try await pipeline.forEach(20 * period + 1, by: consumer) { _ in
        arrived.add()
        return nil
      }
      #expect(arrived.now == 20 * period + 1)
    }
  }

  /// A pair that answer each other, one item at a time, after a stream that made everybody patient: it goes on at its
  /// own pace, which is far from a tick an item.
  @Test(arguments: Consumer.allCases) func answersAfterAStream(consumer: Consumer) async throws {
    let arrived = Count()
    let (stream, answers) = (100_000, 2_000)
    let pipeline =
      Producer.yield.stage(throttle: 1_024) { $0 > stream ? arrived.reaching($0) : nil }
      | Bodies.sync.stage(workers: 2, throttle: 1_024)
    try await pipeline.forEach(stream + answers, by: consumer) { _ in
      arrived.add()
      return nil
    }
    #expect(arrived.now == stream + answers)
  }

  /// While the consumer holds still, several workers that have queues of their own make no more than the throttle
  /// allows, and one more each; and no less.
  @Test(arguments: [2, 4, 20], [96, 128, 1_024])
  func theThrottleOfSeveralQueues(workers: Int, throttle: Int) async throws {
    for consumer in Consumer.allCases {
      for takenFirst in [1, 7, 5_000] {
        note("\(consumer), after \(takenFirst)")
        let (letGo, started, taken) = (Gate(), Count(), Count())
        let pipeline =
          Stage.branch { (n: Int) in 0..<n }
          | Stage(workers: workers, throttle: throttle) { (x: Int) in
            started.add()
            return x
          }
        let running = Task {
          try await pipeline.forEach(20_000, by: consumer) { _ in
            taken.add()
            return taken.now == takenFirst ? letGo.opening : nil
          }
        }
        await taken.reaching(takenFirst).suspend()
        await started.reaching(takenFirst + throttle + workers).suspend()
        try await Task.sleep(for: .milliseconds(5))
        #expect(started.now <= takenFirst + throttle + workers)
        letGo.open()
        try await running.value
        #expect(taken.now == 20_000)
      }
    }
  }

  /// A source of what is at hand is asked for several at a time; its elements are neither lost nor kept, whenever the run
  /// ends.
  @Test(arguments: Consumer.allCases) func elementsAtHand(consumer: Consumer) async throws {
    for count in [0, 1, 63, 64, 65, 1_000] {
      for takes in [0, 1, 64, 2_000] {
        let lives = Lives()
        do {
          let elements = (0..<count).map { Tracked($0, lives) }
          let pipeline =
            Stage.branch(throttle: 100) { (elements: [Tracked]) in elements }
            | Stage(throttle: 100) { (one: Tracked) in one }
          var numbers: [Int] = []
          switch consumer {
          case .blocking:
            numbers = try await onThread {
              try pipeline.run(elements) { outputs in
                var numbers: [Int] = []
                for one in outputs {
                  if numbers.count == takes { break }
                  numbers.append(one.number)
                }
                return numbers
              }
            }
          case .async:
            for try await one in pipeline(elements) {
              if numbers.count == takes { break }
              numbers.append(one.number)
            }
          }
          #expect(numbers == Array(0..<min(takes, count)))
        }
        #expect(try await eventually { lives.died == lives.born })
      }
    }
  }

  /// A body that throws behind a source of what is at hand: all before it comes through, in order, then the error;
  /// nothing after it is begun, though it stands in the queue.
  @Test(arguments: Consumer.allCases, [31, 32, 64, 1_024])
  func anErrorBehindElementsAtHand(consumer: Consumer, throttle: Int) async throws {
    struct Broken: Error, Equatable { let item: Int }
    for broken in [0, 1, 63, 64, 65, 700] {
      let (begun, taken) = (Count(), Observed<[Int]>([]))
      let pipeline =
        Stage.branch(throttle: throttle) { (n: Int) in 0..<n }
        | Stage(throttle: throttle) { (x: Int) in
          begun.add()
          if x == broken { throw Broken(item: x) }
          return x
        }
      await #expect(throws: Broken(item: broken)) {
        try await pipeline.forEach(2_000, by: consumer) { item in
          taken.update { $0.append(item) }
          return nil
        }
      }
      #expect(taken.now == Array(0..<broken))
      #expect(begun.now == broken + 1)
    }
  }

  /// What stands in the queue counts, also where one thread puts it in and takes it out.
  @Test func thePeakOfElementsAtHand() async throws {
    let run = (Stage.branch(throttle: 100) { (n: Int) in 0..<n } | Bodies.sync.stage(throttle: 100))(10_000)
    #expect(try await run.collect() == Array(0..<10_000))
    let report = run.report
    #expect((1...100).contains(report.stages[0].peakQueueLength))
    #expect(report.stages[0].itemsOut == 10_000)
  }
}
