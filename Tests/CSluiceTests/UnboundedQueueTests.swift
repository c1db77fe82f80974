import CSluice
import Foundation
import Testing

private final class UnboundedQueue<Element>: @unchecked Sendable {
  let queue: OpaquePointer

  init() {
    guard
      let made = sl_unbounded_queue_create(
        MemoryLayout<Element>.size, MemoryLayout<Element>.alignment)
    else { fatalError("no memory for a queue") }
    queue = made
  }
  deinit {
    while pop() != nil {}
    sl_unbounded_queue_destroy(queue)
  }

  func claim(_ element: consuming Element) -> sl_unbounded_ticket? {
    var ticket = sl_unbounded_ticket()
    guard sl_unbounded_queue_claim(queue, &ticket) == SL_OK else { return nil }
    ticket.element.assumingMemoryBound(to: Element.self).initialize(to: element)
    return ticket
  }
  /// The element, if a consumer has given up on its cell.
  func commit(_ ticket: sl_unbounded_ticket) -> Element? {
    var ticket = ticket
    if sl_unbounded_queue_commit(queue, &ticket) { return nil }
    let element = ticket.element.assumingMemoryBound(to: Element.self).move()
    sl_unbounded_queue_abandon(queue, &ticket)
    return element
  }
  /// How often a consumer had given up on the cell.
  @discardableResult
  func push(_ element: Element, before: () -> Void = {}) -> Int {
    var element = element
    var givenUp = 0
    while let ticket = claim(element) {
      before()
      guard let back = commit(ticket) else { return givenUp }
      element = back
      givenUp += 1
    }
    fatalError("out of memory")
  }
  func pop() -> Element? {
    var ticket = sl_unbounded_ticket()
    guard sl_unbounded_queue_try_take(queue, &ticket) == SL_OK else { return nil }
    let element = ticket.element.assumingMemoryBound(to: Element.self).move()
    sl_unbounded_queue_release(queue, &ticket)
    return element
  }
  /// The next number, and its element, if it has one.
  func popNumbered() -> (number: UInt64, element: Element?)? {
    var ticket = sl_unbounded_ticket()
    var number: UInt64 = 0
    guard sl_unbounded_queue_try_take_numbered(queue, &ticket, &number) == SL_OK else { return nil }
    guard let place = ticket.element else { return (number, nil) }
    let element = place.assumingMemoryBound(to: Element.self).move()
    sl_unbounded_queue_release(queue, &ticket)
    return (number, element)
  }
  var count: Int { sl_unbounded_queue_count(queue) }
}

@Suite(.serialized) struct UnboundedQueueTests {
  @Test func numbersCountWhatIsTakenOverManySegments() {
    let queue = UnboundedQueue<Int>()
    #expect(queue.popNumbered() == nil)
    for i in 0..<20_000 { queue.push(i) }
    for i in 0..<20_000 {
      let (number, element) = queue.popNumbered() ?? (.max, nil)
      #expect(number == UInt64(i) && element == i)
    }
    queue.push(7)
    #expect(queue.pop() == 7, "taken without its number, it has one all the same")
    queue.push(8)
    #expect(queue.popNumbered()?.number == 20_001)
  }

  /// A cell whose producer has not come is given up, with its number.
  @Test func aNumberMayHaveNoElement() throws {
    let queue = UnboundedQueue<Int>()
    let stalled = try #require(queue.claim(0))
    for i in 1..<20 { queue.push(i) }
    let first = try #require(queue.popNumbered())
    #expect(first.number == 0 && first.element == nil)
    #expect(queue.commit(stalled) == 0, "given back")
    for i in 1..<20 {
      let (number, element) = try #require(queue.popNumbered())
      #expect(number == UInt64(i) && element == i)
    }
    #expect(queue.popNumbered() == nil)
  }

  /// Several consumers at once: each number is given to one of them, and none is left out.
  @Test func numbersAreGivenOnceEach() {
    let queue = UnboundedQueue<Int>()
    let count = rounds(200_000)
    let seen = SeenNumbers(4 * count)
    let (elements, most, outOfOrder) = (SharedCounter(), SharedCounter(), SharedCounter())
    onThreads(5) { thread in
      if thread < 2 {
        for i in 0..<count { queue.push(i) }
        return
      }
      var last = -1
      while elements.now < 2 * count {
        guard let (number, element) = queue.popNumbered() else { continue }
        if Int(number) <= last { outOfOrder.add(1) }
        last = Int(number)
        most.add(1)
        seen.mark(Int(number))
        if element != nil { elements.add(1) }
      }
    }
    #expect(outOfOrder.now == 0)
    #expect(most.now >= 2 * count)
    #expect((0..<most.now).allSatisfy { seen.marks($0) == 1 })
  }

