import CSluice

/// Helping: a worker that finds its input empty leases the tokens of the stages before it and pulls
/// items through their bodies by plain calls, on its own thread (see `sl_lease.h`).
extension Worker {
  /// Leases the stage before `stage`, whose token this driver holds. False when there is none that
  /// can be leased now.
  func leaseStage(before stage: Int) -> Bool {
    guard let token = parkedToken(before: stage), activateLease(at: stage) else { return false }
    guard sl_token_try_lease(token, lease.pointee.id) else { return false }
    guard facts[stage - 1].output.isEmpty else {
      // It produced between our look at the queue and the lease: those items come first.
      passOn(stage - 1)
      return false
    }
    return true
  }

  /// The worker of the stage before has waited for space in its output queue, and the caller has made
  /// some. Instead of waking it, the driver leases it, drains the queue, and pulls from then on. False:
  /// wake it. The driver's thread.
  @usableFromInline
  func leaseWaitingProducer(before stage: Int) -> Bool {
    guard let token = parkedToken(before: stage), facts[stage - 1].hasShortBodies,
      activateLease(at: stage)
    else { return false }
    guard sl_token_try_lease_dormant(token, lease.pointee.id) else { return false }
    // A revoker that was quicker may have passed over this token.
    if sl_lease_stop(lease) & UInt32(SL_LEASE_REVOKED) != 0 { passOn(stage - 1) }
    return true
  }

  /// The token of the stage before, if this driver may lease it.
  private func parkedToken(before stage: Int) -> UnsafeMutablePointer<sl_token>? {
    guard stage > 0, mayDrive(stage) else { return nil }
    let wanted = facts + (stage - 1)
    guard wanted.pointee.isLeasable, sl_process_barrier_available() else { return nil }
    let token = wanted.pointee.token
    guard sl_token_state(token) == UInt32(SL_TOKEN_PARKED), wanted.pointee.mayBeLeasedNow() else {
      return nil
    }
    return token
  }

  /// Makes the lease one that the monitor watches, if it is not yet. False: the run has ended.
  private func activateLease(at stage: Int) -> Bool {
    if sl_lease_is_active(lease) { return true }
    // The position first: a revoker must not act on one from an earlier lease.
    guard sl_lease_is_inactive(lease), sl_lease_enter(lease, UInt32(stage)) else { return false }
    sl_lease_activate(lease)
    run.engine.monitor.watch(self)
    return true
  }

  /// This driver is the one to pull from the stages before it, and may be long in coming to it (its body
  /// or the consumer may do something else first): the monitor watches it from now on.
  @usableFromInline
  func takeResponsibility() {
    guard mayDrive(stage), sl_process_barrier_available() else {
      return
    }
    _ = activateLease(at: stage)
  }

  /// This driver's input is empty, and the stage that it comes from is run by another thread: asks
  /// for that stage if its bodies are short, since pulling items through by calls beats passing them
  /// from core to core. Spins for a few microseconds. True: look at the input again.
  @usableFromInline
  func requestStageBefore() -> Bool {
    var stage = self.stage - 1
    while stage >= 0, facts[stage].isLeasable, sl_token_is_leased(facts[stage].token, lease.pointee.id) {
      stage -= 1
    }
    guard stage >= 0, mayDrive(stage + 1) else { return false }
    let wanted = facts + stage
    guard wanted.pointee.isLeasable, wanted.pointee.mayBeLeasedNow(), spinning.isPossible,
      sl_process_barrier_available()
    else {
      return false
    }
    let state = sl_token_state(wanted.pointee.token)
    guard state == UInt32(SL_TOKEN_RUNNING) || state == UInt32(SL_TOKEN_NOTIFIED),
      wanted.pointee.hasShortBodies, activateLease(at: self.stage)
    else { return false }
    let queue = wanted.pointee.output
    sl_lease_request(lease, wanted.pointee.lease, UInt32(stage))
    let found = spinning.spin(isCounted: !isConsumer) {
      !queue.isEmpty || queue.isClosed || sl_lease_is_granted(lease) || isOver
    }
    guard sl_lease_withdraw(lease, UInt32(stage)) else { return found ?? !queue.isEmpty }
    sl_token_accept(wanted.pointee.token, lease.pointee.id)
    return true
  }

  /// Whether the driver of that stage, which is a worker of it or the consumer, may pull from the one before.
  private func mayDrive(_ stage: Int) -> Bool { stage == run.stageCount || facts[stage].canDrive }

  /// A few microseconds: what a driver on another core needs to take the last items of a queue.
  private static let handOverSpins = 100

