import CSluice

@usableFromInline typealias Lease = UnsafeMutablePointer<sl_lease>

/// Why a pull gave no item.
@usableFromInline
enum Outcome: UInt32 {
  /// The input has ended: there will be no further item.
  case ended = 1
  /// There is no item now.
  case blocked = 2
  /// The lease was revoked or the run has ended: settle before anything else.
  case stopped = 3
}

/// The workers of one stage (or the one consumer of a run), by index.
@usableFromInline
final class WorkerList: @unchecked Sendable {
  let count: Int
  var workers: [Worker] = []

  init(count: Int) { self.count = count }
}

/// One worker of a stage: a token that a thread takes, runs and gives back, a Swift task, or the
/// thread of the caller of a blocking `run`.
///
/// The same state (`sl_token`) serves all three, so that the queues need not know who waits for them.
@usableFromInline
final class Worker: @unchecked Sendable {
  @usableFromInline unowned(unsafe) let run: RunCore
  /// The stage's number, from 0; the consumer's is the number of stages.
  let stage: Int
  @usableFromInline let position: UInt32
  /// This worker's number in its stage.
  @usableFromInline let index: Int
  let token: UnsafeMutablePointer<sl_token>
  @usableFromInline let lease: Lease
  @usableFromInline let counters: UnsafeMutablePointer<sl_stage_counters>
  /// Whether this worker can go on without a new input: a sequence that is not at its end. The
  /// holder's.
  @usableFromInline let hasUnfinishedInput: UnsafeMutablePointer<Bool>
  let continuation: UnsafeMutablePointer<UnsafeContinuation<Void, Never>?>
  /// Nanoseconds that the present body has waited, or has spent in other stages. The holder's.
  @usableFromInline let waited: UnsafeMutablePointer<UInt64>
  /// The task's.
  @usableFromInline let turns: UnsafeMutablePointer<TaskTurns>
  /// Whether this worker holds an output that found the queue full. The holder's; nil for workers that
  /// wait inside their bodies. Set once, while the run is put together.
  @usableFromInline var holdsOutput: UnsafeMutablePointer<Bool>?
  private(set) unowned(unsafe) var input: ChannelCore?
  private(set) unowned(unsafe) var output: ChannelCore?
  /// Of the two.
  let gauges: UnsafeMutablePointer<(input: QueueGauge?, output: QueueGauge?)>
  /// Of the run's stages, and how many of them are over.
  let facts: UnsafeMutablePointer<StageFacts>
  @usableFromInline let cutoff: UnsafeMutablePointer<sl_atomic_u32>
  let spinning: Spinning
  /// Wakes the thread that supervises a worker process, which sleeps on descriptors; -1 for other workers.
  @usableFromInline let event: Int32
  /// The exchange with the worker process, while there is one.
  private let exchange = Locked<UnsafeMutablePointer<sl_exchange_facts>?>(nil)
  /// What a thread that has taken the token does. Set once, while the run is put together.
  @usableFromInline var step: ((Worker) -> Void)?
  /// What the monitor knows of this worker's waiting. The holder's.
  var watch: WaitWatch?
  /// Counts the waits of this worker, so that the monitor knows whether it is still the same one.
  let waits: UnsafeMutablePointer<sl_atomic_u64>
  /// Whether the output's consumers are told that this worker waits. The holder's.
  let isQuiet: UnsafeMutablePointer<Bool>
  /// How dense the flow is that this worker waits for, at its input and at its output. The holder's.
  let inputPace: UnsafeMutablePointer<FlowPace>
  let outputPace: UnsafeMutablePointer<FlowPace>
  /// What the worker's task does. Set once, while the run is put together.
  @usableFromInline var taskBody: (@Sendable (Worker) async -> Void)?

  /// - Parameter event: belongs to the worker from now on.
  init(run: RunCore, stage: Int, index: Int, ordinal: Int, event: Int32 = -1) {
    self.event = event
    self.run = run
    self.stage = stage
    self.index = index
    position = UInt32(stage)
    let arena = run.arena
    facts = run.facts
    cutoff = run.cutoff
    spinning = run.engine.spinning
    gauges = arena.allocate((input: QueueGauge?, output: QueueGauge?).self)
    gauges.initialize(to: (nil, nil))
    token = arena.allocate(sl_token.self)
    lease = arena.allocate(sl_lease.self)
    counters = arena.allocate(sl_stage_counters.self)
    hasUnfinishedInput = arena.allocate(Bool.self)
    hasUnfinishedInput.initialize(to: false)
    continuation = arena.allocate(UnsafeContinuation<Void, Never>?.self)
    continuation.initialize(to: nil)
    waited = arena.allocate(UInt64.self)
    waited.initialize(to: 0)
    turns = arena.allocate(TaskTurns.self)
    turns.initialize(to: TaskTurns())
    waits = arena.allocate(sl_atomic_u64.self)
    sl_store_relaxed_u64(waits, 0)
    isQuiet = arena.allocate(Bool.self)
    isQuiet.initialize(to: false)
    inputPace = arena.allocate(FlowPace.self)
    inputPace.initialize(to: FlowPace())
    outputPace = arena.allocate(FlowPace.self)
    outputPace.initialize(to: FlowPace())
    sl_token_init(token, UInt32(SL_TOKEN_PARKED))
    sl_stage_counters_init(counters)
    sl_lease_init(lease, UInt32(ordinal), Unmanaged.passUnretained(self).toOpaque())
  }