  @Test func startsEmptyAndKeepsOrderOverManySegments() {
    let queue = UnboundedQueue<Int>()
    #expect(queue.pop() == nil)
    for round in 0..<3 {
      for i in 0..<10_000 { queue.push(round + i) }
      #expect(queue.count == 10_000)
      for i in 0..<10_000 { #expect(queue.pop() == round + i) }
      #expect(queue.pop() == nil)
      #expect(queue.count == 0)
    }
  }

  @Test func countIsExactWhenQuiet() {
    let queue = UnboundedQueue<Int>()
    for i in 1...5000 {
      queue.push(i)
      queue.push(i)
      #expect(queue.count == i + 1)
      #expect(queue.pop() != nil)
      #expect(queue.count == i)
    }
  }

  @Test func refusesWhatIsNoAlignmentOrTooLarge() {
    for (size, alignment) in [(8, 0), (8, 3), (8, 24), (Int.max, 8), (8, 1 << 62)] {
      errno = 0
      #expect(sl_unbounded_queue_create(size, alignment) == nil)
      #expect(errno == EINVAL)
    }
    if !isSanitized {  // AddressSanitizer ends the process when so much is asked for
      #expect(sl_unbounded_queue_create(1 << 50, 8) == nil)
      #expect(errno == ENOMEM)
    }
    sl_unbounded_queue_destroy(nil)
  }

  @Test(arguments: [
    (0, 1), (1, 1), (3, 1), (4, 4), (8, 8), (24, 8), (16, 16), (48, 64), (3000, 8), (100_000, 16),
    (8, 16384),
  ])
  func elementsOfAnySizeLieWhereTheyMay(size: Int, alignment: Int) throws {
    let queue = try #require(sl_unbounded_queue_create(size, alignment))
    var ticket = sl_unbounded_ticket()
    for round in 0..<3 {
      for i in 0..<100 {
        #expect(sl_unbounded_queue_claim(queue, &ticket) == SL_OK)
        let element = try #require(ticket.element)
        #expect(UInt(bitPattern: element) % UInt(alignment) == 0)
        memset(element, Int32((round + i) & 0xff), size)
        #expect(sl_unbounded_queue_commit(queue, &ticket))
      }
      for i in 0..<100 {
        #expect(sl_unbounded_queue_try_take(queue, &ticket) == SL_OK)
        let bytes = UnsafeRawBufferPointer(start: ticket.element, count: size)
        #expect(bytes.allSatisfy { $0 == UInt8((round + i) & 0xff) })
        sl_unbounded_queue_release(queue, &ticket)
      }
    }
    sl_unbounded_queue_destroy(queue)
  }

  @Test func pollingPoisonsNothing() throws {
    let queue = UnboundedQueue<Int>()
    for i in 0..<5000 {
      for _ in 0..<10 { #expect(queue.pop() == nil) }
      let ticket = try #require(queue.claim(i))
      for _ in 0..<10 { #expect(queue.pop() == nil) }
      #expect(queue.commit(ticket) == nil, "given up, though nothing stood behind it")
      #expect(queue.pop() == i)
    }
  }

  @Test func pollingCostsNoMemory() {
    let queue = UnboundedQueue<Int>()
    let before = residentBytes()
    onThreads(4) { _ in for _ in 0..<rounds(500_000) { _ = queue.pop() } }
    #expect(queue.push(1) == 0)
    if !isSanitized { #expect(residentBytes() - before < 8 << 20) }
  }

  @Test func aConsumerGivesUpOnAStalledProducerWhenMoreIsBehindIt() throws {
    let queue = UnboundedQueue<Int>()
    let stalled = try #require(queue.claim(0))
    queue.push(1)
    #expect(queue.pop() == 1)
    #expect(queue.commit(stalled) == 0, "the element is still the producer's")
    #expect(queue.pop() == nil)
    #expect(queue.count == 0)
    queue.push(0)
    #expect(queue.pop() == 0)
  }

  /// Stalled claims everywhere: at the start, in the middle and at the end of segments, and more of
  /// them in a row than a consumer looks over.
  @Test(arguments: [1, 15, 16, 17, 40, 3000])
  func manyStalledProducersHideNothing(stalledCount: Int) throws {
    let queue = UnboundedQueue<Int>()
    for round in 0..<20 {
      var stalled: [sl_unbounded_ticket] = []
      for i in 0..<stalledCount { stalled.append(try #require(queue.claim(i))) }
      queue.push(-1)
      #expect(queue.pop() == -1, "round \(round)")
      #expect(queue.pop() == nil)
      for i in 0..<stalledCount { #expect(queue.commit(stalled[i]) == i) }
      for i in 0..<173 { queue.push(i) }
      for i in 0..<173 { #expect(queue.pop() == i) }
      #expect(queue.count == 0)
    }
  }

  @Test func anAbandonedCellIsPassedOver() throws {
    let queue = UnboundedQueue<Int>()
    var ticket = sl_unbounded_ticket()
    #expect(sl_unbounded_queue_claim(queue.queue, &ticket) == SL_OK)
    sl_unbounded_queue_abandon(queue.queue, &ticket)
    #expect(queue.pop() == nil)
    queue.push(1)
    #expect(queue.pop() == 1)
    #expect(queue.pop() == nil)
  }

  @Test func aStoppedThreadStopsNoOther() throws {
    let queue = UnboundedQueue<UInt64>()
    let claimed = DispatchSemaphore(value: 0)
    let goOn = DispatchSemaphore(value: 0)
    let ended = DispatchSemaphore(value: 0)
    let back = SharedCounter()
    Thread.detachNewThread {
      if let ticket = queue.claim(77) {
        claimed.signal()
        goOn.wait()
        if queue.commit(ticket) == 77 { back.add(1) }
      }
      ended.signal()
    }
    claimed.wait()
    let run = ThreadedRun.over(
      producers: 2, consumers: 2, perProducer: rounds(200_000),
      push: { queue.push($0) >= 0 }, pop: { queue.pop() })
    goOn.signal()
    ended.wait()
    #expect(run.isClean, "\(run)")
    #expect(back.now == 1)
    #expect(queue.pop() == nil)
  }

  @Test(arguments: [
    (1, 1, 1_000_000), (2, 2, 500_000), (4, 1, 200_000), (1, 4, 800_000), (6, 6, 100_000),
  ])
  func carriesEverythingBetweenThreads(producers: Int, consumers: Int, perProducer: Int) {
    let queue = UnboundedQueue<UInt64>()
    let run = ThreadedRun.over(
      producers: producers, consumers: consumers, perProducer: rounds(perProducer),
      push: { queue.push($0) >= 0 }, pop: { queue.pop() })
    #expect(run.isClean, "\(run)")
    #expect(queue.count == 0)
  }

  /// Producers that yield between claim and commit, so that consumers do give up on cells.
  @Test func losesNothingWhenConsumersGiveUp() {
    let queue = UnboundedQueue<UInt64>()
    let givenUp = SharedCounter()
    let run = ThreadedRun.over(
      producers: 4, consumers: 3, perProducer: rounds(50_000),
      push: { number in
        let times = queue.push(number) { if number % 64 == 0 { usleep(1) } }
        if times > 0 { givenUp.add(times) }
        return true
      },
      pop: { queue.pop() })
    #expect(run.isClean, "\(run)")
    #expect(givenUp.now > 0)
  }

  @Test func holdsReferencesWithoutLosingThem() {
    final class Token: Sendable {
      let alive: SharedCounter
      init(_ alive: SharedCounter) {
        self.alive = alive
        alive.add(1)
      }
      deinit { alive.add(-1) }
    }
    let alive = SharedCounter()
    do {
      let queue = UnboundedQueue<Token>()
      onThreads(4) { thread in
        for _ in 0..<20_000 {
          if thread < 2 { queue.push(Token(alive)) } else { _ = queue.pop() }
        }
      }
      #expect(queue.count == alive.now)
    }
    // A thread that has just ended may hold its closure, and with it the queue, a moment longer.
    #expect(eventually(within: 5) { alive.now == 0 })
  }

  @Test func threadsThatComeAndGoAreRegisteredAndForgotten() {
    let queue = UnboundedQueue<Int>()
    for round in 0..<rounds(100) {
      onThreads(5) { thread in
        queue.push(thread)
        if round % 2 == 0 { _ = queue.pop() }
      }
    }
    var left = 0
    while queue.pop() != nil { left += 1 }
    #expect(left == rounds(100) / 2 * 5)
  }

  @Test func queuesThatComeAndGoLeaveNothing() {
    let before = residentBytes()
    for _ in 0..<rounds(300) {
      let queue = UnboundedQueue<Int>()
      for i in 0..<20_000 { queue.push(i) }
      for _ in 0..<19_000 { _ = queue.pop() }
    }
    if !isSanitized {
      #expect(eventually(within: 10) { residentBytes() - before < 16 << 20 })
    }
  }

  @Test func memoryGoesBackAfterABurst() {
    let queue = UnboundedQueue<Int>()
    queue.push(0)
    let before = residentBytes()
    for i in 0..<2_000_000 { queue.push(i) }
    let full = residentBytes()
    while queue.pop() != nil {}
    if !isSanitized {
      #expect(full - before > 24 << 20)
      #expect(eventually(within: 10) { residentBytes() - before < 12 << 20 })
    }
  }
}
