import CSluice
import Foundation
import Testing

/// Closing and several slots at a time, in the two rings that hand out slots; over the wrap-around too.
@Suite(.serialized) struct RingClosingTests {
  private static let starts: [UInt64] = [0, .max - 2, .max - 64]

  // MARK: - sl_mpmc_ring

  /// A ring of numbers.
  private final class Shared {
    let ring = UnsafeMutablePointer<sl_mpmc_ring>.allocate(capacity: 1)

    init(capacity: Int, first: UInt64) {
      precondition(sl_mpmc_ring_init(ring, capacity, 8, 8, first) == 0)
    }
    deinit {
      sl_mpmc_ring_destroy(ring)
      ring.deallocate()
    }

    func put(_ element: UInt64, at ticket: sl_mpmc_ticket) {
      sl_mpmc_ring_element(ticket, 8).storeBytes(of: element, as: UInt64.self)
    }

    /// As many of the elements as there was room for.
    func push(_ elements: [UInt64]) -> Int {
      var ticket = sl_mpmc_ticket()
      let claimed = sl_mpmc_ring_try_claim_many(ring, elements.count, &ticket)
      for i in 0..<claimed { put(elements[i], at: sl_mpmc_ring_ticket_at(ring, ticket, i)) }
      sl_mpmc_ring_commit_many(ring, ticket, claimed)
      return claimed
    }

    func pop(_ count: Int) -> [UInt64] {
      var ticket = sl_mpmc_ticket()
      let taken = sl_mpmc_ring_try_take_many(ring, count, &ticket)
      let elements = (0..<taken).map {
        sl_mpmc_ring_element(sl_mpmc_ring_ticket_at(ring, ticket, $0), 8).load(as: UInt64.self)
      }
      sl_mpmc_ring_release_many(ring, ticket, taken)
      return elements
    }
  }

  @Test(arguments: [1, 2, 3, 7, 64], starts) func mpmcTakesAsManyAsFit(capacity: Int, first: UInt64) {
    let ring = Shared(capacity: capacity, first: first)
    for round in 0..<5 {
      let elements = (0..<(capacity + 2)).map { UInt64(round + $0) }
      #expect(ring.pop(4) == [])
      #expect(ring.push(elements) == capacity)
      #expect(ring.push([99]) == 0)
      #expect(ring.pop(1) == [elements[0]])
      #expect(ring.pop(capacity + 2) == Array(elements[1..<capacity]))
      #expect(sl_mpmc_ring_count(ring.ring) == 0)
    }
  }

  @Test(arguments: starts) func mpmcClaimsOnlyWhatIsReadyInARow(first: UInt64) {
    let ring = Shared(capacity: 4, first: first)
    #expect(ring.push([1, 2, 3, 4]) == 4)
    var (one, two) = (sl_mpmc_ticket(), sl_mpmc_ticket())
    #expect(sl_mpmc_ring_try_take(ring.ring, &one) && sl_mpmc_ring_try_take(ring.ring, &two))
    sl_mpmc_ring_release(one)
    #expect(ring.push([5, 6]) == 1, "the second slot has not been given back")
    sl_mpmc_ring_release(two)
    #expect(ring.push([6, 7]) == 1)
    #expect(ring.pop(9) == [3, 4, 5, 6])

    #expect(sl_mpmc_ring_try_claim(ring.ring, &one) && sl_mpmc_ring_try_claim(ring.ring, &two))
    ring.put(8, at: one)
    sl_mpmc_ring_commit(one)
    #expect(ring.pop(9) == [8], "the second has not been committed")
    ring.put(9, at: two)
    sl_mpmc_ring_commit(two)
    #expect(ring.pop(9) == [9])
  }

