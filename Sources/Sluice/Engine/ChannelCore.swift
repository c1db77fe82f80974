import CSluice

/// The part of a queue between two stages that does not depend on its element: the ring or the
/// unbounded queue itself, the two events that its ends wait on, and the closed state.
///
/// Which form of queue it is follows from what is known of its ends: one producer and one consumer
/// make it the SPSC ring, several consumers the SPMC ring if elements are small, several producers lanes
/// if they suit, anything else the MPMC ring; no throttle (or one too large to lay out in advance) the
/// unbounded queue, which then counts credits.
@usableFromInline
final class ChannelCore: @unchecked Sendable {
  @usableFromInline
  enum Kind {
    /// One value that is there from the start: the argument of the first stage.
    case single
    case spsc
    case mpmc
    /// One producer, several consumers, and elements that may be moved as bytes.
    case spmc
    /// One consumer; each of several producers has a ring of its own.
    case lanes
    case unbounded
    /// Elements come out in the order of their numbers, in whatever order they come in.
    case ordered
  }

  /// Above this many elements, a throttle is kept by counting credits instead of by a ring, whose
  /// memory would have to be there before the first element.
  static let largestRing = 1 << 16

  @usableFromInline let kind: Kind
  /// Most elements that may stand in the queue; 0 for no bound.
  let throttle: Int
  /// Number of elements to allocate beside a ring that does not hold them itself.
  @usableFromInline let slots: Int
  @usableFromInline let spsc: UnsafeMutablePointer<sl_spsc_ring>
  @usableFromInline let mpmc: UnsafeMutablePointer<sl_mpmc_ring>
  @usableFromInline let spmc: UnsafeMutablePointer<sl_spmc_ring>
  @usableFromInline let lanes: UnsafeMutablePointer<sl_lanes>
  /// Elements in each lane.
  @usableFromInline let laneSlots: Int
  /// The ring of an ordered queue.
  @usableFromInline let ordered: OrderedRing?
  private let linked: UnsafeMutablePointer<sl_atomic_u64>
  private let elementSize: Int
  private let elementAlignment: Int
  /// Credits in use, for a throttle kept over the unbounded queue.
  @usableFromInline let credits: UnsafeMutablePointer<sl_atomic_u64>
  @usableFromInline let notEmpty: UnsafeMutablePointer<sl_event_count>
  @usableFromInline let notFull: UnsafeMutablePointer<sl_event_count>
  let closed: UnsafeMutablePointer<sl_atomic_u32>
  @usableFromInline let gauge: QueueGauge
  /// Keeps the memory of all the above alive.
  private let arena: Arena
  /// The workers at both ends, by their index in their stage. Set once, while the run is put
  /// together; the run keeps them alive.
  unowned(unsafe) var producers: WorkerList
  unowned(unsafe) var consumers: WorkerList
  /// Ends the life of the elements that nobody took. Set once by the typed half.
  @usableFromInline var destroyElements: (() -> Void)?

  init(
    kind: Kind, throttle: Int, elementSize: Int, elementAlignment: Int, producers: WorkerList,
    consumers: WorkerList, arena: Arena
  ) {
    self.kind = kind
    self.throttle = throttle
    self.producers = producers
    self.consumers = consumers
    self.arena = arena
    self.elementSize = elementSize
    self.elementAlignment = elementAlignment
    spsc = arena.allocate(sl_spsc_ring.self)
    mpmc = arena.allocate(sl_mpmc_ring.self)
    spmc = arena.allocate(sl_spmc_ring.self)
    lanes = arena.allocate(sl_lanes.self)
    credits = arena.allocate(sl_atomic_u64.self)
    linked = arena.allocate(sl_atomic_u64.self)
    closed = arena.allocate(sl_atomic_u32.self)
    let busyProducers = arena.allocate(sl_atomic_u32.self)
    let consumersArePatient = arena.allocate(sl_atomic_u32.self)
    let producersArePatient = arena.allocate(sl_atomic_u32.self)
    notEmpty = arena.allocate(sl_event_count.self)
    notFull = arena.allocate(sl_event_count.self)
    sl_store_relaxed_u64(linked, 0)
    sl_store_relaxed_u64(credits, 0)
    sl_store_relaxed_u32(closed, 0)
    sl_store_relaxed_u32(busyProducers, UInt32(producers.count))
    sl_store_relaxed_u32(consumersArePatient, 0)
    sl_store_relaxed_u32(producersArePatient, 0)
    let consumerWords = Int(sl_event_count_words(UInt32(consumers.count)))
    let producerWords = Int(sl_event_count_words(UInt32(producers.count)))
    let words = arena.allocate(sl_atomic_u64.self, count: consumerWords + producerWords)
    sl_event_count_init(notEmpty, words, UInt32(consumers.count))
    sl_event_count_init(notFull, words + consumerWords, UInt32(producers.count))
    ordered =
      kind == .ordered
      ? OrderedRing(
        capacity: throttle, elementSize: elementSize, elementAlignment: elementAlignment,
        producers: producers.count, arena: arena) : nil
    gauge = QueueGauge(
      kind: kind, throttle: throttle, spsc: spsc, mpmc: mpmc, spmc: spmc, lanes: lanes, linked: linked,
      credits: credits, closed: closed,
      notEmpty: notEmpty, notFull: notFull, busyProducers: busyProducers,
      consumersArePatient: consumersArePatient, producersArePatient: producersArePatient,
      elementsToWake: QueueGauge.elementsToWake(throttle: throttle, consumers: consumers.count),
      order: ordered?.gauge)
    let laneCapacity = Self.laneCapacity(
      throttle: throttle, producers: producers.count, elementSize: elementSize)
    laneSlots = kind == .lanes ? Int(sl_spsc_ring_slots(laneCapacity)) : 0
    switch kind {
    case .single:
      slots = 1
      sl_spsc_ring_init(spsc, 1, 0)
    case .spsc:
      slots = Int(sl_spsc_ring_slots(throttle))
      sl_spsc_ring_init(spsc, throttle, 0)
    case .mpmc:
      slots = 0
      precondition(
        sl_mpmc_ring_init(mpmc, throttle, elementSize, elementAlignment, 0) == 0,
        "Sluice: out of memory for a queue")
    case .spmc:
      slots = 0
      precondition(
        sl_spmc_ring_init(spmc, throttle, elementSize, 0) == 0, "Sluice: out of memory for a queue")
    case .lanes:
      slots = producers.count * laneSlots
      sl_lanes_init(
        lanes, arena.allocate(sl_lane.self, count: producers.count), UInt32(producers.count), throttle,
        laneCapacity, 0)
    case .unbounded, .ordered:
      slots = 0
    }
  }

