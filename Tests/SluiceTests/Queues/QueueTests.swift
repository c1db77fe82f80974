import Sluice
import Testing

/// What all queues do without waiting, with elements of every kind.
@Suite(.serialized, .watchdog()) struct QueueTests {
  private static let capacities = [1, 2, 3, 64]

  // MARK: - Order and capacity

  private struct InOrderUpToTheCapacity: ElementTest {
    let kind: QueueKind
    let capacity: Int

    func run<Element: QueueElement & ~Copyable>(_: Element.Type) throws {
      let lives = ElementLives()
      do {
        let queue = try kind.make(Element.self, capacity: capacity)
        for round in 0..<5 {
          #expect(queue.tryDequeue().number() == nil)
          for i in 0..<capacity {
            #expect(queue.count() == i)
            #expect(queue.tryEnqueue(.make(round + i, lives)).outcome() == .enqueued)
          }
          #expect(queue.count() == capacity)
          if queue.capacity != nil {
            #expect(queue.capacity == capacity)
            #expect(queue.tryEnqueue(.make(99, lives)).outcome() == .full(Element.expected(99)))
          }
          for i in 0..<capacity {
            #expect(queue.tryDequeue().number() == Element.expected(round + i))
            #expect(queue.count() == capacity - 1 - i)
          }
        }
      }
      #expect(lives.alive == 0)
    }
  }

  @Test(arguments: QueueKind.allCases, ElementKind.allCases)
  func elementsComeOutInOrderAndTheCapacityIsExact(kind: QueueKind, element: ElementKind) async throws {
    for capacity in Self.capacities {
      try await element.run(InOrderUpToTheCapacity(kind: kind, capacity: capacity))
    }
  }

  /// Full but for one, again and again: each place is used many times.
  @Test(arguments: QueueKind.allCases, capacities)
  func orderIsKeptOverManyRounds(kind: QueueKind, capacity: Int) throws {
    let queue = try kind.make(Int.self, capacity: capacity)
    for i in 0..<(capacity - 1) { #expect(queue.tryEnqueue(i).isEnqueued) }
    for i in (capacity - 1)..<5_000 {
      #expect(queue.tryEnqueue(i).isEnqueued)
      #expect(queue.tryDequeue() == i - (capacity - 1))
    }
    #expect(queue.count() == capacity - 1)
  }

  // MARK: - Lives

  private struct LivesOfWhatIsLeft: ElementTest {
    let kind: QueueKind
    let closes: Bool

    func run<Element: QueueElement & ~Copyable>(_: Element.Type) throws {
      let lives = ElementLives()
      do {
        let queue = try kind.make(Element.self, capacity: 8)
        for i in 0..<8 { #expect(queue.tryEnqueue(.make(i, lives)).outcome() == .enqueued) }
        for i in 0..<3 { #expect(queue.tryDequeue().number() == Element.expected(i)) }
        let counted = lives.born
        #expect(counted == 0 || lives.alive == 5, "those in the queue live, those that came out do not")
        if closes { queue.close() }
      }
      #expect(lives.alive == 0, "destroyed with the queue, once each")
    }
  }

  @Test(arguments: QueueKind.allCases, ElementKind.allCases)
  func whatIsLeftInsideIsDestroyedOnceWithTheQueue(kind: QueueKind, element: ElementKind) async throws {
    for closes in [false, true] {
      try await element.run(LivesOfWhatIsLeft(kind: kind, closes: closes))
    }
  }

  @Test(arguments: QueueKind.allCases)
  func anElementThatComesOutIsTheOneThatWentIn(kind: QueueKind) throws {
    let lives = ElementLives()
    let queue = try kind.make(CountedObject.self, capacity: 1)
    let object = CountedObject(1, lives)
    #expect(queue.tryEnqueue(object).isEnqueued)
    #expect(queue.tryDequeue() === object)
    if kind.isBounded {
      #expect(queue.tryEnqueue(object).isEnqueued)
      let another = CountedObject(2, lives)
      #expect(queue.tryEnqueue(another).refused() === another)
    }
  }

  // MARK: - Closing

  private struct ClosingRefuses: ElementTest {
    let kind: QueueKind

    func run<Element: QueueElement & ~Copyable>(_: Element.Type) throws {
      let lives = ElementLives()
      do {
        let queue = try kind.make(Element.self, capacity: 3)
        for i in 0..<2 { #expect(queue.tryEnqueue(.make(i, lives)).outcome() == .enqueued) }
        queue.close()
        if kind != .spsc {  // its producer's end has gone
          #expect(queue.tryEnqueue(.make(7, lives)).outcome() == .closed(Element.expected(7)))
          #expect(queue.enqueue(.make(8, lives), nil).outcome() == .closed(Element.expected(8)))
        }
        #expect(queue.count() == 2)
        #expect(queue.tryDequeue().number() == Element.expected(0))
        #expect(queue.dequeueWithin(.seconds(100)).found() == .element(Element.expected(1)))
        #expect(queue.tryDequeue().number() == nil)
        #expect(queue.dequeueWithin(.seconds(100)).found() == .closed)
        #expect(queue.dequeue().number() == nil)
        #expect(queue.tryDequeueInto(UnsafeMutableBufferPointer<Element>(start: nil, count: 0)) == 0)
      }
      #expect(lives.alive == 0)
    }
  }

  @Test(arguments: QueueKind.allCases, ElementKind.allCases)
  func aClosedQueueRefusesDrainsAndEnds(kind: QueueKind, element: ElementKind) async throws {
    try await element.run(ClosingRefuses(kind: kind))
  }

  @Test func closedIsKnownAndClosingAgainDoesNothing() throws {
    let bounded = try BoundedQueue<Int>(capacity: 1)
    #expect(!bounded.isClosed)
    #expect(bounded.tryEnqueue(1).isEnqueued)
    bounded.close()
    bounded.close()
    #expect(bounded.isClosed)
    #expect(bounded.tryEnqueue(2).outcome() == .closed(2), "closed, rather than full")
    #expect(bounded.dequeue() == 1)

    let unbounded = UnboundedQueue<Int>()
    #expect(!unbounded.isClosed)
    #expect(unbounded.enqueue(1).isEnqueued)
    unbounded.close()
    unbounded.close()
    #expect(unbounded.isClosed)
    #expect(unbounded.enqueue(2).outcome() == .closed(2))
    #expect(unbounded.dequeue() == 1)
  }

  /// A close in each state of the ring: each place, empty, full and between.
  @Test(arguments: [1, 2, 3, 5]) func aCloseStandsAtEveryPlace(capacity: Int) throws {
    for before in 0...(2 * capacity + 2) {
      for inside in 0...capacity {
        let queue = try BoundedQueue<Int>(capacity: capacity)
        for i in 0..<before { #expect(queue.tryEnqueue(i).isEnqueued && queue.tryDequeue() == i) }
        for i in 0..<inside { #expect(queue.tryEnqueue(i).isEnqueued) }
        queue.close()
        #expect(queue.isClosed && queue.count == inside)
        #expect(queue.tryEnqueue(9).outcome() == .closed(9))
        for i in 0..<inside { #expect(queue.dequeue() == i) }
        #expect(queue.dequeue(timeout: .zero).found() == .closed)
        #expect(queue.isClosed && queue.tryEnqueue(9).outcome() == .closed(9))
      }
    }
  }

  /// Many segments, so that the close comes at the last.
  @Test(arguments: [0, 1, 2_000, 10_000]) func aClosedUnboundedQueueGivesAllThatIsInIt(inside: Int) throws {
    let queue = UnboundedQueue<Int>()
    for i in 0..<inside { #expect(queue.enqueue(i).isEnqueued) }
    queue.close()
    #expect(queue.enqueue(-1).outcome() == .closed(-1))
    #expect(queue.count == inside)
    for i in 0..<inside { #expect(queue.dequeue() == i) }
    #expect(queue.dequeue() == nil)
    #expect(queue.enqueue(-1).outcome() == .closed(-1))
  }

  // MARK: - What cannot be made

  @Test(arguments: [0, -1, Int.min, 1 << 31, Int.max])
  func aCapacityThatCannotBeIsAnError(capacity: Int) {
    let text = "capacity must be 1 or more and less than 2147483648, and is \(capacity)"
    #expect(throws: QueueError.invalidCapacity(capacity)) { try BoundedQueue<Int>(capacity: capacity) }
    #expect(throws: QueueError.invalidCapacity(capacity)) { try SPSCQueue<MoveOnly>(capacity: capacity) }
    #expect("\(QueueError.invalidCapacity(capacity))" == text)
  }

  @Test func wantOfMemoryIsAnError() throws {
    let text = "there is no memory for a queue of 5 elements of 8 bytes; use a smaller capacity"
    #expect("\(QueueError.outOfMemory(capacity: 5, elementBytes: 8))" == text)
    if isSanitized { return }
    let capacity = (1 << 31) - 1  // 2⁴⁷ bytes: more than a process can address
    let error = #expect(throws: QueueError.self) { try SPSCQueue<Large>(capacity: capacity) }
    #expect(error == .outOfMemory(capacity: capacity, elementBytes: 1 << 16))
  }

  @Test func theResultsTellWhatBecameOfAnElement() {
    let lives = ElementLives()
    #expect(EnqueueResult<Int>.enqueued.isEnqueued && EnqueueResult<Int>.enqueued.refused() == nil)
    #expect(!EnqueueResult.full(1).isEnqueued && EnqueueResult.full(1).refused() == 1)
    #expect(!EnqueueResult.closed(2).isEnqueued && EnqueueResult.closed(2).refused() == 2)
    #expect(!EnqueueResult.cancelled(3).isEnqueued && EnqueueResult.cancelled(3).refused() == 3)
    #expect(EnqueueResult.full(MoveOnly(4, lives)).refused().number() == 4)
    #expect(DequeueResult<Int>.element(5).element() == 5)
    #expect(DequeueResult<Int>.empty.element() == nil && DequeueResult<Int>.closed.element() == nil)
    #expect(DequeueResult<MoveOnly>.element(MoveOnly(6, lives)).element().number() == 6)
    #expect(lives.alive == 0)
  }
}

/// An element of which only the size matters, 64 KiB.
private struct Large {
  typealias Eight<Part> = (Part, Part, Part, Part, Part, Part, Part, Part)
  let lines: (Eight<Eight<SIMD64<Int>>>, Eight<Eight<SIMD64<Int>>>)
}
