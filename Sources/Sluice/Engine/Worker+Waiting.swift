import CSluice

/// Waiting for a queue: a parked token, a sleeping thread or a suspended task. All three announce themselves at
/// the queue's event, look once more, and wait.
extension Worker {
  /// Which of its queues a worker waits for.
  enum Side {
    case input
    case output
  }

  /// Whether there is something to do at that side; for a patient wait, whether there is much.
  private func isReady(_ side: Side, isPatient: Bool = false) -> Bool {
    switch side {
    case .input:
      guard let input = gauges.pointee.input else { return true }
      if isPatient ? input.hasEnoughToWake : !input.isEmpty { return true }
      if input.isClosed { return true }
    case .output:
      guard let output = gauges.pointee.output else { return true }
      if isPatient ? output.isHalfEmpty : output.hasSpace(for: index) { return true }
    }
    return isOver
  }

  private func event(_ side: Side) -> UnsafeMutablePointer<sl_event_count>? {
    side == .input ? gauges.pointee.input?.notEmpty : gauges.pointee.output?.producersEvent
  }

  private func gauge(_ side: Side) -> QueueGauge? {
    side == .input ? gauges.pointee.input : gauges.pointee.output
  }

  // MARK: Announcing

  /// Says that this worker is about to wait. It looks whether there is something to do afterwards.
  ///
  /// - Returns: whether the wait is a patient one, as asked for: not if nobody is there that would end it, nor if
  ///   somebody at the same end waits who is not patient.
  @discardableResult
  func announce(_ side: Side, isPatient: Bool = false) -> Bool {
    guard let event = event(side), let queue = gauge(side) else { return false }
    sl_store_relaxed_u64(waits, sl_load_relaxed_u64(waits) &+ 1)
    becomesQuiet()
    if side == .output { passOnRoom() }
    let isPatient = announce(at: event, of: queue, ofConsumers: side == .input, isPatient: isPatient)
    run.engine.monitor.lookLater(at: self)
    // Who waits has nothing to tell soon: those that wait patiently for it need not wait on.
    output?.endPatienceOfConsumers()
    guard side == .input else { return isPatient }
    input?.endPatienceOfProducers()
    // Either the last producer that becomes quiet sees the announcement, or it is seen here to be quiet.
    guard isPatient, queue.hasBusyProducers else {
      queue.setPatience(false, ofConsumers: true)
      return false
    }
    return true
  }

  /// Patience belongs to a queue's end, and so to all who wait there. It begins only while nobody else does: either
  /// a neighbour that announces itself impatiently at the same time is seen here, or it comes later, and ends it.
  private func announce(
    at event: UnsafeMutablePointer<sl_event_count>, of queue: QueueGauge, ofConsumers: Bool, isPatient: Bool
  ) -> Bool {
    let begins = isPatient && !sl_event_count_has_any(event)
    if begins != queue.isPatient(ofConsumers: ofConsumers), begins || !isPatient {
      queue.setPatience(begins, ofConsumers: ofConsumers)
    }
    sl_event_count_announce(event, UInt32(index))
    guard queue.isPatient(ofConsumers: ofConsumers) else { return false }
    if !isPatient || (begins && sl_event_count_has_other(event, UInt32(index))) {
      queue.setPatience(false, ofConsumers: ofConsumers)
      return false
    }
    return true
  }

  func becomesQuiet() {
    guard !isQuiet.pointee, let output = gauges.pointee.output else { return }
    isQuiet.pointee = true
    _ = sl_fetch_sub_acq_rel_u32(output.busyProducers, 1)
    guard output.kind == .lanes, sl_lanes_give_back(output.lanes, UInt32(index)) else { return }
    if sl_event_count_has_any_often(output.notFull) { self.output?.wakeProducers() }
  }

  private func isBusyAgain() {
    guard isQuiet.pointee, let output = gauges.pointee.output else { return }
    isQuiet.pointee = false
    _ = sl_fetch_add_acq_rel_u32(output.busyProducers, 1)
  }

  /// A wait begins: whether it is a patient one.
  private func beginWait(_ side: Side) -> Bool {
    guard let passed = gauge(side)?.passed else { return false }
    let pace = side == .input ? inputPace : outputPace
    guard
      pace.pointee.beginsWait(passed: passed, nanoseconds: sl_now_nanoseconds(), isForRoom: side == .output)
    else { return false }
    return (side == .input ? input : output)?.mayBePatient(ofConsumers: side == .input) ?? false
  }

  func retract(_ side: Side) {
    isBusyAgain()
    guard let event = event(side) else { return }
    _ = sl_event_count_retract(event, UInt32(index))
  }

  /// A thread begins to run this worker, which waits no longer: takes back what it announced, in case
  /// it was woken in another way.
  func retractAnnouncements() {
    isBusyAgain()
    for side in [Side.input, .output] {
      guard let event = event(side), sl_event_count_is_announced(event, UInt32(index)) else { continue }
      retract(side)
    }
  }

