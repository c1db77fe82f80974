import Sluice

/// The error that a failing body throws: which item it was, and at which of its attempts.
struct Failing: Error, Equatable {
  let item: Int
  let attempt: Int
}

/// Counts how often each item was tried.
final class Attempts: Sendable {
  private let counts = Observed<[Int: Int]>([:])

  /// One more attempt of this item: its number, from 1.
  func next(_ item: Int) -> Int {
    counts.update {
      $0[item, default: 0] += 1
      return $0[item, default: 0]
    }
  }

  var all: Int { counts.now.values.reduce(0, +) }
}

/// Every form of stage that has a policy, passing its items on.
enum FailingForm: String, CaseIterable, Sendable {
  case map
  case sequence
  case yield
  case asyncMap
  case asyncBodySequence
  case asyncSequence
  case asyncYield

  static let sync: [FailingForm] = [.map, .sequence, .yield]

  /// A body that calls `check` with its item before it puts it out.
  func stage<Item: Sendable>(
    name: String? = nil, workers: Int = 1, throttle: Int = 0, onFailure: FailurePolicy,
    _ check: @escaping @Sendable (Item) throws -> Void
  ) -> Pipeline<Item, Item> {
    switch self {
    case .map:
      Stage(name: name, workers: workers, throttle: throttle, onFailure: onFailure) { (item: Item) in
        try check(item)
        return item
      }
    case .sequence:
      Stage.branch(name: name, workers: workers, throttle: throttle, onFailure: onFailure) { (item: Item) in
        try check(item)
        return CollectionOfOne(item)
      }
    case .yield:
      Stage.branch(name: name, workers: workers, throttle: throttle, onFailure: onFailure) {
        (item: Item, yield: Outputs<Item>) in
        try check(item)
        try yield(item)
      }
    case .asyncMap:
      Stage(name: name, workers: workers, throttle: throttle, onFailure: onFailure) {
        (item: Item) async throws in
        try check(item)
        return item
      }
    case .asyncBodySequence:
      Stage.branch(name: name, workers: workers, throttle: throttle, onFailure: onFailure) {
        (item: Item) async throws in
        try check(item)
        return CollectionOfOne(item)
      }
    case .asyncSequence:
      Stage.branch(name: name, workers: workers, throttle: throttle, onFailure: onFailure) {
        (item: Item) async in
        AsyncThrowingStream<Item, any Error> { continuation in
          do {
            try check(item)
            continuation.yield(item)
            continuation.finish()
          } catch {
            continuation.finish(throwing: error)
          }
        }
      }
    case .asyncYield:
      Stage.branch(name: name, workers: workers, throttle: throttle, onFailure: onFailure) {
        (item: Item, yield: AsyncOutputs<Item>) in
        try check(item)
        try await yield(item)
      }
    }
  }
}
