import Glibc
import Sluice
import Testing

/// How runs end: early, at their end, before they begin, and what becomes of the elements.
@Suite(.watchdog()) struct EndingTests {
  // MARK: Leaving early

  enum Leaving: String, CaseIterable, Sendable {
    case breaking
    case returning
    case prefix
    case first
    case droppedIterator
    case cancelledRun
    case cancelledTask
    case blockingPrefix
    case blockingReturn
    case blockingThrow

    /// Takes a few of the outputs and leaves.
    func take(from pipeline: Pipeline<Int, Int>) async throws {
      struct Enough: Error {}
      switch self {
      case .breaking:
        for try await x in pipeline(0) where x == 3 { break }
      case .returning:
        for try await x in pipeline(0) where x == 3 { return }
      case .prefix:
        var count = 0
        for try await _ in pipeline(0).prefix(3) { count += 1 }
        #expect(count == 3)
      case .first:
        #expect(try await pipeline(0).first { $0 == 3 } == 3)
      case .droppedIterator:
        var iterator = pipeline(0).makeAsyncIterator()
        #expect(try await iterator.next() == 0)
      case .cancelledRun:
        let run = pipeline(0)
        await #expect(throws: CancellationError.self) {
          for try await x in run where x == 3 { run.cancel() }
        }
      case .cancelledTask:
        let task = Task {
          for try await x in pipeline(0) where x == 3 { withUnsafeCurrentTask { $0?.cancel() } }
        }
        await #expect(throws: CancellationError.self) { try await task.value }
      case .blockingPrefix:
        let first = try await onThread { try pipeline.run(0) { Array($0.prefix(3)) } }
        #expect(first == [0, 1, 2])
      case .blockingReturn:
        let first = try await onThread { try pipeline.run(0) { $0.first { $0 == 3 } } }
        #expect(first == 3)
      case .blockingThrow:
        await #expect(throws: Enough.self) {
          try await onThread { try pipeline.run(0) { for x in $0 where x == 3 { throw Enough() } } }
        }
      }
    }
  }

  /// A source without end stops, however the consumer leaves.
  @Test(arguments: Leaving.allCases, [0, 1, 64])
  func leavingStopsTheSource(leaving: Leaving, throttle: Int) async throws {
    for bodies in Bodies.allCases {
      for workers in [1, 3] {
        note("\(leaving), throttle \(throttle), \(bodies), \(workers) workers")
        let (syncEnded, asyncEnded) = (Gate(), Gate())
        let syncSource = Stage.branch(throttle: throttle) { (_: Int, yield: Outputs<Int>) in
          defer { syncEnded.open() }
          for x in 0... { try yield(x) }
        }
        let asyncSource = Stage.branch(throttle: throttle) { (_: Int, yield: AsyncOutputs<Int>) in
          defer { asyncEnded.open() }
          for x in 0... { try await yield(x) }
        }
        // Several workers may give item 3 before item 0: one does, so that `leaving` knows what comes.
        let stage = bodies.stage(workers: workers, throttle: throttle)
        let order = Stage.join(throttle: throttle) { (xs: Inputs<Int>, yield: Outputs<Int>) in
          for (index, _) in xs.enumerated() { try yield(index) }
        }
        try await leaving.take(from: syncSource | stage | order)
        await syncEnded.opening.suspend()
        try await leaving.take(from: asyncSource | stage | order)
        await asyncEnded.opening.suspend()
      }
    }
  }

  /// The same for a sequence, which can only be dropped.
  @Test(arguments: Leaving.allCases, [0, 1, 64])
  func leavingDropsTheSequence(leaving: Leaving, throttle: Int) async throws {
    let lives = Lives()
    let pipeline =
      Stage.branch(throttle: throttle) { (first: Int) in
        let tracked = Tracked(first, lives)
        return sequence(first: first) { number in withExtendedLifetime(tracked) { number &+ 1 } }
      } | Stage(throttle: throttle) { (x: Int) in x }
    try await leaving.take(from: pipeline)
    #expect(lives.born == 1)
    #expect(try await eventually { lives.died == 1 })
  }

  /// Bodies that stand inside finish their item; nobody interrupts them, and no further one starts.
  @Test(arguments: Bodies.allCases)
  func bodiesFinishTheirItem(bodies: Bodies) async throws {
    let (started, finished, mayGoOn) = (Count(), Count(), Gate())
    let pipeline =
      Stage.branch(throttle: 8) { (n: Int) in 0..<n }
      | bodies.stage(workers: 4, throttle: 8) { x in
        started.add()
        if x == 0 { return Observed(true).until { $0 }.then { finished.add() } }
        return mayGoOn.opening.then { finished.add() }
      }
    for try await _ in pipeline(1_000) {
      await started.reaching(5).suspend()
      break
    }
    #expect(finished.now == 1)
    mayGoOn.open()
    await finished.reaching(5).suspend()
    try await Task.sleep(for: .milliseconds(20))
    #expect(started.now == 5)
    #expect(finished.now == 5)
  }

  /// A blocking run returns only when every body has ended.
  @Test func blockingRunWaitsForItsBodies() async throws {
    let (started, mayGoOn, finished) = (Count(), Gate(), Count())
    let pipeline =
      Stage.branch(throttle: 8) { (n: Int) in 0..<n }
      | Stage(workers: 4, throttle: 8) { (x: Int) in
        if x > 0 {
          started.add()
          mayGoOn.opening.block()
          for _ in 0..<1_000 { sched_yield() }
          finished.add()
        }
        return x
      }
    let finishedThen = try await onThread {
      try pipeline.run(1_000) { outputs in
        for _ in outputs {
          started.reaching(4).block()
          mayGoOn.open()
          break
        }
      }
      return (started.now, finished.now)
    }
    #expect(finishedThen.0 == finishedThen.1)
  }

  // MARK: Cancelling

  @Test func cancelBeforeTheStart() async throws {
    let bodies = Count()
    let run = Stage { (x: Int) in bodies.add(x) }(1)
    run.cancel()
    run.cancel()
    await #expect(throws: CancellationError.self) { try await run.collect() }
    #expect(bodies.now == 0)
  }

  @Test func cancelAfterTheEnd() async throws {
    let run = Stage.branch { (n: Int) in 0..<n }(10)
    var iterator = run.makeAsyncIterator()
    var outputs: [Int] = []
    while let x = try await iterator.next() { outputs.append(x) }
    run.cancel()
    #expect(outputs == Array(0..<10))
    #expect(try await iterator.next() == nil)
  }

  @Test(arguments: [0, 4])
  func cancelFromAnotherThread(throttle: Int) async throws {
    for round in 0..<50 {
      let run =
        (Stage.branch(throttle: throttle) { (first: Int) in sequence(first: first) { $0 &+ 1 } }
        | Stage(throttle: throttle) { (x: Int) in x })(0)
      let taken = Count()
      let cancelling = Task {
        try await onThread {
          taken.reaching(round).block()
          run.cancel()
        }
      }
      await #expect(throws: CancellationError.self) { for try await _ in run { taken.add() } }
      try await cancelling.value
    }
  }

  @Test(arguments: Bodies.allCases)
  func cancelFromWithinABody(bodies: Bodies) async throws {
    let box = Observed<Run<Int>?>(nil)
    let pipeline =
      Stage.branch(throttle: 2) { (first: Int) in sequence(first: first) { $0 &+ 1 } }
      | bodies.stage(throttle: 2) {
        if $0 == 100 { box.now?.cancel() }
        return nil
      }
    let run = pipeline(0)
    box.update { $0 = run }
    var last = -1
    let error = await #expect(throws: (any Error).self) {
      for try await x in run { last = x }
    }
    #expect(error is CancellationError)
    #expect(last <= 100)
    box.update { $0 = nil }
  }

  /// A task that awaits an output is woken when it is cancelled, although the source gives nothing.
  @Test(arguments: Producer.allCases)
  func cancelATaskThatAwaitsAnOutput(producer: Producer) async throws {
    let (isStuck, mayEnd) = (Gate(), Gate())
    let pipeline = producer.stage { x in
      guard x == 1 else { return nil }
      isStuck.open()
      return mayEnd.opening
    }
    let task = Task {
      var outputs: [Int] = []
      for try await x in pipeline(10) { outputs.append(x) }
      return outputs
    }
    await isStuck.opening.suspend()
    task.cancel()
    // It ends before the source does.
    await #expect(throws: CancellationError.self) { try await task.value }
    #expect(!mayEnd.now)
    mayEnd.open()
  }

  /// While outputs are plenty, a cancelled iteration ends with an error too, never with nil as if it
  /// were complete.
  @Test(arguments: Producer.allCases, [0, 3])
  func cancelATaskThatHasPlenty(producer: Producer, throttle: Int) async throws {
    let pipeline = producer.stage(throttle: throttle) | Bodies.sync.stage(throttle: throttle)
    for round in 0..<20 {
      let taken = Count()
      let task = Task {
        for try await _ in pipeline(.max) { taken.add() }
      }
      await taken.reaching(round * 10).suspend()
      task.cancel()
      await #expect(throws: CancellationError.self) { try await task.value }
    }
  }

  /// The first call after the cancelling throws, however many outputs stand there.
  @Test(arguments: Producer.allCases)
  func aCancelledTaskGetsNoFurtherOutput(producer: Producer) async throws {
    for throttle in [0, 50] {
      let produced = Count()
      let pipeline = producer.stage(throttle: throttle) { _ in
        produced.add()
        return nil
      }
      let task = Task {
        var outputs: [Int] = []
        do {
          for try await x in pipeline(1_000) {
            outputs.append(x)
            if x == 9 {
              await produced.reaching(10 + 50).suspend()
              withUnsafeCurrentTask { $0?.cancel() }
            }
          }
        } catch is CancellationError {
          return outputs
        }
        return []
      }
      #expect(try await task.value == Array(0..<10))
    }
  }

  /// The same for a run that was cancelled.
  @Test(arguments: Producer.allCases)
  func aCancelledRunGivesNoFurtherOutput(producer: Producer) async throws {
    for throttle in [0, 50] {
      let produced = Count()
      let run = producer.stage(throttle: throttle) { _ in
        produced.add()
        return nil
      }(1_000)
      var outputs: [Int] = []
      let error = await #expect(throws: (any Error).self) {
        for try await x in run {
          outputs.append(x)
          if x == 9 {
            await produced.reaching(10 + 50).suspend()
            run.cancel()
          }
        }
      }
      #expect(error is CancellationError)
      #expect(outputs == Array(0..<10))
    }
  }

  @Test func aTaskThatWasCancelledBeforeStartsNothing() async throws {
    let bodies = Count()
    let pipeline = Stage { (x: Int) in bodies.add(x) }
    let task = Task {
      withUnsafeCurrentTask { $0?.cancel() }
      return try await pipeline(1).collect()
    }
    await #expect(throws: CancellationError.self) { try await task.value }
    #expect(bodies.now == 0)
  }

  // MARK: Runs

  @Test func aRunStartsWhenItIsIterated() async throws {
    let bodies = Count()
    let run = Stage { (x: Int) in bodies.add(x) }(1)
    try await Task.sleep(for: .milliseconds(10))
    #expect(bodies.now == 0)
    #expect(try await run.collect() == [1])
  }

  @Test func aRunThatIsDroppedDoesNothing() async throws {
    let (bodies, lives) = (Count(), Lives())
    let pipeline = Stage { (x: Tracked) in bodies.add(x.number) }
    _ = pipeline(Tracked(1, lives))
    _ = pipeline(Tracked(1, lives)).makeAsyncIterator()
    #expect(lives.died == 2)
    #expect(bodies.now == 0)
  }

  @Test func aRunIsIteratedOnce() async throws {
    let run = Stage.branch { (n: Int) in 0..<n }(3)
    #expect(try await run.collect() == [0, 1, 2])
    await #expect(throws: PipelineError.self) { try await run.collect() }
    await #expect(throws: PipelineError.self) { try await run.collect() }
  }

  /// A second iteration disturbs the first one in nothing.
  @Test func aSecondIterationWhileTheFirstGoesOn() async throws {
    let run = Stage.branch(throttle: 1) { (n: Int) in 0..<n }(10)
    var outputs: [Int] = []
    for try await x in run {
      outputs.append(x)
      await #expect(throws: PipelineError.self) { for try await _ in run {} }
    }
    #expect(outputs == Array(0..<10))
  }

  @Test func afterTheEndThereIsNoMore() async throws {
    var iterator = Stage.branch { (n: Int) in 0..<n }(2).makeAsyncIterator()
    #expect(try await iterator.next() == 0)
    #expect(try await iterator.next() == 1)
    for _ in 0..<3 { #expect(try await iterator.next() == nil) }
  }

  // MARK: Joins that leave early

  /// A join that returns before the end of its input stops what is before it, and not only when the
  /// run ends: a later body waits for the source's end. What the join gave is delivered, and the run
  /// ends without an error.
  @Test(arguments: Bodies.allCases, Consumer.allCases)
  func aJoinThatReturnsEarlyStopsTheStagesBeforeIt(bodies: Bodies, consumer: Consumer) async throws {
    for throttle in [0, 1, 16] {
      for workers in [1, 3] {
        note("throttle \(throttle), \(workers) workers")
        let (sourceEnded, asyncSourceEnded) = (Gate(), Gate())
        let source = Stage.branch(throttle: throttle) { (_: Int, yield: Outputs<Int>) in
          defer { sourceEnded.open() }
          for x in 0... { try yield(x) }
        }
        let asyncSource = Stage.branch(throttle: throttle) { (_: Int, yield: AsyncOutputs<Int>) in
          defer { asyncSourceEnded.open() }
          for x in 0... { try await yield(x) }
        }
        let join: Pipeline<Int, Int> =
          switch bodies {
          case .sync:
            Stage.join(throttle: throttle) { (xs: Inputs<Int>, yield: Outputs<Int>) in
              for x in xs.prefix(5) { try yield(x) }
              try yield(-1)
            }
          case .async:
            Stage.join(throttle: throttle) { (xs: AsyncInputs<Int>, yield: AsyncOutputs<Int>) in
              for await x in xs.prefix(5) { try await yield(x) }
              try await yield(-1)
            }
          }
        for (source, ended) in [(source, sourceEnded), (asyncSource, asyncSourceEnded)] {
          let rest = join | bodies.stage(throttle: throttle) { $0 == -1 ? ended.opening : nil }
          let pipeline = source | bodies.stage(workers: workers, throttle: throttle) | rest
          let outputs = try await pipeline.outputs(0, by: consumer)
          #expect(outputs.count == 6)
          #expect(outputs.last == -1)
          if workers == 1 { #expect(outputs == [0, 1, 2, 3, 4, -1]) }
        }
      }
    }
  }

  /// With several workers, the join is over when all of them are: one that returns takes nothing from
  /// the others.
  @Test(arguments: Consumer.allCases)
  func oneWorkerOfAJoinThatReturnsEarlyStopsNothing(consumer: Consumer) async throws {
    let isThrough = Gate()
    let pipeline =
      Stage.branch { (n: Int) in 0..<n }
      | Stage.join(workers: 2) { (xs: Inputs<Int>) in
        var inputs = xs
        let first = inputs.next()
        if isThrough.update({ isThrough in
          defer { isThrough = true }
          return !isThrough
        }) {
          return 1
        }
        return (first == nil ? 0 : 1) + inputs.reduce(0) { count, _ in count + 1 }
      }
    #expect(try await pipeline.outputs(1_000, by: consumer).reduce(0, +) == 1_000)
  }

  // MARK: No items

  @Test(arguments: Producer.allCases, Consumer.allCases)
  func noItems(producer: Producer, consumer: Consumer) async throws {
    for kind in Passing.allCases {
      for throttle in [0, 1, 8] {
        let pipeline =
          producer.stage(throttle: throttle)
          | kind.stage(Int.self, throttle: throttle) | kind.stage(Int.self, throttle: throttle)
        #expect(try await pipeline.outputs(0, by: consumer) == [])
      }
    }
    let manyWorkers = producer.stage() | Bodies.sync.stage(workers: 5) | Bodies.async.stage(workers: 5)
    #expect(try await manyWorkers.outputs(0, by: consumer) == [])
  }
}
