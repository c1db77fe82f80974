import Sluice
import Synchronization
import Testing

@Suite(.watchdog()) struct BranchTests {
  @Test(arguments: Producer.allCases, Consumer.allCases)
  func givesAllOutputsInOrder(producer: Producer, consumer: Consumer) async throws {
    for count in [0, 1, 2, 1_000] {
      #expect(try await producer.stage().outputs(count, by: consumer) == Array(0..<count))
    }
  }

  @Test(arguments: Consumer.allCases)
  func anyNumberOfOutputsForEachInput(consumer: Consumer) async throws {
    let expected = (0..<50).flatMap { [Int](repeating: $0, count: $0 % 4) }
    let source = Stage.branch { (n: Int) in 0..<n }
    let sequences = source | Stage.branch { (x: Int) in repeatElement(x, count: x % 4) }
    let yields =
      source
      | Stage.branch { (x: Int, yield: Outputs<Int>) in for _ in 0..<(x % 4) { try yield(x) } }
    let asyncYields =
      source
      | Stage.branch { (x: Int, yield: AsyncOutputs<Int>) in
        for _ in 0..<(x % 4) { try await yield(x) }
      }
    let asyncSequences =
      source
      | Stage.branch { (x: Int) async in
        AsyncStream { stream in
          for _ in 0..<(x % 4) { stream.yield(x) }
          stream.finish()
        }
      }
    for pipeline in [sequences, yields, asyncYields, asyncSequences] {
      #expect(try await pipeline.outputs(50, by: consumer) == expected)
    }
  }

  /// Sequences of every kind, and outputs of another type than the input.
  @Test func outputsOfAnySequence() async throws {
    let words = Stage.branch { (text: String) in text.split(separator: " ") }
    #expect(try await words("to be or not").collect() == ["to", "be", "or", "not"])
    let pairs = Stage.branch { (keys: [String: Int]) in keys }
    #expect(try await pairs(["one": 1]).collect().map { $0.key } == ["one"])
    let some = Stage.branch { (n: Int) in (0..<n).lazy.filter { $0 % 3 == 0 } }
    #expect(try await some(10).collect() == [0, 3, 6, 9])
    let any = Stage.branch { (n: Int) in AnySequence(0..<n) }
    #expect(try await any(3).collect() == [0, 1, 2])
  }

  /// A sequence without end is pulled as far as it is wanted, and no call of `next()` comes after nil.
  @Test(arguments: Consumer.allCases)
  func pullsLazily(consumer: Consumer) async throws {
    let pulled = Count()
    let endless = Stage.branch(throttle: 3) { (first: Int) in
      sequence(first: first) { number in
        pulled.add()
        return number + 1
      }
    }
    switch consumer {
    case .blocking:
      let first = try await onThread { try endless.run(7) { Array($0.prefix(10)) } }
      #expect(first == Array(7..<17))
    case .async:
      var first: [Int] = []
      for try await number in endless(7).prefix(10) { first.append(number) }
      #expect(first == Array(7..<17))
    }
    #expect(pulled.now <= 10 + 3 + 2)
  }

  private struct AskedAfterEnd: Sequence, IteratorProtocol, Sendable {
    var left = 3
    let callsAfterEnd: Count
    mutating func next() -> Int? {
      if left < 0 { callsAfterEnd.add() }
      left -= 1
      return left >= 0 ? left : nil
    }
  }

  @Test(arguments: Consumer.allCases)
  func asksASequenceOnceForItsEnd(consumer: Consumer) async throws {
    let callsAfterEnd = Count()
    let pipeline =
      Stage.branch { (n: Int) in 0..<n }
      | Stage.branch { (_: Int) in AskedAfterEnd(callsAfterEnd: callsAfterEnd) }
    #expect(try await pipeline.outputs(100, by: consumer).count == 300)
    #expect(callsAfterEnd.now == 0)
  }

  /// The iterator of a sequence is destroyed at the sequence's end, not at the end of the run.
  @Test(arguments: Consumer.allCases)
  func letsGoOfASequenceAtItsEnd(consumer: Consumer) async throws {
    let lives = Lives()
    let pipeline =
      Stage.branch { (n: Int) in 0..<n }
      | Stage.branch { (x: Int) in
        let tracked = Tracked(x, lives)
        return AnyIterator<Int> {
          withExtendedLifetime(tracked) { nil }
        }
      }
      | Stage.join { (xs: Inputs<Int>) in
        for _ in xs {}
        return lives.born - lives.died
      }
    #expect(try await pipeline.outputs(100, by: consumer)[0] <= 1)
  }

  /// The ways in which a stage can make two outputs of an input.
  enum Doubling: String, CaseIterable, Sendable {
    case sequence
    case yield
    case asyncYield
    case asyncBody

    func stage(workers: Int, throttle: Int) -> Pipeline<Int, Int> {
      switch self {
      case .sequence:
        Stage.branch(workers: workers, throttle: throttle) { (x: Int) in [x * 2, x * 2 + 1] }
      case .yield:
        Stage.branch(workers: workers, throttle: throttle) { (x: Int, yield: Outputs<Int>) in
          try yield(x * 2)
          try yield(x * 2 + 1)
        }
      case .asyncYield:
        Stage.branch(workers: workers, throttle: throttle) { (x: Int, yield: AsyncOutputs<Int>) in
          try await yield(x * 2)
          try await yield(x * 2 + 1)
        }
      case .asyncBody:
        Stage.branch(workers: workers, throttle: throttle) { (x: Int) async in [x * 2, x * 2 + 1] }
      }
    }
  }

  @Test(arguments: Doubling.allCases, Consumer.allCases)
  func manyWorkersGiveEveryOutputOnce(doubling: Doubling, consumer: Consumer) async throws {
    for throttle in [0, 1, 2, 64] {
      let source = Stage.branch { (n: Int) in 0..<n }
      let pipeline = source | doubling.stage(workers: 4, throttle: throttle)
      let outputs = try await pipeline.outputs(1_000, by: consumer)
      #expect(outputs.sorted() == Array(0..<2_000), "throttle \(throttle)")
    }
  }

  /// All sequences of a stage with several workers are pulled at once: each gives its second output
  /// only when all have given their first.
  @Test func manyWorkersPullTheirSequencesAtOnce() async throws {
    let given = Count()
    let pipeline =
      Stage.branch { (n: Int) in 0..<n }
      | Stage.branch(workers: 4) { (_: Int) in
        Numbers(count: 2) { number in
          if number == 0 { given.add() }
          return number == 1 ? given.reaching(4) : nil
        }
      }
    #expect(try await pipeline(4).collect().sorted() == [0, 0, 0, 0, 1, 1, 1, 1])
  }
}
