import CSluice

/// One run of a pipeline: its stages, workers and queues, and how it ended.
@usableFromInline
final class RunCore: @unchecked Sendable {
  enum Ending {
    /// The consumer has had every output.
    case finished
    /// A body threw this first.
    case failed(any Error)
    /// The consumer left early, or `cancel()` was called.
    case cancelled
  }

  private struct EndState {
    var ending: Ending?
    /// The async workers, to be cancelled when their stage is over.
    var tasks: [(stage: Int, task: Task<Void, Never>)] = []
  }

  let engine = Engine.shared
  let arena = Arena()
  @usableFromInline let stageCount: Int
  /// Set once, while the run is put together.
  var stages: [StageCore] = []
  /// Of each stage. Written once, while the run is put together.
  let facts: UnsafeMutablePointer<StageFacts>
  var channels: [ChannelCore] = []
  /// Keeps the lists alive that the queues refer to.
  var lists: [WorkerList] = []
  let consumers = WorkerList(count: 1)
  /// What the monitor has of this run's workers, and whether it has let go of them. Behind its lock.
  var watches: [WaitWatch] = []
  var waitsAreForgotten = false
  /// The consumer's: its stream ended, or it found the run ended.
  var consumerSawEnd = false
  private let ending = Locked(EndState())
  /// CLOCK_MONOTONIC in nanoseconds; 0 before.
  private let startedAt: UnsafeMutablePointer<sl_atomic_u64>
  private let endedAt: UnsafeMutablePointer<sl_atomic_u64>
  /// Stages with a lower number are over: nobody will take what they produce.
  @usableFromInline let cutoff: UnsafeMutablePointer<sl_atomic_u32>
  /// Whether stage 0 was put into the run queue, or was leased once.
  private let sourceIsStarted: UnsafeMutablePointer<sl_atomic_u32>
  /// Tokens that lie in the run queue or are run by a thread of the engine, and tasks.
  private let inside: UnsafeMutablePointer<sl_atomic_u32>

  init(stageCount: Int) {
    self.stageCount = stageCount
    facts = arena.allocate(StageFacts.self, count: max(stageCount, 1))
    cutoff = arena.allocate(sl_atomic_u32.self)
    inside = arena.allocate(sl_atomic_u32.self)
    startedAt = arena.allocate(sl_atomic_u64.self)
    endedAt = arena.allocate(sl_atomic_u64.self)
    sl_store_relaxed_u64(startedAt, 0)
    sl_store_relaxed_u64(endedAt, 0)
    sourceIsStarted = arena.allocate(sl_atomic_u32.self)
    sl_store_relaxed_u32(sourceIsStarted, 0)
    sl_store_relaxed_u32(cutoff, 0)
    sl_store_relaxed_u32(inside, 0)
  }

  @usableFromInline var consumer: Worker { consumers.workers[0] }

  // MARK: Beginning

  /// Starts the stages that nothing downstream will pull from; the others wait for their input, or
  /// for a driver that leases them.
  @usableFromInline
  func start(consumerDrives: Bool) {
    sl_store_release_u64(startedAt, sl_now_nanoseconds())
    let starting = stages.map { startingWorkers(of: $0, consumerDrives: consumerDrives) }
    // First the others wait, then these start, and with them everybody who could overlook them: who announces
    // itself here does not look again, nor does the monitor. And who starts is not announced, or it would be given wake-ups that belong to its neighbours.
    for stage in stages {
      for worker in stage.workers.workers[starting[stage.index]...] {
        guard let input = worker.input, input.kind != .single else { continue }
        worker.becomesQuiet()
        sl_event_count_announce(input.notEmpty, UInt32(worker.index))
      }
    }
    for stage in stages {
      for worker in stage.workers.workers[..<starting[stage.index]] {
        if stage.description.execution == .task { startTask(worker) } else { worker.wake() }
      }
    }
    cancelTasks(before: Int(sl_load_acquire_u32(cutoff)))
    if consumerDrives { consumer.takeResponsibility() }
  }

  /// Stage 0 waits for no input, so nobody wakes it by an item: a driver that is to pull from it, and
  /// that waits or is taken its lease before it came that far, calls this.
  func startSource() {
    if sl_exchange_seq_cst_u32(sourceIsStarted, 1) == 0 { stages[0].workers.workers[0].wake() }
  }

  /// Tasks, joins, and single workers that no driver will pull from. Several workers of another kind are woken
  /// by their first items, or one of them pulls from the stage before.
  private func startingWorkers(of stage: StageCore, consumerDrives: Bool) -> Int {
    let all = stage.workers.count
    if stage.description.execution == .task || stage.description.isJoin { return all }
    if stage.description.processes > 0 { return all }  // so that the processes are there when items come
    guard all == 1 else { return stage.index > 0 && isPulled(stages[stage.index - 1], false) ? 1 : 0 }
    return isPulled(stage, consumerDrives) ? 0 : 1
  }

  private func isPulled(_ stage: StageCore, _ consumerDrives: Bool) -> Bool {
    let next = stage.index + 1
    return stage.isLeasable && sl_process_barrier_available()
      && (next < stages.count ? stages[next].canDrive : consumerDrives)
  }

  private func startTask(_ worker: Worker) {
    enter()
    let task = Task { [self] in
      await worker.taskBody?(worker)
      leave()
    }
    ending.withLock { $0.tasks.append((worker.stage, task)) }
  }

  // MARK: Ending

