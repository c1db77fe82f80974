import CSluice

/// A queue between two stages: `ChannelCore` claims and publishes places, this initialises and moves
/// the elements in them. Typed values never cross into C.
@usableFromInline
struct Channel<Element>: @unchecked Sendable {
  @usableFromInline let core: ChannelCore
  @usableFromInline let elements: UnsafeMutablePointer<Element>

  init(
    kind: ChannelCore.Kind, throttle: Int, producers: WorkerList, consumers: WorkerList, arena: Arena
  ) {
    let core = ChannelCore(
      kind: kind, throttle: throttle,
      elementSize: kind == .spmc ? MemoryLayout<Element>.size : MemoryLayout<Element>.stride,
      elementAlignment: MemoryLayout<Element>.alignment, producers: producers, consumers: consumers,
      arena: arena)
    let elements = UnsafeMutablePointer<Element>.allocate(capacity: max(core.slots, 1))
    self.core = core
    self.elements = elements
    core.destroyElements = { [unowned(unsafe) core] in
      let channel = Channel(core: core, elements: elements)
      if let ordered = core.ordered {
        channel.destroyOrdered(ordered)
      } else {
        while channel.dequeue() != nil {}
      }
      elements.deallocate()
    }
  }

  private init(core: ChannelCore, elements: UnsafeMutablePointer<Element>) {
    self.core = core
    self.elements = elements
  }

  /// The element of a ticket of the MPMC ring.
  @inlinable @inline(__always)
  func slot(_ ticket: sl_mpmc_ticket) -> UnsafeMutablePointer<Element> {
    // A slot always has memory for its element.
    sl_mpmc_ring_element(ticket, MemoryLayout<Element>.alignment).unsafelyUnwrapped
      .assumingMemoryBound(to: Element.self)
  }

  /// Moves an element into the free place that the SPMC ring has.
  @inlinable @inline(__always)
  func put(_ place: UnsafeMutablePointer<Element>) {
    sl_spmc_ring_put(core.spmc, 0, place, MemoryLayout<Element>.size)
    sl_spmc_ring_publish(core.spmc, 1)
  }

  /// Enqueues the element, or returns it when the queue is full.
  ///
  /// Wakes nobody: the caller calls `core.notifyNotEmpty()`.
  @inlinable @inline(__always)
  func enqueue(_ element: consuming Element) -> Element? {
    switch core.kind {
    case .spsc, .single:
      var slot = 0
      guard sl_spsc_ring_try_claim(core.spsc, &slot) else { return element }
      (elements + slot).initialize(to: element)
      sl_spsc_ring_commit(core.spsc)
      return nil
    case .mpmc:
      var ticket = sl_mpmc_ticket()
      guard sl_mpmc_ring_try_claim(core.mpmc, &ticket) else { return element }
      slot(ticket).initialize(to: element)
      sl_mpmc_ring_commit(ticket)
      return nil
    case .spmc:
      guard sl_spmc_ring_room(core.spmc, 1) == 1 else { return element }
      withUnsafeTemporaryAllocation(of: Element.self, capacity: 1) { place in
        let place = place.baseAddress.unsafelyUnwrapped
        place.initialize(to: copy element)
        put(place)
      }
      return nil
    case .unbounded, .ordered, .lanes:
      return enqueueLinked(element)
    }
  }

  /// Moves the element at `place` into the queue; false, and the element stays, when it is full.
  ///
  /// Wakes nobody: the caller calls `core.notifyNotEmpty()`.
  ///
  /// - Parameter producer: the index of the worker in its stage.
  @inlinable @inline(__always)
  func enqueue(from place: UnsafeMutablePointer<Element>, producer: Int) -> Bool {
    switch core.kind {
    case .spsc, .single:
      var slot = 0
      guard sl_spsc_ring_try_claim(core.spsc, &slot) else { return false }
      (elements + slot).moveInitialize(from: place, count: 1)
      sl_spsc_ring_commit(core.spsc)
      return true
    case .mpmc:
      var ticket = sl_mpmc_ticket()
      guard sl_mpmc_ring_try_claim(core.mpmc, &ticket) else { return false }
      slot(ticket).moveInitialize(from: place, count: 1)
      sl_mpmc_ring_commit(ticket)
      return true
    case .spmc:
      guard sl_spmc_ring_room(core.spmc, 1) == 1 else { return false }
      put(place)
      return true
    case .lanes:
      var slot = 0
      guard sl_lanes_try_claim(core.lanes, UInt32(truncatingIfNeeded: producer), &slot) else { return false }
      (elements + (producer * core.laneSlots + slot)).moveInitialize(from: place, count: 1)
      sl_lanes_commit(core.lanes, UInt32(truncatingIfNeeded: producer))
      return true
    case .unbounded, .ordered:
      guard let refused = enqueueLinked(place.move()) else { return true }
      place.initialize(to: refused)
      return false
    }
  }