  /// After the announcement. If the wait is not a patient one, looks for about as long as a store takes to become
  /// visible to other cores (see `WaitWatch`); on one core it is at once.
  private func isReadyAfterAll(_ side: Side, isPatient: Bool) -> Bool {
    if isPatient { return isReady(side, isPatient: true) }
    for _ in 0..<(spinning.isPossible ? 48 : 1) {
      if isReady(side) { return true }
      sl_spin_pause()
    }
    return false
  }

  /// Looks for a few microseconds, if there is a core for that. True: look at the queue again.
  private func spin(_ side: Side, isPatient: Bool) -> Bool {
    spinning.spin(isCounted: !isConsumer, isLong: isPatient, until: { isReady(side, isPatient: isPatient) })
      ?? isReady(side, isPatient: isPatient)
  }

  /// For the monitor: whether this worker is announced, and waits patiently wherever it is.
  var waitsPatiently: Bool {
    var isPatient = false
    for side in [Side.input, .output] {
      guard let queue = gauge(side), let event = event(side),
        sl_event_count_is_announced(event, UInt32(index))
      else { continue }
      guard queue.isPatient(ofConsumers: side == .input) else { return false }
      isPatient = true
    }
    return isPatient
  }

  /// The monitor's tick: wakes the worker if it waits, and need not. Whether it has.
  func wakeIfReady() -> Bool {
    var hasWoken = false
    for side in [Side.input, .output] {
      guard let event = event(side), sl_event_count_is_announced(event, UInt32(index)), isReady(side),
        sl_event_count_take_waiter(event, UInt32(index))
      else { continue }
      wake()
      hasWoken = true
    }
    return hasWoken
  }

  /// The monitor's tick, before its look: from now on the worker is woken for each item.
  func endPatience() {
    gauges.pointee.input?.setPatience(false, ofConsumers: true)
    gauges.pointee.output?.setPatience(false, ofConsumers: false)
  }

  /// A thread has begun to run this worker, which may be one of several that are needed: who enqueued while they
  /// all waited patiently has woken one of them.
  func wakeNeighbour() {
    guard let queue = gauges.pointee.input, sl_event_count_has_any(queue.notEmpty), queue.count > 1 else {
      return
    }
    input?.wakeAConsumer()
  }

  /// This producer was woken for a place that it cannot use, since its own lane is full: another one may.
  private func passOnRoom() {
    guard let queue = gauges.pointee.output, queue.kind == .lanes, queue.hasSpace,
      !queue.hasSpace(for: index),
      let next = output?.nextProducerWithRoom(after: index)
    else { return }
    output?.wakeProducer(next)
  }

  // MARK: Waiting

  /// Gives the token back until the input may have an item or has ended. False: look again now.
  func parkOnInput() -> Bool {
    guard input != nil else { return false }
    run.startSource()
    return park(.input)
  }

  /// Gives the token back until the output may have space. False: look again now.
  func parkOnOutput() -> Bool {
    guard output != nil else { return false }
    return park(.output)
  }

  private func park(_ side: Side) -> Bool {
    var isPatient = beginWait(side)
    // A thread without input may run another worker meanwhile.
    if side == .output, spin(side, isPatient: isPatient) { return false }
    releaseLeases()
    isPatient = announce(side, isPatient: isPatient)
    if !isReadyAfterAll(side, isPatient: isPatient), sl_token_park(token, UInt32(SL_TOKEN_PARKED)) {
      return true
    }
    retract(side)
    return false
  }

  /// The thread itself sleeps until the input may have an item, has ended, or the run has.
  func waitForInput() {
    guard input != nil else { return }
    run.startSource()
    wait(.input)
  }

  /// The thread itself sleeps until the output may have space, or the run has ended.
  func waitForOutput() {
    guard output != nil else { return }
    wait(.output)
  }

  private func wait(_ side: Side) {
    var isPatient = beginWait(side)
    if spin(side, isPatient: isPatient) { return }
    releaseLeases()
    isPatient = announce(side, isPatient: isPatient)
    if !isReadyAfterAll(side, isPatient: isPatient), sl_token_park(token, UInt32(SL_TOKEN_THREAD_PARKED)) {
      if !isConsumer { spinning.endsWork() }
      sl_token_wait_thread(token)
      if !isConsumer { spinning.beginsWork() }
    }
    retract(side)
  }

  /// Whether the task must let others run.
  @inlinable @inline(__always)
  func mustYield() -> Bool { turns.pointee.mustYield() }

  /// The task suspends until the input may have an item, has ended, or the run has.
  @usableFromInline
  func suspendOnInput() async { await suspend(.input) }

  /// The task suspends until the output may have space, or the run has ended.
  @usableFromInline
  func suspendOnOutput() async { await suspend(.output) }

  private func suspend(_ side: Side) async {
    var isPatient = beginWait(side)
    isPatient = announce(side, isPatient: isPatient)
    if isReadyAfterAll(side, isPatient: isPatient) {
      retract(side)
      return
    }
    await withUnsafeContinuation { (waiting: UnsafeContinuation<Void, Never>) in
      continuation.pointee = waiting
      if !sl_token_park(token, UInt32(SL_TOKEN_TASK_PARKED)) {
        continuation.pointee = nil
        waiting.resume()
      }
    }
    sl_token_resumed(token)
    retract(side)
  }
}