  /// Whether the run is over.
  @usableFromInline var hasEnded: Bool { hasEnded(UInt32(stageCount)) }

  /// Whether a stage is over, because the run is or because no stage after it takes items any more.
  @usableFromInline func hasEnded(_ position: UInt32) -> Bool {
    position < sl_load_acquire_u32(cutoff)
  }

  /// Ends the run; the first call decides how. After it returns no worker passes the check that stands
  /// before each body any more; one that has passed it may still be about to enter its body.
  func end(_ how: Ending) {
    let isFirst = ending.withLock { state in
      guard state.ending == nil else { return false }
      state.ending = how
      return true
    }
    guard isFirst else { return }
    sl_store_release_u64(endedAt, sl_now_nanoseconds())
    stop(before: stages.count + 1)
    if case .finished = how { return }
    if sl_process_barrier_available() { sl_process_barrier() }
  }

  /// A body is ready to run, and the system gives no thread for it: an error is better than a run that
  /// waits for ever.
  func endForLackOfThreads() {
    end(
      .failed(
        PipelineError(
          reason: "the system has no further thread for the bodies that run at once; use fewer workers")))
  }

  /// Stops the stages before this one: their bodies finish the present item and end.
  func stop(before stage: Int) {
    var present = sl_load_seq_cst_u32(cutoff)
    while present < UInt32(stage) {
      if sl_cas_seq_cst_u32(cutoff, &present, UInt32(stage)) { break }
    }
    let workers =
      stages.prefix(stage).flatMap { $0.workers.workers } + (stage > stages.count ? [consumer] : [])
    for worker in workers { sl_lease_stop_run(worker.lease) }
    for worker in workers { worker.stopProcess() }
    for worker in workers { worker.perform(sl_token_unpark_waiting(worker.token)) }
    cancelTasks(before: stage)
  }

  private func cancelTasks(before stage: Int) {
    let stopped = ending.withLock { $0.tasks.filter { $0.stage < stage } }
    for (_, task) in stopped { task.cancel() }
  }

  /// A body of the stage at this position threw. What it throws after its stage was stopped (a
  /// CancellationError of `yield`, most often) is of no interest to anybody.
  @usableFromInline @inline(never)
  func fail(_ error: any Error, at position: UInt32) {
    if !hasEnded(position) { end(.failed(error)) }
  }

  /// The error that the consumer gets once it has taken what stands in the last queue.
  @usableFromInline var failure: (any Error)? {
    ending.withLock { state in
      switch state.ending {
      case .failed(let error): return error
      case .cancelled: return CancellationError()
      case .finished, nil: return nil
      }
    }
  }

  /// Whether a body failed: what stands in the last queue is still delivered then.
  @usableFromInline var hasFailed: Bool {
    ending.withLock { if case .failed = $0.ending { true } else { false } }
  }

  /// The run has ended and its consumer is through: the monitor looks at its workers no more. Before the last
  /// reference goes.
  ///
  /// Not from `end`, which a cancellation handler may call: those run with the task locked, and the monitor may be
  /// about to resume that task.
  @usableFromInline
  func forgetWaits() { engine.monitor.forgetWaits(of: self) }

  /// Behind the monitor's lock.
  func letGoOfWaits() {
    waitsAreForgotten = true
    for watch in watches { watch.worker = nil }
  }

  // MARK: Who is inside

  func enter() { _ = sl_fetch_add_seq_cst_u32(inside, 1) }

  func leave() {
    if sl_fetch_sub_seq_cst_u32(inside, 1) == 1, hasEnded { sl_futex_wake(inside, UInt32(Int32.max)) }
  }

  /// Sleeps until no body of this run is running any more. After `end`.
  func waitUntilLeft() {
    if engine.spinning.spin(isCounted: false, until: { sl_load_seq_cst_u32(inside) == 0 }) == true { return }
    while true {
      let now = sl_load_seq_cst_u32(inside)
      if now == 0 { return }
      _ = sl_futex_wait(inside, now, UInt64.max)
    }
  }

  // MARK: Reporting

  func report() -> RunReport {
    let from = sl_load_acquire_u64(startedAt)
    let to = sl_load_acquire_u64(endedAt)
    // A run may have been cancelled before it started.
    let until = to == 0 ? sl_now_nanoseconds() : to
    let elapsed = from == 0 || until < from ? 0 : until - from
    return RunReport(
      elapsed: .nanoseconds(Int64(elapsed)),
      stages: stages.map { stage in
        var taken: UInt64 = 0
        var produced: UInt64 = 0
        var busy: UInt64 = 0
        var peak: UInt64 = 0
        for worker in stage.workers.workers {
          taken += sl_stage_counters_taken(worker.counters)
          produced += sl_stage_counters_produced(worker.counters)
          if stage.description.countsItemsOnce { taken += sl_stage_counters_produced(worker.counters) }
          busy += sl_stage_counters_busy(worker.counters)
          peak = max(peak, sl_stage_counters_peak(worker.counters))
        }
        let failures = stage.failures?.withLock { $0 } ?? FailureLog()
        return RunReport.Stage(
          name: stage.description.name ?? stage.description.form, workers: stage.workers.count,
          itemsIn: Int(taken), itemsOut: Int(produced),
          busy: .nanoseconds(Int64(min(busy, elapsed * UInt64(stage.workers.count)))),
          peakQueueLength: Int(peak), skipped: failures.skipped, retried: failures.retried,
          failures: failures.failures)
      })
  }
}
