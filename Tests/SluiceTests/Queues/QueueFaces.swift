import Sluice

// The three public queues behind one face, so that each test of what they have in common runs over all.

/// What a test asks of a queue. For `SPSCQueue` this is both of its ends: the test sees to it that one
/// thread or task at a time uses each.
struct QueueFace<Element: ~Copyable & Sendable>: Sendable {
  /// Nil: no bound.
  var capacity: Int?
  var count: @Sendable () -> Int
  /// `SPSCQueue`: drops the producer's end.
  var close: @Sendable () -> Void

  var tryEnqueue: @Sendable (consuming Element) -> EnqueueResult<Element>
  var enqueue: @Sendable (consuming Element, Duration?) -> EnqueueResult<Element>
  var asyncEnqueue: @Sendable (consuming Element) async -> EnqueueResult<Element>
  /// Nil: the queue has no such method.
  var tryEnqueueMoving: (@Sendable (UnsafeMutableBufferPointer<Element>) -> Int)?

  var tryDequeue: @Sendable () -> Element?
  var dequeue: @Sendable () -> Element?
  var dequeueWithin: @Sendable (Duration) -> DequeueResult<Element>
  var asyncDequeue: @Sendable () async throws(CancellationError) -> Element?
  var tryDequeueInto: @Sendable (UnsafeMutableBufferPointer<Element>) -> Int
}

/// The bulk forms, which need elements that can be copied.
struct BulkFace: Sendable {
  var face: QueueFace<Int>
  var tryEnqueueAll: @Sendable ([Int]) -> Int
  var enqueueAll: @Sendable ([Int]) -> Int
  var enqueueAllWithin: @Sendable ([Int], Duration) -> Int
  var asyncEnqueueAll: @Sendable ([Int]) async -> Int
  var tryDequeueAtMost: @Sendable (Int) -> [Int]
  var dequeueAtMost: @Sendable (Int) -> [Int]
  var asyncDequeueAtMost: @Sendable (Int) async throws(CancellationError) -> [Int]
  /// All elements up to the end, by `for try await`.
  var iterate: @Sendable (_ each: (Int) -> Bool) async throws(CancellationError) -> Void
}

enum QueueKind: String, CaseIterable, Sendable {
  case bounded, unbounded, spsc

  var isBounded: Bool { self != .unbounded }
  static let bounding = allCases.filter(\.isBounded)

  /// An empty queue; one that has no bound ignores the capacity.
  func make<Element: ~Copyable & Sendable>(
    _ type: Element.Type = Element.self, capacity: Int
  ) throws -> QueueFace<Element> {
    switch self {
    case .bounded: .over(try BoundedQueue(capacity: capacity))
    case .unbounded: .over(UnboundedQueue())
    case .spsc: .over(try SPSCEnds(capacity: capacity))
    }
  }

  func makeBulk(capacity: Int) throws -> BulkFace {
    switch self {
    case .bounded: .over(try BoundedQueue(capacity: capacity))
    case .unbounded: .over(UnboundedQueue())
    case .spsc: .over(try SPSCEnds(capacity: capacity))
    }
  }
}

/// Both ends of an `SPSCQueue`, which closures can share.
final class SPSCEnds<Element: ~Copyable & Sendable>: @unchecked Sendable {
  let queue: SPSCQueue<Element>
  let producer: UnsafeMutablePointer<SPSCQueue<Element>.Producer>
  let consumer: UnsafeMutablePointer<SPSCQueue<Element>.Consumer>
  private var hasProducer = true
  private var hasConsumer = true

  init(capacity: Int) throws {
    queue = try SPSCQueue(capacity: capacity)
    producer = .allocate(capacity: 1)
    producer.initialize(to: try queue.takeProducer())
    consumer = .allocate(capacity: 1)
    consumer.initialize(to: try queue.takeConsumer())
  }

  deinit {
    dropProducer()
    dropConsumer()
    producer.deallocate()
    consumer.deallocate()
  }

  func dropProducer() {
    if hasProducer { producer.deinitialize(count: 1) }
    hasProducer = false
  }

  func dropConsumer() {
    if hasConsumer { consumer.deinitialize(count: 1) }
    hasConsumer = false
  }

  /// Gives the consumer's end away.
  func takeConsumer() -> SPSCQueue<Element>.Consumer {
    hasConsumer = false
    return consumer.move()
  }
}

extension QueueFace where Element: ~Copyable {
  static func over(_ queue: BoundedQueue<Element>) -> QueueFace {
    QueueFace(
      capacity: queue.capacity, count: { queue.count }, close: { queue.close() },
      tryEnqueue: { element in queue.tryEnqueue(element) },
      enqueue: { element, timeout in queue.enqueue(element, timeout: timeout) },
      asyncEnqueue: { element in await queue.enqueue(element) },
      tryEnqueueMoving: { queue.tryEnqueue(moving: $0) },
      tryDequeue: { queue.tryDequeue() }, dequeue: { queue.dequeue() },
      dequeueWithin: { queue.dequeue(timeout: $0) },
      asyncDequeue: { () async throws(CancellationError) in try await queue.dequeue() },
      tryDequeueInto: { queue.tryDequeue(into: $0) })
  }

