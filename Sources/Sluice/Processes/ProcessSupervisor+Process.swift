import CSluice
import Glibc

/// The process: its start, waiting for it, its end.
extension ProcessSupervisor {
  /// How many processes in a row may come to nothing. One that is killed while it starts says less about the stage than
  /// one that ends by itself.
  private static func mostFailedStarts(_ cause: WorkerDied.Cause) -> Int {
    cause == .signal(SIGKILL) ? 50 : 4
  }
  private static var firstPauseMilliseconds: Int32 { 10 }

  private var label: String { stage.label(worker.stage) }
  private var hasEndedRun: Bool { worker.run.hasEnded(worker.position) }

  // MARK: Start

  /// A process that has taken the stage; nil: there is none, and the run has ended.
  @usableFromInline @inline(never)
  func start() -> WorkerProcess? {
    while !hasEndedRun {
      do throws(WorkerStartError) {
        let process = try WorkerProcess(crew.setup, event: worker.event)
        try process.waitUntilReady { [self] in hasEndedRun }
        state.pointee.admitted = 0
        state.pointee.unadmitted = 0
        state.pointee.answered = 0
        state.pointee.window = 1
        state.pointee.ended = nil
        state.pointee.isClosed = false
        state.pointee.mustWaitForRoom = false
        if outputShare == UInt64.max {
          sl_exchange_limit_output(process.exchange, UInt64.max)
        } else {
          sl_exchange_limit_output(process.exchange, 1 + outputShare)
        }
        self.process = process
        worker.setExchange(process.exchange.pointee.facts)
        return process
      } catch {
        guard case .died(let cause) = error, state.pointee.failedStarts + 1 < Self.mostFailedStarts(cause)
        else {
          if case .abandoned = error { return nil }
          worker.run.fail(PipelineError(stage: label, reason: error.reason), at: worker.position)
          return nil
        }
        pause()
      }
    }
    return nil
  }

  /// Before another start, after one that came to nothing: longer each time.
  private func pause() {
    let milliseconds = Self.firstPauseMilliseconds << Int32(min(state.pointee.failedStarts, 3))
    state.pointee.failedStarts += 1
    if sl_wait_descriptors(worker.event, -1, -1, milliseconds) != 0 { sl_event_reset(worker.event) }
  }

  // MARK: Waiting

  /// Nothing can be passed on and nothing given: sleeps until that may have changed, or finds that all is done.
  @usableFromInline @inline(never)
  func wait(_ process: WorkerProcess) {
    if countStarted() { return }
    if hasEndedRun { return }
    let wantsInput =
      !state.pointee.inputHasEnded && state.pointee.ledger.count < state.pointee.window
      && state.pointee.pending.isEmpty && !state.pointee.mustWaitForRoom && state.pointee.ended == nil
      && mayTakeAnother
    // A stage before that is leased need not go on while its items would only wait: it goes on with the answers.
    // Should these take long, the lease is revoked.
    if wantsInput {
      if worker.requestStageBefore() { return }
      worker.releaseLeases()
      worker.run.startSource()
    }
    let hasNothing =
      state.pointee.ledger.count == 0 && state.pointee.pending.isEmpty && !held.isFull.pointee
      && state.pointee.late.isEmpty
    if hasNothing, state.pointee.ended == nil {
      if crew.isAlone
        ? state.pointee.inputHasEnded : crew.idle(worker.index, inputHasEnded: state.pointee.inputHasEnded)
      {
        allIsDone(process)
        if state.pointee.isThrough { return }
      }
    } else if !crew.isAlone, state.pointee.ledger.count > 1, crew.wantsBacklog(of: worker.index),
      share(process)
    {
      return
    }
    sleep(process, wantsInput: wantsInput, wantsNews: hasNothing && !crew.isAlone)
    if !crew.isAlone { crew.isBusy(worker.index) }
  }

  /// There will be no more items. A join's body returns at that; the others have nothing left.
  private func allIsDone(_ process: WorkerProcess) {
    if form != .join {
      state.pointee.isThrough = true
    } else if !state.pointee.isClosed {
      state.pointee.isClosed = true
      process.close()
    }
  }

