import CSluice

/// Helping: a worker that finds its input empty leases the tokens of the stages before it and pulls
/// items through their bodies by plain calls, on its own thread (see `sl_lease.h`).
extension Worker {
  /// Leases the stage before `stage`, whose token this driver holds. False when there is none that
  /// can be leased now.
  func leaseStage(before stage: Int) -> Bool {
    guard stage > 0, stage == run.stages.count || run.stages[stage].canDrive else { return false }
    let wanted = run.stages[stage - 1]
    guard wanted.isLeasable else { return false }
    let token = wanted.workers.workers[0].token
    guard sl_token_state(token) == UInt32(SL_TOKEN_PARKED), wanted.mayBeLeasedNow() else {
      return false
    }
    if !sl_lease_is_active(lease) {
      // The position first: a revoker must not act on one from an earlier lease.
      guard sl_lease_enter(lease, UInt32(stage)) else { return false }
      sl_lease_activate(lease)
      run.engine.monitor.watch(self)
    }
    guard sl_token_try_lease(token, lease.pointee.id) else { return false }
    guard let queue = run.stages[stage - 1].output, queue.isEmpty else {
      // It produced between our look at the queue and the lease: those items come first.
      giveBack(stage - 1)
      return false
    }
    return true
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
    while stage >= 0, run.stages[stage].isLeasable {
      giveBack(stage)
      stage -= 1
    }
    sl_lease_deactivate(lease)
  }

  /// Gives the token of a stage back, if this lease has it.
  func giveBack(_ stage: Int) {
    let worker = run.stages[stage].workers.workers[0]
    let id = lease.pointee.id
    guard sl_token_is_leased(worker.token, id) else { return }
    if run.hasEnded(worker.position) {
      _ = sl_token_unlease(worker.token, id, UInt32(SL_TOKEN_ENDED))
      return
    }
    if worker.hasWork {
      if sl_token_unlease(worker.token, id, UInt32(SL_TOKEN_QUEUED)) {
        run.engine.enqueue(worker)
      }
      return
    }
    if let input = worker.input { sl_event_count_announce(input.notEmpty, UInt32(worker.index)) }
    guard sl_token_unlease(worker.token, id, UInt32(SL_TOKEN_PARKED)) else { return }
    if let input = worker.input, !input.isEmpty || input.isClosed { worker.wake() }
  }

  /// Whether this worker, whose token the caller holds, could do something now.
  var hasWork: Bool {
    guard let input else { return true }
    return hasUnfinishedInput.pointee || !input.isEmpty || input.isClosed
  }

  /// The monitor: takes the leased tokens away from a driver that is stuck in a body, and has them
  /// run by other threads. The stage whose body it is in stays with it.
  func revokeLease() {
    guard sl_lease_begin_revoke(lease) else { return }
    let kept = Int(sl_lease_revoked_position(lease))
    var stage = self.stage - 1
    while stage >= 0, run.stages[stage].isLeasable {
      let worker = run.stages[stage].workers.workers[0]
      if sl_token_is_leased(worker.token, lease.pointee.id) { run.stages[stage].wasRevoked() }
      if stage != kept, sl_token_unlease(worker.token, lease.pointee.id, UInt32(SL_TOKEN_QUEUED)) {
        run.engine.enqueue(worker)
      }
      stage -= 1
    }
    sl_lease_end_revoke(lease)
  }

  /// Whether this driver may run the stage's body, after a revocation was settled.
  func stillHolds(stage: Int) -> Bool {
    stage == self.stage
      || sl_token_is_leased(run.stages[stage].workers.workers[0].token, lease.pointee.id)
  }

  /// The monitor: the lease has moved many items; its stages need no longer be kept from leases.
  func leaseGoesWell() {
    for stage in run.stages[..<self.stage] where stillHolds(stage: stage.index) { stage.isLeasedWell() }
  }
}
