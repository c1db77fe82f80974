import CSluice

/// An output of a stage that keeps the order, or none, of the item with this number.
struct LateOutput<Output> {
  let number: UInt64
  let value: Output?
}

/// Stages that keep the order of inputs with several processes. The output queue has a place for each number, and room
/// for those that are near the next one to be taken.
///
/// A process answers its items in the order in which it was given them, and that is the order of their numbers, but
/// for those that are given again. So outputs whose places are not there yet do not hold up the answers
/// behind them: they stand apart until they have room, as many as a worker may hold and its exchange have.
extension ProcessSupervisor {
  /// Puts late outputs into the places that are there.
  @usableFromInline @inline(never)
  func placeLate() {
    guard !state.pointee.late.isEmpty else { return }
    state.pointee.late.sort { $0.number < $1.number }
    var placed = 0
    for one in state.pointee.late {
      if let value = one.value {
        held.pointer.initialize(to: value)
        guard output.enqueue(from: held.pointer, number: one.number) else {
          held.pointer.deinitialize(count: 1)
          break
        }
        sl_stage_counters_produce(worker.counters)
      } else if !output.skip(number: one.number) {
        break
      }
      placed += 1
    }
    state.pointee.late.removeFirst(placed)
    if let next = state.pointee.late.first { output.core.ordered?.hold(next.number, producer: worker.index) }
  }

  /// Whether another item's output could stand apart too, should its place not be there.
  var mayTakeAnother: Bool {
    guard isOrdered else { return true }
    let most = min(outputShare, UInt64(ProcessBudget.mostShare))
    return UInt64(state.pointee.ledger.count + state.pointee.late.count) <= most
  }

  /// Whether the next pending item may be given. One that late outputs wait for always is.
  @usableFromInline
  func mayGivePending() -> Bool {
    guard isOrdered else { return true }
    state.pointee.pending.sort { $0.number < $1.number }
    if let late = state.pointee.late.first, state.pointee.pending[0].number < late.number { return true }
    return mayTakeAnother
  }

  /// The next item of the input with its number; nil: there is none, for the reason in the lease's outcome, or places
  /// of items that were skipped before are late.
  func takeNumbered() -> LedgerEntry<Input>? {
    while true {
      switch intake.takeNumbered(worker.lease) {
      case .element(let number):
        sl_stage_counters_take(worker.counters)
        return LedgerEntry(item: intake.queued.move(), number: number)
      case .hole(let number):
        state.pointee.late.append(LateOutput(number: number, value: nil))
        placeLate()
        if !mayTakeAnother { return nil }
      case .nothing:
        return nil
      }
    }
  }
}
