import CSluice

/// Producing in the stead of a worker that waits for room: where the next elements are at hand, whoever has made the room
/// produces some of them on its own thread, and the worker goes on waiting. Waking it would cost more than making
/// them, and it would take a core from the work each time.
extension Intake {
  var canRefill: Bool { fill != nil && gauge.kind == .spmc }

  /// Earlier than a producer would be woken: filling a part costs little, and keeps the producer's wait from lasting until
  /// a tick, which would wake it.
  var hasRoomToRefill: Bool { gauge.throttle - gauge.count >= min(gauge.throttle / 2, 128) }

  /// Fills the queue in the stead of the producer, which waits for room and whose next elements are at hand: waking it
  /// would cost more than making them. The item that was just taken waits for that, so only some are made.
  func refill(_ fill: Fill) {
    guard sl_event_count_take_waiter(gauge.notFull, 0) else { return }
    channel.core.producers.workers[0].isStoodInFor { producer in
      let hadHeld = enqueueHeld()
      if isHeld { return false }
      var rows = 0
      while rows < Self.mostRows, fill(producer.lease) { rows += 1 }
      return hadHeld || rows > 0
    }
  }

  /// Of at most 64 elements: some microseconds, as for the wake-up that it saves.
  private static var mostRows: Int { 16 }
}

extension Worker {
  /// This worker waited for room, parked, and the caller has taken its announcement. `work` produces in its stead, on
  /// the caller's thread; then it waits for room again, or, if there was nothing that could be produced so, a thread
  /// of the engine runs it.
  func isStoodInFor(_ work: (Worker) -> Bool) {
    let action = sl_token_unpark(token)
    guard action == SL_WAKE_ENQUEUE else { return perform(action) }
    // Nobody but the caller knows of the token now.
    guard !isOver, work(self) else { return run.engine.enqueue(self) }
    sl_token_begin(token)
    announce(.output, isPatient: true)
    // Somebody who takes what was produced tells it when there is room; or waits already, having taken all.
    if !isOver, gauges.pointee.output?.isEmpty == false, sl_token_park(token, UInt32(SL_TOKEN_PARKED)) {
      return
    }
    retract(.output)
    run.engine.enqueue(self)
  }
}
