import CSluice

/// A worker of a process stage, in the parent: gives the items to its process, passes on what comes back, and deals
/// with the process's end. Runs on one thread, which it keeps.
///
/// Its state lies behind pointers, because stored properties of classes are checked for exclusive access at run time.
@usableFromInline
final class ProcessSupervisor<Input: Codable & Sendable, Output: Codable & Sendable> {
  @usableFromInline
  struct State {
    @usableFromInline var ledger = Ledger<Input>()
    /// Admitted since the process exists, modulo 2^31, and put but not yet admitted.
    @usableFromInline var admitted: UInt32 = 0
    @usableFromInline var unadmitted: UInt32 = 0
    /// Answers passed on since the process exists.
    @usableFromInline var answered: UInt64 = 0
    /// Items to give again, before others.
    @usableFromInline var pending: [LedgerEntry<Input>] = []
    /// Most items that the process may have.
    @usableFromInline var window = 1
    @usableFromInline var inputHasEnded = false
    /// The request ring was full: an answer comes before there is room.
    @usableFromInline var mustWaitForRoom = false
    /// Since when the process has been at the items before the next answer.
    @usableFromInline var busySince: UInt64 = 0
    /// Processes in a row that ended without having answered an item.
    var failedStarts = 0
    /// How the process ended, while its last answers are still passed on.
    @usableFromInline var ended: WorkerDied.Cause?
    /// Whether the process was told that there is no more, and whether a join's body has returned.
    @usableFromInline var isClosed = false
    @usableFromInline var isThrough = false
    /// Nothing has come since the last look at the clock of a sleep.
    @usableFromInline var hasTicked = false
    /// In a stage that keeps the order: outputs whose places are not there yet, and items of which none comes.
    var late: [LateOutput<Output>] = []
    /// The item that a join took last.
    var lastStarted: LedgerEntry<Input>?

    @usableFromInline init() {}
  }

  @usableFromInline unowned(unsafe) let worker: Worker
  @usableFromInline let intake: Intake<Input>
  @usableFromInline let output: Channel<Output>
  @usableFromInline let crew: ProcessCrew<Input>
  @usableFromInline let state: UnsafeMutablePointer<State>
  /// The output that found the queue full.
  @usableFromInline let held = Slot<Output>()
  @usableFromInline let inputs = ValueCodec<Input>()
  @usableFromInline let outputs = ValueCodec<Output>()
  @usableFromInline let form: WorkerSetup.Form
  @usableFromInline var process: WorkerProcess?
  @usableFromInline let stage: StageDescription

  /// Most items that the process may have beside the one that it is at.
  @usableFromInline let share: Int
  /// Most outputs that may stand in the exchange beside the one that the worker holds.
  @usableFromInline let outputShare: UInt64
  @usableFromInline let isOrdered: Bool

  @usableFromInline
  init(
    worker: Worker, intake: Intake<Input>, output: Channel<Output>, crew: ProcessCrew<Input>,
    form: WorkerSetup.Form,
    stage: StageDescription, inputShare: Int, outputShare: Int
  ) {
    self.worker = worker
    self.intake = intake
    self.output = output
    self.crew = crew
    self.form = form
    self.stage = stage
    isOrdered = output.core.kind == .ordered
    // Late outputs are this stage's and stand in no queue: as many as it may have in the exchange.
    share = isOrdered ? min(inputShare, outputShare) : inputShare
    self.outputShare = outputShare == Int.max ? UInt64.max : UInt64(outputShare)
    state = .allocate(capacity: 1)
    state.initialize(to: State())
  }

  deinit {
    state.pointee.ledger.destroy()
    state.deinitialize(count: 1)
    state.deallocate()
  }
}

// MARK: The way of an item

extension ProcessSupervisor {
  @inlinable
  func run() {
    while !worker.run.hasEnded(worker.position), !state.pointee.isThrough {
      guard let process = process ?? start() else { break }
      let passed = drain(process)
      if passed < 0 {
        isBroken(process, "a record")
        continue
      }
      if state.pointee.ended != nil, passed == 0, !held.isFull.pointee {
        bury(process)
        continue
      }
      let given = state.pointee.ended == nil ? dispatch(process) : 0
      if passed == 0, given == 0 { wait(process) }
    }
    finish()
  }

