import Sluice
import Testing

@Suite(.watchdog()) struct JoinTests {
  @Test(arguments: Producer.allCases, Consumer.allCases)
  func oneOutputOfAWholeStream(producer: Producer, consumer: Consumer) async throws {
    let sum = Stage.join { (xs: Inputs<Int>) in xs.reduce(0, +) }
    let asyncSum = Stage.join { (xs: AsyncInputs<Int>) in
      var total = 0
      for await x in xs { total += x }
      return total
    }
    for join in [sum, asyncSum] {
      for count in [0, 1, 1_000] {
        let expected = count * (count - 1) / 2
        #expect(try await (producer.stage() | join).outputs(count, by: consumer) == [expected])
      }
    }
  }

  @Test(arguments: Consumer.allCases)
  func manyOutputsOfAWholeStream(consumer: Consumer) async throws {
    let source = Stage.branch { (n: Int) in 0..<n }
    let pairs =
      source
      | Stage.join { (xs: Inputs<Int>, yield: Outputs<[Int]>) in
        var inputs = xs
        while let first = inputs.next() {
          try yield([first, inputs.next() ?? -1])
        }
      }
    #expect(try await pairs.outputs(5, by: consumer) == [[0, 1], [2, 3], [4, -1]])
    let asyncPairs =
      source
      | Stage.join { (xs: AsyncInputs<Int>, yield: AsyncOutputs<[Int]>) in
        var inputs = xs.makeAsyncIterator()
        while let first = await inputs.next() {
          try await yield([first, await inputs.next() ?? -1])
        }
      }
    #expect(try await asyncPairs.outputs(5, by: consumer) == [[0, 1], [2, 3], [4, -1]])
  }

  /// What a join makes after the end of its input is delivered too.
  @Test(arguments: Consumer.allCases)
  func outputsAfterTheEndOfTheInput(consumer: Consumer) async throws {
    let reversed =
      Stage.branch { (n: Int) in 0..<n }
      | Stage.join(throttle: 2) { (xs: Inputs<Int>, yield: Outputs<Int>) in
        for x in Array(xs).reversed() { try yield(x) }
      }
    #expect(try await reversed.outputs(100, by: consumer) == Array((0..<100).reversed()))
  }

  /// Outputs reach the next stage while the input goes on: the source waits for the first one.
  @Test(arguments: Consumer.allCases)
  func outputsBeforeTheEndOfTheInput(consumer: Consumer) async throws {
    let gate = Gate()
    let pipeline =
      Producer.yield.stage { $0 == 1 ? gate.opening : nil }
      | Stage.join { (xs: Inputs<Int>, yield: Outputs<Int>) in for x in xs { try yield(x) } }
    try await pipeline.forEach(2, by: consumer) { _ in
      gate.open()
      return nil
    }
  }

  /// The body of each worker is called once, also by a worker that gets no item.
  @Test(arguments: Consumer.allCases)
  func eachWorkerRunsItsBodyOnce(consumer: Consumer) async throws {
    for count in [0, 1, 500] {
      let pipeline =
        Stage.branch { (n: Int) in 0..<n }
        | Stage.join(workers: 5) { (xs: Inputs<Int>) in xs.reduce(into: []) { $0.append($1) } }
      let parts = try await pipeline.outputs(count, by: consumer)
      #expect(parts.count == 5)
      #expect(parts.flatMap { $0 }.sorted() == Array(0..<count))
      let asyncPipeline =
        Stage.branch { (n: Int) in 0..<n }
        | Stage.join(workers: 5) { (xs: AsyncInputs<Int>) in
          var items: [Int] = []
          for await x in xs { items.append(x) }
          return items
        }
      let asyncParts = try await asyncPipeline.outputs(count, by: consumer)
      #expect(asyncParts.count == 5)
      #expect(asyncParts.flatMap { $0 }.sorted() == Array(0..<count))
    }
  }

  /// After its end `Inputs` stays at its end.
  @Test func endOfInputsIsAState() async throws {
    let pipeline =
      Stage.branch { (n: Int) in 0..<n }
      | Stage.join { (xs: Inputs<Int>) in
        var inputs = xs
        while inputs.next() != nil {}
        return [inputs.next(), inputs.next()]
      }
    #expect(try await pipeline(3).collect() == [[nil, nil]])
  }

  /// A join that yields for each of its inputs and one that takes a part of the stream between its
  /// outputs stand behind one another.
  @Test(arguments: Consumer.allCases)
  func joinsInARow(consumer: Consumer) async throws {
    let pipeline = Pipeline {
      Stage.branch { (n: Int) in 0..<n }
      Stage.join { (xs: Inputs<Int>, yield: Outputs<Int>) in for x in xs { try yield(x + 1) } }
      Stage.join { (xs: AsyncInputs<Int>, yield: AsyncOutputs<Int>) in
        for await x in xs where x % 2 == 0 { try await yield(x) }
      }
      Stage.join { (xs: Inputs<Int>, yield: Outputs<Int>) in
        var total = 0
        for x in xs {
          total += x
          try yield(total)
        }
      }
    }
    #expect(try await pipeline.outputs(6, by: consumer) == [2, 6, 12])
  }
}
