import Sluice
import Testing

/// What cannot be run is refused when the run starts, before any body is called, by an error that
/// names the stage and the argument.
@Suite(.watchdog()) struct ArgumentTests {
  /// A pipeline that cannot be run, and what its error names.
  struct Wrong: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let stage: String
    let argument: String
    let pipeline: @Sendable (Count) -> Pipeline<Int, Int>

    init(
      _ description: String, stage: String, argument: String,
      _ pipeline: @escaping @Sendable (_ calls: Count) -> Pipeline<Int, Int>
    ) {
      testDescription = description
      self.stage = stage
      self.argument = argument
      self.pipeline = pipeline
    }
  }

  private static func source(_ calls: Count) -> Pipeline<Int, Int> {
    Stage.branch { (n: Int) in
      calls.add()
      return 0..<n
    }
  }

  private static func counting(_ calls: Count) -> @Sendable (Int) -> Int {
    { x in
      calls.add()
      return x
    }
  }

  static let wrongs = [
    Wrong("no workers", stage: "stage 2 (double)", argument: "workers") {
      source($0) | Stage(name: "double", workers: 0, counting($0))
    },
    Wrong("fewer workers than none", stage: "stage 2 (stage)", argument: "workers") {
      source($0) | Stage(workers: -1, counting($0))
    },
    Wrong("no async workers", stage: "stage 2 (later)", argument: "workers") {
      source($0) | Bodies.async.stage(name: "later", workers: 0)
    },
    Wrong("no workers that branch", stage: "stage 2 (branch)", argument: "workers") {
      source($0) | Stage.branch(workers: 0) { (x: Int) in [x] }
    },
    Wrong("no workers that yield", stage: "stage 2 (more)", argument: "workers") {
      source($0)
        | Stage.branch(name: "more", workers: 0) { (x: Int, yield: Outputs<Int>) in try yield(x) }
    },
    Wrong("no workers that join", stage: "stage 2 (join)", argument: "workers") {
      source($0) | Stage.join(workers: 0) { (xs: Inputs<Int>) in xs.reduce(0, +) }
    },
    Wrong("no workers that bind", stage: "stage 2 (bound)", argument: "workers") {
      source($0) | Stage(name: "bound", workers: 0, { (x: Int, y: Int) in x + y }, bind: 1)
    },
    Wrong("a negative throttle", stage: "stage 2 (stage)", argument: "throttle") {
      source($0) | Stage(throttle: -1, counting($0))
    },
    Wrong("a negative throttle of a producer", stage: "stage 1 (first)", argument: "throttle") {
      Stage.branch(name: "first", throttle: -5) { (n: Int) in 0..<n } | Stage(counting($0))
    },
    Wrong("a negative throttle of a join", stage: "stage 3 (total)", argument: "throttle") {
      source($0) | Stage(counting($0))
        | Stage.join(name: "total", throttle: .min) { (xs: Inputs<Int>) in xs.reduce(0, +) }
    },
    Wrong("a producer with two workers", stage: "stage 1 (stage)", argument: "workers") {
      Stage(workers: 2, counting($0))
    },
    Wrong("a branching producer with two workers", stage: "stage 1 (range)", argument: "workers") {
      Stage.branch(name: "range", workers: 2) { (n: Int) in 0..<n } | Stage(counting($0))
    },
    Wrong("an async producer with two workers", stage: "stage 1 (stage)", argument: "workers") {
      Bodies.async.stage(workers: 2) | Stage(counting($0))
    },
    Wrong("a producer that joins", stage: "stage 1 (total)", argument: "join") {
      Stage.join(name: "total") { (xs: Inputs<Int>) in xs.reduce(0, +) } | Stage(counting($0))
    },
    Wrong("an async producer that joins", stage: "stage 1 (join)", argument: "join") { _ in
      Stage.join { (xs: AsyncInputs<Int>, yield: AsyncOutputs<Int>) in
        for await x in xs { try await yield(x) }
      }
    },
    Wrong("no retries", stage: "stage 2 (stage)", argument: "onFailure") {
      source($0) | Stage(onFailure: .retry(0, then: .skip), counting($0))
    },
    Wrong("fewer retries than none, of a producer", stage: "stage 1 (words)", argument: "onFailure") { _ in
      Stage.branch(name: "words", onFailure: .retry(-1)) { (n: Int) in 0..<n }
    },
    Wrong("no retries after others", stage: "stage 2 (branch)", argument: "onFailure") {
      source($0)
        | Stage.branch(onFailure: .retry(1, then: .retry(0))) { (x: Int, yield: AsyncOutputs<Int>) in
          try await yield(x)
        }
    },
    Wrong("the first of several faults", stage: "stage 2 (a)", argument: "throttle") {
      source($0) | Stage(name: "a", throttle: -1, counting($0)) | Stage(name: "b", workers: 0, counting($0))
    },
  ]

  @Test(arguments: wrongs)
  func isRefusedBeforeAnyBody(wrong: Wrong) async throws {
    let calls = Count()
    let pipeline = wrong.pipeline(calls)
    // Making it and making a run of it is no error yet: the run does not start there.
    let run = pipeline(5)
    let ofLoop = await #expect(throws: PipelineError.self) { for try await _ in run {} }
    let consumed = Count()
    let ofRun = await #expect(throws: PipelineError.self) {
      try await onThread {
        try pipeline.run(5) { outputs in
          consumed.add()
          for _ in outputs {}
        }
      }
    }
    #expect(ofLoop == ofRun)
    #expect(ofLoop?.stage == wrong.stage)
    #expect(ofLoop?.argument == wrong.argument)
    #expect(ofLoop?.description.contains(wrong.stage) == true)
    #expect(ofLoop?.description.contains(wrong.argument) == true)
    #expect(calls.now == 0)
    #expect(consumed.now == 0)
  }

  /// The error says what the argument was.
  @Test func theErrorNamesTheValue() async throws {
    let pipeline = Self.source(Count()) | Stage(name: "double", workers: -7) { (x: Int) in x * 2 }
    let error = await #expect(throws: PipelineError.self) { try await pipeline(1).collect() }
    #expect(error?.description.contains("-7") == true)
  }

  /// Faults are those of the run: the same stage is right in another place.
  @Test func aStageThatIsNoProducerMayHaveWorkers() async throws {
    let stage = Stage(workers: 2) { (x: Int) in x }
    await #expect(throws: PipelineError.self) { try await stage(1).collect() }
    #expect(try await (Self.source(Count()) | stage)(3).collect().sorted() == [0, 1, 2])
  }

  /// `ordered` with one worker asks for what one worker does anyway.
  @Test func orderedWithOneWorker() async throws {
    let pipeline = Self.source(Count()) | Stage(ordered: true) { (x: Int) in x }
    #expect(try await pipeline(100).collect() == Array(0..<100))
  }

  @Test func aRunThatWasRefusedIsOver() async throws {
    var iterator = Stage(workers: 0) { (x: Int) in x }(1).makeAsyncIterator()
    await #expect(throws: PipelineError.self) { try await iterator.next() }
    #expect(try await iterator.next() == nil)
  }
}
