import CSluice
import Foundation
import Testing

/// More than there are ever in these tests; the lowest numbers are given first.
private let threadNumbers = 256

enum SwapRingStart: CaseIterable, Sendable {
  case zero
  /// Two rounds before the turns wrap around, or all bits of the places do.
  case turnsWrap, placesWrap

  func firstRound(capacity: Int) -> UInt64 {
    func bits(_ values: Int) -> Int { Int.bitWidth - (values - 1).leadingZeroBitCount }
    let turnShift = bits(capacity + 1 + threadNumbers) + 1
    return switch self {
    case .zero: 0
    case .turnsWrap: (1 << (63 - turnShift)) - 2
    case .placesWrap: (1 << (64 - bits(capacity + 1))) - 2
    }
  }
}

/// The swap ring with its cells: one of them for each thread, found by its number.
private final class SwapRing: @unchecked Sendable {

  let ring: UnsafeMutablePointer<sl_swap_ring>
  private let cells: UnsafeMutablePointer<UInt64>
  private let hands: UnsafeMutablePointer<UInt32>

  init(capacity: Int, start: SwapRingStart = .zero) {
    ring = .allocate(capacity: 1)
    precondition(sl_swap_ring_init(ring, capacity, threadNumbers, start.firstRound(capacity: capacity)) == 0)
    cells = .allocate(capacity: capacity + 1 + threadNumbers)
    hands = .allocate(capacity: threadNumbers)
    for thread in 0..<threadNumbers { hands[thread] = UInt32(capacity + 1 + thread) }
  }

  deinit {
    sl_swap_ring_destroy(ring)
    ring.deallocate()
    cells.deallocate()
    hands.deallocate()
  }

  private var hand: UnsafeMutablePointer<UInt32> {
    let number = Int(sl_thread_number())
    precondition(number < threadNumbers)
    return hands + number
  }

  func enqueue(_ element: UInt64) -> sl_result {
    cells[Int(hand.pointee)] = element
    return sl_swap_ring_try_enqueue(ring, hand)
  }

  /// The element, or why there is none.
  func dequeue() -> (element: UInt64?, result: Int) {
    let result = Int(sl_swap_ring_try_dequeue(ring, hand))
    return (result == SL_OK ? cells[Int(hand.pointee)] : nil, result)
  }

  func push(_ element: UInt64) -> Bool { enqueue(element) == SL_OK }
  func pop() -> UInt64? { dequeue().element }

  func solePush(_ element: UInt64) -> Bool {
    var cell: UInt32 = 0
    guard sl_swap_ring_sole_claim(ring, &cell) == SL_OK else { return false }
    cells[Int(cell)] = element
    sl_swap_ring_sole_commit(ring, cell)
    return true
  }

  func solePop() -> UInt64? {
    var cell: UInt32 = 0
    guard sl_swap_ring_sole_take(ring, &cell) == SL_OK else { return nil }
    let element = cells[Int(cell)]
    sl_swap_ring_sole_release(ring, cell)
    return element
  }

  var count: Int { sl_swap_ring_count(ring) }
  var hasRoom: Bool { sl_swap_ring_has_room(ring) }
  var isClosed: Bool { sl_swap_ring_is_closed(ring) }
  func close() -> Bool { sl_swap_ring_close(ring) }
}

@Suite(.serialized) struct SwapRingTests {
  private static let capacities = [1, 2, 3, 4, 5, 64, 100]

  /// Which forms a producer and a consumer use.
  enum Forms: CaseIterable, Sendable {
    case shared, soleProducer, soleConsumer, sole

    fileprivate func push(_ ring: SwapRing, _ element: UInt64) -> Bool {
      self == .soleProducer || self == .sole ? ring.solePush(element) : ring.push(element)
    }
    fileprivate func pop(_ ring: SwapRing) -> UInt64? {
      self == .soleConsumer || self == .sole ? ring.solePop() : ring.pop()
    }
  }

