/// What an enqueue came to.
enum Answer: Sendable {
  case sent, full, closed, cancelled
}

/// What a dequeue came to.
enum Received: Sendable {
  case element(UInt64)
  case empty, closed, cancelled
}

/// The ways to enqueue or dequeue. A thread may use those that block, a task those that suspend.
enum Operation: Int, CaseIterable, Sendable {
  /// Once, or as many at a time as go, without waiting.
  case now, manyNow
  case blocking, manyBlocking
  /// With a time-out of some microseconds, which races with the wake-ups.
  case timed
  case suspending, manySuspending
  /// In a task that is cancelled at once, or a little later.
  case cancelled

  static let ofThreads: [Operation] = [.now, .manyNow, .blocking, .manyBlocking, .timed]
  static let ofTasks: [Operation] = [.now, .manyNow, .suspending, .manySuspending, .cancelled]
  /// Those that rely on being woken, and on nothing else.
  static let restingThreads: [Operation] = [.blocking, .manyBlocking]
  static let restingTasks: [Operation] = [.suspending, .manySuspending]
  static let withoutWaiting: [Operation] = [.now, .manyNow]
}

/// A producer's end, whatever the queue and its elements are. Without what the queue has no method for.
struct SendPort: Sendable {
  var now: @Sendable (UInt64) -> Answer
  /// How many, from the first on.
  var manyNow: @Sendable ([UInt64]) -> Int
  var blocking: @Sendable (UInt64, Duration?) -> Answer = { _, _ in fatalError("no such operation") }
  var manyBlocking: @Sendable ([UInt64]) -> Int = { _ in fatalError("no such operation") }
  var suspending: @Sendable (UInt64) async -> Answer = { _ in fatalError("no such operation") }
  var manySuspending: @Sendable ([UInt64]) async -> Int = { _ in fatalError("no such operation") }
}

/// A consumer's end.
struct ReceivePort: Sendable {
  /// `.empty` also for the end, if the queue has no better answer.
  var now: @Sendable () -> Received
  var manyNow: @Sendable (Int) -> [UInt64]
  var blocking: @Sendable (Duration?) -> Received = { _ in fatalError("no such operation") }
  /// Empty: the end.
  var manyBlocking: @Sendable (Int) -> [UInt64] = { _ in fatalError("no such operation") }
  var suspending: @Sendable () async -> Received = { fatalError("no such operation") }
  var manySuspending: @Sendable (Int) async -> [UInt64]? = { _ in fatalError("no such operation") }
  /// Whether `.empty` may be the end.
  var isClosed: @Sendable () -> Bool = { false }
}

/// A queue as a round uses it.
struct Subject: Sendable {
  var name: String
  /// The ports of the producer (consumer) with this number.
  var sendPort: @Sendable (Int) -> SendPort
  var receivePort: @Sendable (Int) -> ReceivePort
  var close: @Sendable () -> Void
  /// Whether only the producer, of which there is one, may close it.
  var producerCloses = false
  /// Whether a thread may block on it, and a task suspend.
  var canWait = true
  var mostProducers = 8
  var mostConsumers = 8
  /// Elements that are alive, when the queue has gone.
  var alive: @Sendable () -> Int = { 0 }
}
