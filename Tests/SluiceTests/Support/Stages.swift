import Sluice

/// The ways in which a first stage can produce 0, 1, 2, …
enum Producer: String, CaseIterable, Sendable {
  case sequence
  case yield
  case asyncSequence
  case asyncYield

  static let sync: [Producer] = [.sequence, .yield]

  /// A stage that produces the numbers from 0 to below its input, and calls `beforeEach` in its body
  /// right before it hands one over.
  func stage(
    name: String? = nil, throttle: Int = 0,
    beforeEach: @escaping @Sendable (Int) throws -> Wait? = { _ in nil }
  ) -> Pipeline<Int, Int> {
    switch self {
    case .sequence:
      Stage.branch(name: name, throttle: throttle) { (count: Int) in
        Numbers(count: count) { try? beforeEach($0) }
      }
    case .yield:
      Stage.branch(name: name, throttle: throttle) { (count: Int, yield: Outputs<Int>) in
        for number in 0..<count {
          try beforeEach(number)?.block()
          try yield(number)
        }
      }
    case .asyncSequence:
      Stage.branch(name: name, throttle: throttle) { (count: Int) async in
        AsyncNumbers(count: count, beforeEach: beforeEach)
      }
    case .asyncYield:
      Stage.branch(name: name, throttle: throttle) { (count: Int, yield: AsyncOutputs<Int>) in
        for number in 0..<count {
          try await beforeEach(number)?.suspend()
          try await yield(number)
        }
      }
    }
  }
}

struct Numbers: Sequence, IteratorProtocol, Sendable {
  var upcoming = 0
  let count: Int
  let beforeEach: @Sendable (Int) -> Wait?

  init(count: Int, beforeEach: @escaping @Sendable (Int) -> Wait? = { _ in nil }) {
    self.count = count
    self.beforeEach = beforeEach
  }

  mutating func next() -> Int? {
    guard upcoming < count else { return nil }
    defer { upcoming += 1 }
    beforeEach(upcoming)?.block()
    return upcoming
  }
}

struct AsyncNumbers: AsyncSequence, AsyncIteratorProtocol, Sendable {
  var upcoming = 0
  let count: Int
  let beforeEach: @Sendable (Int) throws -> Wait?

  init(count: Int, beforeEach: @escaping @Sendable (Int) throws -> Wait? = { _ in nil }) {
    self.count = count
    self.beforeEach = beforeEach
  }

  func makeAsyncIterator() -> AsyncNumbers { self }

  mutating func next() async throws -> Int? {
    guard upcoming < count else { return nil }
    defer { upcoming += 1 }
    try await beforeEach(upcoming)?.suspend()
    return upcoming
  }
}

/// What runs the bodies of a one-to-one stage: threads or Swift tasks.
enum Bodies: String, CaseIterable, Sendable {
  case sync
  case async

  /// A stage that passes its items on. `body` is called with each, then the wait that it returns is
  /// done in the stage's body.
  func stage(
    name: String? = nil, workers: Int = 1, throttle: Int = 0, ordered: Bool = false,
    onFailure: FailurePolicy = .fail, _ body: @escaping @Sendable (Int) throws -> Wait? = { _ in nil }
  ) -> Pipeline<Int, Int> {
    switch self {
    case .sync:
      Stage(name: name, workers: workers, throttle: throttle, ordered: ordered, onFailure: onFailure) {
        (item: Int) in
        try body(item)?.block()
        return item
      }
    case .async:
      Stage(name: name, workers: workers, throttle: throttle, ordered: ordered, onFailure: onFailure) {
        (item: Int) async throws in
        try await body(item)?.suspend()
        return item
      }
    }
  }
}

/// The middle stages that keep one item one item, in every way that a stage can be written.
enum Passing: String, CaseIterable, Sendable {
  case map
  case sequence
  case yield
  case join
  case asyncMap
  case asyncYield
  case asyncJoin

  static let sync: [Passing] = [.map, .sequence, .yield, .join]

  func stage<Item: Sendable>(_: Item.Type, throttle: Int = 0) -> Pipeline<Item, Item> {
    switch self {
    case .map:
      Stage(throttle: throttle) { (item: Item) in item }
    case .sequence:
      Stage.branch(throttle: throttle) { (item: Item) in CollectionOfOne(item) }
    case .yield:
      Stage.branch(throttle: throttle) { (item: Item, yield: Outputs<Item>) in try yield(item) }
    case .join:
      Stage.join(throttle: throttle) { (items: Inputs<Item>, yield: Outputs<Item>) in
        for item in items { try yield(item) }
      }
    case .asyncMap:
      Stage(throttle: throttle) { (item: Item) async in item }
    case .asyncYield:
      Stage.branch(throttle: throttle) { (item: Item, yield: AsyncOutputs<Item>) in
        try await yield(item)
      }
    case .asyncJoin:
      Stage.join(throttle: throttle) { (items: AsyncInputs<Item>, yield: AsyncOutputs<Item>) in
        for await item in items { try await yield(item) }
      }
    }
  }
}