  static func over(_ queue: UnboundedQueue<Element>) -> QueueFace {
    QueueFace(
      capacity: nil, count: { queue.count }, close: { queue.close() },
      tryEnqueue: { element in queue.enqueue(element) },
      enqueue: { element, _ in queue.enqueue(element) },
      asyncEnqueue: { element in queue.enqueue(element) },
      tryEnqueueMoving: nil,
      tryDequeue: { queue.tryDequeue() }, dequeue: { queue.dequeue() },
      dequeueWithin: { queue.dequeue(timeout: $0) },
      asyncDequeue: { () async throws(CancellationError) in try await queue.dequeue() },
      tryDequeueInto: { queue.tryDequeue(into: $0) })
  }

  static func over(_ ends: SPSCEnds<Element>) -> QueueFace {
    QueueFace(
      capacity: ends.queue.capacity, count: { ends.queue.count }, close: { ends.dropProducer() },
      tryEnqueue: { element in ends.producer.pointee.tryEnqueue(element) },
      enqueue: { element, timeout in ends.producer.pointee.enqueue(element, timeout: timeout) },
      asyncEnqueue: { element in await ends.producer.pointee.enqueue(element) },
      tryEnqueueMoving: { ends.producer.pointee.tryEnqueue(moving: $0) },
      tryDequeue: { ends.consumer.pointee.tryDequeue() }, dequeue: { ends.consumer.pointee.dequeue() },
      dequeueWithin: { ends.consumer.pointee.dequeue(timeout: $0) },
      asyncDequeue: { () async throws(CancellationError) in try await ends.consumer.pointee.dequeue() },
      tryDequeueInto: { ends.consumer.pointee.tryDequeue(into: $0) })
  }
}

extension BulkFace {
  static func over(_ queue: BoundedQueue<Int>) -> BulkFace {
    BulkFace(
      face: .over(queue),
      tryEnqueueAll: { queue.tryEnqueue(contentsOf: $0) },
      enqueueAll: { queue.enqueue(contentsOf: $0) },
      enqueueAllWithin: { queue.enqueue(contentsOf: $0, timeout: $1) },
      asyncEnqueueAll: { await queue.enqueue(contentsOf: $0) },
      tryDequeueAtMost: { queue.tryDequeue(atMost: $0) },
      dequeueAtMost: { queue.dequeue(atMost: $0) },
      asyncDequeueAtMost: { limit async throws(CancellationError) in try await queue.dequeue(atMost: limit) },
      iterate: { each async throws(CancellationError) in
        for try await element in queue where !each(element) { break }
      })
  }

  static func over(_ queue: UnboundedQueue<Int>) -> BulkFace {
    BulkFace(
      face: .over(queue),
      tryEnqueueAll: { queue.enqueue(contentsOf: $0) },
      enqueueAll: { queue.enqueue(contentsOf: $0) },
      enqueueAllWithin: { elements, _ in queue.enqueue(contentsOf: elements) },
      asyncEnqueueAll: { queue.enqueue(contentsOf: $0) },
      tryDequeueAtMost: { queue.tryDequeue(atMost: $0) },
      dequeueAtMost: { queue.dequeue(atMost: $0) },
      asyncDequeueAtMost: { limit async throws(CancellationError) in try await queue.dequeue(atMost: limit) },
      iterate: { each async throws(CancellationError) in
        for try await element in queue where !each(element) { break }
      })
  }

  static func over(_ ends: SPSCEnds<Int>) -> BulkFace {
    BulkFace(
      face: .over(ends),
      tryEnqueueAll: { ends.producer.pointee.tryEnqueue(contentsOf: $0) },
      enqueueAll: { ends.producer.pointee.enqueue(contentsOf: $0) },
      enqueueAllWithin: { ends.producer.pointee.enqueue(contentsOf: $0, timeout: $1) },
      asyncEnqueueAll: { await ends.producer.pointee.enqueue(contentsOf: $0) },
      tryDequeueAtMost: { ends.consumer.pointee.tryDequeue(atMost: $0) },
      dequeueAtMost: { ends.consumer.pointee.dequeue(atMost: $0) },
      asyncDequeueAtMost: { limit async throws(CancellationError) in
        try await ends.consumer.pointee.dequeue(atMost: limit)
      },
      iterate: { each async throws(CancellationError) in
        for try await element in ends.takeConsumer().elements() where !each(element) { break }
      })
  }
}

/// What became of an enqueue, without its element: what a test can compare.
enum Outcome: Equatable, Sendable {
  case enqueued
  case full(Int)
  case closed(Int)
  case cancelled(Int)
}

extension EnqueueResult where Element: QueueElement & ~Copyable {
  consuming func outcome() -> Outcome {
    switch consume self {
    case .enqueued: .enqueued
    case .full(let element): .full(element.number)
    case .closed(let element): .closed(element.number)
    case .cancelled(let element): .cancelled(element.number)
    }
  }
}

/// What a dequeue found, without its element.
enum Found: Equatable, Sendable {
  case element(Int)
  case empty
  case closed
}

extension DequeueResult where Element: QueueElement & ~Copyable {
  consuming func found() -> Found {
    switch consume self {
    case .element(let element): .element(element.number)
    case .empty: .empty
    case .closed: .closed
    }
  }
}

extension Optional where Wrapped: QueueElement & ~Copyable {
  /// The element's number.
  consuming func number() -> Int? {
    switch consume self {
    case .some(let element): element.number
    case .none: nil
    }
  }
}
