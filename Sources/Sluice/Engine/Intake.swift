import CSluice

/// The input end of one worker: takes the next item from the queue, or pulls it through the stage
/// before while this worker's driver has leased that.
///
/// An object, so that the closures and iterators that use it carry one reference.
@usableFromInline
final class Intake<Element>: @unchecked Sendable {
  @usableFromInline let channel: Channel<Element>
  @usableFromInline let pull: Pull<Element>
  @usableFromInline let fill: Fill?
  /// Whether items come through the queue also from a stage that this worker's driver has leased.
  @usableFromInline let prefersQueue: Bool
  @usableFromInline let token: UnsafeMutablePointer<sl_token>
  /// Whether the stage before is one whose token can be leased.
  @usableFromInline let canPull: Bool
  @usableFromInline let gauge: QueueGauge
  @usableFromInline let position: UInt32
  @usableFromInline let counters: UnsafeMutablePointer<sl_stage_counters>
  /// Where an item stands that was pulled through the stage before, and one that was taken from the
  /// queue. They are two places because a driver whose lease is revoked may have an item in the one,
  /// pulled and not yet this stage's, while the next holder of the token already uses the other.
  @usableFromInline let pulled: UnsafeMutablePointer<Element>
  @usableFromInline let queued: UnsafeMutablePointer<Element>
  @usableFromInline let held: Slot<Element>?
  @usableFromInline let hasUnfinishedInput: UnsafeMutablePointer<Bool>
  /// This worker, its own lease, and whether it is the run's consumer.
  @usableFromInline unowned(unsafe) let worker: Worker
  @usableFromInline let lease: Lease
  @usableFromInline let isConsumer: Bool
  @usableFromInline unowned(unsafe) let run: RunCore

  @usableFromInline
  init(_ port: Port<Element>, _ worker: Worker) {
    hasUnfinishedInput = worker.hasUnfinishedInput
    self.worker = worker
    lease = worker.lease
    isConsumer = worker.stage == worker.run.stageCount
    channel = port.channel
    pull = port.pull
    fill = port.fill
    prefersQueue = port.fill != nil && port.channel.core.kind == .spsc
    token = port.token
    canPull = port.canPull
    gauge = port.channel.core.gauge
    position = worker.position
    counters = worker.counters
    held = port.held
    pulled = .allocate(capacity: 2)
    queued = pulled + 1
    run = worker.run
  }

  deinit { pulled.deallocate() }

  /// Where the next item stands, for the caller to move it out at once, with the driver's position at
  /// this stage, so that its body may start. Nil, with the reason in the lease's outcome: there is
  /// none.
  @inlinable @inline(__always)
  func take(_ lease: Lease) -> UnsafeMutablePointer<Element>? {
    if prefersQueue { return takeQueued(lease) }
    if _fastPath(sl_token_is_leased(token, lease.pointee.id)) {
      if _fastPath(pull(lease, pulled)) {
        if _fastPath(sl_lease_enter(lease, position)) {
          return pulled
        }
        return takeAfterStop(lease) ? pulled : nil
      }
      if lease.pointee.outcome != Outcome.ended.rawValue { return nil }
    }
    return takeQueued(lease)
  }

  /// Where `prefersQueue`, and with the driver's position at this stage. The caller tells a producer that waits.
  @inlinable @inline(__always)
  func takeFromRing() -> Element? {
    let slot = sl_spsc_ring_next(gauge.spsc)
    guard slot >= 0 else { return nil }
    let item = (channel.elements + Int(slot)).move()
    sl_spsc_ring_release(gauge.spsc)
    return item
  }

  @inlinable @inline(never)
  func takeQueued(_ lease: Lease) -> UnsafeMutablePointer<Element>? {
    while true {
      guard sl_lease_enter(lease, position) else {
        _ = nothing(.stopped, lease)
        return nil
      }
      if channel.dequeue(into: queued) {
        notifyProducer(lease)
        return queued
      }
      if prefersQueue, sl_token_is_leased(token, lease.pointee.id), !gauge.isClosed, !isHeld, let fill,
        fill(lease)
      {
        continue
      }
      switch prepareToPull(lease) {
      case .lookAgain: continue
      case .nothing: return nil
      case .pull: break
      }
      if pull(lease, pulled) {
        if sl_lease_enter(lease, position) {
          return pulled
        }
        return takeAfterStop(lease) ? pulled : nil
      }
      if lease.pointee.outcome != Outcome.ended.rawValue { return nil }
    }
  }

  @inlinable @inline(__always)
  func notifyProducer(_ lease: Lease) {
    if channel.core.kind == .single { return }
    if _slowPath(sl_event_count_has_any_often(channel.core.notFull)) { producerWaits(lease) }
  }

