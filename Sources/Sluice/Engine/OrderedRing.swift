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

  /// What can be asked of it without counting references.
  @usableFromInline
  struct Gauge {
    fileprivate let ring: UnsafeMutablePointer<sl_order_ring>
    fileprivate let numbers: UnsafeMutablePointer<sl_atomic_u64>
    let room: UnsafeMutablePointer<sl_event_count>

    /// Whether there is room for the number that the producer holds.
    func hasRoom(producer: Int) -> Bool {
      sl_order_ring_has_room(ring, sl_load_relaxed_u64(numbers + producer))
    }

    @usableFromInline var isEmpty: Bool { !sl_order_ring_is_ready(ring) }
  }

  var gauge: Gauge { Gauge(ring: ring, numbers: numbers, room: room) }

  /// The next of the waiting producers, from `first` on, whose number has room now, for the caller to wake.
  /// The caller has released a place and passed a fence.
  func takeProducerWithRoom(from first: Int) -> Int? {
    guard sl_event_count_has_any(room) else { return nil }
    for producer in first..<producerCount
    where sl_event_count_is_announced(room, UInt32(producer)) && gauge.hasRoom(producer: producer)
      && sl_event_count_take_waiter(room, UInt32(producer))
    {
      return producer
    }
    return nil
  }
}

extension ChannelCore {
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