  /// Takes back what the process has not started, for the others; whether there was anything.
  private func share(_ process: WorkerProcess) -> Bool {
    if state.pointee.unadmitted > 0 { admit(process) }
    let recalled = Int(sl_exchange_recall(process.exchange, state.pointee.admitted))
    crashPoint()
    guard recalled > 0 else { return false }
    guard let (entries, place) = state.pointee.ledger.removeLast(recalled) else {
      isBroken(process, "how many items it has started")
      return true
    }
    process.exchange.pointee.request_tail = place
    state.pointee.admitted = (state.pointee.admitted &- UInt32(recalled)) & UInt32(Int32.max)
    state.pointee.window = 1
    crew.share(entries)
    return true
  }

  /// - Parameters:
  ///   - wantsInput: it would take an item of the input.
  ///   - wantsNews: it is idle, and would take an item that another process gives back.
  private func sleep(_ process: WorkerProcess, wantsInput: Bool, wantsNews: Bool) {
    func isReady() -> Bool {
      if hasEndedRun { return true }
      if held.isFull.pointee || !state.pointee.late.isEmpty, output.core.gauge.hasSpace(for: worker.index) {
        return true
      }
      if !held.isFull.pointee, sl_exchange_has_response(process.exchange) {
        return true
      }
      if wantsInput, let input = worker.input, !input.isEmpty || input.isClosed { return true }
      if form == .join, state.pointee.ledger.count > 0, !sl_exchange_has_item(process.exchange) {
        return true
      }
      return wantsNews && crew.hasNews()
    }
    if worker.spinning.spin(until: isReady) == true { return }
    let (input, number) = (worker.input, UInt32(worker.index))
    if wantsInput { worker.announce(.input) }
    let wantsRoom = held.isFull.pointee || !state.pointee.late.isEmpty
    if wantsRoom { worker.announce(.output) }
    defer {
      if wantsInput, let input { _ = sl_event_count_retract(input.notEmpty, number) }
      if wantsRoom { _ = sl_event_count_retract(output.core.gauge.producersEvent, number) }
    }
    sl_exchange_parent_sleeps(process.exchange)
    crashPoint()
    defer { sl_exchange_parent_woke(process.exchange) }
    if isReady() { return }
    guard sl_token_park(worker.token, UInt32(SL_TOKEN_TASK_PARKED)) else { return }
    let milliseconds = sleepLimit(process)
    worker.spinning.endsWork()
    let hasDied = process.sleep(milliseconds: milliseconds)
    worker.spinning.beginsWork()
    sl_token_resumed(worker.token)
    crashPoint()
    state.pointee.hasTicked = true
    if hasDied, state.pointee.ended == nil { state.pointee.ended = process.reap() }
    if let timeout = crew.timeout { watch(process, timeout) }
  }

  /// How long to sleep at most. A worker with further items wakes nobody for each answer: so its first sleep is short.
  private func sleepLimit(_ process: WorkerProcess) -> Int32 {
    guard state.pointee.ledger.count > 0, state.pointee.ended == nil else { return -1 }
    if !state.pointee.hasTicked { return 1 }
    guard let timeout = crew.timeout else { return -1 }
    return Int32(clamping: max(1, timeout.milliseconds / 8))
  }

  /// Ends a process that has been at one item for longer than it may.
  private func watch(_ process: WorkerProcess, _ timeout: Duration) {
    // While an output waits for its place, so may the process, which does not start another item then.
    guard state.pointee.ended == nil, state.pointee.ledger.count > 0, !held.isFull.pointee,
      !sl_exchange_has_response(process.exchange)
    else {
      return
    }
    // It began the item when its last answer was passed on, or when it was given this one. (What the process itself
    // might say of the time would have to be believed.)
    guard sl_now_nanoseconds() - state.pointee.busySince > UInt64(clamping: timeout.nanoseconds) else {
      return
    }
    process.kill()
    _ = process.reap()
    state.pointee.ended = .timeout(timeout)
  }

  // MARK: End

