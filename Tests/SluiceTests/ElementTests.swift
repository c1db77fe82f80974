import Sluice
import Testing

/// Elements of every shape come through every form of queue unchanged, and each is destroyed once.
/// The end of a stream is a state of its queues: no element is taken for it.
@Suite(.watchdog()) struct ElementTests {
  /// Throttles and workers that make each form of queue: not bounded, one to one, many to many,
  /// and bounded too high to be laid out in advance.
  enum Queue: CaseIterable, Sendable {
    case unbounded
    case unboundedOfManyWorkers
    case one
    case small
    case smallOfManyWorkers
    case large

    var throttle: Int {
      switch self {
      case .unbounded, .unboundedOfManyWorkers: 0
      case .one: 1
      case .small, .smallOfManyWorkers: 6
      case .large: 1_000_000
      }
    }

    var workers: Int {
      switch self {
      case .unboundedOfManyWorkers, .smallOfManyWorkers: 3
      default: 1
      }
    }
  }

  /// The elements come out of a run of several stages as they went in.
  private func expectUnchanged<Element: Hashable & Sendable>(
    _ elements: [Element], _ queue: Queue, sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    let (throttle, workers) = (queue.throttle, queue.workers)
    let sync =
      Stage.branch(throttle: throttle) { (elements: [Element]) in elements }
      | Stage(workers: workers, throttle: throttle) { (element: Element) in element }
      | Stage.branch(workers: workers, throttle: throttle) {
        (element: Element, yield: Outputs<Element>) in try yield(element)
      }
    let async =
      Stage.branch(throttle: throttle) { (elements: [Element], yield: AsyncOutputs<Element>) in
        for element in elements { try await yield(element) }
      }
      | Stage(workers: workers, throttle: throttle) { (element: Element) async in element }
      | Stage.join(throttle: throttle) { (xs: Inputs<Element>, yield: Outputs<Element>) in
        for x in xs { try yield(x) }
      }
    for (pipeline, isOrdered) in [(sync, workers == 1), (async, workers == 1)] {
      for consumer in Consumer.allCases {
        let outputs = try await pipeline.outputs(elements, by: consumer)
        if isOrdered {
          #expect(outputs == elements, "\(consumer)", sourceLocation: sourceLocation)
        } else {
          let counts = Dictionary(grouping: outputs) { $0 }.mapValues(\.count)
          let expected = Dictionary(grouping: elements) { $0 }.mapValues(\.count)
          #expect(counts == expected, "\(consumer)", sourceLocation: sourceLocation)
        }
      }
    }
  }

  @Test(arguments: Queue.allCases) func integers(queue: Queue) async throws {
    try await expectUnchanged(Array(0..<300), queue)
    try await expectUnchanged([0, -1, .min, .max, 0, 0], queue)
    try await expectUnchanged([UInt8](0...255), queue)
    try await expectUnchanged([true, false, false, true], queue)
    try await expectUnchanged([0, -0.0, .infinity, 1.5], queue)
  }

  @Test(arguments: Queue.allCases) func strings(queue: Queue) async throws {
    try await expectUnchanged((0..<300).map { String(repeating: "\($0) ", count: $0 % 20) }, queue)
  }

  /// nil is an element like any other, also as the first, the last and the only one.
  @Test(arguments: Queue.allCases) func optionals(queue: Queue) async throws {
    try await expectUnchanged((0..<300).map { $0 % 3 == 0 ? nil : $0 } + [nil], queue)
    try await expectUnchanged([Int?.none], queue)
    try await expectUnchanged([Int??.none, .some(nil), .some(1)], queue)
    try await expectUnchanged([String?.none, "a", nil, ""], queue)
  }

  struct Nothing: Hashable, Sendable {}

  @Test(arguments: Queue.allCases) func elementsOfNoSize(queue: Queue) async throws {
    try await expectUnchanged([Nothing](repeating: Nothing(), count: 300), queue)
  }

  @Test(arguments: Consumer.allCases) func voids(consumer: Consumer) async throws {
    let pipeline =
      Stage.branch(throttle: 2) { (n: Int) in repeatElement((), count: n) }
      | Stage(throttle: 2) { (_: Void) in } | Stage(workers: 2) { (_: Void) async in }
    #expect(try await pipeline.outputs(300, by: consumer).count == 300)
    let noInput = Stage { (_: Void) in 7 }
    #expect(try await noInput.outputs((), by: consumer) == [7])
  }

  /// 200 bytes, with references in them.
  struct Large: Hashable, Sendable {
    var numbers: [Int]
    var text: String
    var words: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)
    var moreWords: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)
    var last: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)

    init(_ number: Int) {
      let word = UInt64(number) &* 0x9E37_79B9_7F4A_7C15
      numbers = [number]
      text = "a text too long to stand in the string itself: \(number)"
      words = (word, word + 1, word + 2, word + 3, word + 4, word + 5, word + 6, word + 7)
      moreWords = (~word, ~word, ~word, ~word, ~word, ~word, ~word, ~word)
      last = (word, word, word, word, word, word)
    }

    static func == (a: Large, b: Large) -> Bool {
      a.bytes == b.bytes && a.text == b.text && a.numbers == b.numbers
    }
    func hash(into hasher: inout Hasher) { hasher.combine(bytes) }

    private var bytes: [UInt64] {
      withUnsafeBytes(of: (words, moreWords, last)) { Array($0.bindMemory(to: UInt64.self)) }
    }
  }

  @Test(arguments: Queue.allCases) func largeElements(queue: Queue) async throws {
    #expect(MemoryLayout<Large>.size == 200)
    try await expectUnchanged((0..<300).map(Large.init), queue)
  }

  // MARK: Objects

  /// A chain of every kind of stage.
  private func chain(_ queue: Queue, count: Int, _ lives: Lives) -> Pipeline<Int, Tracked> {
    let (throttle, workers) = (queue.throttle, queue.workers)
    return Pipeline {
      Stage.branch(throttle: throttle) { (n: Int) in (0..<n).lazy.map { Tracked($0, lives) } }
      Stage(workers: workers, throttle: throttle) { (x: Tracked) in x }
      Stage.branch(workers: workers, throttle: throttle) { (x: Tracked) in
        [x, Tracked(x.number, lives)]
      }
      Stage(workers: workers, throttle: throttle) { (x: Tracked) async in x }
      Stage.branch(workers: workers, throttle: throttle) { (x: Tracked, yield: Outputs<Tracked>) in
        try yield(x)
      }
      Stage.join(throttle: throttle) { (xs: Inputs<Tracked>, yield: Outputs<Tracked>) in
        for x in xs { try yield(x) }
      }
      Stage.join(throttle: throttle) { (xs: AsyncInputs<Tracked>, yield: AsyncOutputs<Tracked>) in
        for await x in xs { try await yield(x) }
      }
    }
  }

  private func expectAllDied(
    _ lives: Lives, sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    _ = try await eventually { lives.died == lives.born }
    #expect(lives.died == lives.born, sourceLocation: sourceLocation)
  }

  @Test(arguments: Queue.allCases, Consumer.allCases)
  func everyObjectIsDestroyedOnce(queue: Queue, consumer: Consumer) async throws {
    let lives = Lives()
    let sum = Count()
    try await chain(queue, count: 500, lives).forEach(500, by: consumer) {
      sum.add($0.number)
      return nil
    }
    #expect(lives.born == 1_000)
    #expect(sum.now == 499 * 500)
    try await expectAllDied(lives)
  }

  /// The same when the run ends while objects stand in all queues and hands.
  @Test(arguments: Queue.allCases, Consumer.allCases)
  func everyAbandonedObjectIsDestroyedOnce(queue: Queue, consumer: Consumer) async throws {
    struct Enough: Error {}
    for last in [0, 1, 10, 100] {
      let lives = Lives()
      let taken = Count()
      await #expect(throws: Enough.self) {
        try await chain(queue, count: 500, lives).forEach(500, by: consumer) { _ in
          if taken.add() > last { throw Enough() }
          return nil
        }
      }
      try await expectAllDied(lives)
    }
  }

  /// And when a body throws, with what stands in the last queue delivered or not.
  @Test(arguments: Queue.allCases, Consumer.allCases)
  func everyObjectIsDestroyedOnceAfterAnError(queue: Queue, consumer: Consumer) async throws {
    struct Oops: Error {}
    for last in [0, 1, 10, 100] {
      let lives = Lives()
      let passed = Count()
      let failing = Stage(workers: queue.workers, throttle: queue.throttle) { (x: Tracked) throws in
        if passed.add() > last { throw Oops() }
        return x
      }
      let before = chain(queue, count: 500, lives) | failing
      let behind = before | Stage(throttle: queue.throttle) { (x: Tracked) in x }
      for pipeline in [before, behind] {
        passed.update { $0 = 0 }
        await #expect(throws: Oops.self) {
          try await pipeline.forEach(500, by: consumer) { _ in nil }
        }
        try await expectAllDied(lives)
      }
    }
  }

  /// The queues let go of an object when it is taken, not when its place is used again.
  @Test(arguments: Queue.allCases, Consumer.allCases)
  func takenObjectsAreLetGo(queue: Queue, consumer: Consumer) async throws {
    let lives = Lives()
    let produced = Gate()
    let most = Count()
    let count = min(200, queue.throttle == 0 ? 200 : queue.throttle)
    let pipeline = Stage.branch(throttle: queue.throttle) { (n: Int, yield: Outputs<Tracked>) in
      for x in 0..<n { try yield(Tracked(x, lives)) }
      produced.open()
    }
    try await pipeline.forEach(count, by: consumer) { x in
      // All others stand in the queue, and those that were taken are gone but for this one.
      if x.number == 0 { return produced.opening }
      most.update { $0 = max($0, lives.born - lives.died - (count - x.number)) }
      return nil
    }
    #expect(most.now <= 1)
    try await expectAllDied(lives)
  }

  /// The closures of a pipeline and what they capture go with it and its runs.
  @Test(arguments: Consumer.allCases)
  func capturedObjectsAreLetGo(consumer: Consumer) async throws {
    let lives = Lives()
    func use() async throws {
      let captured = Tracked(1, lives)
      let pipeline =
        Stage.branch { (n: Int) in (0..<n).map { $0 + captured.number } }
        | Stage { (x: Int) async in x + captured.number }
        | Stage.join { (xs: Inputs<Int>) in xs.reduce(captured.number, +) }
      #expect(try await pipeline.outputs(10, by: consumer) == [66])
    }
    try await use()
    try await expectAllDied(lives)
  }
}
