import CSluice

// Several elements at a time: each is enqueued or dequeued on its own, in order, but waiters are
// looked for once for all.

extension BoundedQueue where Element: ~Copyable {
  /// Moves elements from the front of the buffer into the queue, as many as there is room for now;
  /// how many. Those are then uninitialised in the buffer. Lock-free.
  @inlinable
  public func tryEnqueue(moving buffer: UnsafeMutableBufferPointer<Element>) -> Int {
    guard let source = buffer.baseAddress else { return 0 }
    let seat = seat
    var place = sl_bounded_queue_begin_publishing(core)
    var done = 0
    while done < buffer.count {
      let cell = cell(of: seat)
      cell.moveInitialize(from: source + done, count: 1)
      guard sl_bounded_queue_publish_next(core, seat, &place) == SL_OK else {
        (source + done).moveInitialize(from: cell, count: 1)
        break
      }
      done += 1
    }
    endPublishing(done, upTo: place)
    return done
  }

  /// Moves the oldest elements to the front of the (uninitialised) buffer, as many as are there now
  /// and fit; how many. Lock-free.
  @inlinable
  public func tryDequeue(into buffer: UnsafeMutableBufferPointer<Element>) -> Int {
    guard let target = buffer.baseAddress else { return 0 }
    let seat = seat
    var place = sl_bounded_queue_begin_taking(core)
    var done = 0
    while done < buffer.count, sl_bounded_queue_take_next(core, seat, &place) == SL_OK {
      (target + done).moveInitialize(from: cell(of: seat), count: 1)
      done += 1
    }
    guard done > 0 else { return 0 }
    sl_bounded_queue_end_taking(core, place)
    sl_bounded_queue_taken(core, done)
    return done
  }

  @inlinable
  func endPublishing(_ count: Int, upTo place: UInt64) {
    guard count > 0 else { return }
    sl_bounded_queue_end_publishing(core, place)
    sl_bounded_queue_published(core, count)
  }
}

extension BoundedQueue {
  /// Enqueues elements from the front of the collection, as many as there is room for now; how many.
  /// Lock-free.
  @inlinable
  public func tryEnqueue(contentsOf elements: some Collection<Element>) -> Int {
    let seat = seat
    var place = sl_bounded_queue_begin_publishing(core)
    var done = 0
    for element in elements {
      let cell = cell(of: seat)
      cell.initialize(to: element)
      guard sl_bounded_queue_publish_next(core, seat, &place) == SL_OK else {
        cell.deinitialize(count: 1)
        break
      }
      done += 1
    }
    endPublishing(done, upTo: place)
    return done
  }

  /// Enqueues all the elements in order, and waits for room, up to `timeout` in all (nil: without end);
  /// how many were enqueued: fewer only when the queue is closed or the time is over. Blocks the thread.
  @available(*, noasync, message: "blocks the thread; in a task, use: await enqueue(contentsOf:)")
  @inlinable
  public func enqueue(contentsOf elements: some Collection<Element>, timeout: Duration? = nil) -> Int {
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
  /// enqueued: fewer only when the queue is closed or the task cancelled.
  @inlinable
  public func enqueue(
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

  /// The oldest elements, at most `limit` and as many as are there now. Lock-free, but for the array.
  @inlinable
  public func tryDequeue(atMost limit: Int) -> [Element] {
    // What is there now is a better guess than a limit that may be meant as "all".
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
