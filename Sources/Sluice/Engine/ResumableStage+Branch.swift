import CSluice

/// Resumable stages that put out a sequence for each input.
extension StageParts {
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
    guard Elements.self is any PromptSequence.Type, output.core.gauge.throttle >= Self.fewestToFill else {
      return nil
    }
    switch output.core.kind {
    case .spsc: return fillAhead(with: Elements.self, from: slot, intake)
    case .spmc: return fillForMany(with: Elements.self, from: slot, intake)
    default: return nil
    }
  }

  /// For a single consumer, which fills the queue when it finds it empty.
  @inlinable
  func fillAhead<Elements: Sequence & SendableMetatype>(
    with _: Elements.Type, from slot: Slot<Elements.Iterator>, _ intake: Intake<Input>
  ) -> Fill where Elements.Element == Output {
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

  /// For several consumers, one of which fills the queue in the stead of this stage's worker, where that waits for
  /// room (see `Intake.refill`).
  @inlinable
  func fillForMany<Elements: Sequence & SendableMetatype>(
    with _: Elements.Type, from slot: Slot<Elements.Iterator>, _ intake: Intake<Input>
  ) -> Fill where Elements.Element == Output {
    let (queue, ring, counters) = (output.core, output.core.spmc, intake.counters)
    return { lease in
      guard slot.isFull.pointee, sl_lease_enter(lease, intake.position) else { return false }
      let isTimed = sl_stage_counters_timed(counters)
      let places = sl_spmc_ring_room(ring, isTimed ? 1 : Int(sl_stage_counters_before_timed(counters, 64)))
      let started = isTimed ? sl_now_nanoseconds() : 0
      let made = withUnsafeTemporaryAllocation(of: Output.self, capacity: 1) { place in
        let place = place.baseAddress.unsafelyUnwrapped
        var made = 0
        while made < places, let next = slot.pointer.pointee.next() {
          place.initialize(to: next)
          sl_spmc_ring_put(ring, made, place, MemoryLayout<Output>.size)
          made &+= 1
        }
        return made
      }
      guard made > 0 else { return false }
      if isTimed { sl_stage_counters_busy_add(counters, sl_now_nanoseconds() - started) }
      sl_spmc_ring_publish(ring, made)
      sl_stage_counters_produce_many(counters, UInt64(made))
      sl_stage_counters_queue_length(counters, UInt64(queue.count))
      queue.notifyNotEmpty()
      return true
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
