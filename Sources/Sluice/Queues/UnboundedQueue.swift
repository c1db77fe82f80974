import CSluice

/// An unbounded queue, first in, first out, between any number of producers and consumers: threads and
/// tasks alike.
///
///     let queue = UnboundedQueue<Job>()
///     guard queue.enqueue(job).isEnqueued else { … }        // refused only when it is closed
///     while let job = queue.dequeue() { … }                 // nil: closed and drained
///     for try await job in queue { … }                      // the same in a task
///
/// There is no back-pressure: a producer that is quicker than the consumers fills the memory. Where that
/// may happen, use `BoundedQueue`.
///
/// **Progress.** `enqueue`, `tryDequeue` and `close()` are lock-free: a thread that is stopped for good at
/// any instruction inside one of them stops no other; while it is stopped, memory of drained parts of
/// the queue is not given back. An enqueue maps new memory once for each 32 KiB, which is a system call.
///
/// **Memory.** Elements lie in segments of 32 KiB, which go back to the system (or are used again) some
/// 10 to 20 ms after they were drained. A quiet queue holds about half a MiB more than its content at
/// most, and polling an empty one costs no memory.
///
/// **Order** and **closing**: as those of `BoundedQueue`.
///
/// Source of the algorithm: `sl_unbounded_queue.h`, which names the papers.
public final class UnboundedQueue<Element: ~Copyable> {
  @usableFromInline let core: OpaquePointer
  @usableFromInline let notEmpty: UnsafeMutablePointer<sl_waiters>

  /// An empty queue.
  public init() {
    let (size, alignment) = (MemoryLayout<Element>.stride, MemoryLayout<Element>.alignment)
    guard let core = sl_unbounded_queue_create(size, alignment) else {
      fatalError("Sluice: out of memory for a queue")
    }
    self.core = core
    notEmpty = .allocate(capacity: 1)
    sl_waiters_init(notEmpty)
  }

  deinit {
    while case .element = tryDequeueResult() {}
    sl_unbounded_queue_destroy(core)
    sl_waiters_destroy(notEmpty)
    notEmpty.deallocate()
  }

  /// How many elements are in the queue: a snapshot, out of date at once if others use it.
  public var count: Int { sl_unbounded_queue_count(core) }

  /// Whether the queue has been closed. Elements may still be in it.
  public var isClosed: Bool { sl_unbounded_queue_is_closed(core) }

  /// Refuses every enqueue from now on, and wakes everyone who waits. Closing again does nothing.
  public func close() {
    sl_unbounded_queue_close(core)
    sl_waiters_notify_all(notEmpty)
  }
}

extension UnboundedQueue: @unchecked Sendable where Element: Sendable & ~Copyable {}

extension UnboundedQueue where Element: ~Copyable {
  /// Enqueues the element: `.enqueued` or `.closed`. Never waits; lock-free.
  @inlinable
  public func enqueue(_ element: consuming Element) -> EnqueueResult<Element> {
    switch put(element) {
    case .enqueued:
      sl_waiters_notify(notEmpty, 1)
      return .enqueued
    case let refused: return refused
    }
  }

  /// The same as `enqueue(_:)`, which never waits either: so code that is written for `BoundedQueue`
  /// serves for this queue too.
  @inlinable
  public func tryEnqueue(_ element: consuming Element) -> EnqueueResult<Element> { enqueue(element) }

  /// Moves all elements from the buffer into the queue in order, and looks for waiters once; how many:
  /// fewer only when the queue is closed. Those are then uninitialised in the buffer. Never waits;
  /// lock-free.
  @inlinable
  public func enqueue(moving buffer: UnsafeMutableBufferPointer<Element>) -> Int {
    guard let source = buffer.baseAddress else { return 0 }
    var done = 0
    while done < buffer.count {
      if let refused = put((source + done).move()).refused() {
        (source + done).initialize(to: refused)
        break
      }
      done += 1
    }
    if done > 0 { sl_waiters_notify(notEmpty, done) }
    return done
  }

