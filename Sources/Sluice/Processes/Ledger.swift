import CSluice

/// An item of a process stage, as the parent keeps it until it is answered.
@usableFromInline
struct LedgerEntry<Input> {
  @usableFromInline var item: Input
  /// How often it was started and failed.
  @usableFromInline var failures: Int
  /// Its place in the order of inputs, where the stage keeps that.
  @usableFromInline let number: UInt64

  @usableFromInline
  init(item: Input, number: UInt64 = 0) {
    self.item = item
    self.number = number
    failures = 0
  }
}

/// The items that one worker process has been given and has not answered, oldest first, with the places of
/// their requests, so that what is not started can be taken back and written over.
///
/// A ring in memory of the parent's own: the worker never sees it. A value with a holder, which destroys it.
@usableFromInline
struct Ledger<Input> {
  @usableFromInline static var capacity: Int { 8_192 }
  @usableFromInline let entries: UnsafeMutablePointer<LedgerEntry<Input>>
  @usableFromInline let places: UnsafeMutablePointer<UInt64>
  @usableFromInline var first = 0
  @usableFromInline var count = 0

  @usableFromInline
  init() {
    entries = .allocate(capacity: Self.capacity)
    places = .allocate(capacity: Self.capacity)
  }

  /// Drops the items and gives the memory back; the ledger's holder calls it once.
  func destroy() {
    for i in 0..<count { (entries + (first + i) % Self.capacity).deinitialize(count: 1) }
    entries.deallocate()
    places.deallocate()
  }

  @inlinable @inline(__always)
  mutating func append(_ entry: consuming LedgerEntry<Input>, place: UInt64) {
    let index = (first &+ count) & (Self.capacity &- 1)
    (entries + index).initialize(to: entry)
    places[index] = place
    count &+= 1
  }

  @inlinable @inline(__always)
  mutating func removeFirst() -> LedgerEntry<Input> {
    let index = first
    first = (first &+ 1) & (Self.capacity &- 1)
    count &-= 1
    return (entries + index).move()
  }

  /// The youngest `n` entries, oldest first, and the place of the first of them.
  @usableFromInline
  mutating func removeLast(_ n: Int) -> (entries: [LedgerEntry<Input>], place: UInt64)? {
    guard n > 0, n <= count else { return nil }
    let start = first + count - n
    let taken = (0..<n).map { (entries + (start + $0) % Self.capacity).move() }
    count -= n
    return (taken, places[start % Self.capacity])
  }
}