  /// The process has answered what cannot be: it is ended, and what it answered before is passed on.
  @usableFromInline @inline(never)
  func isBroken(_ process: WorkerProcess, _ what: String) {
    if state.pointee.ended == nil {
      process.kill()
      _ = process.reap()
    }
    state.pointee.ended = .nonsense(what)
    if !held.isFull.pointee { bury(process) }
  }

  /// The process has ended, and its answers are passed on. The item that it was at has failed; those that it has not
  /// started are given again.
  @usableFromInline @inline(never)
  func bury(_ process: WorkerProcess) {
    guard let cause = state.pointee.ended else { return }
    worker.setExchange(nil)
    let count = state.pointee.ledger.count
    let waiting = Int((state.pointee.admitted &- sl_exchange_started(process.exchange)) & UInt32(Int32.max))
    // One item at most was at work, the first; and it was, if the process says what cannot be.
    let given = count - Int(state.pointee.unadmitted)
    // Nor is it believed twice that it ended by itself and had started none of what it was given.
    let isSecond = state.pointee.answered == 0 && state.pointee.failedStarts > 0 && cause != .signal(SIGKILL)
    let wasAtWork = form != .join && given > 0 && (waiting != given || cause.isNonsense || isSecond)
    var entries = state.pointee.ledger.removeLast(count)?.entries ?? []
    if count == 0 || state.pointee.answered > 0 || wasAtWork { state.pointee.failedStarts = 0 }
    let victim = wasAtWork ? entries.removeFirst() : nil
    state.pointee.pending = entries + state.pointee.pending
    if isOrdered { state.pointee.pending.sort { $0.number < $1.number } }
    state.pointee.ended = nil
    state.pointee.unadmitted = 0
    self.process = nil
    if form == .join {
      joinDied(cause)
    } else if let victim {
      let item = victim.item
      fail(victim, WorkerDied(cause: cause, item: item, stage: label))
    } else if state.pointee.answered == 0 {
      if state.pointee.failedStarts + 1 >= Self.mostFailedStarts(cause) {
        let error = WorkerStartError.died(cause)
        worker.run.fail(PipelineError(stage: label, reason: error.reason), at: worker.position)
      } else {
        pause()
      }
    }
  }

  /// What a join's body has taken is lost with it: so the run fails.
  private func joinDied(_ cause: WorkerDied.Cause) {
    let item = state.pointee.lastStarted?.item
    worker.run.fail(WorkerDied(cause: cause, item: item, stage: label), at: worker.position)
  }

  /// The stage is through, or the run over: the process finishes the item that it is at, and ends.
  @usableFromInline @inline(never)
  func finish() {
    if let process {
      worker.setExchange(nil)
      sl_exchange_stop(process.exchange.pointee.facts)
      crashPoint()
      process.close()
      process.shutDown()
      process.ring()
      if state.pointee.ended == nil { waitForEnd(process) }
      self.process = nil
    }
    if form == .join, state.pointee.isThrough, !crew.isAlone {
      // Its body has returned, perhaps before it took all that it was given.
      let left = state.pointee.ledger.removeLast(state.pointee.ledger.count)?.entries ?? []
      crew.leave(worker.index, leaving: left + state.pointee.pending)
    }
    worker.finish()
  }

  private func waitForEnd(_ process: WorkerProcess) {
    let started = sl_now_nanoseconds()
    while true {
      var limit: Int32 = -1
      if let timeout = crew.timeout {
        let left = timeout.nanoseconds - Int64(clamping: sl_now_nanoseconds() - started)
        if left <= 0 { process.kill() }
        limit = Int32(clamping: max(1, left / 1_000_000 + 1))
      }
      if process.sleep(milliseconds: limit) { break }
    }
    _ = process.reap()
  }
}

extension Duration {
  fileprivate var nanoseconds: Int64 {
    let (seconds, attoseconds) = components
    let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    return overflow ? Int64.max : product.addingReportingOverflow(attoseconds / 1_000_000_000).partialValue
  }
  fileprivate var milliseconds: Int64 { nanoseconds / 1_000_000 }
}