  /// The oldest element; nil if there is none now, be the queue open or closed. Lock-free.
  @inlinable
  public func tryDequeue() -> Element? { tryDequeueResult().element() }

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

  /// Moves the oldest elements to the front of the (uninitialised) buffer, as many as are there now
  /// and fit; how many. Lock-free.
  @inlinable
  public func tryDequeue(into buffer: UnsafeMutableBufferPointer<Element>) -> Int {
    guard let target = buffer.baseAddress else { return 0 }
    var done = 0
    while done < buffer.count, case .element(let element) = tryDequeueResult() {
      (target + done).initialize(to: element)
      done += 1
    }
    return done
  }

  /// Enqueues without waking anybody.
  @inlinable
  func put(_ element: consuming Element) -> EnqueueResult<Element> {
    var element = element
    var ticket = sl_unbounded_ticket()
    while true {
      let claimed = sl_unbounded_queue_claim(core, &ticket)
      if claimed == SL_CLOSED { return .closed(element) }
      precondition(claimed == SL_OK, "Sluice: out of memory for a queue")
      let place = ticket.element.assumingMemoryBound(to: Element.self)
      place.initialize(to: element)
      if sl_unbounded_queue_commit(core, &ticket) { return .enqueued }
      // A consumer gave up on this place before the element stood in it: take it to the next one.
      element = place.move()
      sl_unbounded_queue_abandon(core, &ticket)
    }
  }

  @inlinable
  func tryDequeueResult() -> DequeueResult<Element> {
    var ticket = sl_unbounded_ticket()
    let result = sl_unbounded_queue_try_take(core, &ticket)
    guard result == SL_OK else { return result == SL_CLOSED ? .closed : .empty }
    let element = ticket.element.assumingMemoryBound(to: Element.self).move()
    sl_unbounded_queue_release(core, &ticket)
    return .element(element)
  }
}

extension UnboundedQueue {
  /// Enqueues all the elements in order, and looks for waiters once, at the end: so the sequence must not
  /// wait for who consumes them. How many: fewer only when the queue is closed meanwhile. Never waits;
  /// lock-free.
  @inlinable
  public func enqueue(contentsOf elements: some Sequence<Element>) -> Int {
    var done = 0
    for element in elements {
      guard put(element).isEnqueued else { break }
      done += 1
    }
    if done > 0 { sl_waiters_notify(notEmpty, done) }
    return done
  }

  /// The oldest elements, at most `limit` and as many as are there now.
  @inlinable
  public func tryDequeue(atMost limit: Int) -> [Element] {
    let capacity = Swift.max(0, Swift.min(limit, count))
    guard capacity > 0 else { return [] }
    return Array(unsafeUninitializedCapacity: capacity) { buffer, initialized in
      initialized = tryDequeue(into: buffer)
    }
  }

  /// The oldest elements, at least one (waited for) and at most `limit`. An empty array: the queue is
  /// closed and drained, or the limit is under 1. Blocks the thread.
  @available(*, noasync, message: "blocks the thread; in a task, use: try await dequeue(atMost:)")
  @inlinable
  public func dequeue(atMost limit: Int) -> [Element] {
    guard limit > 0, let first = dequeue() else { return [] }
    return [first] + tryDequeue(atMost: limit - 1)
  }

  /// The oldest elements, at least one (the task suspends until there is) and at most `limit`. An empty
  /// array: the queue is closed and drained, or the limit is under 1.
  ///
  /// Throws `CancellationError` when the task is cancelled while it waits.
  @inlinable
  public func dequeue(
    atMost limit: Int, isolation: isolated (any Actor)? = #isolation
  ) async throws(CancellationError) -> [Element] {
    guard limit > 0, let first = try await dequeue() else { return [] }
    return [first] + tryDequeue(atMost: limit - 1)
  }
}
