import CSluice

extension SPSCQueue where Element: ~Copyable {
  /// The consumer's end: when it is dropped, the producer's enqueues are refused.
  @frozen public struct Consumer: ~Copyable {
    @usableFromInline let storage: SPSCStorage<Element>

    init(_ storage: SPSCStorage<Element>) { self.storage = storage }

    @inlinable deinit { storage.abandon() }
  }
}

extension SPSCQueue.Consumer: @unchecked Sendable where Element: Sendable & ~Copyable {}

extension SPSCQueue.Consumer where Element: ~Copyable {
  /// The oldest element; nil if there is none now, be the queue open or closed. Wait-free.
  @inlinable
  public mutating func tryDequeue() -> Element? { storage.tryDequeueResult().element() }

  /// The oldest element, waited for; nil when the queue is closed and drained. Blocks the thread.
  @available(*, noasync, message: "blocks the thread; in a task, use: try await dequeue()")
  @inlinable
  public mutating func dequeue() -> Element? {
    let storage = storage
    switch storage.tryDequeueResult() {
    case .empty:
      return waitToDequeue(storage.notEmpty, timeout: nil) { storage.tryDequeueResult() }.element()
    case let result: return result.element()
    }
  }

  /// The oldest element, waited for up to `timeout`: `.element`, `.empty` when the time is over, or
  /// `.closed` when the queue is closed and drained. Blocks the thread; with `.zero` it does not wait.
  @available(*, noasync, message: "blocks the thread; in a task, use: try await dequeue()")
  @inlinable
  public mutating func dequeue(timeout: Duration) -> DequeueResult<Element> {
    let storage = storage
    switch storage.tryDequeueResult() {
    case .empty: return waitToDequeue(storage.notEmpty, timeout: timeout) { storage.tryDequeueResult() }
    case let result: return result
    }
  }

  /// The oldest element; suspends the task until there is one. Nil when the queue is closed and drained.
  ///
  /// Throws `CancellationError` when the task is cancelled while it waits.
  @inlinable
  public mutating func dequeue(
    isolation: isolated (any Actor)? = #isolation
  ) async throws(CancellationError) -> Element? {
    let storage = storage
    switch storage.tryDequeueResult() {
    case .element(let element): return element
    case .closed: return nil
    case .empty:
      return try await suspendToDequeue(storage.notEmpty, isolation: isolation) {
        storage.tryDequeueResult()
      }
    }
  }

  /// Moves the oldest elements to the front of the (uninitialised) buffer, as many as are there now
  /// and fit; how many. Wait-free.
  @inlinable
  public mutating func tryDequeue(into buffer: UnsafeMutableBufferPointer<Element>) -> Int {
    storage.tryDequeue(into: buffer)
  }
}

extension SPSCQueue.Consumer {
  /// The oldest elements, at most `limit` and as many as are there now. Wait-free, but for the array.
  @inlinable
  public mutating func tryDequeue(atMost limit: Int) -> [Element] {
    let storage = storage
    let capacity = Swift.max(0, Swift.min(limit, storage.count))
    guard capacity > 0 else { return [] }
    return Array(unsafeUninitializedCapacity: capacity) { buffer, initialized in
      initialized = storage.tryDequeue(into: buffer)
    }
  }

  /// The oldest elements, at least one (waited for) and at most `limit`. An empty array: the queue is
  /// closed and drained, or the limit is under 1. Blocks the thread.
  @available(*, noasync, message: "blocks the thread; in a task, use: try await dequeue(atMost:)")
  @inlinable
  public mutating func dequeue(atMost limit: Int) -> [Element] {
    guard limit > 0, let first = dequeue() else { return [] }
    return [first] + tryDequeue(atMost: limit - 1)
  }

  /// The oldest elements, at least one (the task suspends until there is) and at most `limit`. An empty
  /// array: the queue is closed and drained, or the limit is under 1.
  ///
  /// Throws `CancellationError` when the task is cancelled while it waits.
  @inlinable
  public mutating func dequeue(
    atMost limit: Int, isolation: isolated (any Actor)? = #isolation
  ) async throws(CancellationError) -> [Element] {
    guard limit > 0, let first = try await dequeue() else { return [] }
    return [first] + tryDequeue(atMost: limit - 1)
  }

  /// The elements to come, as an `AsyncSequence` of one pass, which has this end from now on: the
  /// producer's enqueues are refused when it is dropped.
  public consuming func elements() -> SPSCQueue.Elements { SPSCQueue.Elements(self) }
}

extension SPSCQueue {
  /// The elements that come out of the queue, in order.
  ///
  /// `next()` suspends until there is an element, and gives nil when the queue is closed and drained.
  /// It throws `CancellationError` when the task is cancelled while it waits. One task iterates at a time.
  public struct Elements: AsyncSequence {
    public typealias Failure = CancellationError

    @usableFromInline
    final class End {
      @usableFromInline var consumer: Consumer
      init(_ consumer: consuming Consumer) { self.consumer = consumer }
    }

    @usableFromInline let end: End

    init(_ consumer: consuming Consumer) { end = End(consumer) }

    public struct AsyncIterator: AsyncIteratorProtocol {
      @usableFromInline let end: End
      @usableFromInline let storage: SPSCStorage<Element>

      @inlinable
      init(_ end: End) {
        self.end = end
        storage = end.consumer.storage
      }

      @inlinable
      public mutating func next() async throws(CancellationError) -> Element? {
        try await next(isolation: nil)
      }

      @inlinable
      public mutating func next(
        isolation actor: isolated (any Actor)?
      ) async throws(CancellationError) -> Element? {
        switch storage.tryDequeueResult() {
        case .element(let element): return element
        case .closed: return nil
        case .empty:
          let storage = storage
          return try await suspendToDequeue(storage.notEmpty, isolation: actor) { storage.tryDequeueResult() }
        }
      }
    }

    @inlinable
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(end) }
  }
}
