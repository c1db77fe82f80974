import CSluice
import Foundation
import Testing

/// A ring of elements that may be copied as bytes.
private final class SPMCRing<Element: BitwiseCopyable>: @unchecked Sendable {
  let ring: UnsafeMutablePointer<sl_spmc_ring>
  private let size: Int

  /// `size`: of an element, in bytes, where it is not that of its type.
  init(capacity: Int, first: UInt64 = 0, size: Int = MemoryLayout<Element>.size) {
    ring = .allocate(capacity: 1)
    self.size = size
    precondition(sl_spmc_ring_init(ring, capacity, size, first) == 0)
  }
  deinit {
    sl_spmc_ring_destroy(ring)
    ring.deallocate()
  }

  func room(_ n: Int) -> Int { sl_spmc_ring_room(ring, n) }
  func put(_ element: Element, at index: Int = 0) {
    withUnsafePointer(to: element) { sl_spmc_ring_put(ring, index, $0, size) }
  }
  func publish(_ n: Int) { sl_spmc_ring_publish(ring, n) }
  func push(_ element: Element) -> Bool {
    guard room(1) == 1 else { return false }
    put(element)
    publish(1)
    return true
  }
  func pop() -> Element? {
    withUnsafeTemporaryAllocation(of: Element.self, capacity: 1) { place in
      sl_spmc_ring_try_take(ring, place.baseAddress, size) ? place[0] : nil
    }
  }
  var count: Int { sl_spmc_ring_count(ring) }
  var passed: UInt64 { sl_spmc_ring_passed(ring) }
}

/// The largest element, of eight words that belong together.
private struct Row: BitwiseCopyable {
  var words: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)

  private static func mixed(_ n: UInt64, _ i: UInt64) -> UInt64 { (n &+ i) &* 0x9E37_79B9_7F4A_7C15 }

  init(_ n: UInt64) {
    words = (
      n, Self.mixed(n, 1), Self.mixed(n, 2), Self.mixed(n, 3), Self.mixed(n, 4), Self.mixed(n, 5),
      Self.mixed(n, 6), Self.mixed(n, 7)
    )
  }

  /// Nil: it is half of one element and half of another.
  var number: UInt64? {
    let whole = Self(words.0)
    return withUnsafeBytes(of: self) { mine in
      withUnsafeBytes(of: whole) { $0.elementsEqual(mine) }
    } ? words.0 : nil
  }
}

@Suite(.serialized) struct SPMCRingTests {
  static let capacities = [1, 2, 3, 5, 1000]
  static let starts: [UInt64] = [0, .max - 2, .max, 1 << 63]

