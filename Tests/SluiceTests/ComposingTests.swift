import Sluice
import Testing

@Suite(.watchdog()) struct ComposingTests {
  private let upTo = Stage.branch { (n: Int) in 0..<n }
  private let double = Stage { (x: Int) in x * 2 }

  @Test func pipeAndBarAreTheSame() async throws {
    let barred = upTo | double | Stage { (x: Int) in "\(x)" }
    let piped = upTo.pipe(double).pipe(Stage { (x: Int) in "\(x)" })
    #expect(try await barred(4).collect() == ["0", "2", "4", "6"])
    #expect(try await piped(4).collect() == ["0", "2", "4", "6"])
  }

  /// The place of the parentheses makes no difference.
  @Test func composingIsAssociative() async throws {
    let left = (upTo | double) | double
    let right = upTo | (double | double)
    #expect(try await left(5).collect() == [0, 4, 8, 12, 16])
    #expect(try await right(5).collect() == [0, 4, 8, 12, 16])
    #expect(left(0).report.stages.count == 3)
    #expect(right(0).report.stages.count == 3)
  }

  @Test(arguments: Consumer.allCases)
  func builderOfFifteenStages(consumer: Consumer) async throws {
    let pipeline = Pipeline {
      Stage.branch { (n: Int) in 0..<n }
      Stage { (x: Int) in x + 1 }
      Stage { (x: Int) async in x * 2 }
      Stage.branch { (x: Int) in [x, x] }
      Stage.branch { (x: Int, yield: Outputs<Int>) in try yield(x) }
      Stage.branch { (x: Int, yield: AsyncOutputs<Int>) in try await yield(x) }
      Stage.join { (xs: Inputs<Int>, yield: Outputs<Int>) in for x in xs { try yield(x) } }
      Stage.join { (xs: AsyncInputs<Int>, yield: AsyncOutputs<Int>) in
        for await x in xs { try await yield(x) }
      }
      Stage(workers: 4) { (x: Int) in Double(x) / 2 }
      Stage(workers: 4) { (x: Double) async in "\(x)" }
      Stage.branch { (text: String) in text.split(separator: ".") }
      Stage { (part: Substring) in Int(part) ?? -1 }
      Stage { (x: Int) in [x] }
      Stage { (xs: [Int]) in xs[0] }
      Stage.join { (xs: Inputs<Int>) in xs.reduce(0, +) }
    }
    // Each of 1 ... 100 comes twice, as itself and a zero behind the point.
    #expect(try await pipeline.outputs(100, by: consumer) == [2 * 5_050])
    #expect(pipeline(1).report.stages.count == 15)
  }

  @Test func builderOfOneStage() async throws {
    #expect(try await Pipeline { double }(21).collect() == [42])
  }

  // MARK: Consuming

  @Test func consumeOnTheCallingThread() async throws {
    let sum = upTo.consume { (xs: Inputs<Int>) in xs.reduce(0, +) }
    let sumToo = upTo | double > { (xs: Inputs<Int>) in xs.reduce(0, +) }
    let results = try await onThread {
      let caller = threadNumber()
      let thread = try upTo.run(1) { _ in threadNumber() }
      return (try sum(10), try sumToo(10), caller == thread)
    }
    #expect(results == (45, 90, true))
  }

  @Test func consumeInATask() async throws {
    let sum = upTo.consume { (xs: Run<Int>) in
      var total = 0
      for try await x in xs { total += x }
      return total
    }
    let sumToo =
      upTo | double > { (xs: Run<Int>) in
        var total = 0
        for try await x in xs { total += x }
        return total
      }
    #expect(try await sum(10) == 45)
    #expect(try await sumToo(10) == 90)
  }

  /// What `consume` gives is a function: each call is a run of its own.
  @Test func consumedPipelineIsCalledAgain() async throws {
    let sum = upTo > { (xs: Inputs<Int>) in xs.reduce(0, +) }
    let sums = try await onThread { try [10, 0, 3].map { try sum($0) } }
    #expect(sums == [45, 0, 3])
  }

  @Test func runsOfOnePipelineAreIndependent() async throws {
    let pipeline = upTo | Stage(workers: 3, throttle: 4) { (x: Int) in x * 2 }
    try await withThrowingTaskGroup(of: Bool.self) { group in
      for count in 0..<20 {
        group.addTask {
          try await pipeline(count * 10).collect().sorted() == (0..<(count * 10)).map { $0 * 2 }
        }
      }
      for try await isRight in group { #expect(isRight) }
    }
  }

  // MARK: Several arguments

  @Test func severalArguments() async throws {
    let between = Stage.branch { (a: Int, b: Int) in a..<b }
    #expect(try await between(1, 4).collect() == [1, 2, 3])
    let three = Stage { (a: Int, b: String, c: Double) in "\(a) \(b) \(c)" }
    #expect(try await three(1, "b", 0.5).collect() == ["1 b 0.5"])
    let blocking = try await onThread { try three.run(1, "b", 0.5, consume: Array.init) }
    #expect(blocking == ["1 b 0.5"])
    let yielding = Stage.branch { (range: (Int, Int), yield: Outputs<Int>) in
      for x in range.0..<range.1 { try yield(x) }
    }
    #expect(try await yielding(1, 4).collect() == [1, 2, 3])
  }

  // MARK: Nesting

  /// A run as a value between two stages, consumed by an async one.
  @Test(arguments: Consumer.allCases)
  func pipelineCalledInAStage(consumer: Consumer) async throws {
    let inner = upTo | double
    let pipeline =
      upTo
      | Stage { (n: Int) in inner(n) }
      | Stage(workers: 5) { (batch: Run<Int>) in
        var total = 0
        for try await x in batch { total += x }
        return total
      }
    let expected = (0..<50).map { $0 * ($0 - 1) }
    #expect(try await pipeline.outputs(50, by: consumer).sorted() == expected)
  }

  /// A run inside the body of a stage, which blocks its thread.
  @Test(arguments: Consumer.allCases)
  func pipelineRunInAStage(consumer: Consumer) async throws {
    let inner = upTo | Stage(workers: 2, throttle: 1) { (x: Int) in x * 2 }
    for workers in [1, 5] {
      let pipeline =
        upTo | Stage(workers: workers) { (n: Int) in try inner.run(n) { $0.reduce(0, +) } }
      let expected = (0..<50).map { $0 * ($0 - 1) }
      #expect(try await pipeline.outputs(50, by: consumer).sorted() == expected)
    }
  }

  /// Single workers all the way down: the inner run borrows the thread that pulls the outer one.
  @Test(arguments: Consumer.allCases)
  func runsWithinRunsWithinRuns(consumer: Consumer) async throws {
    let innermost = upTo | double
    let inner = upTo | Stage { (n: Int) in try innermost.run(n) { $0.reduce(0, +) } }
    let pipeline = upTo | Stage { (n: Int) in try inner.run(n) { $0.reduce(0, +) } }
    let expected = (0..<12).map { n in (0..<n).map { $0 * ($0 - 1) }.reduce(0, +) }
    #expect(try await pipeline.outputs(12, by: consumer) == expected)
  }

  /// An error of the inner run is an error of the body that runs it.
  @Test func errorsOfInnerRuns() async throws {
    struct Odd: Error, Equatable { let number: Int }
    let inner =
      upTo
      | Stage { (x: Int) throws in
        if x == 3 { throw Odd(number: x) }
        return x
      }
    let pipeline = upTo | Stage { (n: Int) in try inner.run(n) { $0.reduce(0, +) } }
    await #expect(throws: Odd(number: 3)) { try await pipeline(10).collect() }
  }
}
