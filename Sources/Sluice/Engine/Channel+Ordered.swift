import CSluice

/// What comes with a number of a queue.
@usableFromInline
enum Numbered: Equatable {
  case element(UInt64)
  /// An item that was skipped, or a place that nothing came into.
  case hole(UInt64)
  /// There is none now.
  case nothing
}

extension Channel {
  /// Takes the next element in the order of numbers, passing over holes.
  @inlinable @inline(never)
  func dequeueOrdered() -> Element? {
    guard let ordered = core.ordered else { return nil }
    var ticket = sl_order_ticket()
    while true {
      let found = sl_order_ring_try_take(ordered.ring, &ticket)
      if found == SL_ORDER_NOTHING { return nil }
      let element = found == SL_ORDER_ELEMENT ? place(ticket).move() : nil
      sl_order_ring_release(ordered.ring, ticket)
      core.placeWasReleased(ordered)
      if let element { return element }
    }
  }

  /// Takes the next number, and moves its element, if there is one, to `place`. Numbers count what any of the
  /// consumers take, from 0, and none is left out.
  ///
  /// Wakes nobody, unless this queue is ordered too: the caller calls `core.notifyNotFull()`.
  @inlinable
  func dequeueNumbered(into destination: UnsafeMutablePointer<Element>) -> Numbered {
    switch core.kind {
    case .ordered:
      guard let ordered = core.ordered else { return .nothing }
      var ticket = sl_order_ticket()
      let found = sl_order_ring_try_take(ordered.ring, &ticket)
      if found == SL_ORDER_NOTHING { return .nothing }
      let number = sl_order_ring_number_of(ordered.ring, ticket)
      if found == SL_ORDER_ELEMENT { destination.moveInitialize(from: place(ticket), count: 1) }
      sl_order_ring_release(ordered.ring, ticket)
      core.placeWasReleased(ordered)
      return found == SL_ORDER_ELEMENT ? .element(number) : .hole(number)
    case .mpmc:
      var ticket = sl_mpmc_ticket()
      guard sl_mpmc_ring_try_take(core.mpmc, &ticket) else { return .nothing }
      destination.moveInitialize(from: slot(ticket), count: 1)
      sl_mpmc_ring_release(ticket)
      return .element(sl_mpmc_ring_number_of(core.mpmc, ticket))
    case .unbounded:
      var ticket = sl_unbounded_ticket()
      var number: UInt64 = 0
      guard let queue = core.unbounded,
        sl_unbounded_queue_try_take_numbered(queue, &ticket, &number) == SL_OK
      else { return .nothing }
      guard let element = ticket.element else { return .hole(number) }
      destination.moveInitialize(from: element.assumingMemoryBound(to: Element.self), count: 1)
      sl_unbounded_queue_release(queue, &ticket)
      core.returnCredit()
      return .element(number)
    case .spsc, .spmc, .single, .lanes:
      preconditionFailure("Sluice: this queue has no numbers")
    }
  }

  @inlinable @inline(__always)
  func place(_ ticket: sl_order_ticket) -> UnsafeMutablePointer<Element> {
    // A slot always has memory for its element.
    sl_order_ring_element(ticket, MemoryLayout<Element>.alignment).unsafelyUnwrapped
      .assumingMemoryBound(to: Element.self)
  }

  /// Moves the element at `place` to its number's place; false, and it stays, while there is no room. Wakes who
  /// waits for it.
  @inlinable
  func enqueue(from place: UnsafeMutablePointer<Element>, number: UInt64) -> Bool {
    guard let ordered = core.ordered, sl_order_ring_has_room(ordered.ring, number) else { return false }
    sl_order_ring_place(ordered.ring, number, MemoryLayout<Element>.alignment).unsafelyUnwrapped
      .assumingMemoryBound(to: Element.self).moveInitialize(from: place, count: 1)
    sl_order_ring_commit(ordered.ring, number)
    core.numberWasWritten(ordered, number)
    return true
  }

  /// Nothing comes of the number; false while there is no room to say so. Wakes who waits for it.
  @usableFromInline
  func skip(number: UInt64) -> Bool {
    guard let ordered = core.ordered, sl_order_ring_has_room(ordered.ring, number) else { return false }
    sl_order_ring_skip(ordered.ring, number)
    core.numberWasWritten(ordered, number)
    return true
  }

  /// Ends the life of the elements that nobody took, also of those behind a number that never came.
  func destroyOrdered(_ ordered: OrderedRing) {
    for slot in 0..<sl_order_ring_slots(ordered.ring) {
      sl_order_ring_left(ordered.ring, slot, MemoryLayout<Element>.alignment)?
        .assumingMemoryBound(to: Element.self).deinitialize(count: 1)
    }
  }

  /// How long the queue is, as seen by who writes this number: from the next one to take up to this one.
  @usableFromInline @inline(never)
  func noteLength(_ number: UInt64, _ worker: Worker) {
    guard let ordered = core.ordered else { return }
    sl_stage_counters_queue_length(worker.counters, UInt64(sl_order_ring_span(ordered.ring, number)))
  }
}
