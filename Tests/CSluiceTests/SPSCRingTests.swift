import CSluice
import Foundation
import Testing

private final class SPSCRing<Element>: @unchecked Sendable {
  let ring: UnsafeMutablePointer<sl_spsc_ring>
  let storage: UnsafeMutablePointer<Element>

  init(capacity: Int, first: UInt64 = 0) {
    ring = .allocate(capacity: 1)
    sl_spsc_ring_init(ring, capacity, first)
    storage = .allocate(capacity: sl_spsc_ring_slots(capacity))
  }
  deinit {
    while pop() != nil {}
    storage.deallocate()
    ring.deallocate()
  }

  func push(_ element: Element) -> Bool {
    var slot = 0
    guard sl_spsc_ring_try_claim(ring, &slot) else { return false }
    (storage + slot).initialize(to: element)
    sl_spsc_ring_commit(ring)
    return true
  }
  func pop() -> Element? {
    var slot = 0
    guard sl_spsc_ring_try_take(ring, &slot) else { return nil }
    let element = (storage + slot).move()
    sl_spsc_ring_release(ring)
    return element
  }
  var count: Int { sl_spsc_ring_count(ring) }
}

@Suite(.serialized) struct SPSCRingTests {
  static let capacities = [1, 2, 3, 5, 1000, 1024]
  static let starts: [UInt64] = [0, .max - 2, .max, 1 << 63]

  @Test func slotsAreTheNextPowerOfTwo() {
    #expect([1, 2, 3, 4, 5, 1000, 1024].map(sl_spsc_ring_slots) == [1, 2, 4, 4, 8, 1024, 1024])
    #expect(sl_spsc_ring_slots(1 << 62) == 1 << 62)
  }

  @Test(arguments: [1, 3, 8], starts)
  func passedCountsReleases(capacity: Int, first: UInt64) {
    let ring = SPSCRing<Int>(capacity: capacity, first: first)
    #expect(sl_spsc_ring_passed(ring.ring) == first)
    for i in 0..<20 {
      #expect(ring.push(i))
      #expect(sl_spsc_ring_passed(ring.ring) == first &+ UInt64(i))
      #expect(ring.pop() == i)
    }
    #expect(sl_spsc_ring_passed(ring.ring) == first &+ 20)
  }

  @Test(arguments: capacities, starts)
  func keepsItsCapacityExactly(capacity: Int, first: UInt64) {
    let ring = SPSCRing<Int>(capacity: capacity, first: first)
    #expect(sl_spsc_ring_capacity(ring.ring) == capacity)
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
    let ring = SPSCRing<Int>(capacity: 3, first: first)
    #expect(ring.push(0) && ring.push(1))
    for i in 2..<40 {
      #expect(ring.push(i))
      #expect(ring.pop() == i - 2)
      #expect(ring.count == 2)
    }
  }

  @Test func publishesNothingBeforeCommitAndFreesNothingBeforeRelease() {
    let ring = SPSCRing<Int>(capacity: 1)
    var slot = 9
    #expect(sl_spsc_ring_try_claim(ring.ring, &slot))
    #expect(slot == 0)
    #expect(ring.pop() == nil)
    #expect(sl_spsc_ring_try_claim(ring.ring, &slot), "a claim may be repeated")
    ring.storage.initialize(to: 7)
    sl_spsc_ring_commit(ring.ring)
    #expect(sl_spsc_ring_try_take(ring.ring, &slot))
    #expect(!ring.push(8), "taken, but not released")
    #expect(ring.storage.move() == 7)
    sl_spsc_ring_release(ring.ring)
    #expect(ring.push(8))
  }

  @Test(arguments: starts)
  func bulkFormsClaimAndTakeWhatThereIs(first: UInt64) {
    let ring = SPSCRing<Int>(capacity: 5, first: first)
    let raw = ring.ring
    var position: UInt64 = 0
    var next = 0
    var expected = 0
    func fill(_ n: Int, expecting: Int) {
      let got = sl_spsc_ring_try_claim_many(raw, n, &position)
      #expect(got == expecting)
      for i in 0..<got {
        let slot = sl_spsc_ring_slot_of(raw, position &+ UInt64(i))
        (ring.storage + slot).initialize(to: next)
        next += 1
      }
      sl_spsc_ring_commit_many(raw, got)
    }
    func drain(_ n: Int, expecting: Int) {
      let got = sl_spsc_ring_try_take_many(raw, n, &position)
      #expect(got == expecting)
      for i in 0..<got {
        let slot = sl_spsc_ring_slot_of(raw, position &+ UInt64(i))
        #expect((ring.storage + slot).move() == expected)
        expected += 1
      }
      sl_spsc_ring_release_many(raw, got)
    }
    drain(4, expecting: 0)
    for _ in 0..<10 {
      fill(3, expecting: 3)
      fill(4, expecting: 2)
      fill(1, expecting: 0)
      drain(2, expecting: 2)
      fill(9, expecting: 2)
      drain(100, expecting: 5)
      drain(1, expecting: 0)
    }
    #expect(sl_spsc_ring_try_claim_many(raw, 0, &position) == 0)
  }

  @Test func aClaimMayBeCommittedInPart() {
    let ring = SPSCRing<Int>(capacity: 4)
    var position: UInt64 = 0
    #expect(sl_spsc_ring_try_claim_many(ring.ring, 4, &position) == 4)
    (ring.storage + 0).initialize(to: 10)
    (ring.storage + 1).initialize(to: 11)
    sl_spsc_ring_commit_many(ring.ring, 2)
    #expect(ring.count == 2)
    #expect(ring.pop() == 10 && ring.pop() == 11 && ring.pop() == nil)
  }

  @Test func holdsReferencesWithoutLosingThem() {
    final class Token {}
    weak var watched: Token?
    let ring = SPSCRing<Token>(capacity: 3)
    do {
      let token = Token()
      watched = token
      #expect(ring.push(token))
    }
    #expect(watched != nil)
    #expect(ring.pop() === watched)
    #expect(watched == nil)
  }

  @Test(arguments: [(1, 200_000), (3, 400_000), (1000, 2_000_000), (1024, 2_000_000)])
  func carriesEverythingBetweenTwoThreads(capacity: Int, count: Int) {
    let ring = SPSCRing<UInt64>(capacity: capacity, first: .max - 2)
    let run = ThreadedRun.over(
      producers: 1, consumers: 1, perProducer: rounds(count),
      push: { ring.push($0) }, pop: { ring.pop() })
    #expect(run.isClean, "\(run)")
    #expect(ring.count == 0)
  }

  @Test func countStaysInBoundsForAThirdThread() {
    let ring = SPSCRing<UInt64>(capacity: 3, first: .max - 2)
    let done = SharedCounter()
    let outOfBounds = SharedCounter()
    let enough = Deadline(in: 0.5)
    onThreads(3) { thread in
      switch thread {
      case 0:
        while !enough.hasPassed { if !ring.push(1) { sched_yield() } }
        done.add(1)
      case 1: while ring.pop() != nil || done.now == 0 { if ring.count == 0 { sched_yield() } }
      default: while done.now == 0 { if ring.count > 3 { outOfBounds.add(1) } }
      }
    }
    #expect(outOfBounds.now == 0)
    #expect(ring.count == 0)
  }
}