  deinit { sl_descriptor_close(event) }

  func setInput(_ queue: ChannelCore) {
    input = queue
    gauges.pointee.input = queue.gauge
  }

  func setOutput(_ queue: ChannelCore) {
    output = queue
    gauges.pointee.output = queue.gauge
  }

  /// Whether this worker's stage is over.
  @usableFromInline var isOver: Bool { position < sl_load_acquire_u32(cutoff) }
  var isConsumer: Bool { stage == run.stageCount }

  @usableFromInline
  static func driver(of lease: Lease) -> Worker {
    Unmanaged<Worker>.fromOpaque(lease.pointee.owner).takeUnretainedValue()
  }

  // MARK: Waking

  /// Makes the worker look at its queues again, whatever it does now.
  func wake() {
    perform(sl_token_unpark(token))
  }

  func perform(_ action: sl_wake) {
    switch action {
    case SL_WAKE_ENQUEUE: run.engine.enqueue(self)
    case SL_WAKE_TASK where event >= 0: sl_event_signal(event)
    case SL_WAKE_TASK:
      let waiting = continuation.pointee
      continuation.pointee = nil
      waiting?.resume()
    default: break
    }
  }

  // MARK: Timing

  /// Whether the call for the next item is one that is timed.
  @usableFromInline
  func timesNextInput() -> Bool {
    sl_stage_counters_taken(counters) & counters.pointee.timing_mask == 0
  }

  /// A call for the next item, one of those that are timed, took this long.
  @usableFromInline
  func addWaited(_ nanoseconds: UInt64) {
    let mask = counters.pointee.timing_mask
    let next = sl_stage_counters_next_mask(mask, nanoseconds)
    waited.pointee += next == 0 ? nanoseconds : nanoseconds * (mask + 1)
    counters.pointee.timing_mask = next
  }

  /// The body has waited this long.
  @usableFromInline
  func addWaited(once nanoseconds: UInt64) {
    waited.pointee += nanoseconds
  }

  // MARK: Going on and ending

  /// After a pull that gave nothing: whether to go on pulling now. False: the thread leaves the
  /// token, which is parked or at its end.
  @usableFromInline
  func goesOn() -> Bool {
    switch Outcome(rawValue: lease.pointee.outcome) {
    case .blocked:
      return requestStageBefore() || !parkOnInput()
    case .stopped:
      releaseLeases()
      if !run.hasEnded(position) { return !handsOver() }
      sl_token_end(token)
      return false
    case .ended, nil:
      finish()
      return false
    }
  }

  /// The output queue is full: whether to try again now. False: the thread leaves the token, which
  /// is parked or, if its stage is over, at its end.
  @usableFromInline
  func goesOnToEnqueue() -> Bool {
    if run.hasEnded(position) {
      releaseLeases()
      sl_token_end(token)
      return false
    }
    return !parkOnOutput()
  }

  /// This worker has nothing more to do, and all it made is in the output queue. The last worker of
  /// a stage closes that queue.
  @usableFromInline
  func finish() {
    releaseLeases()
    becomesQuiet()
    sl_token_end(token)
    run.stages[stage].workerHasEnded()
  }

  /// A worker whose token is leased has come to the end of its input.
  @usableFromInline
  func finishLeased(_ driver: Lease) {
    if sl_token_unlease(token, driver.pointee.id, UInt32(SL_TOKEN_ENDED)) {
      run.stages[stage].workerHasEnded()
    }
  }
}

/// What a worker process has of the run's end.
extension Worker {
  /// From now on `stopProcess` reaches this process; nil: none.
  func setExchange(_ facts: UnsafeMutablePointer<sl_exchange_facts>?) {
    exchange.withLock { $0 = facts }
    if facts != nil, run.hasEnded(position) { stopProcess() }
  }

  /// After this the worker process starts no further item, and its `yield` throws. From any thread.
  func stopProcess() {
    guard event >= 0 else { return }
    exchange.withLock { facts in
      guard let facts else { return }
      sl_exchange_stop(facts)
      sl_exchange_close(facts)
    }
  }
}
