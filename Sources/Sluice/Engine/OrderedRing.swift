import CSluice

/// The part of a queue whose elements come out in the order of their numbers (`sl_order_ring.h`): the ring,
/// and who waits for which number's place.
///
/// Producers wait for places of their own and not for room as such: so each says which number it holds,
/// and who takes an element wakes those that have room now, and no others.
@usableFromInline
final class OrderedRing: @unchecked Sendable {
  @usableFromInline let ring: UnsafeMutablePointer<sl_order_ring>
  /// Producers wait here, each for its number.
  let room: UnsafeMutablePointer<sl_event_count>
  /// The number that each producer waits to write. Written by it before it announces itself; an older one,
  /// whose place was there, is all that a reader may see instead.
  private let numbers: UnsafeMutablePointer<sl_atomic_u64>
  private let producerCount: Int
  /// Keeps the memory of all the above alive.
  private let arena: Arena

  /// So many elements may stand in it if the throttle allows more, or sets no bound: the memory of a ring is
  /// there from the start, though not touched.
  static let mostElements = 1 << 16

  init(capacity: Int, elementSize: Int, elementAlignment: Int, producers: Int, arena: Arena) {
    ring = arena.allocate(sl_order_ring.self)
    room = arena.allocate(sl_event_count.self)
    numbers = arena.allocate(sl_atomic_u64.self, count: producers)
    producerCount = producers
    self.arena = arena
    for producer in 0..<producers { sl_store_relaxed_u64(numbers + producer, 0) }
    let words = Int(sl_event_count_words(UInt32(producers)))
    sl_event_count_init(room, arena.allocate(sl_atomic_u64.self, count: words), UInt32(producers))
    precondition(
      sl_order_ring_init(ring, capacity, elementSize, elementAlignment, 0) == 0,
      "Sluice: out of memory for a queue")
  }

  deinit { sl_order_ring_destroy(ring) }

  /// The producer holds this number, and will wait until there is room for it.
  @usableFromInline
  func hold(_ number: UInt64, producer: Int) { sl_store_relaxed_u64(numbers + producer, number) }

  /// Whether there is room for the number that the producer holds.
  func hasRoom(producer: Int) -> Bool {
    sl_order_ring_has_room(ring, sl_load_relaxed_u64(numbers + producer))
  }

  var isEmpty: Bool { !sl_order_ring_is_ready(ring) }

  /// The next of the waiting producers, from `first` on, whose number has room now, for the caller to wake.
  /// The caller has released a place and passed a fence.
  func takeProducerWithRoom(from first: Int) -> Int? {
    for producer in first..<producerCount
    where sl_event_count_is_announced(room, UInt32(producer)) && hasRoom(producer: producer)
      && sl_event_count_take_waiter(room, UInt32(producer))
    {
      return producer
    }
    return nil
  }
}

extension ChannelCore {
  /// The event that a producer waits on.
  var producersEvent: UnsafeMutablePointer<sl_event_count> { ordered?.room ?? notFull }

  /// Whether this producer, by its index in its stage, could enqueue what it holds.
  func hasSpace(for producer: Int) -> Bool {
    if let ordered { return ordered.hasRoom(producer: producer) }
    return hasSpace
  }

  /// A number was written. If another one comes before it, nobody can take anything because of it; whoever
  /// takes that one looks.
  @usableFromInline @inline(never)
  func numberWasWritten(_ ordered: OrderedRing, _ number: UInt64) {
    guard sl_order_ring_written(ordered.ring, number) else { return }
    let waiter = sl_event_count_take_from(notEmpty, 0)
    if waiter != UInt32.max { wakeConsumer(waiter) }
  }

  /// A number was taken and its place released: wakes the producers that have room now and, since what stands
  /// behind it woke nobody when it came, another consumer.
  @usableFromInline @inline(never)
  func placeWasReleased(_ ordered: OrderedRing) {
    let hasMore = sl_order_ring_released(ordered.ring)
    var first = 0
    while let producer = ordered.takeProducerWithRoom(from: first) {
      wakeProducer(UInt32(producer))
      first = producer + 1
    }
    guard hasMore, consumers.count > 1 else { return }
    let waiter = sl_event_count_take_from(notEmpty, 0)
    if waiter != UInt32.max { wakeConsumer(waiter) }
  }
}

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
    case .spsc, .single:
      preconditionFailure("Sluice: a queue of one consumer has no numbers")
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
}
