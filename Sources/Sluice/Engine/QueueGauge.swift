import CSluice

/// What anybody may ask of a queue without its types: how full it is, whether it is closed, who waits.
///
/// Pointers alone, so that whoever looks counts no references: several threads that look at a queue at once would
/// otherwise contend for its reference count, which costs more than all that they look at.
@usableFromInline
struct QueueGauge {
  @usableFromInline let kind: ChannelCore.Kind
  /// Most elements that may stand in the queue; 0 for no bound.
  @usableFromInline let throttle: Int
  @usableFromInline let spsc: UnsafeMutablePointer<sl_spsc_ring>
  @usableFromInline let mpmc: UnsafeMutablePointer<sl_mpmc_ring>
  @usableFromInline let spmc: UnsafeMutablePointer<sl_spmc_ring>
  @usableFromInline let lanes: UnsafeMutablePointer<sl_lanes>
  /// The address of the unbounded queue; 0 before its first element.
  let linked: UnsafeMutablePointer<sl_atomic_u64>
  /// Credits in use, for a throttle kept over the unbounded queue.
  let credits: UnsafeMutablePointer<sl_atomic_u64>
  let closed: UnsafeMutablePointer<sl_atomic_u32>
  @usableFromInline let notEmpty: UnsafeMutablePointer<sl_event_count>
  @usableFromInline let notFull: UnsafeMutablePointer<sl_event_count>
  /// Producers that do not wait for anything (see `Worker.announce`).
  let busyProducers: UnsafeMutablePointer<sl_atomic_u32>
  /// Not 0: whoever waits at that end is woken when the queue is half full (half empty), or at a tick.
  let consumersArePatient: UnsafeMutablePointer<sl_atomic_u32>
  let producersArePatient: UnsafeMutablePointer<sl_atomic_u32>
  /// Elements for which a consumer that waits patiently is woken.
  let elementsToWake: Int
  let order: OrderedRing.Gauge?

  /// The unbounded queue, if an element was ever enqueued: while stages pull from each other none is,
  /// and the queue's first segment would be the dearest part of a run over a few items.
  @usableFromInline var unbounded: OpaquePointer? {
    OpaquePointer(bitPattern: UInt(sl_load_acquire_u64(linked)))
  }

  /// Elements that stand in the queue now; exact when both ends are quiet. Of an ordered queue 1 at most:
  /// its producers tell its length by their numbers.
  @usableFromInline var count: Int {
    switch kind {
    case .single, .spsc: return Int(sl_spsc_ring_count(spsc))
    case .mpmc: return Int(sl_mpmc_ring_count(mpmc))
    case .spmc: return Int(sl_spmc_ring_count(spmc))
    case .lanes: return Int(sl_lanes_count(lanes))
    case .unbounded: return unbounded.map { Int(sl_unbounded_queue_count($0)) } ?? 0
    case .ordered: return isEmpty ? 0 : 1
    }
  }

  /// `count` for a producer's record of how long the queue was: of lanes, what the other producers might enqueue
  /// without asking counts too.
  @usableFromInline
  func count(for producer: Int) -> Int {
    kind == .lanes ? Int(sl_lanes_count_by(lanes, UInt32(truncatingIfNeeded: producer))) : count
  }

  /// Whether there is nothing to take now. An ordered queue may hold elements that come later.
  @usableFromInline var isEmpty: Bool {
    if let order { return order.isEmpty }
    if kind == .lanes { return sl_lanes_is_empty(lanes) }
    return count == 0
  }

  @usableFromInline var isClosed: Bool { sl_load_acquire_u32(closed) != 0 }

  /// Room as such, for any producer; see also `hasSpace(for:)`.
  var hasSpace: Bool {
    switch kind {
    case .single: return false
    case .spsc, .spmc: return count < throttle
    case .mpmc: return sl_mpmc_ring_may_claim(mpmc)
    case .lanes: return sl_lanes_has_some_room(lanes)
    case .unbounded: return throttle == 0 || sl_load_acquire_u64(credits) < UInt64(throttle)
    case .ordered: return false
    }
  }

  /// Whether this producer, by its index in its stage, could enqueue what it holds.
  func hasSpace(for producer: Int) -> Bool {
    if let order { return order.hasRoom(producer: producer) }
    if kind == .lanes { return sl_lanes_has_room(lanes, UInt32(producer)) }
    return hasSpace
  }

  /// The event that a producer waits on.
  var producersEvent: UnsafeMutablePointer<sl_event_count> { order?.room ?? notFull }

  // MARK: Patience

  /// Elements that have passed this queue, where it is one whose ends may wait patiently: with fewer places a
  /// wake-up for half of them gains little.
  var passed: UInt64? {
    guard throttle >= 16 else { return nil }
    switch kind {
    case .spsc: return sl_spsc_ring_passed(spsc)
    case .mpmc: return sl_mpmc_ring_passed(mpmc)
    case .spmc: return sl_spmc_ring_passed(spmc)
    case .lanes: return sl_lanes_passed(lanes)
    case .single, .unbounded, .ordered: return nil
    }
  }

  /// Where `passed` tells something.
  var hasEnoughToWake: Bool { waiting >= elementsToWake }
  var isHalfEmpty: Bool { waiting <= throttle / 2 && hasSpace }

  /// Of lanes, which are looked at before each element while somebody waits patiently, a few too many: what their
  /// producers hold counts too.
  private var waiting: Int { kind == .lanes ? Int(sl_lanes_count_at_most(lanes)) : count }

  /// Half of the queue for a consumer that is alone; fewer where others may be at work, and this one beside them.
  static func elementsToWake(throttle: Int, consumers: Int) -> Int {
    consumers == 1 ? throttle / 2 : min(throttle / 2, 64)
  }

  func isPatient(ofConsumers: Bool) -> Bool {
    sl_load_relaxed_u32(ofConsumers ? consumersArePatient : producersArePatient) != 0
  }

  func setPatience(_ isPatient: Bool, ofConsumers: Bool) {
    sl_store_relaxed_u32(ofConsumers ? consumersArePatient : producersArePatient, isPatient ? 1 : 0)
  }

  var hasBusyProducers: Bool { sl_load_acquire_u32(busyProducers) != 0 }
}
