import CSluice

extension SPSCQueue where Element: ~Copyable {
  /// The producer's end: closes the queue when it is dropped.
  @frozen public struct Producer: ~Copyable {
    @usableFromInline let storage: SPSCStorage<Element>

    init(_ storage: SPSCStorage<Element>) { self.storage = storage }

    @inlinable deinit { storage.close() }
  }
}

extension SPSCQueue.Producer: @unchecked Sendable where Element: Sendable & ~Copyable {}

extension SPSCQueue.Producer where Element: ~Copyable {
  /// Whether the consumer has gone, so that every enqueue is refused.
  @inlinable
  public var isClosed: Bool { sl_spsc_ring_is_abandoned(storage.ring) }

  /// Closes the queue: the consumer gets what is in it, and then its end.
  public consuming func close() {}

  /// Enqueues the element if there is room now: `.enqueued`, `.full` or `.closed`. Wait-free.
  @inlinable
  public mutating func tryEnqueue(_ element: consuming Element) -> EnqueueResult<Element> {
    storage.tryEnqueue(element)
  }

  /// Enqueues the element, and waits for room up to `timeout` (nil: without end), blocking the thread:
  /// `.enqueued`, `.full` when the time is over, or `.closed`.
  @available(*, noasync, message: "blocks the thread; in a task, use: await enqueue(_:)")
  @inlinable
  public mutating func enqueue(
    _ element: consuming Element, timeout: Duration? = nil
  ) -> EnqueueResult<Element> {
    let storage = storage
    switch storage.tryEnqueue(element) {
    case .full(let refused):
      return waitToEnqueue(refused, storage.notFull, timeout: timeout) { element in
        storage.tryEnqueue(element)
      }
    case let result: return result
    }
  }

  /// Enqueues the element, and suspends the task until there is room: `.enqueued`, `.closed`, or
  /// `.cancelled`.
  @inlinable
  public mutating func enqueue(
    _ element: consuming Element, isolation: isolated (any Actor)? = #isolation
  ) async -> EnqueueResult<Element> {
    let storage = storage
    switch storage.tryEnqueue(element) {
    case .full(let refused):
      return await suspendToEnqueue(refused, storage.notFull, isolation: isolation) { element in
        storage.tryEnqueue(element)
      }
    case let result: return result
    }
  }

  /// Moves elements from the front of the buffer into the queue, as many as there is room for now;
  /// how many. Those are then uninitialised in the buffer. Wait-free.
  @inlinable
  public mutating func tryEnqueue(moving buffer: UnsafeMutableBufferPointer<Element>) -> Int {
    guard let source = buffer.baseAddress else { return 0 }
    return storage.tryEnqueueMany(buffer.count) { index, slots, count in
      slots.moveInitialize(from: source + index, count: count)
    }
  }
}

extension SPSCQueue.Producer {
  /// Enqueues elements from the front of the collection, as many as there is room for now, and
  /// publishes them at once; how many. Wait-free.
  @inlinable
  public mutating func tryEnqueue(contentsOf elements: some Collection<Element>) -> Int {
    let storage = storage
    let done = elements.withContiguousStorageIfAvailable { source -> Int in
      guard let base = source.baseAddress else { return 0 }
      return storage.tryEnqueueMany(source.count) { index, slots, count in
        slots.initialize(from: base + index, count: count)
      }
    }
    if let done { return done }
    var position = elements.startIndex
    return storage.tryEnqueueMany(elements.count) { _, slots, count in
      for slot in 0..<count {
        (slots + slot).initialize(to: elements[position])
        elements.formIndex(after: &position)
      }
    }
  }

  /// Enqueues all the elements in order, and waits for room, up to `timeout` in all (nil: without end);
  /// how many were enqueued: fewer only when the consumer has gone or the time is over. Blocks the thread.
  @available(*, noasync, message: "blocks the thread; in a task, use: await enqueue(contentsOf:)")
  @inlinable
  public mutating func enqueue(
    contentsOf elements: some Collection<Element>, timeout: Duration? = nil
  ) -> Int {
    var done = tryEnqueue(contentsOf: elements)
    var rest = elements.dropFirst(done)
    let deadline = timeout.map(\.timeoutDeadline)
    while let next = rest.first {
      let left = deadline.map { $0 - ContinuousClock.now }
      guard enqueue(next, timeout: left).isEnqueued else { break }
      let more = 1 + tryEnqueue(contentsOf: rest.dropFirst())
      done += more
      rest = rest.dropFirst(more)
    }
    return done
  }

  /// Enqueues all the elements in order, and suspends the task while there is no room; how many were
  /// enqueued: fewer only when the consumer has gone or the task is cancelled.
  @inlinable
  public mutating func enqueue(
    contentsOf elements: some Collection<Element>, isolation: isolated (any Actor)? = #isolation
  ) async -> Int {
    var done = tryEnqueue(contentsOf: elements)
    var rest = elements.dropFirst(done)
    while let next = rest.first {
      guard await enqueue(next).isEnqueued else { break }
      let more = 1 + tryEnqueue(contentsOf: rest.dropFirst())
      done += more
      rest = rest.dropFirst(more)
    }
    return done
  }
}