  /// A producer may have the whole throttle to itself, unless that took too much memory for all of them.
  static func laneCapacity(throttle: Int, producers: Int, elementSize: Int) -> Int {
    var capacity = throttle
    while capacity > 64, capacity / 2 * producers >= throttle, capacity * producers * elementSize > 1 << 19 {
      capacity /= 2
    }
    return capacity
  }

  /// Where lanes are worth their memory.
  static func suitsLanes(throttle: Int, producers: Int, elementSize: Int) -> Bool {
    let capacity = laneCapacity(throttle: throttle, producers: producers, elementSize: elementSize)
    return throttle >= 4 * producers && capacity * producers * elementSize <= 1 << 22
  }

  /// Whether several consumers may copy an element as bytes and then find out which of them has it.
  static func suitsCopies<Element>(of _: Element.Type) -> Bool {
    MemoryLayout<Element>.size <= SL_SPMC_LARGEST && _isBitwiseTakable(Element.self)
  }

  deinit {
    destroyElements?()
    if kind == .mpmc { sl_mpmc_ring_destroy(mpmc) }
    if kind == .spmc { sl_spmc_ring_destroy(spmc) }
    if let unbounded { sl_unbounded_queue_destroy(unbounded) }
  }

  @usableFromInline var unbounded: OpaquePointer? { gauge.unbounded }

  /// The unbounded queue; the first producer that needs it makes it.
  @usableFromInline
  func makeUnbounded() -> OpaquePointer {
    if let unbounded { return unbounded }
    guard let made = sl_unbounded_queue_create(elementSize, elementAlignment) else {
      preconditionFailure("Sluice: out of memory for a queue")
    }
    var present: UInt64 = 0
    if sl_cas_acq_rel_u64(linked, &present, UInt64(UInt(bitPattern: made))) { return made }
    // Another producer was quicker.
    sl_unbounded_queue_destroy(made)
    return OpaquePointer(bitPattern: UInt(present)) ?? made
  }

  @usableFromInline var count: Int { gauge.count }
  @usableFromInline var isEmpty: Bool { gauge.isEmpty }
  @usableFromInline var isClosed: Bool { gauge.isClosed }

  /// The stream has ended and every element was taken.
  @usableFromInline var isAtEnd: Bool { isClosed && isEmpty }

  /// End of stream: no producer will enqueue again. Elements that stand in the queue can be taken.
  func close() {
    sl_store_seq_cst_u32(closed, 1)
    for consumer in consumers.workers { consumer.wake() }
  }

  /// Takes one credit of a throttle over the unbounded queue; false when none is left.
  @usableFromInline
  func takeCredit() -> Bool {
    if throttle == 0 { return true }
    var used = sl_load_acquire_u64(credits)
    while used < UInt64(throttle) {
      if sl_cas_acq_rel_u64(credits, &used, used + 1) { return true }
    }
    return false
  }

  @usableFromInline
  func returnCredit() {
    if throttle != 0 { _ = sl_fetch_sub_acq_rel_u64(credits, 1) }
  }
}
