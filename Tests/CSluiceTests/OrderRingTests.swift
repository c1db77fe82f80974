import CSluice
import Foundation
import Testing

private final class OrderRing<Element>: @unchecked Sendable {
  let ring: UnsafeMutablePointer<sl_order_ring>
  /// What the numbers 0, 1, … of a test are in the ring.
  let first: UInt64
  private let alignment = MemoryLayout<Element>.alignment

  init(capacity: Int, first: UInt64 = 0) {
    self.first = first
    ring = .allocate(capacity: 1)
    precondition(
      sl_order_ring_init(ring, capacity, MemoryLayout<Element>.stride, MemoryLayout<Element>.alignment, first)
        == 0)
  }
  deinit {
    for slot in 0..<sl_order_ring_slots(ring) {
      sl_order_ring_left(ring, slot, alignment)?.assumingMemoryBound(to: Element.self).deinitialize(count: 1)
    }
    sl_order_ring_destroy(ring)
    ring.deallocate()
  }

  func hasRoom(_ number: Int) -> Bool { sl_order_ring_has_room(ring, first &+ UInt64(number)) }
  func write(_ number: Int, _ element: Element) -> Bool {
    guard hasRoom(number) else { return false }
    sl_order_ring_place(ring, first &+ UInt64(number), alignment)
      .assumingMemoryBound(to: Element.self).initialize(to: element)
    sl_order_ring_commit(ring, first &+ UInt64(number))
    return true
  }
  func skip(_ number: Int) -> Bool {
    guard hasRoom(number) else { return false }
    sl_order_ring_skip(ring, first &+ UInt64(number))
    return true
  }

  enum Taken {
    case element(Element)
    case hole
  }
  func takeAny() -> Taken? {
    var ticket = sl_order_ticket()
    let found = sl_order_ring_try_take(ring, &ticket)
    if found == SL_ORDER_NOTHING { return nil }
    return release(ticket, found)
  }
  func release(_ ticket: sl_order_ticket, _ found: sl_order_found) -> Taken {
    defer { sl_order_ring_release(ring, ticket) }
    guard found == SL_ORDER_ELEMENT else { return .hole }
    return .element(
      sl_order_ring_element(ticket, alignment).assumingMemoryBound(to: Element.self).move())
  }
  /// The next element, holes passed over.
  func take() -> Element? {
    while let taken = takeAny() {
      if case .element(let element) = taken { return element }
    }
    return nil
  }
  func wasWritten(_ number: Int) -> Bool { sl_order_ring_written(ring, first &+ UInt64(number)) }
  func span(_ number: Int) -> Int { sl_order_ring_span(ring, first &+ UInt64(number)) }
  var isReady: Bool { sl_order_ring_is_ready(ring) }
  var hasMore: Bool { sl_order_ring_released(ring) }
}

@Suite(.serialized) struct OrderRingTests {
  static let capacities = [1, 2, 3, 5, 64, 1_000]
  /// With slots of 16 bytes, positions wrap around a few numbers after 2^60 - 3 and 2^64 - 3.
  static let starts: [UInt64] = [0, (1 << 60) - 3, .max - 2, (1 << 59) - 2]

  @Test func refusesImpossibleCapacities() {
    let ring = UnsafeMutablePointer<sl_order_ring>.allocate(capacity: 1)
    defer { ring.deallocate() }
    #expect(sl_order_ring_init(ring, 0, 8, 8, 0) == EINVAL)
    #expect(sl_order_ring_init(ring, .max, 8, 8, 0) == ENOMEM)
    #expect(sl_order_ring_init(ring, 1 << 62, 8, 8, 0) == ENOMEM)
    #expect(sl_order_ring_init(ring, 1 << 40, 1 << 40, 8, 0) == ENOMEM)
    #expect(sl_order_ring_init(ring, 1, 8, 3, 0) == EINVAL)
    #expect(sl_order_ring_init(ring, 1, 12, 8, 0) == EINVAL, "a size is a multiple of its alignment")
  }

  /// Each number within the capacity has memory of its own for its element, at a multiple of the alignment.
  @Test(arguments: [(0, 1), (1, 1), (8, 8), (24, 8), (48, 16), (64, 64), (72, 8), (256, 256)])
  func elementsHaveTheirPlaces(size: Int, alignment: Int) throws {
    let ring = UnsafeMutablePointer<sl_order_ring>.allocate(capacity: 1)
    defer { ring.deallocate() }
    for capacity in [1, 3, 8] {
      #expect(sl_order_ring_init(ring, capacity, size, alignment, 0) == 0)
      defer { sl_order_ring_destroy(ring) }
      for number in (0..<UInt64(capacity)).reversed() {
        let place = try #require(sl_order_ring_place(ring, number, alignment))
        #expect(Int(bitPattern: place) % alignment == 0)
        memset(place, Int32(number + 1), size)
        sl_order_ring_commit(ring, number)
      }
      for number in 0..<UInt64(capacity) {
        var ticket = sl_order_ticket()
        #expect(sl_order_ring_try_take(ring, &ticket) == SL_ORDER_ELEMENT)
        #expect(sl_order_ring_number_of(ring, ticket) == number)
        let bytes = UnsafeRawBufferPointer(start: sl_order_ring_element(ticket, alignment), count: size)
        #expect(bytes.allSatisfy { $0 == UInt8(number + 1) })
        sl_order_ring_release(ring, ticket)
      }
    }
  }

