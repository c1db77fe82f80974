import CSluice

/// Who waits at a queue's ends, and when they are woken. See `WaitWatch` for why nothing here has a fence.
extension ChannelCore {
  /// An element was enqueued: wakes a consumer that waits for it.
  @inlinable @inline(__always)
  func notifyNotEmpty() {
    if _slowPath(sl_event_count_has_any_often(notEmpty)) { wakeAConsumer() }
  }

  /// An element was dequeued: wakes a producer that waits for its place.
  @inlinable @inline(__always)
  func notifyNotFull() {
    if _slowPath(sl_event_count_has_any_often(notFull)) { tellProducers() }
  }

  @usableFromInline @inline(never)
  func wakeAConsumer() {
    if gauge.isPatient(ofConsumers: true), !gauge.hasEnoughToWake { return }
    let waiter = sl_event_count_take_from(notEmpty, 0)
    if waiter != UInt32.max { wakeConsumer(waiter) }
  }

  /// The consumer has seen that producers wait.
  @usableFromInline @inline(never)
  func tellProducers() {
    if kind == .lanes { sl_lanes_tell(lanes) }
    wakeProducers()
  }

  /// One for the place that became free; or all, if they have waited for the queue to be half empty.
  @usableFromInline @inline(never)
  func wakeProducers() {
    let arePatient = gauge.isPatient(ofConsumers: false)
    if arePatient, !gauge.isHalfEmpty { return }
    repeat {
      let waiter = sl_event_count_take_from(notFull, 0)
      if waiter == UInt32.max { return }
      wakeProducer(waiter)
    } while arePatient && gauge.isHalfEmpty
  }

  /// Of lanes: takes the announcement of another producer that waits and could enqueue now, for the caller to wake.
  func nextProducerWithRoom(after index: Int) -> UInt32? {
    for offset in 1..<max(producers.count, 1) {
      let producer = (index + offset) % producers.count
      if gauge.hasSpace(for: producer), sl_event_count_take_waiter(notFull, UInt32(producer)) {
        return UInt32(producer)
      }
    }
    return nil
  }

  @usableFromInline
  func wakeConsumer(_ waiter: UInt32) { consumers.workers[Int(waiter)].wake() }

  @usableFromInline
  func wakeProducer(_ waiter: UInt32) { producers.workers[Int(waiter)].wake() }

  /// Producers that wait for the queue to be half empty are woken all at once: there must be room for them then.
  func mayBePatient(ofConsumers: Bool) -> Bool { ofConsumers || producers.count <= throttle / 4 }

  /// No further element may come for a while: wakes a consumer that waits patiently for more than there are.
  func endPatienceOfConsumers() {
    guard sl_event_count_has_any(notEmpty), gauge.isPatient(ofConsumers: true) else { return }
    gauge.setPatience(false, ofConsumers: true)
    if !isEmpty { wakeAConsumer() }
  }

  /// No further place may become free for a while.
  func endPatienceOfProducers() {
    guard sl_event_count_has_any(notFull), gauge.isPatient(ofConsumers: false) else { return }
    gauge.setPatience(false, ofConsumers: false)
    while gauge.hasSpace {
      let waiter = sl_event_count_take_from(notFull, 0)
      if waiter == UInt32.max { return }
      wakeProducer(waiter)
    }
  }
}