  /// A driver that can lease the producer which waits for space need not wake it.
  @usableFromInline @inline(never)
  func producerWaits(_ lease: Lease) {
    // Asked for each item while a producer waits patiently, so first what needs nothing but the queue.
    if channel.core.kind != .lanes, gauge.isPatient(ofConsumers: false),
      !(canRefill ? hasRoomToRefill : gauge.isHalfEmpty)
    {
      return
    }
    if Worker.driver(of: lease).leaseWaitingProducer(before: Int(position)) {
      _ = sl_event_count_take_from(channel.core.notFull, 0)
    } else if canRefill, let fill {
      refill(fill)
    } else {
      channel.core.tellProducers()
    }
  }

  @usableFromInline
  enum EmptyQueue {
    case lookAgain
    case pull
    case nothing
  }

  /// The queue was found empty: what to do about it.
  @usableFromInline @inline(never)
  func prepareToPull(_ lease: Lease) -> EmptyQueue {
    if gauge.isClosed {
      // What was enqueued before the end is there now.
      if !gauge.isEmpty { return .lookAgain }
      _ = nothing(.ended, lease)
      return .nothing
    }
    if !canPull {
      _ = nothing(.blocked, lease)
      return .nothing
    }
    let id = lease.pointee.id
    if sl_token_is_leased(token, id) {
      guard sl_lease_enter(lease, position - 1), !enqueueHeld() else { return .lookAgain }
      return .pull
    }
    if sl_token_is_dormant(token, id) {
      // The worker's held output is reached from its own position, where no revoker takes its token.
      guard sl_lease_enter(lease, position - 1), !enqueueHeld(), sl_token_rouse(token, id) else {
        return .lookAgain
      }
      return .pull
    }
    if Worker.driver(of: lease).leaseStage(before: Int(position)) { return .lookAgain }
    if !gauge.isEmpty || gauge.isClosed { return .lookAgain }
    _ = nothing(.blocked, lease)
    return .nothing
  }

  /// Whether the stage before holds an output that found the queue full, which comes before all others. The holder's
  /// of that stage's token.
  @usableFromInline var isHeld: Bool { held?.isFull.pointee ?? false }

  /// Enqueues the output that the stage before, whose token this driver has, held when its queue was full; false:
  /// there is none. The queue is empty now, or has become so, but where this stage has several workers, one of them may
  /// not have given the place of its last item back: then the output stays for another look.
  func enqueueHeld() -> Bool {
    guard isHeld, let held else { return false }
    guard channel.enqueue(from: held.pointer, producer: 0) else { return true }
    held.isFull.pointee = false
    // The next stage's token may have been revoked meanwhile, and its new holder may wait for this.
    channel.core.notifyNotEmpty()
    return true
  }

  /// An item came through the stage before, and meanwhile the lease was revoked or the run ended.
  @usableFromInline @inline(never)
  func takeAfterStop(_ lease: Lease) -> Bool {
    if run.hasEnded(position), position != UInt32(run.stageCount) {
      pulled.deinitialize(count: 1)
      return nothing(.stopped, lease)
    }
    let grounds = UInt32(SL_LEASE_REVOKED) | UInt32(SL_LEASE_RUN_ENDED)
    // Only wanted: the lease holds, and a revoker that comes now finds this position.
    if sl_lease_stop(lease) & grounds == 0 { return true }
    sl_lease_settle(lease)
    if Worker.driver(of: lease).stillHolds(stage: Int(position)) {
      return true
    }
    // Another thread runs this stage now, and the one before is still ours: its output goes the
    // usual way. The queue was empty when we leased its only producer, so there is place.
    let isEnqueued = channel.enqueue(from: pulled, producer: 0)
    precondition(isEnqueued, "Sluice: a queue that only this thread fills is full")
    channel.core.notifyNotEmpty()
    return nothing(.stopped, lease)
  }

  @inlinable
  func nothing(_ why: Outcome, _ lease: Lease) -> Bool {
    lease.pointee.outcome = why.rawValue
    return false
  }

  /// Hands on that the input gave nothing. If that is for good and this worker's token is leased, the
  /// worker ends here.
  @usableFromInline @inline(never)
  func pass(_ lease: Lease) -> Bool {
    if lease.pointee.outcome == Outcome.ended.rawValue {
      let driver = Worker.driver(of: lease)
      if driver.position != position { run.stages[Int(position)].workers.workers[0].finishLeased(lease) }
    }
    return false
  }

  /// The body threw, in a stage that counts an item when its output is there.
  @usableFromInline @inline(never)
  func failCounted(_ error: any Error, _ lease: Lease) -> Bool {
    sl_stage_counters_take(counters)
    return fail(error, lease)
  }

  /// The body threw.
  @usableFromInline @inline(never)
  func fail(_ error: any Error, _ lease: Lease) -> Bool {
    run.fail(error, at: position)
    return nothing(.stopped, lease)
  }
}
