import CSluice

/// The part of a queue between two stages that does not depend on its element: the ring or the
/// unbounded queue itself, the two events that its ends wait on, and the closed state.
///
/// Which form of queue it is follows from what is known of its ends: one producer and one consumer
/// make it the SPSC ring, several of either the MPMC ring, no throttle (or one too large to lay out
/// in advance) the unbounded queue, which then counts credits.
@usableFromInline
final class ChannelCore: @unchecked Sendable {
  @usableFromInline
  enum Kind {
    /// One value that is there from the start: the argument of the first stage.
    case single
    case spsc
    case mpmc
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
    credits = arena.allocate(sl_atomic_u64.self)
    linked = arena.allocate(sl_atomic_u64.self)
    closed = arena.allocate(sl_atomic_u32.self)
    notEmpty = arena.allocate(sl_event_count.self)
    notFull = arena.allocate(sl_event_count.self)
    sl_store_relaxed_u64(linked, 0)
    sl_store_relaxed_u64(credits, 0)
    sl_store_relaxed_u32(closed, 0)
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
    case .unbounded, .ordered:
      slots = 0
    }
  }

  deinit {
    destroyElements?()
    if kind == .mpmc { sl_mpmc_ring_destroy(mpmc) }
    if let unbounded { sl_unbounded_queue_destroy(unbounded) }
  }

  /// The unbounded queue, if an element was ever enqueued: while stages pull from each other none is,
  /// and the queue's first segment would be the dearest part of a run over a few items.
  @usableFromInline var unbounded: OpaquePointer? {
    OpaquePointer(bitPattern: UInt(sl_load_acquire_u64(linked)))
  }

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

  /// Elements that stand in the queue now; exact when both ends are quiet. Of an ordered queue 1 at most:
  /// its producers tell its length by their numbers.
  @usableFromInline var count: Int {
    switch kind {
    case .single, .spsc: return Int(sl_spsc_ring_count(spsc))
    case .mpmc: return Int(sl_mpmc_ring_count(mpmc))
    case .unbounded: return unbounded.map { Int(sl_unbounded_queue_count($0)) } ?? 0
    case .ordered: return isEmpty ? 0 : 1
    }
  }

  /// Whether there is nothing to take now. An ordered queue may hold elements that come later.
  @usableFromInline var isEmpty: Bool {
    if let ordered { return ordered.isEmpty }
    return count == 0
  }

  /// Room as such, for any producer; see also `hasSpace(for:)`.
  var hasSpace: Bool {
    switch kind {
    case .single: return false
    case .spsc, .mpmc: return count < throttle
    case .unbounded: return throttle == 0 || sl_load_acquire_u64(credits) < UInt64(throttle)
    case .ordered: return false
    }
  }

  @usableFromInline var isClosed: Bool { sl_load_acquire_u32(closed) != 0 }

  /// The stream has ended and every element was taken.
  @usableFromInline var isAtEnd: Bool { isClosed && isEmpty }

  /// End of stream: no producer will enqueue again. Elements that stand in the queue can be taken.
  func close() {
    sl_store_seq_cst_u32(closed, 1)
    for consumer in consumers.workers { consumer.wake() }
  }

  /// An element was enqueued: wakes a consumer that waits for it.
  @inlinable @inline(__always)
  func notifyNotEmpty() {
    let waiter = sl_event_count_take(notEmpty)
    if _slowPath(waiter != UInt32.max) { wakeConsumer(waiter) }
  }

  /// An element was dequeued: wakes a producer that waits for its place.
  @inlinable @inline(__always)
  func notifyNotFull() {
    let waiter = sl_event_count_take(notFull)
    if _slowPath(waiter != UInt32.max) { wakeProducer(waiter) }
  }

  @usableFromInline @inline(never)
  func wakeConsumer(_ waiter: UInt32) { consumers.workers[Int(waiter)].wake() }

  @usableFromInline @inline(never)
  func wakeProducer(_ waiter: UInt32) { producers.workers[Int(waiter)].wake() }

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