  @inlinable @inline(never)
  func enqueueLinked(_ element: consuming Element) -> Element? {
    assert(core.kind == .unbounded, "Sluice: this queue must know who enqueues")
    guard core.takeCredit() else { return element }
    var element = element
    var ticket = sl_unbounded_ticket()
    let queue = core.makeUnbounded()
    while true {
      precondition(
        sl_unbounded_queue_claim(queue, &ticket) == SL_OK, "Sluice: out of memory for a queue")
      let place = ticket.element.assumingMemoryBound(to: Element.self)
      place.initialize(to: element)
      if sl_unbounded_queue_commit(queue, &ticket) { return nil }
      // A consumer gave up on this place before the element stood in it: take it to the next one.
      element = place.move()
      sl_unbounded_queue_abandon(queue, &ticket)
    }
  }

  /// Takes the oldest element, or nil when the queue is empty (or, for the unbounded queue, looks
  /// so for the moment).
  ///
  /// Wakes nobody: the caller calls `core.notifyNotFull()`.
  @inlinable @inline(__always)
  func dequeue() -> Element? {
    switch core.kind {
    case .spsc, .single:
      var slot = 0
      guard sl_spsc_ring_try_take(core.spsc, &slot) else { return nil }
      let element = (elements + slot).move()
      sl_spsc_ring_release(core.spsc)
      return element
    case .mpmc:
      var ticket = sl_mpmc_ticket()
      guard sl_mpmc_ring_try_take(core.mpmc, &ticket) else { return nil }
      let element = slot(ticket).move()
      sl_mpmc_ring_release(ticket)
      return element
    case .spmc:
      return withUnsafeTemporaryAllocation(of: Element.self, capacity: 1) { place in
        let place = place.baseAddress.unsafelyUnwrapped
        return sl_spmc_ring_try_take(core.spmc, place, MemoryLayout<Element>.size) ? place.move() : nil
      }
    case .lanes:
      var slot = 0
      var lane: UInt32 = 0
      guard sl_lanes_try_take(core.lanes, &lane, &slot) else { return nil }
      let element = (elements + (Int(lane) * core.laneSlots + slot)).move()
      sl_lanes_release(core.lanes)
      return element
    case .unbounded, .ordered:
      return dequeueLinked()
    }
  }

  /// Moves the oldest element to `place`; false when there is none, as for `dequeue()`.
  @inlinable @inline(__always)
  func dequeue(into place: UnsafeMutablePointer<Element>) -> Bool {
    switch core.kind {
    case .spsc, .single:
      var slot = 0
      guard sl_spsc_ring_try_take(core.spsc, &slot) else { return false }
      place.moveInitialize(from: elements + slot, count: 1)
      sl_spsc_ring_release(core.spsc)
      return true
    case .mpmc:
      var ticket = sl_mpmc_ticket()
      guard sl_mpmc_ring_try_take(core.mpmc, &ticket) else { return false }
      place.moveInitialize(from: slot(ticket), count: 1)
      sl_mpmc_ring_release(ticket)
      return true
    case .spmc:
      return sl_spmc_ring_try_take(core.spmc, place, MemoryLayout<Element>.size)
    case .lanes:
      var slot = 0
      var lane: UInt32 = 0
      guard sl_lanes_try_take(core.lanes, &lane, &slot) else { return false }
      place.moveInitialize(from: elements + (Int(lane) * core.laneSlots + slot), count: 1)
      sl_lanes_release(core.lanes)
      return true
    case .unbounded, .ordered:
      guard let element = dequeueLinked() else { return false }
      place.initialize(to: element)
      return true
    }
  }

  /// From those queues whose elements do not lie in a fixed place: kept out of line, and out of the way of
  /// the others.
  @inlinable @inline(never)
  func dequeueLinked() -> Element? {
    if core.kind == .ordered { return dequeueOrdered() }
    var ticket = sl_unbounded_ticket()
    guard let queue = core.unbounded, sl_unbounded_queue_try_take(queue, &ticket) == SL_OK else { return nil }
    let element = ticket.element.assumingMemoryBound(to: Element.self).move()
    sl_unbounded_queue_release(queue, &ticket)
    core.returnCredit()
    return element
  }
}