  @Test func refusesWhatItCannotNumber() {
    let ring = UnsafeMutablePointer<sl_swap_ring>.allocate(capacity: 1)
    defer { ring.deallocate() }
    #expect(sl_swap_ring_init(ring, 0, 1, 0) == EINVAL)
    #expect(sl_swap_ring_init(ring, 1 << 31, 1, 0) == EINVAL)
    #expect(sl_swap_ring_init(ring, .max, 1, 0) == EINVAL)
    #expect(sl_swap_ring_init(ring, 1, 0, 0) == EINVAL)
    #expect(sl_swap_ring_init(ring, 1, 1 << 31, 0) == EINVAL)
  }

  @Test(arguments: capacities, SwapRingStart.allCases)
  func keepsOrderAndCapacityExactly(capacity: Int, start: SwapRingStart) {
    for forms in Forms.allCases {
      let ring = SwapRing(capacity: capacity, start: start)
      #expect(sl_swap_ring_capacity(ring.ring) == capacity)
      for round in 0..<7 {
        #expect(forms.pop(ring) == nil && ring.hasRoom)
        for i in 0..<capacity {
          #expect(ring.count == i && ring.hasRoom)
          #expect(forms.push(ring, UInt64(round + i)))
        }
        #expect(ring.count == capacity && !ring.hasRoom)
        #expect(!forms.push(ring, 999))
        for i in 0..<capacity { #expect(forms.pop(ring) == UInt64(round + i)) }
      }
    }
  }

  @Test(arguments: [1, 2, 3, 64], SwapRingStart.allCases)
  func keepsOrderWhileElementsFlow(capacity: Int, start: SwapRingStart) {
    for forms in Forms.allCases {
      let ring = SwapRing(capacity: capacity, start: start)
      var next: UInt64 = 0
      for _ in 0..<(capacity - 1) {
        #expect(forms.push(ring, next))
        next += 1
      }
      for _ in 0..<(10 * capacity + 10) {
        #expect(forms.push(ring, next))
        next += 1
        #expect(ring.count == capacity)
        #expect(forms.pop(ring) == next - UInt64(capacity))
      }
    }
  }

  @Test(arguments: SwapRingStart.allCases) func aResultSaysWhy(start: SwapRingStart) {
    let ring = SwapRing(capacity: 1, start: start)
    for _ in 0..<6 {
      #expect(ring.dequeue().result == SL_EMPTY)
      #expect(ring.enqueue(1) == SL_OK)
      #expect(ring.enqueue(2) == SL_FULL)
      var cell: UInt32 = 0
      #expect(sl_swap_ring_sole_claim(ring.ring, &cell) == SL_FULL)
      #expect(ring.dequeue() == (1, SL_OK))
      #expect(sl_swap_ring_sole_take(ring.ring, &cell) == SL_EMPTY)
    }
  }

  /// A claim publishes nothing and a take gives nothing back: each may be repeated, or left.
  @Test(arguments: SwapRingStart.allCases) func aSoleClaimOrTakeCanBeRepeated(start: SwapRingStart) {
    let ring = SwapRing(capacity: 2, start: start)
    for round: UInt64 in 0..<9 {
      var (first, second): (UInt32, UInt32) = (0, 0)
      #expect(sl_swap_ring_sole_claim(ring.ring, &first) == SL_OK)
      #expect(sl_swap_ring_sole_claim(ring.ring, &second) == SL_OK)
      #expect(first == second && ring.count == 0)
      #expect(ring.solePush(round))
      #expect(sl_swap_ring_sole_take(ring.ring, &first) == SL_OK)
      #expect(sl_swap_ring_sole_take(ring.ring, &second) == SL_OK)
      #expect(first == second && ring.count == 1)
      #expect(ring.solePop() == round)
    }
  }

  /// At every place of the ring, in every state, and over the wrap-around.
  @Test(arguments: [1, 2, 3, 5], SwapRingStart.allCases)
  func aCloseStandsAtEveryPlace(capacity: Int, start: SwapRingStart) {
    for forms in Forms.allCases {
      for before in 0..<(3 * capacity + 6) {
        for inside in 0...capacity {
          let ring = SwapRing(capacity: capacity, start: start)
          for i in 0..<before {
            #expect(forms.push(ring, UInt64(i)))
            #expect(forms.pop(ring) == UInt64(i))
          }
          for i in 0..<inside { #expect(forms.push(ring, UInt64(i))) }
          #expect(!ring.isClosed)
          #expect(ring.close())
          #expect(!ring.close(), "closed before")
          #expect(ring.isClosed && !ring.hasRoom && ring.count == inside)
          var cell: UInt32 = 0
          #expect(ring.enqueue(9) == SL_CLOSED)
          #expect(sl_swap_ring_sole_claim(ring.ring, &cell) == SL_CLOSED)
          for i in 0..<inside { #expect(forms.pop(ring) == UInt64(i)) }
          #expect(ring.dequeue().result == SL_CLOSED)
          #expect(sl_swap_ring_sole_take(ring.ring, &cell) == SL_CLOSED)
          #expect(ring.isClosed && ring.count == 0 && ring.enqueue(9) == SL_CLOSED)
        }
      }
    }
  }

  /// One of many closes has closed it, and what was enqueued before it is the whole content.
  @Test(arguments: [1, 3, 64]) func oneOfManyClosesIsTheFirst(capacity: Int) {
    for round in 0..<rounds(300) {
      let ring = SwapRing(capacity: capacity, start: round % 2 == 0 ? .turnsWrap : .zero)
      let (closers, enqueued, dequeued) = (SharedCounter(), SharedCounter(), SharedCounter())
      onThreads(5) { thread in
        switch thread {
        case 0, 1: if ring.close() { closers.add(1) }
        case 2, 3:
          while true {
            let result = ring.enqueue(1)
            if result == SL_OK { enqueued.add(1) }
            if result == SL_CLOSED { return }
            if result == SL_FULL { sched_yield() }
          }
        default:
          while true {
            let result = ring.dequeue().result
            if result == SL_OK { dequeued.add(1) }
            if result == SL_CLOSED { return }
            if result == SL_EMPTY { sched_yield() }
          }
        }
      }
      #expect(closers.now == 1 && enqueued.now == dequeued.now)
    }
  }

  @Test(arguments: [1, 2, 3, 100]) func threadsTogetherFillItExactly(capacity: Int) {
    let ring = SwapRing(capacity: capacity, start: .turnsWrap)
    for _ in 0..<rounds(100) {
      let (pushed, popped) = (SharedCounter(), SharedCounter())
      onThreads(4) { _ in while ring.push(1) { pushed.add(1) } }
      #expect(pushed.now == capacity && ring.count == capacity)
      onThreads(4) { _ in while ring.pop() != nil { popped.add(1) } }
      #expect(popped.now == capacity && ring.count == 0)
    }
  }

  @Test(arguments: [
    (1, 1, 1000, 300_000), (2, 2, 1000, 300_000), (4, 4, 3, 30_000), (3, 2, 1, 20_000),
    (1, 4, 64, 200_000), (4, 1, 2, 50_000),
  ])
  func carriesEverythingBetweenThreads(producers: Int, consumers: Int, capacity: Int, perProducer: Int) {
    for start in SwapRingStart.allCases {
      let ring = SwapRing(capacity: capacity, start: start)
      let run = ThreadedRun.over(
        producers: producers, consumers: consumers, perProducer: rounds(perProducer / 3),
        push: { producers == 1 ? ring.solePush($0) : ring.push($0) },
        pop: { consumers == 1 ? ring.solePop() : ring.pop() })
      #expect(run.isClean, "\(run)")
      #expect(ring.count == 0)
    }
  }
}
