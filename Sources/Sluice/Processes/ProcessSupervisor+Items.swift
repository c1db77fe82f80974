import CSluice
import Glibc

/// What is rarer on the way of an item: values that are encoded, errors, other forms than one in and one out.
extension ProcessSupervisor {
  @usableFromInline @inline(never)
  func reserveAgain(_ process: WorkerProcess, _ bytes: UInt32, _ kind: UInt16) -> UnsafeMutablePointer<CChar>?
  {
    guard sl_exchange_refresh_room(process.exchange) else {
      isBroken(process, "how far it has read")
      return nil
    }
    return sl_exchange_reserve(process.exchange, bytes, kind, 0)
  }

  /// The item comes first once there is room.
  @usableFromInline @inline(never)
  func hasNoRoom(_ entry: consuming LedgerEntry<Input>) {
    state.pointee.pending.insert(entry, at: 0)
    state.pointee.mustWaitForRoom = true
  }

  @inlinable @inline(never)
  func giveEncoded(_ entry: consuming LedgerEntry<Input>, _ process: WorkerProcess) -> Bool {
    let writer = RecordWriter(
      descriptors: process.descriptors,
      largest: Int(sl_exchange_largest(process.exchange.pointee.request_bytes)),
      waits: false)
    do {
      let bytes = try writer.write(entry.item, inputs, kind: RecordKind.item) { bytes, kind in
        guard
          let place = sl_exchange_reserve(process.exchange, bytes, kind, 0)
            ?? reserveAgain(process, bytes, kind)
        else { throw RecordWriter.NoRoom() }
        return UnsafeMutableRawPointer(place)
      }
      append(entry, bytes, process)
      return true
    } catch {
      return couldNotGive(entry, error)
    }
  }

  /// Whether the next item may be given.
  @usableFromInline @inline(never)
  func couldNotGive(_ entry: consuming LedgerEntry<Input>, _ error: any Error) -> Bool {
    guard error is RecordWriter.NoRoom else {
      fail(entry, error)
      return true
    }
    // An empty ring takes every record: what is lacking is room for descriptors, of which the process has some.
    if state.pointee.ledger.count == 0, state.pointee.ended == nil {
      fail(entry, WorkerStartError.system(what: "handing descriptors to a worker", errno: EAGAIN))
      return true
    }
    hasNoRoom(entry)
    return false
  }

  /// An output that is not copied bit by bit.
  @inlinable @inline(never)
  func readEncoded(_ record: sl_exchange_record, _ process: WorkerProcess) -> Output? {
    try? RecordReader(descriptors: process.arriving).read(record, outputs)
  }

  /// An answer that is not the common one: whether it is passed on, or an output stands in `held`. Nil: it cannot be.
  @usableFromInline @inline(never)
  func receive(_ record: sl_exchange_record) -> Bool? {
    let kind = record.kind & ~RecordKind.apart
    if form == .join {
      guard takeStarted() else { return nil }
    } else if state.pointee.ledger.count == 0 {
      return nil
    }
    switch kind {
    case RecordKind.result where form == .stage, RecordKind.output where form != .stage:
      guard let value = try? readOutput(record) else { return nil }
      if isOrdered {
        let number = state.pointee.ledger.removeFirst().number
        state.pointee.late.append(LateOutput(number: number, value: value))
        placeLate()
        return true
      }
      held.pointer.initialize(to: value)
      held.isFull.pointee = true
      if kind == RecordKind.result { _ = state.pointee.ledger.removeFirst() }
      return false
    case RecordKind.done where form == .branch:
      _ = state.pointee.ledger.removeFirst()
      return true
    case RecordKind.done where form == .join:
      state.pointee.isThrough = true
      return true
    case RecordKind.failed:
      guard let process, let error = try? readError(record, process) else { return nil }
      if form == .join {
        state.pointee.isThrough = true
        worker.run.fail(error, at: worker.position)
      } else {
        fail(state.pointee.ledger.removeFirst(), error)
      }
      return true
    default:
      return nil
    }
  }

  private func readOutput(_ record: sl_exchange_record) throws -> Output {
    if outputs.isBitwise {
      let bytes = UnsafeRawBufferPointer(start: record.payload, count: Int(record.bytes))
      return try outputs.decode(bytes, handles: HandleList())
    }
    guard let process else { throw RecordReader.Nonsense(what: "nobody") }
    return try RecordReader(descriptors: process.arriving).read(record, outputs)
  }

  private func readError(_ record: sl_exchange_record, _ process: WorkerProcess) throws -> any Error {
    let opened = try RecordReader(descriptors: process.arriving).open(record)
    return try withExtendedLifetime(opened) { try ErrorCodec.decode(opened.bytes, handles: opened.handles) }
  }

  /// A join takes its items without answering them: those that it has started are its body's. False: it says that it
  /// has started what it cannot have.
  private func takeStarted() -> Bool {
    guard let process else { return false }
    let waiting = Int((state.pointee.admitted &- sl_exchange_started(process.exchange)) & UInt32(Int32.max))
    let here = state.pointee.ledger.count - Int(state.pointee.unadmitted)
    guard waiting <= here else { return false }
    for _ in 0..<(here - waiting) { state.pointee.lastStarted = state.pointee.ledger.removeFirst() }
    return true
  }

  /// A join's process took items since they were last counted; whether it did.
  @usableFromInline
  func countStarted() -> Bool {
    guard form == .join, state.pointee.ended == nil else { return false }
    let before = state.pointee.ledger.count
    guard takeStarted() else {
      if let process { isBroken(process, "how many items it has started") }
      return true
    }
    guard state.pointee.ledger.count < before else { return false }
    state.pointee.mustWaitForRoom = false
    return true
  }

  /// The item's body has thrown, or its process has died with it: what becomes of it.
  @usableFromInline @inline(never)
  func fail(_ entry: consuming LedgerEntry<Input>, _ error: any Error) {
    var entry = entry
    entry.failures += 1
    let decision = worker.run.recordFailure(
      stage: worker.stage, item: entry.item, error: error, attempts: entry.failures)
    if decision == .retry {
      worker.run.recordRetry(stage: worker.stage)
      state.pointee.pending.append(entry)
    } else if isOrdered {
      state.pointee.late.append(LateOutput(number: entry.number, value: nil))
    }
  }

  /// The input gives nothing now: an item that another process of the stage has not started, if there is one.
  @usableFromInline @inline(never)
  func nextWithoutInput() -> LedgerEntry<Input>? {
    if isOrdered, !state.pointee.inputHasEnded {
      guard mayTakeAnother else { return nil }
      if let entry = takeNumbered() { return entry }
      if !mayTakeAnother { return nil }
    }
    if !state.pointee.inputHasEnded {
      switch Outcome(rawValue: worker.lease.pointee.outcome) {
      case .stopped:
        worker.releaseLeases()
        return nil
      case .blocked: break
      case .ended, nil: state.pointee.inputHasEnded = true
      }
    }
    return crew.isAlone ? nil : crew.takeReturned()
  }
}
