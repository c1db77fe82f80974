import CSluice

// How the queues wait: the same four loops for all of them, over what each can do without waiting.

extension Duration {
  /// As the C core counts time-outs: nanoseconds, none for what lies in the past. (Not `components`, which
  /// traps for durations that it cannot express.)
  @usableFromInline var timeoutNanoseconds: UInt64 { UInt64(clamping: attoseconds / 1_000_000_000) }

  /// The moment when a time-out that begins now is over; for one beyond the clock's range, some
  /// centuries from now.
  @usableFromInline var timeoutDeadline: ContinuousClock.Instant {
    ContinuousClock.now + Swift.max(.zero, Swift.min(self, .seconds(1 << 34)))
  }
}

/// One wait of a thread (`sl_wait`): ends when it goes out of scope.
@frozen @usableFromInline
struct ThreadWait: ~Copyable {
  @usableFromInline let wait: UnsafeMutablePointer<sl_wait>

  @usableFromInline
  init(_ waiters: UnsafeMutablePointer<sl_waiters>, timeout: Duration?) {
    wait = .allocate(capacity: 1)
    wait.initialize(to: sl_wait())
    sl_wait_begin(wait, waiters, timeout.map(\.timeoutNanoseconds) ?? UInt64.max)
  }

  @inlinable deinit {
    sl_wait_end(wait)
    wait.deallocate()
  }

  /// Waits until it is worth to look again; false when the time is over.
  @usableFromInline
  borrowing func step() -> Bool { sl_wait_step(wait) }
}

/// One wait of a task: announces, lets its caller look, and suspends. Ends when it goes out of scope.
@frozen @usableFromInline
struct TaskWait: ~Copyable {
  @usableFromInline let wait: UnsafeMutablePointer<sl_wait>

  @usableFromInline
  init(_ waiters: UnsafeMutablePointer<sl_waiters>) {
    wait = .allocate(capacity: 1)
    wait.initialize(to: sl_wait())
    sl_wait_begin(wait, waiters, UInt64.max)
  }

  @inlinable deinit {
    sl_wait_end(wait)
    wait.deallocate()
  }

  /// The caller looks at the queue after this, and suspends if it must wait.
  @usableFromInline
  borrowing func announce() {
    precondition(sl_wait_announce(wait), "Sluice: out of memory for a task that waits")
  }

  /// Returns when the task has been notified or cancelled. The caller then looks again, in any case, and
  /// announces anew if it must.
  @usableFromInline
  borrowing func suspend(isolation: isolated (any Actor)?) async {
    nonisolated(unsafe) let wait = wait  // lives until this returns
    await withTaskCancellationHandler {
      await withUnsafeContinuation(isolation: isolation) { (continuation: UnsafeContinuation<Void, Never>) in
        let context = unsafeBitCast(continuation, to: UnsafeMutableRawPointer.self)
        let suspended = sl_wait_suspend(
          wait,
          { context in
            guard let context else { return }
            unsafeBitCast(context, to: UnsafeContinuation<Void, Never>.self).resume()
          }, context)
        if !suspended { continuation.resume() }
      }
    } onCancel: {
      sl_wait_wake(wait)
    }
    sl_wait_resumed(wait)
  }
}

@inlinable @inline(never)
func waitToEnqueue<Element: ~Copyable>(
  _ element: consuming Element, _ waiters: UnsafeMutablePointer<sl_waiters>, timeout: Duration?,
  attempt: (consuming Element) -> EnqueueResult<Element>
) -> EnqueueResult<Element> {
  let wait = ThreadWait(waiters, timeout: timeout)
  var element = element
  while true {
    switch attempt(element) {
    case .full(let refused): element = refused
    case let result: return result
    }
    if !wait.step() { return .full(element) }
  }
}

@inlinable @inline(never)
func waitToDequeue<Element: ~Copyable>(
  _ waiters: UnsafeMutablePointer<sl_waiters>, timeout: Duration?,
  attempt: () -> DequeueResult<Element>
) -> DequeueResult<Element> {
  let wait = ThreadWait(waiters, timeout: timeout)
  while true {
    switch attempt() {
    case .empty: break
    case let result: return result
    }
    if !wait.step() { return .empty }
  }
}

@inlinable @inline(never)
func suspendToEnqueue<Element: ~Copyable>(
  _ element: consuming Element, _ waiters: UnsafeMutablePointer<sl_waiters>,
  isolation: isolated (any Actor)?,
  attempt: (consuming Element) -> EnqueueResult<Element>
) async -> EnqueueResult<Element> {
  let wait = TaskWait(waiters)
  var element = element
  while true {
    wait.announce()
    switch attempt(element) {
    case .full(let refused): element = refused
    case let result: return result
    }
    // After announcing, so that a cancellation between here and there is not missed either.
    if Task.isCancelled { return .cancelled(element) }
    await wait.suspend(isolation: isolation)
    switch attempt(element) {
    case .full(let refused): element = refused
    case let result: return result
    }
  }
}

@inlinable @inline(never)
func suspendToDequeue<Element: ~Copyable>(
  _ waiters: UnsafeMutablePointer<sl_waiters>, isolation: isolated (any Actor)?,
  attempt: () -> DequeueResult<Element>
) async throws(CancellationError) -> Element? {
  let wait = TaskWait(waiters)
  while true {
    wait.announce()
    switch attempt() {
    case .element(let element): return element
    case .closed: return nil
    case .empty: break
    }
    if Task.isCancelled { throw CancellationError() }
    await wait.suspend(isolation: isolation)
    switch attempt() {
    case .element(let element): return element
    case .closed: return nil
    case .empty: break
    }
  }
}