  @Test(arguments: [1, 3, 4], starts) func mpmcClosesWithWhatIsInside(capacity: Int, first: UInt64) {
    for inside in 0...capacity {
      let ring = Shared(capacity: capacity, first: first)
      let elements = (0..<inside).map(UInt64.init)
      if inside > 0 { #expect(ring.push(elements) == inside) }
      #expect(!sl_mpmc_ring_is_closed(ring.ring) && !sl_mpmc_ring_is_drained(ring.ring))
      #expect(sl_mpmc_ring_close(ring.ring))
      #expect(!sl_mpmc_ring_close(ring.ring), "closed before")
      #expect(sl_mpmc_ring_is_closed(ring.ring))
      #expect(sl_mpmc_ring_is_drained(ring.ring) == (inside == 0))
      #expect(ring.push([9]) == 0)
      #expect(sl_mpmc_ring_count(ring.ring) == inside)
      if inside > 0 { #expect(ring.pop(inside) == elements) }
      #expect(sl_mpmc_ring_is_drained(ring.ring) && ring.pop(1) == [] && ring.push([9]) == 0)
    }
  }

  /// A position that was claimed before the close is still committed, and taken before the end.
  @Test(arguments: starts) func mpmcIsNotDrainedWhileAClaimIsOpen(first: UInt64) {
    let ring = Shared(capacity: 2, first: first)
    var ticket = sl_mpmc_ticket()
    #expect(sl_mpmc_ring_try_claim(ring.ring, &ticket))
    #expect(sl_mpmc_ring_close(ring.ring))
    #expect(ring.pop(1) == [] && !sl_mpmc_ring_is_drained(ring.ring))
    ring.put(5, at: ticket)
    sl_mpmc_ring_commit(ticket)
    #expect(!sl_mpmc_ring_is_drained(ring.ring))
    #expect(ring.pop(1) == [5] && sl_mpmc_ring_is_drained(ring.ring))
  }

  @Test func mpmcHasOneFirstCloseAndLosesNothing() {
    for round in 0..<rounds(200) {
      nonisolated(unsafe) let ring = UnsafeMutablePointer<sl_mpmc_ring>.allocate(capacity: 1)
      #expect(sl_mpmc_ring_init(ring, 1 + round % 5, 0, 1, .max - 2) == 0)
      let (closers, claimed, taken) = (SharedCounter(), SharedCounter(), SharedCounter())
      onThreads(6) { thread in
        var ticket = sl_mpmc_ticket()
        switch thread {
        case 0, 1: if sl_mpmc_ring_close(ring) { closers.add(1) }
        case 2, 3:
          while !sl_mpmc_ring_is_closed(ring) {
            let n = sl_mpmc_ring_try_claim_many(ring, 3, &ticket)
            sl_mpmc_ring_commit_many(ring, ticket, n)
            claimed.add(n)
          }
        default:
          while !sl_mpmc_ring_is_drained(ring) {
            let n = sl_mpmc_ring_try_take_many(ring, 2, &ticket)
            sl_mpmc_ring_release_many(ring, ticket, n)
            taken.add(n)
            if n == 0 { sched_yield() }
          }
        }
      }
      #expect(closers.now == 1 && claimed.now == taken.now)
      sl_mpmc_ring_destroy(ring)
      ring.deallocate()
    }
  }

  // MARK: - sl_spsc_ring

  @Test(arguments: [1, 3, 4], starts) func spscEndsWhenItIsClosedAndDrained(capacity: Int, first: UInt64) {
    for inside in 0...capacity {
      let ring = UnsafeMutablePointer<sl_spsc_ring>.allocate(capacity: 1)
      defer { ring.deallocate() }
      sl_spsc_ring_init(ring, capacity, first)
      var position: UInt64 = 0
      if inside > 0 {
        #expect(sl_spsc_ring_try_claim_many(ring, inside, &position) == inside)
        sl_spsc_ring_commit_many(ring, inside)
      }
      #expect(!sl_spsc_ring_is_drained(ring))
      sl_spsc_ring_close(ring)
      #expect(sl_spsc_ring_is_drained(ring) == (inside == 0))
      for left in stride(from: inside, to: 0, by: -1) {
        #expect(!sl_spsc_ring_is_drained(ring) && sl_spsc_ring_count(ring) == left)
        #expect(sl_spsc_ring_try_take_many(ring, 1, &position) == 1)
        #expect(!sl_spsc_ring_is_drained(ring), "taken, but not given back")
        sl_spsc_ring_release_many(ring, 1)
      }
      #expect(sl_spsc_ring_is_drained(ring) && sl_spsc_ring_try_take_many(ring, 1, &position) == 0)
    }
  }

  @Test func spscTellsTheProducerThatTheConsumerHasGone() {
    let ring = UnsafeMutablePointer<sl_spsc_ring>.allocate(capacity: 1)
    defer { ring.deallocate() }
    sl_spsc_ring_init(ring, 2, 0)
    #expect(!sl_spsc_ring_is_abandoned(ring))
    sl_spsc_ring_abandon(ring)
    #expect(sl_spsc_ring_is_abandoned(ring) && !sl_spsc_ring_is_drained(ring))
  }

  /// A consumer that knows of the close knows of every commit before it.
  @Test func spscIsNeverDrainedTooSoon() {
    for round in 0..<rounds(300) {
      nonisolated(unsafe) let ring = UnsafeMutablePointer<sl_spsc_ring>.allocate(capacity: 1)
      sl_spsc_ring_init(ring, 4, .max - 3)
      let taken = SharedCounter()
      let count = 1 + round % 20
      onThreads(2) { thread in
        var position: UInt64 = 0
        if thread == 0 {
          var left = count
          while left > 0 {
            let n = sl_spsc_ring_try_claim_many(ring, min(left, 3), &position)
            sl_spsc_ring_commit_many(ring, n)
            left -= n
            if n == 0 { sched_yield() }
          }
          sl_spsc_ring_close(ring)
        } else {
          while !sl_spsc_ring_is_drained(ring) {
            let n = sl_spsc_ring_try_take_many(ring, 2, &position)
            sl_spsc_ring_release_many(ring, n)
            taken.add(n)
            if n == 0 { sched_yield() }
          }
        }
      }
      #expect(taken.now == count)
      ring.deallocate()
    }
  }
}
