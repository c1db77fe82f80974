import CSluice

/// Stages whose workers keep nothing on a stack between two outputs: any thread may take their tokens,
/// and the stage after them may pull through them.
extension StageParts {
  /// `make` gives, for each worker, how it produces its next output.
  @inlinable
  func resumable(_ make: (Intake<Input>) -> Production<Output>) -> Port<Output> {
    var first: (production: Production<Output>, held: Slot<Output>)?
    let output = self.output
    for worker in workers {
      let production = make(Intake(input, worker))
      let (held, pull) = (Slot<Output>(), production.pull)
      worker.holdsOutput = held.isFull
      worker.step = { worker in Self.drive(worker, output: output, held: held, pull: pull) }
      if first == nil { first = (production, held) }
    }
    return port(first?.production, held: first?.held)
  }

  /// Runs a worker on the calling thread, until it has to wait or is at its end: pulls items and
  /// enqueues them. An output that finds the queue full is held by the worker.
  @inlinable
  static func drive(
    _ worker: Worker, output: Channel<Output>, held: Slot<Output>, pull: Pull<Output>
  ) {
    let producer = worker.index
    guard output.core.kind == .lanes else {
      return drive(worker, output: output, held: held, pull: pull) {
        output.enqueue(from: $0, producer: producer)
      }
    }
    let (lanes, lane) = (
      output.core.lanes, sl_lanes_lane(output.core.lanes, UInt32(truncatingIfNeeded: producer))
    )
    let elements = output.elements + producer * output.core.laneSlots
    drive(worker, output: output, held: held, pull: pull) { item in
      let slot = sl_lane_claim(lanes, lane)
      guard slot >= 0 else { return false }
      (elements + Int(slot)).moveInitialize(from: item, count: 1)
      sl_lane_commit(lane)
      return true
    }
  }

  @inlinable @inline(__always)
  static func drive(
    _ worker: Worker, output: Channel<Output>, held: Slot<Output>, pull: Pull<Output>,
    enqueue: (UnsafeMutablePointer<Output>) -> Bool
  ) {
    let lease = worker.lease
    let counters = worker.counters
    let (item, isHeld, producer) = (held.pointer, held.isFull, worker.index)
    while true {
      if isHeld.pointee {
        guard enqueue(item) else {
          if worker.goesOnToEnqueue() { continue }
          return
        }
        isHeld.pointee = false
        output.core.notifyNotEmpty()
      }
      while pull(lease, item) {
        guard enqueue(item) else {
          isHeld.pointee = true
          sl_stage_counters_queue_length(counters, UInt64(output.core.gauge.count(for: producer)))
          break
        }
        output.core.notifyNotEmpty()
        if sl_stage_counters_produced(counters) & 15 == 1 {
          sl_stage_counters_queue_length(counters, UInt64(output.core.gauge.count(for: producer)))
        }
      }
      if !isHeld.pointee, !worker.goesOn() { return }
    }
  }

  // The closures below run once for each item that passes. What is rare in them stands in functions of
  // its own that are not inlined, so that the common way needs few registers and no large frame.

  /// One value in, one value out. Counts an item once, when its output is there: `taken` counts those
  /// that gave none.
  @inlinable
  func map(_ body: @escaping @Sendable (Input) throws -> Output) -> Port<Output> {
    if isOrdered { return mapOrdered(body) }
    guard failsAtOnce else { return mapWithPolicy(body) }
    return resumable { intake in
      if intake.prefersQueue {
        return Production { lease, place in Self.mapFromRing(body, intake, lease, place) }
      }
      return Production { lease, place in Self.mapNext(body, intake, lease, place) }
    }
  }

  @inlinable @inline(__always)
  static func mapNext(
    _ body: (Input) throws -> Output, _ intake: Intake<Input>, _ lease: Lease,
    _ place: UnsafeMutablePointer<Output>
  ) -> Bool {
    guard let item = intake.take(lease) else { return intake.pass(lease) }
    let counters = intake.counters
    do {
      if _slowPath(sl_stage_counters_timed(counters)) {
        try callTimed(body, item, place, counters)
      } else {
        place.initialize(to: try body(item.move()))
      }
      if intake.gauge.kind == .spmc { sl_spmc_ring_will_take(intake.gauge.spmc) }
    } catch {
      return intake.failCounted(error, lease)
    }
    sl_stage_counters_produce(counters)
    return true
  }

  /// The same for a worker whose items most often stand in a ring that nobody else takes from: straight from
  /// there, and everything else in a call.
  @inlinable @inline(__always)
  static func mapFromRing(
    _ body: (Input) throws -> Output, _ intake: Intake<Input>, _ lease: Lease,
    _ place: UnsafeMutablePointer<Output>
  ) -> Bool {
    let counters = intake.counters
    guard _fastPath(sl_lease_enter(lease, intake.position) && !sl_stage_counters_timed(counters)),
      let item = intake.takeFromRing()
    else { return mapNextElsewhere(body, intake, lease, place) }
    if _slowPath(sl_event_count_has_any_often(intake.gauge.notFull)) { intake.producerWaits(lease) }
    do { place.initialize(to: try body(item)) } catch { return intake.failCounted(error, lease) }
    sl_stage_counters_produce(counters)
    return true
  }

  @inlinable @inline(never)
  static func mapNextElsewhere(
    _ body: (Input) throws -> Output, _ intake: Intake<Input>, _ lease: Lease,
    _ place: UnsafeMutablePointer<Output>
  ) -> Bool { mapNext(body, intake, lease, place) }

  /// The same for a stage that skips or retries items.
  @inlinable
  func mapWithPolicy(_ body: @escaping @Sendable (Input) throws -> Output) -> Port<Output> {
    resumable { intake in
      Production { lease, place in
        let counters = intake.counters
        while let taken = intake.take(lease) {
          let item = taken.move()
          let isTimed = sl_stage_counters_timed(counters)
          let started = isTimed ? sl_now_nanoseconds() : 0
          let attempted = Self.attempt(item, intake, lease, body)
          if isTimed { sl_stage_counters_busy_add(counters, sl_now_nanoseconds() - started) }
          switch attempted {
          case .done(let output):
            place.initialize(to: output)
            sl_stage_counters_produce(counters)
            return true
          case .skipped:
            sl_stage_counters_take(counters)
          case .stopped:
            sl_stage_counters_take(counters)
            return false
          }
        }
        return intake.pass(lease)
      }
    }
  }

  @inlinable @inline(never)
  static func callTimed(
    _ body: (Input) throws -> Output, _ item: UnsafeMutablePointer<Input>,
    _ place: UnsafeMutablePointer<Output>, _ counters: UnsafeMutablePointer<sl_stage_counters>
  ) throws {
    let started = sl_now_nanoseconds()
    defer { sl_stage_counters_busy_add(counters, sl_now_nanoseconds() - started) }
    place.initialize(to: try body(item.move()))
  }
}
