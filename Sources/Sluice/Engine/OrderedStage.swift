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
    return port(pull: nil, held: nil)
  }

  /// The same on tasks.
  @inlinable
  func mapOrdered(_ body: @escaping @Sendable (Input) async throws -> Output) -> Port<Output> {
    let failsAtOnce = self.failsAtOnce
    return tasks { inputs, outputs, worker in
      let held = HeldOutput<Output>()
      while true {
        let (numbered, element) = await inputs.nextNumbered()
        switch numbered {
        case .nothing: return
        case .hole(let number): try await outputs.sendHole(number, by: held)
        case .element(let number):
          guard let element else { return }
          let clock = BodyClock(worker)
          defer { clock.stop() }
          if failsAtOnce {
            try await outputs.send(try await body(element), number, by: held)
          } else {
            switch await Self.attempt(element, worker, body) {
            case .done(let output): try await outputs.send(output, number, by: held)
            case .skipped: try await outputs.sendHole(number, by: held)
            case .stopped: return
            }
          }
        }
      }
    }
  }
}

/// What a worker of an ordered stage has for the queue: nothing, an output, or a hole. Behind a pointer, like
/// `Slot`: the holder of the worker's token is the only one that touches it.
@usableFromInline
final class HeldOutput<Output> {
  @usableFromInline let slot = Slot<Output>()
  @usableFromInline let held: UnsafeMutablePointer<Numbered>

  @usableFromInline
  init() {
    held = .allocate(capacity: 1)
    held.initialize(to: .nothing)
  }

  deinit { held.deallocate() }

  /// The output of this number stands in the slot.
  @inlinable
  func holdElement(_ number: UInt64) {
    slot.isFull.pointee = true
    held.pointee = .element(number)
  }

  /// Puts what is held into the queue. False: there is no room for it.
  @inlinable
  func give(to output: Channel<Output>, _ worker: Worker) -> Bool {
    switch held.pointee {
    case .nothing:
      return true
    case .hole(let number):
      guard output.skip(number: number) else { return finds(noRoomFor: number, output, worker) }
    case .element(let number):
      guard output.enqueue(from: slot.pointer, number: number) else {
        return finds(noRoomFor: number, output, worker)
      }
      slot.isFull.pointee = false
      if number & 15 == 0 { output.noteLength(number, worker) }
    }
    held.pointee = .nothing
    return true
  }

  @usableFromInline @inline(never)
  func finds(noRoomFor number: UInt64, _ output: Channel<Output>, _ worker: Worker) -> Bool {
    output.core.ordered?.hold(number, producer: worker.index)
    output.noteLength(number, worker)
    return false
  }
}

extension Channel {
  /// How long the queue is, as seen by who writes this number: from the next one to take up to this one.
  @usableFromInline @inline(never)
  func noteLength(_ number: UInt64, _ worker: Worker) {
    guard let ordered = core.ordered else { return }
    sl_stage_counters_queue_length(worker.counters, UInt64(sl_order_ring_span(ordered.ring, number)))
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

extension AsyncInputs {
  /// The next number and its item, if there is one. `.nothing` at the end.
  @inlinable
  func nextNumbered() async -> (Numbered, Element?) {
    if worker.mustYield() { await Task.yield() }
    while true {
      if run.hasEnded(worker.position) { return (.nothing, nil) }
      switch intake.channel.dequeueNumbered(into: intake.queued) {
      case .nothing: break
      case .hole(let number):
        intake.channel.core.notifyNotFull()
        return (.hole(number), nil)
      case .element(let number):
        intake.channel.core.notifyNotFull()
        sl_stage_counters_take(worker.counters)
        return (.element(number), intake.queued.move())
      }
      if intake.channel.core.isAtEnd { return (.nothing, nil) }
      let started = sl_now_nanoseconds()
      await worker.suspendOnInput()
      worker.addWaited(once: sl_now_nanoseconds() - started)
    }
  }
}

extension AsyncOutputs {
  /// Writes what the worker holds.
  ///
  /// - Throws: `CancellationError` once the run has ended.
  @inlinable
  func send(_ held: HeldOutput<Element>) async throws {
    if worker.mustYield() { await Task.yield() }
    while true {
      guard !run.hasEnded(worker.position) else { throw CancellationError() }
      if held.give(to: channel, worker) { return }
      let started = sl_now_nanoseconds()
      await worker.suspendOnOutput()
      worker.addWaited(once: sl_now_nanoseconds() - started)
    }
  }

  @inlinable
  func send(_ element: consuming Element, _ number: UInt64, by held: HeldOutput<Element>) async throws {
    held.slot.pointer.initialize(to: element)
    held.holdElement(number)
    try await send(held)
    sl_stage_counters_produce(worker.counters)
  }

  @inlinable
  func sendHole(_ number: UInt64, by held: HeldOutput<Element>) async throws {
    held.held.pointee = .hole(number)
    try await send(held)
  }
}