  @Test func refusesImpossibleCapacitiesAndSizes() {
    let ring = UnsafeMutablePointer<sl_spmc_ring>.allocate(capacity: 1)
    defer { ring.deallocate() }
    let largest = Int(SL_SPMC_LARGEST)
    #expect(sl_spmc_ring_init(ring, 0, 8, 0) == EINVAL)
    #expect(sl_spmc_ring_init(ring, 1, largest + 1, 0) == EINVAL)
    #expect(sl_spmc_ring_init(ring, 1, .max, 0) == EINVAL)
    for size in [1, 8, largest] {
      for capacity in [Int.max, 1 << 62, 1 << 56, -1] {  // -1: the largest there is in C
        #expect(sl_spmc_ring_init(ring, capacity, size, 0) == ENOMEM)
      }
      // Sanitizers end the process where the system has no memory.
      if !isSanitized { #expect(sl_spmc_ring_init(ring, 1 << 50, size, 0) == ENOMEM) }
    }
    #expect(sl_spmc_ring_init(ring, 1, largest, 0) == 0)
    sl_spmc_ring_destroy(ring)
    #expect(ring.pointee.words_ == nil)
  }

  @Test(arguments: capacities, starts)
  func keepsItsCapacityExactly(capacity: Int, first: UInt64) {
    let ring = SPMCRing<Int>(capacity: capacity, first: first)
    #expect(sl_spmc_ring_capacity(ring.ring) == capacity)
    for round in 0..<5 {
      #expect(ring.pop() == nil)
      for i in 0..<capacity {
        #expect(ring.count == i)
        #expect(ring.push(round * capacity + i))
      }
      #expect(!ring.push(-1))
      #expect(ring.count == capacity)
      for i in 0..<capacity { #expect(ring.pop() == round * capacity + i) }
      #expect(ring.count == 0)
    }
  }

  @Test(arguments: starts)
  func keepsOrderAcrossWrapAround(first: UInt64) {
    let ring = SPMCRing<Int>(capacity: 3, first: first)
    #expect(ring.push(0) && ring.push(1))
    for i in 2..<40 {
      #expect(ring.push(i))
      #expect(ring.pop() == i - 2)
      #expect(ring.count == 2)
    }
  }

  @Test(arguments: [1, 3, 8], starts)
  func passedCountsTakes(capacity: Int, first: UInt64) {
    let ring = SPMCRing<Int>(capacity: capacity, first: first)
    for i in 0..<20 {
      #expect(ring.push(i))
      #expect(ring.passed == first &+ UInt64(i))
      #expect(ring.pop() == i)
      #expect(ring.pop() == nil, "nothing is claimed of an empty ring")
    }
    #expect(ring.passed == first &+ 20)
  }

  /// Each of the bytes of each element, and none beside them.
  @Test(arguments: [0, 1, 7, 8, 9, 12, 16, 63, 64])
  func elementsComeBitForBit(size: Int) {
    let ring = UnsafeMutablePointer<sl_spmc_ring>.allocate(capacity: 1)
    defer { ring.deallocate() }
    for capacity in [1, 3, 8] {
      #expect(sl_spmc_ring_init(ring, capacity, size, .max) == 0)
      defer { sl_spmc_ring_destroy(ring) }
      for round in 0..<5 {
        let elements = (0..<capacity).map { i in
          (0..<size).map { byte in UInt8(truncatingIfNeeded: (round * capacity + i) * 89 + byte * 7 + 1) }
        }
        for element in elements {
          #expect(sl_spmc_ring_room(ring, 1) == 1)
          // Memory of its own, so that a sanitizer sees what is read beyond an element.
          let place = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 1)
          defer { place.deallocate() }
          place.copyBytes(from: element)
          sl_spmc_ring_put(ring, 0, place.baseAddress, size)
          place.initializeMemory(as: UInt8.self, repeating: 0)  // the ring has a copy
          sl_spmc_ring_publish(ring, 1)
        }
        #expect(sl_spmc_ring_room(ring, 1) == 0 && sl_spmc_ring_count(ring) == capacity)
        for element in elements {
          let around = 8
          var bytes = [UInt8](repeating: 0xA5, count: size + 2 * around)
          let took = bytes.withUnsafeMutableBytes {
            sl_spmc_ring_try_take(ring, $0.baseAddress! + around, size)
          }
          #expect(took && Array(bytes[around..<(around + size)]) == element)
          #expect((bytes.prefix(around) + bytes.suffix(around)).allSatisfy { $0 == 0xA5 })
        }
        var nothing: UInt64 = 0
        #expect(!sl_spmc_ring_try_take(ring, &nothing, size) && sl_spmc_ring_count(ring) == 0)
      }
    }
  }

  @Test func publishesNothingBeforeItIsSaid() {
    let ring = SPMCRing<Int>(capacity: 2)
    #expect(ring.room(2) == 2)
    ring.put(7)
    #expect(ring.pop() == nil && ring.count == 0)
    #expect(ring.room(2) == 2, "room is not used up by asking")
    ring.put(8)  // in the same place
    ring.publish(0)
    #expect(ring.pop() == nil)
    ring.publish(1)
    #expect(ring.count == 1 && ring.room(2) == 1)
    #expect(ring.pop() == 8 && ring.pop() == nil)
  }

  /// The room is that of now: what was taken since counts, also where there was some room before.
  @Test(arguments: starts)
  func rowsArePublishedAtOnce(first: UInt64) {
    let ring = SPMCRing<Int>(capacity: 5, first: first)
    var next = 0
    var expected = 0
    func fill(_ n: Int, expecting: Int) {
      let room = ring.room(n)
      #expect(room == expecting)
      for i in (0..<room).reversed() { ring.put(next + i, at: i) }
      #expect(ring.count == next - expected)
      ring.publish(room)
      next += room
      #expect(ring.count == next - expected)
    }
    func drain(_ n: Int) {
      for _ in 0..<n {
        #expect(ring.pop() == expected)
        expected += 1
      }
    }
    for _ in 0..<10 {
      fill(0, expecting: 0)
      fill(3, expecting: 3)
      drain(1)
      fill(4, expecting: 3)
      fill(1, expecting: 0)
      drain(2)
      fill(9, expecting: 2)
      drain(4)
      fill(5, expecting: 4)
      drain(5)
      #expect(ring.pop() == nil)
    }
  }

  @Test func aRowMayBePublishedInPart() {
    let ring = SPMCRing<Int>(capacity: 4)
    #expect(ring.room(4) == 4)
    for i in 0..<4 { ring.put(10 + i, at: i) }
    ring.publish(2)
    #expect(ring.count == 2 && ring.room(4) == 2)
    ring.publish(1)  // put there before
    #expect([ring.pop(), ring.pop(), ring.pop(), ring.pop()] == [10, 11, 12, nil])
  }

  /// Consumers alone: as many elements as there are, and each of them once.
  @Test(arguments: [1, 3, 5, 100])
  func threadsTogetherTakeWhatThereIsAndNoMore(capacity: Int) {
    let ring = SPMCRing<Int>(capacity: capacity, first: .max - 2)
    for _ in 0..<rounds(100) {
      let taken = SharedCounter()
      let sum = SharedCounter()
      for i in 0..<capacity { #expect(ring.push(i)) }
      onThreads(4) { _ in
        while let element = ring.pop() {
          taken.add(1)
          sum.add(element)
        }
      }
      #expect(taken.now == capacity && sum.now == capacity * (capacity - 1) / 2)
      #expect(ring.count == 0)
    }
  }

  /// While elements flow: what was published, less all that may have been taken, is within the bound, and so
  /// is a count by a thread that does neither.
  @Test(arguments: [1, 3, 5])
  func theBoundHoldsWhileElementsFlow(capacity: Int) {
    let ring = SPMCRing<Int>(capacity: capacity, first: .max - 100)
    let published = SharedCounter()
    let takenAtMost = SharedCounter()
    let broken = SharedCounter()
    let done = SharedCounter()
    let enough = Deadline(in: 0.5)
    onThreads(4) { thread in
      switch thread {
      case 0:
        while !enough.hasPassed {
          guard ring.push(1) else {
            sched_yield()
            continue
          }
          if published.add(1) - takenAtMost.now > capacity { broken.add(1) }
        }
        done.add(1)
      case 1, 2:
        while true {
          takenAtMost.add(1)  // before the take: never behind it
          while ring.pop() == nil {
            if done.now == 1 && ring.count == 0 { return }
            sched_yield()
          }
        }
      default: while done.now == 0 { if ring.count > capacity { broken.add(1) } }
      }
    }
    #expect(broken.now == 0)
  }

  /// "Empty" is true: a consumer with the number n finds an element at once when n have been published, since no
  /// more than n - 1 others may take one of them.
  @Test(arguments: [1, 2, 8])
  func whoCountsOnAnElementFindsOne(capacity: Int) {
    let ring = SPMCRing<Int>(capacity: capacity, first: .max - 2)
    let published = SharedCounter()
    let numbers = SharedCounter()
    let refused = SharedCounter()
    let done = SharedCounter()
    let enough = Deadline(in: 0.5)
    onThreads(4) { thread in
      if thread == 0 {
        while !enough.hasPassed { if ring.push(1) { published.add(1) } else { sched_yield() } }
        done.add(1)
        return
      }
      while true {
        let number = numbers.add(1)
        while published.now < number {
          if done.now == 1 && published.now < number { return }
          sched_yield()
        }
        if ring.pop() == nil { refused.add(1) }
      }
    }
    #expect(published.now > 0 && refused.now == 0)
    #expect(ring.count == refused.now)
  }

  @Test(arguments: [(1, 1000), (2, 1), (2, 1000), (3, 3), (4, 5), (8, 1), (8, 1024)])
  func carriesEverythingBetweenThreads(consumers: Int, capacity: Int) {
    let ring = SPMCRing<UInt64>(capacity: capacity, first: .max - 2)
    let run = ThreadedRun.over(
      producers: 1, consumers: consumers, perProducer: rounds(capacity < 100 ? 50_000 : 500_000),
      push: { ring.push($0) }, pop: { ring.pop() })
    #expect(run.isClean, "\(run)")
    #expect(ring.count == 0)
  }

  /// A copy that the producer wrote into is never handed out.
  @Test(arguments: [(1, 1), (2, 1), (2, 2), (3, 3), (8, 3)])
  func largeElementsAreNotTorn(consumers: Int, capacity: Int) {
    let ring = SPMCRing<Row>(capacity: capacity, first: .max - 2)
    let torn = SharedCounter()
    let run = ThreadedRun.over(
      producers: 1, consumers: consumers, perProducer: rounds(200_000),
      push: { ring.push(Row($0)) },
      pop: {
        ring.pop().map { row in
          if let number = row.number { return number }
          torn.add(1)
          return row.words.0
        }
      })
    #expect(torn.now == 0)
    #expect(run.isClean, "\(run)")
  }
}