  /// The holder of this worker's token has seen that a driver wants it: hands it over as soon as that
  /// driver has taken all that stands in the queue between them. True: it is no longer ours.
  func handsOver() -> Bool {
    guard let driver = sl_lease_take_wanted(lease, position), let output = gauges.pointee.output else {
      return false
    }
    // Not one of the engine's spins, which are counted: the driver that waits for us is in one.
    for _ in 0..<Self.handOverSpins {
      if output.isEmpty || !sl_lease_is_requested(driver, position) { break }
      sl_spin_pause()
    }
    guard output.isEmpty else { return false }
    return sl_lease_grant(driver, position)
  }

  /// Gives every leased token back. Those that can go on by themselves are put into the run queue;
  /// the others wait for their input. Called by the driver before it waits, ends, or goes on after
  /// a revocation.
  @usableFromInline
  func releaseLeases() {
    guard !sl_lease_is_inactive(lease) else { return }
    sl_lease_settle(lease)
    run.engine.monitor.forget(self)
    var stage = self.stage - 1
    while stage >= 0, facts[stage].isLeasable {
      giveBack(stage)
      stage -= 1
    }
    sl_lease_deactivate(lease)
  }

  /// Has another thread run the stage, if this lease has its token. Unlike `giveBack` while a revoker may
  /// do the same: nothing but the token says whose the worker is, so nothing else of it is looked at.
  private func passOn(_ stage: Int) {
    let worker = run.stages[stage].workers.workers[0]
    let state = run.hasEnded(worker.position) ? SL_TOKEN_ENDED : SL_TOKEN_QUEUED
    guard sl_token_unlease(worker.token, lease.pointee.id, UInt32(state)) else { return }
    if state == SL_TOKEN_QUEUED { run.engine.enqueue(worker) }
  }

  /// Gives the token of a stage back, if this lease has it. The lease is settled: no revoker is at it.
  func giveBack(_ stage: Int) {
    let worker = run.stages[stage].workers.workers[0]
    let id = lease.pointee.id
    let isDormant = sl_token_is_dormant(worker.token, id)
    guard isDormant || sl_token_is_leased(worker.token, id) else { return }
    if run.hasEnded(worker.position) {
      _ = sl_token_unlease(worker.token, id, UInt32(SL_TOKEN_ENDED))
      return
    }
    if isDormant || worker.hasWork {
      if sl_token_unlease(worker.token, id, UInt32(SL_TOKEN_QUEUED)) {
        run.engine.enqueue(worker)
      }
      return
    }
    worker.announce(.input)
    guard sl_token_unlease(worker.token, id, UInt32(SL_TOKEN_PARKED)) else { return }
    if let input = worker.input, !input.isEmpty || input.isClosed { worker.wake() }
  }

  /// Whether this worker, whose token the caller holds, could do something now.
  var hasWork: Bool {
    guard let input else { return true }
    if let holdsOutput, holdsOutput.pointee { return true }
    return hasUnfinishedInput.pointee || !input.isEmpty || input.isClosed
  }

  /// Whether other workers of this driver's stage could work at the same time, if it left the stage before it to
  /// another thread.
  var hasNeighbours: Bool { !isConsumer && facts[stage].workers > 1 && spinning.isPossible }

  /// The monitor: takes the leased tokens away from a driver that is stuck in a body, and has them
  /// run by other threads. The stage whose body it is in stays with it. False: the driver is giving
  /// them back by itself.
  func revokeLease(pauseNanoseconds: UInt64) -> Bool {
    guard sl_lease_begin_revoke(lease) else { return false }
    let kept = Int(sl_lease_revoked_position(lease))
    var stage = self.stage - 1
    while stage >= 0, facts[stage].isLeasable {
      let worker = run.stages[stage].workers.workers[0]
      if sl_token_is_leased(worker.token, lease.pointee.id)
        || sl_token_is_dormant(worker.token, lease.pointee.id)
      {
        facts[stage].wasRevoked(firstPause: pauseNanoseconds)
      }
      if stage != kept, sl_token_unlease(worker.token, lease.pointee.id, UInt32(SL_TOKEN_QUEUED)) {
        run.engine.enqueue(worker)
      }
      stage -= 1
    }
    sl_lease_end_revoke(lease)
    run.startSource()
    return true
  }

  /// Whether this driver may run the stage's body, after a revocation was settled.
  func stillHolds(stage: Int) -> Bool {
    stage == self.stage
      || sl_token_is_leased(facts[stage].token, lease.pointee.id)
  }

  /// Items that this driver and the stages before it have taken and produced. Any thread.
  var progressOfLease: UInt64 {
    var items = sl_stage_counters_taken(counters) &+ sl_stage_counters_produced(counters)
    for stage in 0..<self.stage where facts[stage].isLeasable {
      let counters = facts[stage].counters
      items &+= sl_stage_counters_taken(counters) &+ sl_stage_counters_produced(counters)
    }
    return items
  }

  /// The monitor: the lease has moved many items; its stages need no longer be kept from leases.
  func leaseGoesWell() {
    for stage in 0..<self.stage where stillHolds(stage: stage) { facts[stage].isLeasedWell() }
  }
}
