import CSluice

/// The output end of a stage as the next one (or the consumer) sees it: a queue, and, where a single
/// resumable worker feeds it, the way to pull an item straight through that worker.
@usableFromInline
struct Port<Element>: @unchecked Sendable {
  @usableFromInline let channel: Channel<Element>
  /// Gives the next item of the stage, run on the calling thread, which holds the stage's token
  /// through this lease; nil with the reason in the lease's outcome.
  @usableFromInline let pull: ((Lease) -> Element?)?
  /// The token to hold for that.
  @usableFromInline let token: UnsafeMutablePointer<sl_token>?

  @usableFromInline
  init(channel: Channel<Element>, pull: ((Lease) -> Element?)?, token: UnsafeMutablePointer<sl_token>?) {
    self.channel = channel
    self.pull = pull
    self.token = token
  }
}

/// The input end of one worker: takes the next item from the queue, or pulls it through the stage
/// before while this worker's driver has leased that.
@usableFromInline
struct Intake<Element>: @unchecked Sendable {
  @usableFromInline let channel: Channel<Element>
  @usableFromInline let pull: ((Lease) -> Element?)?
  @usableFromInline let token: UnsafeMutablePointer<sl_token>
  @usableFromInline let position: UInt32
  @usableFromInline let counters: UnsafeMutablePointer<sl_stage_counters>
  unowned(unsafe) let run: RunCore

  @usableFromInline
  init(_ port: Port<Element>, _ worker: Worker) {
    channel = port.channel
    pull = port.pull
    token = port.token ?? worker.token
    position = worker.position
    counters = worker.counters
    run = worker.run
  }

  /// The next item, with the driver's position at this stage, so that its body may start; nil with
  /// the reason in the lease's outcome.
  @inlinable @inline(__always)
  func take(_ lease: Lease) -> Element? {
    if let pull, sl_token_is_leased(token, lease.pointee.id) {
      if let element = pull(lease) {
        if sl_lease_enter(lease, position) {
          sl_stage_counters_take(counters)
          return element
        }
        return takeAfterStop(element, lease)
      }
      if lease.pointee.outcome != Outcome.ended.rawValue { return nil }
    }
    return takeQueued(lease)
  }

  @usableFromInline @inline(never)
  func takeQueued(_ lease: Lease) -> Element? {
    while true {
      guard sl_lease_enter(lease, position) else { return nothing(.stopped, lease) }
      if let element = channel.dequeue() {
        if channel.core.kind != .single { channel.core.notifyNotFull() }
        sl_stage_counters_take(counters)
        return element
      }
      if channel.core.isClosed {
        // What was enqueued before the end is there now.
        if channel.core.isEmpty { return nothing(.ended, lease) }
        continue
      }
      guard let pull else { return nothing(.blocked, lease) }
      if !sl_token_is_leased(token, lease.pointee.id),
        !Worker.driver(of: lease).leaseStage(before: Int(position))
      {
        if channel.core.isEmpty, !channel.core.isClosed { return nothing(.blocked, lease) }
        continue
      }
      if let element = pull(lease) {
        if sl_lease_enter(lease, position) {
          sl_stage_counters_take(counters)
          return element
        }
        return takeAfterStop(element, lease)
      }
      if lease.pointee.outcome != Outcome.ended.rawValue { return nil }
    }
  }

  /// An item came through the stage before, and meanwhile the lease was revoked or the run ended.
  @usableFromInline @inline(never)
  func takeAfterStop(_ element: Element, _ lease: Lease) -> Element? {
    let driver = Worker.driver(of: lease)
    if run.hasEnded && position != UInt32(run.stages.count) { return nothing(.stopped, lease) }
    sl_lease_settle(lease)
    if driver.stillHolds(stage: Int(position)) {
      sl_stage_counters_take(counters)
      return element
    }
    // Another thread runs this stage now, and the one before is still ours: its output goes the
    // usual way. The queue was empty when we leased its only producer, so there is place.
    let refused = channel.enqueue(element)
    precondition(refused == nil, "Sluice: a queue that only this thread fills is full")
    channel.core.notifyNotEmpty()
    return nothing(.stopped, lease)
  }
}