  /// Passes on what the process has answered, as far as the output queue takes it; how many answers. Negative: it has
  /// answered what cannot be.
  @inlinable
  func drain(_ process: WorkerProcess) -> Int {
    let exchange = process.exchange
    var passed = 0
    var record = sl_exchange_record()
    if _slowPath(isOrdered) { placeLate() }
    while true {
      if held.isFull.pointee {
        guard output.enqueue(from: held.pointer, producer: worker.index) else {
          sl_stage_counters_queue_length(worker.counters, UInt64(output.core.count))
          break
        }
        held.isFull.pointee = false
        sl_stage_counters_produce(worker.counters)
        output.core.notifyNotEmpty()
        passed &+= 1
      }
      let found = sl_exchange_look(exchange, &record)
      if found == SL_EXCHANGE_NOTHING { break }
      if found == SL_EXCHANGE_BROKEN { return -1 }
      if _fastPath(
        record.kind & ~RecordKind.apart == RecordKind.result && !isOrdered && state.pointee.ledger.count > 0)
      {
        if outputs.isBitwise {
          let bytes = UnsafeRawBufferPointer(start: record.payload, count: Int(record.bytes))
          guard let value = try? outputs.decode(bytes, handles: HandleList()) else { return -1 }
          held.pointer.initialize(to: value)
        } else {
          guard let value = readEncoded(record, process) else { return -1 }
          held.pointer.initialize(to: value)
        }
        held.isFull.pointee = true
        _ = state.pointee.ledger.removeFirst()
      } else {
        guard let isPassed = receive(record) else { return -1 }
        if isPassed { passed &+= 1 }
      }
      sl_exchange_next(exchange, &record)
    }
    if passed > 0 { hasPassed(passed, process) }
    return passed
  }

  /// Answers were passed on: makes room for others, and learns how many items the process should have.
  @inlinable
  func hasPassed(_ passed: Int, _ process: WorkerProcess) {
    let exchange = process.exchange
    sl_exchange_release(exchange)
    crashPoint()
    state.pointee.answered &+= UInt64(passed)
    if outputShare != UInt64.max {
      sl_exchange_limit_output(exchange, state.pointee.answered &+ 1 &+ outputShare)
      crashPoint()
    }
    process.wakeIfAsleep()
    let now = sl_now_nanoseconds()
    let busy = now &- state.pointee.busySince
    sl_stage_counters_busy_add_once(worker.counters, busy)
    let each = busy / UInt64(passed) &+ 1
    state.pointee.busySince = now
    let wanted = Int(min(ProcessBudget.windowNanoseconds / each, UInt64(share))) &+ 1
    state.pointee.window = min(wanted, state.pointee.window &* 4)
    state.pointee.mustWaitForRoom = false
    state.pointee.hasTicked = false
  }

  /// Gives items to the process; how many.
  @inlinable
  func dispatch(_ process: WorkerProcess) -> Int {
    var given = 0
    if _slowPath(crew.hasReturned), state.pointee.pending.isEmpty, state.pointee.ledger.count == 0,
      let entry = crew.takeReturned()
    {
      state.pointee.pending.append(entry)
    }
    while state.pointee.ledger.count < state.pointee.window, !state.pointee.mustWaitForRoom {
      if _slowPath(!state.pointee.pending.isEmpty) {
        guard mayGivePending(), give(state.pointee.pending.removeFirst(), process) else { break }
      } else if let item = state.pointee.inputHasEnded || isOrdered ? nil : intake.take(worker.lease) {
        sl_stage_counters_take(worker.counters)
        guard give(LedgerEntry(item: item.move()), process) else { break }
      } else {
        guard let entry = nextWithoutInput() else { break }
        guard give(entry, process) else { break }
      }
      given &+= 1
    }
    if state.pointee.unadmitted > 0 { admit(process) }
    return given
  }

  /// Puts an item into the request ring; false: there is no room, and the item is the next to be given.
  @inlinable
  func give(_ entry: consuming LedgerEntry<Input>, _ process: WorkerProcess) -> Bool {
    guard inputs.isBitwise else { return giveEncoded(entry, process) }
    let exchange = process.exchange
    let bytes = UInt32(MemoryLayout<Input>.size)
    guard
      let place = sl_exchange_reserve(exchange, bytes, RecordKind.item, 0)
        ?? reserveAgain(process, bytes, RecordKind.item)
    else {
      hasNoRoom(entry)
      return false
    }
    inputs.store(entry.item, to: place)
    append(entry, bytes, process)
    return true
  }

  @inlinable
  func append(_ entry: consuming LedgerEntry<Input>, _ bytes: UInt32, _ process: WorkerProcess) {
    crashPoint()
    if state.pointee.ledger.count == 0 { state.pointee.busySince = sl_now_nanoseconds() }
    state.pointee.ledger.append(entry, place: process.exchange.pointee.request_tail)
    sl_exchange_put(process.exchange, bytes)
    state.pointee.unadmitted &+= 1
    if state.pointee.unadmitted & 63 == 0 { admit(process) }
  }

  @inlinable
  func admit(_ process: WorkerProcess) {
    sl_exchange_admit(process.exchange, state.pointee.unadmitted)
    crashPoint()
    state.pointee.admitted = (state.pointee.admitted &+ state.pointee.unadmitted) & UInt32(Int32.max)
    state.pointee.unadmitted = 0
    process.wakeIfAsleep()
  }
}
