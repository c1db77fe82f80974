import CSluice

/// A bounded queue, first in, first out, between any number of producers and consumers: threads and
/// tasks alike.
///
///     let queue = try BoundedQueue<Job>(capacity: 1_024)
///     guard queue.enqueue(job).isEnqueued else { … }        // waits for room: back-pressure
///     while let job = queue.dequeue() { … }                 // nil: closed and drained
///     for try await job in queue { … }                      // the same in a task
///
/// **Progress.** The `try` forms and `close()` are lock-free in the strict sense: a thread that is
/// stopped for good at any instruction inside one of them stops no other. They wake waiters, which
/// is a system call, only when there are some. The other forms wait: they spin for a few
/// microseconds at most, then sleep (threads) or suspend (tasks, which never block a thread).
///
/// **Order.** Linearizable: what one producer enqueues comes out in that order, and an element that
/// was enqueued before another's enqueue began comes out first.
///
/// **Capacity.** Exactly kept: never more than `capacity` elements in the queue. There is memory for
/// one element more, and for one more for each thread that uses the queue.
///
/// **Closing.** After `close()` every enqueue is refused at once, every waiter is woken, and consumers
/// get what is in the queue and then its end.
///
/// Elements may be of any type, also one that cannot be copied. Do not use the queue in a signal
/// handler.
///
/// Source of the algorithm: `sl_swap_ring.h`, which names the papers.
public final class BoundedQueue<Element: ~Copyable> {
  @usableFromInline let core: UnsafeMutablePointer<sl_bounded_queue>

  /// An empty queue for `capacity` elements, 1 or more.
  ///
  /// Throws `QueueError` if there cannot be such a queue.
  public init(capacity: Int) throws(QueueError) {
    guard capacity >= 1, capacity < 1 << 31 else { throw .invalidCapacity(capacity) }
    let (size, alignment) = (MemoryLayout<Element>.stride, MemoryLayout<Element>.alignment)
    guard let core = sl_bounded_queue_create(capacity, size, alignment) else {
      throw .outOfMemory(capacity: capacity, elementBytes: size)
    }
    self.core = core
  }

  deinit {
    while case .element = tryDequeueResult() {}
    sl_bounded_queue_destroy(core)
  }

  /// How many elements the queue has room for.
  @inlinable
  public var capacity: Int { sl_bounded_queue_capacity(core) }

  /// How many elements are in the queue: a snapshot, out of date at once if others use it.
  @inlinable
  public var count: Int { sl_bounded_queue_count(core) }

  /// Whether the queue has been closed. Elements may still be in it.
  @inlinable
  public var isClosed: Bool { sl_bounded_queue_is_closed(core) }

  /// Refuses every enqueue from now on, and wakes everyone who waits. Closing again does nothing.
  public func close() { sl_bounded_queue_close(core) }
}

extension BoundedQueue: @unchecked Sendable where Element: Sendable & ~Copyable {}

// MARK: - Without waiting

extension BoundedQueue where Element: ~Copyable {
  /// Enqueues the element if there is room now: `.enqueued`, `.full` or `.closed`. Lock-free.
  @inlinable
  public func tryEnqueue(_ element: consuming Element) -> EnqueueResult<Element> {
    let seat = seat
    let cell = cell(of: seat)
    cell.initialize(to: element)
    let result = sl_bounded_queue_publish(core, seat)
    guard result == SL_OK else { return EnqueueResult(result, refused: cell.move()) }
    sl_bounded_queue_published(core, 1)
    return .enqueued
  }

  /// The oldest element; nil if there is none now, be the queue open or closed. Lock-free.
  @inlinable
  public func tryDequeue() -> Element? { tryDequeueResult().element() }

  /// The calling thread's place in the queue.
  @inlinable
  var seat: UnsafeMutablePointer<sl_bounded_seat> {
    guard let seat = sl_bounded_queue_seat(core) else { fatalError("Sluice: out of memory for a queue") }
    return seat
  }

  @inlinable
  func cell(of seat: UnsafeMutablePointer<sl_bounded_seat>) -> UnsafeMutablePointer<Element> {
    // The cell of a seat is there as long as the queue is.
    sl_bounded_queue_element(core, seat).unsafelyUnwrapped.assumingMemoryBound(to: Element.self)
  }

  @inlinable
  func tryDequeueResult() -> DequeueResult<Element> {
    let seat = seat
    let result = sl_bounded_queue_take(core, seat)
    guard result == SL_OK else { return result == SL_CLOSED ? .closed : .empty }
    let element = cell(of: seat).move()
    sl_bounded_queue_taken(core, 1)
    return .element(element)
  }

  @inlinable
  var notFull: UnsafeMutablePointer<sl_waiters> { sl_bounded_queue_not_full(core) }

  @inlinable
  var notEmpty: UnsafeMutablePointer<sl_waiters> { sl_bounded_queue_not_empty(core) }
}

// MARK: - Waiting, as a thread

extension BoundedQueue where Element: ~Copyable {
  /// Enqueues the element, and waits for room up to `timeout` (nil: without end), blocking the thread:
  /// `.enqueued`, `.full` when the time is over, or `.closed`.
  @available(*, noasync, message: "blocks the thread; in a task, use: await enqueue(_:)")
  @inlinable
  public func enqueue(_ element: consuming Element, timeout: Duration? = nil) -> EnqueueResult<Element> {
    switch tryEnqueue(element) {
    case .full(let refused):
      waitToEnqueue(refused, notFull, timeout: timeout) { element in self.tryEnqueue(element) }
    case let result: result
    }
  }

  /// The oldest element, waited for; nil when the queue is closed and drained. Blocks the thread.
  @available(*, noasync, message: "blocks the thread; in a task, use: try await dequeue()")
  @inlinable
  public func dequeue() -> Element? {
    switch tryDequeueResult() {
    case .empty: waitToDequeue(notEmpty, timeout: nil) { self.tryDequeueResult() }.element()
    case let result: result.element()
    }
  }

  /// The oldest element, waited for up to `timeout`: `.element`, `.empty` when the time is over, or
  /// `.closed` when the queue is closed and drained. Blocks the thread; with `.zero` it does not wait.
  @available(*, noasync, message: "blocks the thread; in a task, use: try await dequeue()")
  @inlinable
  public func dequeue(timeout: Duration) -> DequeueResult<Element> {
    switch tryDequeueResult() {
    case .empty: waitToDequeue(notEmpty, timeout: timeout) { self.tryDequeueResult() }
    case let result: result
    }
  }
}

// MARK: - Waiting, as a task

extension BoundedQueue where Element: ~Copyable {
  /// Enqueues the element, and suspends the task until there is room: `.enqueued`, `.closed`, or
  /// `.cancelled`.
  @inlinable
  public func enqueue(
    _ element: consuming Element, isolation: isolated (any Actor)? = #isolation
  ) async -> EnqueueResult<Element> {
    switch tryEnqueue(element) {
    case .full(let refused):
      return await suspendToEnqueue(refused, notFull, isolation: isolation) { element in
        self.tryEnqueue(element)
      }
    case let result: return result
    }
  }

  /// The oldest element; suspends the task until there is one. Nil when the queue is closed and drained.
  ///
  /// Throws `CancellationError` when the task is cancelled while it waits.
  @inlinable
  public func dequeue(
    isolation: isolated (any Actor)? = #isolation
  ) async throws(CancellationError) -> Element? {
    switch tryDequeueResult() {
    case .element(let element): return element
    case .closed: return nil
    case .empty:
      return try await suspendToDequeue(notEmpty, isolation: isolation) { self.tryDequeueResult() }
    }
  }
}
