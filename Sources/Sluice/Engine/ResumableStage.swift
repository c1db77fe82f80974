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

  /// One value in, a sequence out, pulled lazily.
  @inlinable
  func branch<Elements: Sequence & SendableMetatype>(
    _ body: @escaping @Sendable (Input) throws -> Elements
  ) -> Port<Output> where Elements.Element == Output {
    guard failsAtOnce else { return branchWithPolicy(body) }
    return resumable { intake in
      let slot = Slot<Elements.Iterator>()
      return Production(fill: fill(with: Elements.self, from: slot, intake)) { lease, place in
        Self.nextOf(body, slot, intake, lease, place)
      }
    }
  }

  @inlinable @inline(__always)
  static func nextOf<Elements: Sequence & SendableMetatype>(
    _ body: (Input) throws -> Elements, _ slot: Slot<Elements.Iterator>, _ intake: Intake<Input>,
    _ lease: Lease, _ place: UnsafeMutablePointer<Output>
  ) -> Bool where Elements.Element == Output {
    let counters = intake.counters
    guard
      _fastPath(
        sl_lease_enter(lease, intake.position) && slot.isFull.pointee && !sl_stage_counters_timed(counters))
    else { return nextOfSequence(body, slot, intake, lease, place) }
    guard let next = slot.pointer.pointee.next() else {
      return nextAfterEnd(body, slot, intake, lease, place)
    }
    sl_stage_counters_produce(counters)
    place.initialize(to: next)
    return true
  }

  /// The same for a stage that skips or retries items.
  @inlinable
  func branchWithPolicy<Elements: Sequence & SendableMetatype>(
    _ body: @escaping @Sendable (Input) throws -> Elements
  ) -> Port<Output> where Elements.Element == Output {
    resumable { intake in
      let slot = Slot<Elements.Iterator>()
      return Production { lease, place in
        Self.nextOfSequence(slot, intake, lease, place) { item in
          let started = sl_now_nanoseconds()
          let attempted = Self.attempt(item.move(), intake, lease, body)
          sl_stage_counters_busy_add_once(intake.counters, sl_now_nanoseconds() - started)
          switch attempted {
          case .done(let elements):
            slot.pointer.initialize(to: elements.makeIterator())
            return .done(())
          case .skipped: return .skipped
          case .stopped: return .stopped
          }
        }
      }
    }
  }

  /// Into a shorter queue, elements go one by one.
  @inlinable static var fewestToFill: Int { 32 }

  /// Where the elements of a sequence are at hand, some of them go into the queue at once: a call through the stages
  /// for each would cost several times as much.
  @inlinable
  func fill<Elements: Sequence & SendableMetatype>(
    with _: Elements.Type, from slot: Slot<Elements.Iterator>, _ intake: Intake<Input>
  ) -> Fill? where Elements.Element == Output {
    guard Elements.self is any PromptSequence.Type, output.core.kind == .spsc,
      output.core.gauge.throttle >= Self.fewestToFill
    else { return nil }
    let (queue, ring) = (output.core, output.core.spsc)
    let (elements, counters) = (output.elements, intake.counters)
    return { lease in
      guard slot.isFull.pointee, sl_lease_enter(lease, intake.position) else { return false }
      let wanted = sl_stage_counters_before_timed(counters, 64)
      var first: UInt64 = 0
      let places = sl_spsc_ring_try_claim_many(ring, Int(wanted), &first)
      var made = 0
      while made < places, let next = slot.pointer.pointee.next() {
        (elements + sl_spsc_ring_slot_of(ring, first &+ UInt64(made))).initialize(to: next)
        made &+= 1
      }
      sl_spsc_ring_commit_many(ring, made)
      sl_stage_counters_produce_many(counters, UInt64(made))
      sl_stage_counters_queue_length(counters, UInt64(made))
      // The next stage's token may have been revoked meanwhile, and its new holder may wait for these.
      queue.notifyNotEmpty()
      return made > 0
    }
  }

  /// The sequence has said that it is at its end: it is not asked again.
  @inlinable @inline(never)
  static func nextAfterEnd<Elements: Sequence & SendableMetatype>(
    _ body: (Input) throws -> Elements, _ slot: Slot<Elements.Iterator>, _ intake: Intake<Input>,
    _ lease: Lease, _ place: UnsafeMutablePointer<Output>
  ) -> Bool where Elements.Element == Output {
    endOfSequence(slot, intake)
    return nextOfSequence(body, slot, intake, lease, place)
  }

  /// The next element where its time is taken, or where a new input is needed first.
  @inlinable @inline(never)
  static func nextOfSequence<Elements: Sequence & SendableMetatype>(
    _ body: (Input) throws -> Elements, _ slot: Slot<Elements.Iterator>, _ intake: Intake<Input>,
    _ lease: Lease, _ place: UnsafeMutablePointer<Output>
  ) -> Bool where Elements.Element == Output {
    nextOfSequence(slot, intake, lease, place) { item in
      do {
        let started = sl_now_nanoseconds()
        slot.pointer.initialize(to: try body(item.move()).makeIterator())
        sl_stage_counters_busy_add_once(intake.counters, sl_now_nanoseconds() - started)
        return .done(())
      } catch {
        _ = intake.fail(error, lease)
        return .stopped
      }
    }
  }

  /// `begin` puts the iterator of an input's sequence into the slot. Inlined, so that it is no call.
  @inlinable @inline(__always)
  static func nextOfSequence<Iterator: IteratorProtocol>(
    _ slot: Slot<Iterator>, _ intake: Intake<Input>, _ lease: Lease,
    _ place: UnsafeMutablePointer<Output>,
    _ begin: (UnsafeMutablePointer<Input>) -> Attempted<Void>
  ) -> Bool where Iterator.Element == Output {
    let counters = intake.counters
    while true {
      guard sl_lease_enter(lease, intake.position) else { return intake.nothing(.stopped, lease) }
      if slot.isFull.pointee {
        let isTimed = sl_stage_counters_timed(counters)
        let started = isTimed ? sl_now_nanoseconds() : 0
        let next = slot.pointer.pointee.next()
        if isTimed { sl_stage_counters_busy_add(counters, sl_now_nanoseconds() - started) }
        if let next {
          sl_stage_counters_produce(counters)
          place.initialize(to: next)
          return true
        }
        endOfSequence(slot, intake)
      }
      guard let item = intake.take(lease) else { return intake.pass(lease) }
      sl_stage_counters_take(counters)
      switch begin(item) {
      case .done: break
      case .skipped: continue
      case .stopped: return false
      }
      slot.isFull.pointee = true
      intake.hasUnfinishedInput.pointee = true
      // The body took its time: the token may not be ours any more, which is looked at before its sequence is touched.
    }
  }

  @inlinable @inline(never)
  static func endOfSequence<Iterator>(_ slot: Slot<Iterator>, _ intake: Intake<Input>) {
    intake.hasUnfinishedInput.pointee = false
    slot.isFull.pointee = false
    slot.pointer.deinitialize(count: 1)
  }
}
