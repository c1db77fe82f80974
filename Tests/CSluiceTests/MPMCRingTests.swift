import CSluice
import Foundation
import Testing

private final class MPMCRing<Element>: @unchecked Sendable {
  let ring: UnsafeMutablePointer<sl_mpmc_ring>

  init(capacity: Int, first: UInt64 = 0) {
    ring = .allocate(capacity: 1)
    precondition(
      sl_mpmc_ring_init(
        ring, capacity, MemoryLayout<Element>.stride, MemoryLayout<Element>.alignment, first) == 0)
  }
  deinit {
    while pop() != nil {}
    sl_mpmc_ring_destroy(ring)
    ring.deallocate()
  }

  private func place(_ ticket: sl_mpmc_ticket) -> UnsafeMutablePointer<Element> {
    sl_mpmc_ring_element(ticket, MemoryLayout<Element>.alignment).assumingMemoryBound(to: Element.self)
  }
  func claim() -> sl_mpmc_ticket? {
    var ticket = sl_mpmc_ticket()
    return sl_mpmc_ring_try_claim(ring, &ticket) ? ticket : nil
  }
  func commit(_ ticket: sl_mpmc_ticket, _ element: Element) {
    place(ticket).initialize(to: element)
    sl_mpmc_ring_commit(ticket)
  }
  func take() -> sl_mpmc_ticket? {
    var ticket = sl_mpmc_ticket()
    return sl_mpmc_ring_try_take(ring, &ticket) ? ticket : nil
  }
  func release(_ ticket: sl_mpmc_ticket) -> Element {
    let element = place(ticket).move()
    sl_mpmc_ring_release(ticket)
    return element
  }
  func push(_ element: Element) -> Bool {
    guard let ticket = claim() else { return false }
    commit(ticket, element)
    return true
  }
  func pop() -> Element? { take().map(release) }
  var count: Int { sl_mpmc_ring_count(ring) }
}

@Suite(.serialized) struct MPMCRingTests {
  static let capacities = [1, 2, 3, 5, 1000, 1024]
  static let starts: [UInt64] = [0, .max - 2, .max, 1 << 63, (1 << 63) - 2]

  @Test func refusesImpossibleCapacities() {
    let ring = UnsafeMutablePointer<sl_mpmc_ring>.allocate(capacity: 1)
    defer { ring.deallocate() }
    #expect(sl_mpmc_ring_init(ring, 0, 8, 8, 0) == EINVAL)
    #expect(sl_mpmc_ring_init(ring, .max, 8, 8, 0) == ENOMEM)
    #expect(sl_mpmc_ring_init(ring, 1 << 62, 8, 8, 0) == ENOMEM)
    #expect(sl_mpmc_ring_init(ring, 1 << 40, 1 << 40, 8, 0) == ENOMEM)
    #expect(sl_mpmc_ring_init(ring, 1, 8, 0, 0) == EINVAL)
    #expect(sl_mpmc_ring_init(ring, 1, 8, 3, 0) == EINVAL)
    #expect(sl_mpmc_ring_init(ring, 1, 12, 8, 0) == EINVAL, "a size is a multiple of its alignment")
  }

  /// Each slot has memory of its own for its element, at a multiple of the alignment.
  @Test(arguments: [
    (0, 1), (1, 1), (4, 4), (8, 8), (16, 16), (24, 8), (48, 16), (56, 8), (64, 64), (72, 8), (128, 128),
  ])
  func elementsHaveTheirPlaces(size: Int, alignment: Int) throws {
    let ring = UnsafeMutablePointer<sl_mpmc_ring>.allocate(capacity: 1)
    defer { ring.deallocate() }
    for capacity in [1, 3, 8] {
      #expect(sl_mpmc_ring_init(ring, capacity, size, alignment, .max) == 0)
      defer { sl_mpmc_ring_destroy(ring) }
      var first = sl_mpmc_ticket()
      #expect(sl_mpmc_ring_try_claim_many(ring, capacity + 1, &first) == capacity)
      let tickets = (0..<capacity).map { sl_mpmc_ring_ticket_at(ring, first, $0) }
      for (i, ticket) in tickets.enumerated() {
        let element = try #require(sl_mpmc_ring_element(ticket, alignment))
        #expect(Int(bitPattern: element) % alignment == 0)
        memset(element, Int32(i + 1), size)
        sl_mpmc_ring_commit(ticket)
      }
      for i in tickets.indices {
        var ticket = sl_mpmc_ticket()
        #expect(sl_mpmc_ring_try_take(ring, &ticket) && ticket.turn_ == tickets[i].turn_)
        let bytes = UnsafeRawBufferPointer(start: sl_mpmc_ring_element(ticket, alignment), count: size)
        #expect(bytes.allSatisfy { $0 == UInt8(i + 1) })
        sl_mpmc_ring_release(ticket)
      }
    }
  }

