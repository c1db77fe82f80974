import Sluice
import Testing

/// Where the first error comes from, where it goes, and what it stops.
@Suite(.watchdog()) struct ErrorTests {
  final class Broken: Error, Sendable {}

  enum Oops: Error, Equatable {
    case item(Int)
    case other
  }

  /// Every place that an error can be thrown in.
  enum Place: String, CaseIterable, Sendable {
    case sourceBody
    case yieldingSource
    case asyncSourceBody
    case asyncSequenceSource
    case asyncYieldingSource
    case map
    case mapOfManyWorkers
    case branchBody
    case yield
    case join
    case yieldingJoin
    case asyncMap
    case asyncMapOfManyWorkers
    case asyncBranchBody
    case asyncSequence
    case asyncYield
    case asyncJoin
    case yieldingAsyncJoin

    /// A pipeline over 1,000 items that throws this error at item 10.
    func pipeline(_ error: any Error & Sendable) -> Pipeline<Int, Int> {
      let source = Stage.branch(throttle: 5) { (n: Int) in 0..<n }
      let passing = Stage(throttle: 5) { (x: Int) in x }
      @Sendable func check(_ x: Int) throws -> Wait? {
        if x == 10 { throw error }
        return nil
      }
      switch self {
      case .sourceBody:
        return Stage.branch { (_: Int) throws -> [Int] in throw error } | passing
      case .yieldingSource:
        return Producer.yield.stage(beforeEach: check) | passing
      case .asyncSourceBody:
        return Stage.branch { (_: Int) async throws -> [Int] in throw error } | passing
      case .asyncSequenceSource:
        return Producer.asyncSequence.stage(beforeEach: check) | passing
      case .asyncYieldingSource:
        return Producer.asyncYield.stage(beforeEach: check) | passing
      case .map:
        return source | Bodies.sync.stage(check) | passing
      case .mapOfManyWorkers:
        return source | Bodies.sync.stage(workers: 4, check) | passing
      case .branchBody:
        return source
          | Stage.branch { (x: Int) throws in
            _ = try check(x)
            return [x]
          } | passing
      case .yield:
        return source
          | Stage.branch { (x: Int, yield: Outputs<Int>) in
            _ = try check(x)
            try yield(x)
          } | passing
      case .join:
        return source
          | Stage.join { (xs: Inputs<Int>) throws -> Int in
            for x in xs { _ = try check(x) }
            return 0
          } | passing
      case .yieldingJoin:
        return source
          | Stage.join { (xs: Inputs<Int>, yield: Outputs<Int>) in
            for x in xs {
              _ = try check(x)
              try yield(x)
            }
          } | passing
      case .asyncMap:
        return source | Bodies.async.stage(check) | passing
      case .asyncMapOfManyWorkers:
        return source | Bodies.async.stage(workers: 4, check) | passing
      case .asyncBranchBody:
        return source
          | Stage.branch { (x: Int) async throws in
            _ = try check(x)
            return [x]
          } | passing
      case .asyncSequence:
        return source
          | Stage.branch { (x: Int) async throws in
            AsyncNumbers(count: 1) { _ in try check(x) }
          } | passing
      case .asyncYield:
        return source
          | Stage.branch { (x: Int, yield: AsyncOutputs<Int>) in
            _ = try check(x)
            try await yield(x)
          } | passing
      case .asyncJoin:
        return source
          | Stage.join { (xs: AsyncInputs<Int>) async throws -> Int in
            for await x in xs { _ = try check(x) }
            return 0
          } | passing
      case .yieldingAsyncJoin:
        return source
          | Stage.join { (xs: AsyncInputs<Int>, yield: AsyncOutputs<Int>) in
            for await x in xs {
              _ = try check(x)
              try await yield(x)
            }
          } | passing
      }
    }
  }

  /// A source without end that opens the gate once its `yield` tells it that the run is over.
  private static func source(throttle: Int = 1_000, opensAtTheEnd runIsOver: Gate) -> Pipeline<Int, Int> {
    Stage.branch(throttle: throttle) { (_: Int, yield: Outputs<Int>) in
      do {
        for x in 0... { try yield(x) }
      } catch {
        runIsOver.open()
        throw error
      }
    }
  }

  // MARK: Which error

  /// The consumer gets the very object that was thrown, and the very value.
  @Test(arguments: Place.allCases, Consumer.allCases)
  func theVeryErrorReachesTheConsumer(place: Place, consumer: Consumer) async throws {
    let broken = Broken()
    let thrown = await #expect(throws: Broken.self) {
      try await place.pipeline(broken).outputs(1_000, by: consumer)
    }
    #expect(thrown === broken)
    await #expect(throws: Oops.item(10)) {
      try await place.pipeline(Oops.item(10)).outputs(1_000, by: consumer)
    }
  }

  /// A body's own CancellationError is an error like any other.
  @Test(arguments: Consumer.allCases)
  func aCancellationErrorOfABodyIsAnError(consumer: Consumer) async throws {
    for place in [Place.map, .yield, .asyncMap] {
      await #expect(throws: CancellationError.self) {
        try await place.pipeline(CancellationError()).outputs(1_000, by: consumer)
      }
    }
  }

  /// The first error wins: a body that throws later, knowing that the run is over, changes nothing.
  @Test(arguments: Bodies.allCases, Consumer.allCases)
  func theFirstErrorWins(bodies: Bodies, consumer: Consumer) async throws {
    for _ in 0..<20 {
      let (secondIsInside, runIsOver) = (Gate(), Gate())
      let source = Self.source(opensAtTheEnd: runIsOver)
      let pipeline: Pipeline<Int, Int> =
        switch bodies {
        case .sync:
          source
            | Stage(workers: 2) { (x: Int) throws in
              if x == 0 {
                secondIsInside.opening.block()
                throw Oops.item(0)
              }
              secondIsInside.open()
              runIsOver.opening.block()
              throw Oops.item(1)
            }
        case .async:
          source
            | Stage(workers: 2) { (x: Int) async throws in
              if x == 0 {
                await secondIsInside.opening.suspend()
                throw Oops.item(0)
              }
              secondIsInside.open()
              await runIsOver.opening.suspend()
              throw Oops.item(1)
            }
        }
      await #expect(throws: Oops.item(0)) { try await pipeline.outputs(0, by: consumer) }
    }
  }

  /// After the error the iteration is over: it gives nil, not the error again, and not more outputs.
  @Test func afterTheErrorTheIterationIsOver() async throws {
    var iterator = Place.map.pipeline(Oops.other)(1_000).makeAsyncIterator()
    await #expect(throws: Oops.other) { while try await iterator.next() != nil {} }
    #expect(try await iterator.next() == nil)
    #expect(try await iterator.next() == nil)
  }

  // MARK: What is delivered

  /// The outputs that stand in the last stage's queue come before the error, all of them.
  @Test(arguments: Bodies.allCases, Consumer.allCases)
  func outputsBeforeTheErrorAreDelivered(bodies: Bodies, consumer: Consumer) async throws {
    for throttle in [0, 8, 100_000] {
      let runIsOver = Gate()
      let source = Self.source(opensAtTheEnd: runIsOver)
      let last = bodies.stage(throttle: throttle) {
        if $0 == 6 { throw Oops.item(6) }
        return nil
      }
      let outputs = Observed<[Int]>([])
      await #expect(throws: Oops.item(6)) {
        try await (source | last).forEach(0, by: consumer) { x in
          outputs.update { $0.append(x) }
          // Held until the error is known to the run, while the others stand in the queue.
          return x == 0 ? runIsOver.opening : nil
        }
      }
      #expect(outputs.now == Array(0..<6), "throttle \(throttle)")
    }
  }

  /// The same with several workers at the end: what they had finished is delivered.
  @Test(arguments: Consumer.allCases)
  func outputsOfManyWorkersBeforeTheErrorAreDelivered(consumer: Consumer) async throws {
    let (finished, runIsOver) = (Count(), Gate())
    let source = Self.source(opensAtTheEnd: runIsOver)
    // Three workers finish 0 ..< 20, and stand in the next items when the fourth throws.
    let last = Stage(workers: 4, throttle: 64) { (x: Int) throws in
      if x == 5 {
        finished.reaching(19 + 3).block()
        throw Oops.item(5)
      }
      finished.add()
      if x >= 20 { runIsOver.opening.block() }
      return x
    }
    let outputs = Observed<[Int]>([])
    await #expect(throws: Oops.item(5)) {
      try await (source | last).forEach(0, by: consumer) { x in
        outputs.update { $0.append(x) }
        return runIsOver.opening
      }
    }
    // Whether the bodies that stood in an item hand it over after the end is not said.
    let before = outputs.now.filter { $0 < 20 }
    #expect(before.sorted() == Array(0..<20).filter { $0 != 5 })
  }

  // MARK: What is stopped

  /// No body starts after the error: those that stand inside when the run has it are the last.
  @Test(arguments: Bodies.allCases, Consumer.allCases)
  func noBodyOfTheStageStartsAfterTheError(bodies: Bodies, consumer: Consumer) async throws {
    for throttle in [1, 2, 64] {
      let workers = 6
      let started = Count()
      let runIsOver = Gate()
      let pipeline =
        Self.source(throttle: throttle, opensAtTheEnd: runIsOver)
        | bodies.stage(workers: workers, throttle: throttle) { _ in
          // The last one to come throws; the others stay inside until the run is over.
          if started.add() == workers { throw Oops.other }
          return runIsOver.opening
        }
      await #expect(throws: Oops.other) { _ = try await pipeline.outputs(0, by: consumer) }
      await runIsOver.opening.suspend()
      // A blocking run returns when all have ended; otherwise they get time to do what they must not.
      if consumer == .async { try await Task.sleep(for: .milliseconds(20)) }
      #expect(started.now == workers)
    }
  }

  /// Neither does one of a stage after it, although items stand before that.
  @Test(arguments: Bodies.allCases, Consumer.allCases)
  func noBodyOfALaterStageStartsAfterTheError(bodies: Bodies, consumer: Consumer) async throws {
    let started = Count()
    let (mayThrow, runIsOver) = (Gate(), Gate())
    let pipeline =
      Self.source(opensAtTheEnd: runIsOver)
      | bodies.stage { x in
        if x == 10 { return mayThrow.opening }
        if x == 11 { throw Oops.item(11) }
        return nil
      }
      | bodies.stage { _ in
        started.add()
        mayThrow.open()
        return runIsOver.opening
      }
    await #expect(throws: Oops.item(11)) { _ = try await pipeline.outputs(0, by: consumer) }
    await runIsOver.opening.suspend()
    if consumer == .async { try await Task.sleep(for: .milliseconds(20)) }
    #expect(started.now == 1)
  }

  /// Neither does one of a stage before it: the source stops, also where nothing bounds it.
  @Test(arguments: Producer.allCases, Consumer.allCases)
  func theSourceStopsAfterTheError(producer: Producer, consumer: Consumer) async throws {
    for throttle in [0, 10] {
      let produced = Count()
      let pipeline =
        producer.stage(throttle: throttle) { _ in
          produced.add()
          return nil
        }
        | Bodies.sync.stage {
          if $0 == 100 { throw Oops.item(100) }
          return nil
        }
      await #expect(throws: Oops.item(100)) {
        _ = try await pipeline.outputs(.max, by: consumer)
      }
      let producedThen = produced.now
      if throttle > 0 { #expect(producedThen <= 101 + throttle + 1) }
      try await Task.sleep(for: .milliseconds(20))
      #expect(produced.now <= producedThen + 1)
    }
  }

  /// `yield` throws CancellationError once the run has ended, whether it would wait or not.
  @Test(arguments: [0, 1, 1_000], Consumer.allCases)
  func yieldThrowsAfterTheEnd(throttle: Int, consumer: Consumer) async throws {
    let ends = Observed<[String]>([])
    let syncSource = Stage.branch(throttle: throttle) { (_: Int, yield: Outputs<Int>) in
      do {
        for x in 0... { try yield(x) }
      } catch {
        ends.update { $0.append("\(type(of: error))") }
        throw error
      }
    }
    let asyncSource = Stage.branch(throttle: throttle) { (_: Int, yield: AsyncOutputs<Int>) in
      do {
        for x in 0... { try await yield(x) }
      } catch {
        ends.update { $0.append("\(type(of: error))") }
        throw error
      }
    }
    for source in [syncSource, asyncSource] {
      let pipeline =
        source
        | Bodies.sync.stage {
          if $0 == 100 { throw Oops.item(100) }
          return nil
        }
      await #expect(throws: Oops.item(100)) { try await pipeline.outputs(0, by: consumer) }
      await ends.until { !$0.isEmpty }.suspend()
      #expect(
        ends.update { ends in
          defer { ends = [] }
          return ends
        } == ["CancellationError"])
    }
  }

  /// A body that goes on yielding after the end gets the error at each call.
  @Test func yieldThrowsAtEachCallAfterTheEnd() async throws {
    let errors = Count()
    let pipeline = Stage.branch { (_: Int, yield: Outputs<Int>) in
      while errors.now < 3 {
        do { try yield(0) } catch is CancellationError { errors.add() }
      }
    }
    for try await _ in pipeline(0) { break }
    await errors.reaching(3).suspend()
  }

  /// `Inputs` and `AsyncInputs` end once the run has ended, although the source has more.
  @Test(arguments: Bodies.allCases, Consumer.allCases)
  func inputsEndAfterTheError(bodies: Bodies, consumer: Consumer) async throws {
    let (joinEnded, isInside) = (Gate(), Gate())
    let join: Pipeline<Int, Int> =
      switch bodies {
      case .sync:
        Stage.join { (xs: Inputs<Int>) in
          for _ in xs { isInside.open() }
          joinEnded.open()
          return 0
        }
      case .async:
        Stage.join { (xs: AsyncInputs<Int>) in
          for await _ in xs { isInside.open() }
          joinEnded.open()
          return 0
        }
      }
    // The source gives one item and waits, so that the join waits too, and throws then.
    let source = Stage.branch { (_: Int, yield: Outputs<Int>) in
      try yield(0)
      isInside.opening.block()
      throw Oops.other
    }
    await #expect(throws: Oops.other) { try await (source | join).outputs(0, by: consumer) }
    await joinEnded.opening.suspend()
  }

  // MARK: The consumer

  @Test func errorsOfTheConsumerComeOut() async throws {
    let broken = Broken()
    let endless = Producer.sequence.stage(throttle: 4)
    let ofRun = await #expect(throws: Broken.self) {
      try await onThread {
        try endless.run(.max) { outputs in
          for x in outputs where x == 10 { throw broken }
        }
      }
    }
    #expect(ofRun === broken)

    let consume =
      endless > { (outputs: Inputs<Int>) in
        for x in outputs where x == 10 { throw broken }
      }
    let ofConsume = await #expect(throws: Broken.self) { try await onThread { try consume(.max) } }
    #expect(ofConsume === broken)

    let asyncConsume =
      endless > { (outputs: Run<Int>) async throws in
        for try await x in outputs where x == 10 { throw broken }
      }
    let ofAsyncConsume = await #expect(throws: Broken.self) { try await asyncConsume(.max) }
    #expect(ofAsyncConsume === broken)

    let ofLoop = await #expect(throws: Broken.self) {
      for try await x in endless(.max) where x == 10 { throw broken }
    }
    #expect(ofLoop === broken)
  }

  /// Errors of bodies come out of `consume` too, also where the consumer sees only an end.
  @Test func errorsOfBodiesComeOutOfConsume() async throws {
    let sum = Place.map.pipeline(Oops.item(10)) > { (xs: Inputs<Int>) in xs.reduce(0, +) }
    await #expect(throws: Oops.item(10)) { try await onThread { try sum(1_000) } }
    let asyncSum =
      Place.map.pipeline(Oops.item(10)) > { (xs: Run<Int>) async throws in
        var total = 0
        for try await x in xs { total += x }
        return total
      }
    await #expect(throws: Oops.item(10)) { try await asyncSum(1_000) }
  }

  /// A blocking consumer that leaves before it has come to the error returns its result.
  @Test func aConsumerThatLeftEarlySeesNoError() async throws {
    let first = try await onThread {
      try Place.map.pipeline(Oops.item(10)).run(1_000) { Array($0.prefix(3)) }
    }
    #expect(first == [0, 1, 2])
  }
}
