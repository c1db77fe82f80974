import CSluice

/// Stages of several workers whose outputs come in the order of their inputs: a worker that takes the input
/// number n writes its output at n, whenever it has it. An output, or the hole that a skipped item leaves,
/// that finds no room is held by its worker, as in other stages.
extension StageParts {
  @usableFromInline var isOrdered: Bool { output.core.kind == .ordered }

  @inlinable
  func mapOrdered(_ body: @escaping @Sendable (Input) throws -> Output) -> Port<Output> {
    guard failsAtOnce else {
      return ordered { item, place, intake, lease in
        switch Self.attempt(item.move(), intake, lease, body) {
        case .done(let output):
          place.initialize(to: output)
          return .done(())
        case .skipped: return .skipped
        case .stopped: return .stopped
        }
      }
    }
    return ordered { item, place, intake, lease in
      do {
        place.initialize(to: try body(item.move()))
        return .done(())
      } catch {
        _ = intake.fail(error, lease)
        return .stopped
      }
    }
  }

  /// `call` makes an output of an item, at the place given.
  @inlinable
  func ordered(
    _ call:
      @escaping @Sendable (
        UnsafeMutablePointer<Input>, UnsafeMutablePointer<Output>, Intake<Input>, Lease
      ) -> Attempted<Void>
  ) -> Port<Output> {
    for worker in workers {
      let intake = Intake(input, worker)
      let held = HeldOutput<Output>()
      let output = self.output
      worker.step = { worker in
        while true {
          if !held.give(to: output, worker) {
            if worker.goesOnToEnqueue() { continue }
            return
          }
          switch intake.takeNumbered(worker.lease) {
          case .nothing:
            if !worker.goesOn() { return }
          case .hole(let number):
            held.held.pointee = .hole(number)
          case .element(let number):
            let counters = worker.counters
            let isTimed = sl_stage_counters_timed(counters)
            let started = isTimed ? sl_now_nanoseconds() : 0
            let attempted = call(intake.queued, held.slot.pointer, intake, worker.lease)
            if isTimed { sl_stage_counters_busy_add(counters, sl_now_nanoseconds() - started) }
            switch attempted {
            case .done:
              sl_stage_counters_produce(counters)
              held.holdElement(number)
            case .skipped:
              sl_stage_counters_take(counters)
              held.held.pointee = .hole(number)
            case .stopped:
              sl_stage_counters_take(counters)
              if !worker.goesOn() { return }
            }
          }
        }
      }
    }
    return port()
  }
}

extension Intake {
  /// Takes the next number from the queue, with the item, if there is one, at `queued` for the caller to move out
  /// at once. `.nothing`, with the reason in the lease's outcome: there is none.
  ///
  /// For several workers: they neither lease nor are leased.
  @inlinable
  func takeNumbered(_ lease: Lease) -> Numbered {
    while true {
      guard sl_lease_enter(lease, position) else {
        _ = nothing(.stopped, lease)
        return .nothing
      }
      let numbered = channel.dequeueNumbered(into: queued)
      if numbered != .nothing {
        channel.core.notifyNotFull()
        return numbered
      }
      let isClosed = channel.core.isClosed
      // What was enqueued before the end is there now.
      if !channel.core.isEmpty { continue }
      _ = nothing(isClosed ? .ended : .blocked, lease)
      return .nothing
    }
  }
}