  @Test(arguments: capacities, starts)
  func keepsItsCapacityExactly(capacity: Int, first: UInt64) {
    let ring = MPMCRing<Int>(capacity: capacity, first: first)
    #expect(sl_mpmc_ring_capacity(ring.ring) == capacity)
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
    let ring = MPMCRing<Int>(capacity: 3, first: first)
    #expect(ring.push(0) && ring.push(1))
    for i in 2..<40 {
      #expect(ring.push(i))
      #expect(ring.pop() == i - 2)
      #expect(ring.count == 2)
    }
  }

  @Test(arguments: [3, 4]) func aReleaseMakesRoomAndNotATake(capacity: Int) throws {
    let ring = MPMCRing<Int>(capacity: capacity)  // on four slots
    for i in 0..<capacity { #expect(ring.push(i)) }
    let taken = try #require(ring.take())
    #expect(!ring.push(-1), "the element is on its way out")
    #expect(ring.pop() == 1)
    #expect(!ring.push(-1), "the first place comes first")
    #expect(ring.release(taken) == 0)
    #expect(ring.push(capacity) && ring.push(capacity + 1))
    #expect(!ring.push(-1))
    for i in 2..<(capacity + 2) { #expect(ring.pop() == i) }
    #expect(ring.pop() == nil)
  }

  /// What a producer that waits looks at says the same as a claim, at each step of a round; not once closed.
  @Test(arguments: capacities.filter { $0 < 1000 }, starts)
  func mayClaimIsWhatAClaimSays(capacity: Int, first: UInt64) throws {
    let ring = MPMCRing<Int>(capacity: capacity, first: first)
    let began = sl_mpmc_ring_passed(ring.ring)
    for round in 0..<5 {
      for i in 0..<capacity {
        #expect(sl_mpmc_ring_may_claim(ring.ring))
        #expect(ring.push(i))
      }
      #expect(!sl_mpmc_ring_may_claim(ring.ring))
      for i in 0..<capacity {
        let taken = try #require(ring.take())
        #expect(sl_mpmc_ring_may_claim(ring.ring) == (i > 0), "room comes with the release")
        _ = ring.release(taken)
        #expect(sl_mpmc_ring_may_claim(ring.ring))
        // It wraps around before 2^64, since positions count in bytes.
        let slotBits = UInt64(ring.ring.pointee.slot_shift_)
        let passed = ((sl_mpmc_ring_passed(ring.ring) &- began) << slotBits) >> slotBits
        #expect(passed == UInt64(round * capacity + i + 1))
      }
    }
    sl_mpmc_ring_close(ring.ring)
    #expect(!sl_mpmc_ring_may_claim(ring.ring))
  }

  /// What is taken is numbered in the order in which it is taken.
  @Test(arguments: [1, 3, 8])
  func numbersCountWhatIsTaken(capacity: Int) throws {
    let ring = MPMCRing<Int>(capacity: capacity)
    for i in 0..<100 {
      #expect(ring.push(i))
      let ticket = try #require(ring.take())
      #expect(sl_mpmc_ring_number_of(ring.ring, ticket) == UInt64(i))
      #expect(ring.release(ticket) == i)
    }
  }

  @Test(arguments: starts)
  func aStalledProducerHidesWhatIsBehindIt(first: UInt64) throws {
    let ring = MPMCRing<Int>(capacity: 4, first: first)
    let stalled = try #require(ring.claim())
    #expect(ring.push(1))
    #expect(ring.count == 2)
    #expect(ring.pop() == nil)
    ring.commit(stalled, 0)
    #expect([ring.pop(), ring.pop(), ring.pop()] == [0, 1, nil])
  }

  @Test(arguments: starts)
  func aStalledConsumerKeepsItsSlot(first: UInt64) throws {
    let ring = MPMCRing<Int>(capacity: 2, first: first)
    #expect(ring.push(0) && ring.push(1))
    let stalled = try #require(ring.take())
    #expect(ring.pop() == 1)
    #expect(ring.count == 0)
    #expect(!ring.push(2), "the next slot is the stalled consumer's")
    #expect(ring.release(stalled) == 0)
    #expect(ring.push(2) && ring.push(3))
    #expect(ring.pop() == 2 && ring.pop() == 3)
  }

  @Test func capacityOneTellsFullFromFree() throws {
    let ring = MPMCRing<Int>(capacity: 1, first: .max - 2)
    for i in 0..<10 {
      let mine = try #require(ring.claim())
      #expect(ring.claim() == nil)
      #expect(ring.take() == nil)
      ring.commit(mine, i)
      #expect(ring.claim() == nil)
      let theirs = try #require(ring.take())
      #expect(ring.take() == nil)
      #expect(ring.claim() == nil, "taken, but not released")
      #expect(ring.release(theirs) == i)
    }
  }

  /// Producers alone: as many as the capacity get in, round after round.
  @Test(arguments: [1, 3, 5, 100])
  func threadsTogetherClaimTheCapacityAndNoMore(capacity: Int) {
    let ring = MPMCRing<Int>(capacity: capacity, first: .max - 2)
    for _ in 0..<rounds(100) {
      let claimed = SharedCounter()
      onThreads(4) { _ in while ring.push(1) { claimed.add(1) } }
      #expect(claimed.now == capacity)
      #expect(ring.count == capacity)
      while ring.pop() != nil {}
    }
  }

  /// While elements flow: what was claimed, less all that may have been taken, is within the bound.
  @Test(arguments: [1, 3, 5])
  func theBoundHoldsWhileElementsFlow(capacity: Int) {
    let ring = MPMCRing<Int>(capacity: capacity)
    let claimed = SharedCounter()
    let takenAtMost = SharedCounter()
    let broken = SharedCounter()
    let producing = SharedCounter()
    let enough = Deadline(in: 0.5)
    producing.add(2)
    onThreads(3) { thread in
      if thread < 2 {
        while !enough.hasPassed {
          guard let ticket = ring.claim() else {
            sched_yield()
            continue
          }
          if claimed.add(1) - takenAtMost.now > capacity { broken.add(1) }
          ring.commit(ticket, 1)
        }
        producing.add(-1)
      } else {
        while true {
          takenAtMost.add(1)  // before the take: never behind it
          while ring.pop() == nil {
            if producing.now == 0 && ring.count == 0 { return }
            sched_yield()
          }
        }
      }
    }
    #expect(broken.now == 0)
  }

  @Test(arguments: [
    (1, 1, 1000, 500_000), (2, 2, 1000, 500_000), (4, 4, 3, 30_000), (3, 2, 1, 20_000),
    (1, 4, 1024, 500_000), (4, 1, 5, 50_000),
  ])
  func carriesEverythingBetweenThreads(
    producers: Int, consumers: Int, capacity: Int, perProducer: Int
  ) {
    let ring = MPMCRing<UInt64>(capacity: capacity, first: .max - 2)
    let run = ThreadedRun.over(
      producers: producers, consumers: consumers, perProducer: rounds(perProducer),
      push: { ring.push($0) }, pop: { ring.pop() })
    #expect(run.isClean, "\(run)")
    #expect(ring.count == 0)
  }
}
