import CSluice
import Synchronization

/// A bounded queue between one producer and one consumer, the quickest of the queues: every operation
/// that does not wait is wait-free.
///
///     let queue = try SPSCQueue<Job>(capacity: 1_024)
///     let thread = Thread {
///       guard var producer = try? queue.takeProducer() else { return }
///       for job in jobs { guard producer.enqueue(job).isEnqueued else { break } }
///     }                                                    // dropping the end closes the queue
///     var consumer = try queue.takeConsumer()
///     while let job = consumer.dequeue() { … }
///
/// The two ends are values that cannot be copied, and that change when they are used: so the compiler sees
/// to it that each is used by one thread or task at a time. Each can be taken once, where it is to be
/// used, and may be handed on.
///
/// **Closing.** Dropping the producer (or its `close()`) closes the queue: the consumer gets what is in
/// it and then its end. Dropping the consumer has every further enqueue refused with `.closed`; elements
/// that it has left are destroyed with the queue. Dropping this object closes the ends that were never
/// taken.
///
/// **Capacity.** Exactly kept, and taken up by elements that `dequeue` has not yet returned.
///
/// Source of the algorithm: `sl_spsc_ring.h`, which names the papers.
public final class SPSCQueue<Element: ~Copyable> {
  @usableFromInline let storage: SPSCStorage<Element>
  private let producerTaken = Atomic<Bool>(false)
  private let consumerTaken = Atomic<Bool>(false)

  /// An empty queue for `capacity` elements, 1 or more.
  ///
  /// Throws `QueueError` if there cannot be such a queue.
  public init(capacity: Int) throws(QueueError) {
    storage = try SPSCStorage(capacity: capacity)
  }

  deinit {
    if !producerTaken.load(ordering: .relaxed) { storage.close() }
    if !consumerTaken.load(ordering: .relaxed) { storage.abandon() }
  }

  /// How many elements the queue has room for.
  public var capacity: Int { storage.capacity }

  /// How many elements are in the queue: a snapshot.
  public var count: Int { storage.count }

  /// The producer's end. Throws `QueueError.endTaken` the second time.
  public func takeProducer() throws(QueueError) -> Producer {
    if producerTaken.exchange(true, ordering: .relaxed) { throw .endTaken("producer") }
    return Producer(storage)
  }

  /// The consumer's end. Throws `QueueError.endTaken` the second time.
  public func takeConsumer() throws(QueueError) -> Consumer {
    if consumerTaken.exchange(true, ordering: .relaxed) { throw .endTaken("consumer") }
    return Consumer(storage)
  }
}

extension SPSCQueue: @unchecked Sendable where Element: Sendable & ~Copyable {}

/// The ring, its elements, and the two conditions to wait for; lives as long as either end does.
@usableFromInline
final class SPSCStorage<Element: ~Copyable> {
  @usableFromInline let ring: UnsafeMutablePointer<sl_spsc_ring>
  @usableFromInline let elements: UnsafeMutablePointer<Element>
  @usableFromInline let notFull: UnsafeMutablePointer<sl_waiters>
  @usableFromInline let notEmpty: UnsafeMutablePointer<sl_waiters>

  init(capacity: Int) throws(QueueError) {
    guard capacity >= 1, capacity < 1 << 31 else { throw .invalidCapacity(capacity) }
    let slots = sl_spsc_ring_slots(capacity)
    let (bytes, overflow) = slots.multipliedReportingOverflow(by: MemoryLayout<Element>.stride)
    // A failing Swift allocation would end the program.
    guard !overflow, let memory = sl_memory_allocate(bytes, MemoryLayout<Element>.alignment) else {
      throw .outOfMemory(capacity: capacity, elementBytes: MemoryLayout<Element>.stride)
    }
    elements = memory.bindMemory(to: Element.self, capacity: slots)
    ring = .allocate(capacity: 1)
    sl_spsc_ring_init(ring, capacity, 0)
    notFull = .allocate(capacity: 1)
    sl_waiters_init(notFull)
    notEmpty = .allocate(capacity: 1)
    sl_waiters_init(notEmpty)
  }

  deinit {
    while case .element = tryDequeueResult() {}
    sl_waiters_destroy(notFull)
    notFull.deallocate()
    sl_waiters_destroy(notEmpty)
    notEmpty.deallocate()
    ring.deallocate()
    sl_memory_free(elements)
  }

  @usableFromInline var capacity: Int { sl_spsc_ring_capacity(ring) }
  @usableFromInline var count: Int { sl_spsc_ring_count(ring) }

  @usableFromInline
  func close() {
    sl_spsc_ring_close(ring)
    sl_waiters_notify_all(notEmpty)
  }

  @usableFromInline
  func abandon() {
    sl_spsc_ring_abandon(ring)
    sl_waiters_notify_all(notFull)
  }
}

extension SPSCStorage where Element: ~Copyable {
  /// The producer's.
  @inlinable
  func tryEnqueue(_ element: consuming Element) -> EnqueueResult<Element> {
    var slot = 0
    if sl_spsc_ring_is_abandoned(ring) { return .closed(element) }
    guard sl_spsc_ring_try_claim(ring, &slot) else { return .full(element) }
    (elements + slot).initialize(to: element)
    sl_spsc_ring_commit(ring)
    sl_waiters_notify(notEmpty, 1)
    return .enqueued
  }

  /// The consumer's.
  @inlinable
  func tryDequeueResult() -> DequeueResult<Element> {
    var slot = 0
    if !sl_spsc_ring_try_take(ring, &slot) {
      guard sl_spsc_ring_is_drained(ring) else { return .empty }
      return .closed
    }
    let element = (elements + slot).move()
    sl_spsc_ring_release(ring)
    sl_waiters_notify(notFull, 1)
    return .element(element)
  }

  /// The producer's: moves elements to the queue, `move(index, slots, count)` the `count` ones from the
  /// index on to slots in a row; it is called twice at most.
  @inlinable
  func tryEnqueueMany(
    _ count: Int, _ move: (_ index: Int, _ slots: UnsafeMutablePointer<Element>, _ count: Int) -> Void
  ) -> Int {
    guard count > 0, !sl_spsc_ring_is_abandoned(ring) else { return 0 }
    var first: UInt64 = 0
    let claimed = sl_spsc_ring_try_claim_many(ring, count, &first)
    guard claimed > 0 else { return 0 }
    let row = sl_spsc_ring_row(ring, first, claimed)
    move(0, elements + sl_spsc_ring_slot_of(ring, first), row)
    if row < claimed { move(row, elements, claimed - row) }
    sl_spsc_ring_commit_many(ring, claimed)
    sl_waiters_notify(notEmpty, claimed)
    return claimed
  }

  /// The consumer's.
  @inlinable
  func tryDequeue(into buffer: UnsafeMutableBufferPointer<Element>) -> Int {
    guard let target = buffer.baseAddress, buffer.count > 0 else { return 0 }
    var first: UInt64 = 0
    let taken = sl_spsc_ring_try_take_many(ring, buffer.count, &first)
    guard taken > 0 else { return 0 }
    let row = sl_spsc_ring_row(ring, first, taken)
    target.moveInitialize(from: elements + sl_spsc_ring_slot_of(ring, first), count: row)
    if row < taken { (target + row).moveInitialize(from: elements, count: taken - row) }
    sl_spsc_ring_release_many(ring, taken)
    sl_waiters_notify(notFull, taken)
    return taken
  }
}