  /// Written backwards, taken forwards; as many as the capacity, round after round.
  @Test(arguments: capacities, starts)
  func keepsItsCapacityAndTheOrder(capacity: Int, first: UInt64) {
    let ring = OrderRing<Int>(capacity: capacity, first: first)
    #expect(sl_order_ring_capacity(ring.ring) == capacity)
    for round in 0..<5 {
      let numbers = round * capacity..<(round + 1) * capacity
      #expect(!ring.hasRoom(numbers.upperBound))
      for number in numbers.reversed() {
        #expect(ring.take() == nil && !ring.isReady)
        #expect(ring.write(number, number))
        #expect(ring.wasWritten(number) == (number == numbers.lowerBound))
        #expect(ring.span(number) == number - numbers.lowerBound + 1)
      }
      #expect(ring.isReady)
      for number in numbers {
        #expect(!ring.hasRoom(number + capacity))
        #expect(ring.take() == number)
        #expect(ring.hasRoom(number + capacity))
        #expect(ring.hasMore == (number + 1 < numbers.upperBound))
      }
      #expect(numbers.allSatisfy { ring.hasRoom($0) }, "what was written once had room")
    }
  }

  @Test(arguments: capacities, starts)
  func holesArePassedOver(capacity: Int, first: UInt64) {
    let ring = OrderRing<Int>(capacity: capacity, first: first)
    for number in 0..<100 {
      if number % 3 == 1 { #expect(ring.write(number, number)) } else { #expect(ring.skip(number)) }
      #expect(ring.isReady)
      #expect(ring.take() == (number % 3 == 1 ? number : nil))
    }
  }

  @Test func aReleaseMakesRoomAndNotATake() throws {
    for capacity in [3, 4] {
      let ring = OrderRing<Int>(capacity: capacity)  // on four slots
      for number in 0..<capacity { #expect(ring.write(number, number)) }
      var ticket = sl_order_ticket()
      let found = sl_order_ring_try_take(ring.ring, &ticket)
      #expect(found == SL_ORDER_ELEMENT)
      #expect(!ring.hasRoom(capacity), "the element is on its way out")
      #expect(ring.take() == 1)
      #expect(!ring.hasRoom(capacity))
      #expect(
        ring.hasRoom(capacity + 1) == (capacity == 4), "where there is a spare slot, it waits for that too")
      _ = ring.release(ticket, found)
      #expect(ring.hasRoom(capacity))
    }
  }

  /// Elements behind a number that never came are found at the end.
  @Test(arguments: [5, 8])
  func whatIsLeftIsFound(capacity: Int) throws {
    final class Object {}
    weak var left: Object?
    do {
      let ring = OrderRing<Object>(capacity: capacity)
      #expect(ring.write(0, Object()) && ring.skip(1))
      do {
        let object = Object()
        left = object
        #expect(ring.write(3, object))
      }
      #expect(ring.take() != nil)
      #expect(ring.take() == nil)
      let slots = 0..<sl_order_ring_slots(ring.ring)
      #expect(slots.count { sl_order_ring_left(ring.ring, $0, 8) != nil } == 1)
      #expect(left != nil)
    }
    #expect(left == nil)
  }

  /// Memory is as much as the capacity asks for, and touched only where it is used.
  @Test func aLargeRingIsNotTouched() {
    if isSanitized { return }
    let before = residentBytes()
    let ring = OrderRing<Int>(capacity: 1 << 24)  // 256 MiB
    for number in 0..<100 { #expect(ring.write(number, number)) }
    #expect(residentBytes() - before < 16 << 20)
    for number in 0..<100 { #expect(ring.take() == number) }
  }

  /// Producers with numbers of their own, one in seven without an element, and consumers: nothing is lost,
  /// nothing comes twice, each consumer gets its elements in order.
  @Test(arguments: [(1, 1, 8), (4, 1, 3), (2, 2, 1), (4, 4, 16), (3, 2, 1_024)])
  func carriesEverythingBetweenThreads(producers: Int, consumers: Int, capacity: Int) {
    let count = rounds(capacity == 1 ? 20_000 : 100_000)
    let ring = OrderRing<Int>(capacity: capacity, first: (1 << 60) - 100)
    let seen = SeenNumbers(count)
    let (upcoming, passed, outOfOrder) = (SharedCounter(), SharedCounter(), SharedCounter())
    onThreads(producers + consumers) { thread in
      if thread < producers {
        while true {
          let number = upcoming.add(1) - 1
          if number >= count { return }
          while !(number % 7 == 3 ? ring.skip(number) : ring.write(number, number)) { sched_yield() }
        }
      }
      var last = -1
      while passed.now < count {
        switch ring.takeAny() {
        case nil: sched_yield()
        case .hole: passed.add(1)
        case .element(let number):
          passed.add(1)
          if number <= last { outOfOrder.add(1) }
          last = number
          seen.mark(number)
        }
      }
    }
    #expect(outOfOrder.now == 0)
    #expect((0..<count).allSatisfy { seen.marks($0) == ($0 % 7 == 3 ? 0 : 1) })
    #expect(!ring.isReady)
  }
}
