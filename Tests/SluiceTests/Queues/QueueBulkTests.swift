import Sluice
import Testing

/// Several elements at a time: as many as there is room for, or as are there, in order.
@Suite(.serialized, .watchdog()) struct QueueBulkTests {
  // MARK: - Through buffers

  private struct Moving: ElementTest {
    let kind: QueueKind
    let capacity: Int

    func run<Element: QueueElement & ~Copyable>(_: Element.Type) throws {
      let lives = ElementLives()
      do {
        let queue = try kind.make(Element.self, capacity: capacity)
        let size = capacity + 3
        let buffer = UnsafeMutableBufferPointer<Element>.allocate(capacity: size)
        defer { buffer.deallocate() }
        for round in 0..<5 {
          for i in 0..<size { buffer.initializeElement(at: i, to: .make(round + i, lives)) }
          let moved = enqueue(queue, buffer)
          #expect(moved == capacity, "as many as there is room for")
          for i in moved..<size {
            #expect(buffer[i].number == Element.expected(round + i), "still in the buffer")
            buffer.deinitializeElement(at: i)
          }
          let few = UnsafeMutableBufferPointer(start: buffer.baseAddress, count: 1)
          #expect(queue.tryDequeueInto(few) == 1)
          #expect(buffer[0].number == Element.expected(round))
          buffer.deinitializeElement(at: 0)
          let taken = queue.tryDequeueInto(buffer)
          #expect(taken == capacity - 1, "as many as are there")
          for i in 0..<taken {
            #expect(buffer[i].number == Element.expected(round + 1 + i))
            buffer.deinitializeElement(at: i)
          }
          #expect(queue.tryDequeueInto(buffer) == 0)
          #expect(lives.alive == 0)
        }
      }
    }

    /// As many elements as fit; by hand where the queue has no such method.
    private func enqueue<Element: QueueElement & ~Copyable>(
      _ queue: QueueFace<Element>, _ buffer: UnsafeMutableBufferPointer<Element>
    ) -> Int {
      if let move = queue.tryEnqueueMoving { return move(buffer) }
      for i in 0..<capacity { _ = queue.tryEnqueue(buffer.moveElement(from: i)).outcome() }
      return capacity
    }
  }

  @Test(arguments: QueueKind.allCases, ElementKind.allCases)
  func elementsAreMovedFromAndIntoBuffers(kind: QueueKind, element: ElementKind) async throws {
    for capacity in [1, 2, 3, 40] { try await element.run(Moving(kind: kind, capacity: capacity)) }
  }

  @Test(arguments: QueueKind.allCases) func anEmptyBufferIsNoElement(kind: QueueKind) throws {
    let lives = ElementLives()
    let queue = try kind.make(MoveOnly.self, capacity: 2)
    let none = UnsafeMutableBufferPointer<MoveOnly>(start: nil, count: 0)
    if let move = queue.tryEnqueueMoving { #expect(move(none) == 0) }
    #expect(queue.tryEnqueue(MoveOnly(1, lives)).outcome() == .enqueued)
    #expect(queue.tryDequeueInto(none) == 0)
    #expect(queue.tryDequeue().number() == 1)
  }

  @Test(arguments: QueueKind.bounding) func aBufferStaysAsItIsWhenTheQueueIsFullOrClosed(kind: QueueKind)
    throws
  {
    let lives = ElementLives()
    do {
      let ends = try SPSCEnds<MoveOnly>(capacity: 1)
      let bounded = try BoundedQueue<MoveOnly>(capacity: 1)
      let queue: QueueFace<MoveOnly> = kind == .spsc ? .over(ends) : .over(bounded)
      let move = try #require(queue.tryEnqueueMoving)
      let buffer = UnsafeMutableBufferPointer<MoveOnly>.allocate(capacity: 2)
      defer { buffer.deallocate() }
      for i in 0..<2 { buffer.initializeElement(at: i, to: MoveOnly(i, lives)) }
      #expect(queue.tryEnqueue(MoveOnly(9, lives)).outcome() == .enqueued)
      #expect(move(buffer) == 0)
      #expect(queue.tryDequeue().number() == 9)
      if kind == .spsc { ends.dropConsumer() } else { queue.close() }
      #expect(move(buffer) == 0)
      #expect(buffer[0].number == 0 && buffer[1].number == 1 && lives.alive == 2)
      buffer.deinitialize()
    }
    #expect(lives.alive == 0)
  }

  @Test(arguments: [1, 5, 10_000]) func anUnboundedQueueTakesAWholeBuffer(count: Int) throws {
    let lives = ElementLives()
    do {
      let queue = UnboundedQueue<MoveOnly>()
      let buffer = UnsafeMutableBufferPointer<MoveOnly>.allocate(capacity: count)
      defer { buffer.deallocate() }
      #expect(queue.enqueue(moving: UnsafeMutableBufferPointer(start: nil, count: 0)) == 0)
      for i in 0..<count { buffer.initializeElement(at: i, to: MoveOnly(i, lives)) }
      #expect(queue.enqueue(moving: buffer) == count)
      for i in 0..<count { #expect(queue.tryDequeue().number() == i) }
      for i in 0..<count { buffer.initializeElement(at: i, to: MoveOnly(i, lives)) }
      #expect(queue.tryEnqueue(MoveOnly(-1, lives)).outcome() == .enqueued)
      queue.close()
      #expect(queue.enqueue(moving: buffer) == 0)
      for i in 0..<count { #expect(buffer[i].number == i) }
      buffer.deinitialize()
    }
    #expect(lives.alive == 0)
  }

  // MARK: - Through collections

  @Test(arguments: QueueKind.allCases, [1, 2, 3, 64])
  func asManyAsThereIsRoomForAreEnqueued(kind: QueueKind, capacity: Int) throws {
    let queue = try kind.makeBulk(capacity: capacity)
    #expect(queue.tryEnqueueAll([]) == 0 && queue.enqueueAll([]) == 0)
    for round in 0..<5 {
      let elements = Array(round..<(round + capacity + 2))
      let done = queue.tryEnqueueAll(elements)
      #expect(done == (kind.isBounded ? capacity : capacity + 2))
      #expect(queue.tryEnqueueAll([]) == 0)
      if kind.isBounded { #expect(queue.tryEnqueueAll(elements) == 0) }
      #expect(queue.tryDequeueAtMost(0) == [] && queue.tryDequeueAtMost(-1) == [])
      #expect(queue.tryDequeueAtMost(1) == [round])
      #expect(queue.tryDequeueAtMost(.max) == Array(elements[1..<done]))
      #expect(queue.tryDequeueAtMost(.max) == [])
    }
  }

  @Test(arguments: QueueKind.allCases) func whoWaitsTakesWhatIsThere(kind: QueueKind) async throws {
    let queue = try kind.makeBulk(capacity: 8)
    #expect(queue.dequeueAtMost(0) == [] && queue.dequeueAtMost(-1) == [])
    let none = try await queue.asyncDequeueAtMost(0)
    #expect(none == [])
    #expect(queue.tryEnqueueAll([1, 2, 3, 4, 5]) == 5)
    #expect(queue.dequeueAtMost(2) == [1, 2])
    let two = try await queue.asyncDequeueAtMost(2)
    #expect(two == [3, 4])
    #expect(queue.dequeueAtMost(.max) == [5])

    let waiting = Waiting()
    let taken = Observed<[Int]>([])
    waiting.thread {
      let some = queue.dequeueAtMost(10)
      taken.update { $0 += some }
    }
    try await waiting.untilTheyWait(1)
    #expect(queue.tryEnqueueAll([6]) == 1)
    await waiting.untilTheyEnd(1)
    waiting.task {
      let some = (try? await queue.asyncDequeueAtMost(10)) ?? []
      taken.update { $0 += some }
    }
    try await waiting.untilTheyWait(2)
    #expect(queue.tryEnqueueAll([7]) == 1)
    await waiting.untilTheyEnd(2)
    #expect(taken.now == [6, 7])

    queue.face.close()
    #expect(queue.dequeueAtMost(3) == [] && queue.tryDequeueAtMost(3) == [])
    let end = try await queue.asyncDequeueAtMost(3)
    #expect(end == [])
  }

  @Test(arguments: QueueKind.allCases, [1, 3]) func moreThanTheCapacityGoesThroughInOrder(
    kind: QueueKind, capacity: Int
  ) async throws {
    let queue = try kind.makeBulk(capacity: capacity)
    let waiting = Waiting()
    let done = Count()
    waiting.thread { done.add(queue.enqueueAll(Array(0..<1_000))) }
    var taken: [Int] = []
    while taken.count < 1_000 { taken += try await queue.asyncDequeueAtMost(5) }
    await waiting.untilTheyEnd(1)
    waiting.task { done.add(await queue.asyncEnqueueAll(Array(1_000..<2_000))) }
    while taken.count < 2_000 { taken += try await queue.asyncDequeueAtMost(5) }
    await waiting.untilTheyEnd(2)
    #expect(done.now == 2_000)
    #expect(taken == Array(0..<2_000))
  }

  @Test(arguments: [QueueKind.bounded, .unbounded]) func aClosedQueueTakesNone(kind: QueueKind) async throws {
    let queue = try kind.makeBulk(capacity: 4)
    queue.face.close()
    #expect(queue.tryEnqueueAll([1, 2]) == 0 && queue.enqueueAll([1, 2]) == 0)
    #expect(await queue.asyncEnqueueAll([1, 2]) == 0)
    #expect(queue.tryDequeueAtMost(.max) == [])
  }

  /// Closed (abandoned) in the middle: what was enqueued by then is the number that the call gives.
  @Test(arguments: QueueKind.bounding) func aCloseEndsABulkEnqueueThatWaits(kind: QueueKind) async throws {
    for asTask in [false, true] {
      let ends = try SPSCEnds<Int>(capacity: 3)
      let bounded = try BoundedQueue<Int>(capacity: 3)
      let queue: BulkFace = kind == .spsc ? .over(ends) : .over(bounded)
      let waiting = Waiting()
      let done = Count()
      if asTask {
        waiting.task { done.add(await queue.asyncEnqueueAll(Array(0..<10))) }
      } else {
        waiting.thread { done.add(queue.enqueueAll(Array(0..<10))) }
      }
      #expect(try await eventually { queue.face.count() == 3 })
      try await waiting.untilTheyWait(1)
      #expect(waiting.endedNow == 0)
      if kind == .spsc { ends.dropConsumer() } else { queue.face.close() }
      await waiting.untilTheyEnd(1)
      #expect(done.now == 3)
    }
  }

  @Test(arguments: QueueKind.bounding) func aCancelledBulkEnqueueTellsHowFarItGot(kind: QueueKind)
    async throws
  {
    let queue = try kind.makeBulk(capacity: 3)
    let waiting = Waiting()
    let done = Count()
    let task = waiting.task { done.add(await queue.asyncEnqueueAll(Array(0..<10))) }
    #expect(try await eventually { queue.face.count() == 3 })
    try await waiting.untilTheyWait(1)
    task.cancel()
    await waiting.untilTheyEnd(1)
    #expect(done.now == 3)
    #expect(queue.tryDequeueAtMost(.max) == [0, 1, 2])
  }

  /// Each element that is enqueued in one go wakes one that waits.
  @Test(arguments: [QueueKind.bounded, .unbounded]) func manyElementsWakeAsManyWaiters(kind: QueueKind)
    async throws
  {
    let queue = try kind.makeBulk(capacity: 80)
    let waiting = Waiting()
    for i in 0..<80 {
      if i % 2 == 0 {
        waiting.thread { _ = queue.face.dequeue() }
      } else {
        waiting.task { _ = try? await queue.face.asyncDequeue() }
      }
    }
    try await waiting.untilTheyWait(80)
    #expect(queue.tryEnqueueAll(Array(0..<80)) == 80)
    await waiting.untilTheyEnd(80)
    #expect(queue.face.count() == 0)
  }

  @Test func muchRoomWakesAsManyWhoWaitForIt() async throws {
    let queue = try BoundedQueue<Int>(capacity: 80)
    #expect(queue.tryEnqueue(contentsOf: 0..<80) == 80)
    let waiting = Waiting()
    for i in 0..<80 {
      if i % 2 == 0 {
        waiting.thread { _ = queue.enqueue(i) }
      } else {
        waiting.task { _ = await queue.enqueue(i) }
      }
    }
    try await waiting.untilTheyWait(80)
    #expect(queue.tryDequeue(atMost: 80) == Array(0..<80))
    await waiting.untilTheyEnd(80)
    #expect(queue.count == 80)
  }

  /// Collections and sequences of other kinds than arrays.
  @Test func anyCollectionWillDo() throws {
    let bounded = try BoundedQueue<Int>(capacity: 10)
    #expect(bounded.tryEnqueue(contentsOf: Set([7])) == 1)
    #expect(bounded.tryEnqueue(contentsOf: (1...9).lazy.filter { $0 % 2 == 0 }) == 4)
    #expect(bounded.enqueue(contentsOf: stride(from: 0, to: 30, by: 10).map { $0 }[1...]) == 2)
    #expect(bounded.tryDequeue(atMost: 10) == [7, 2, 4, 6, 8, 10, 20])
    var spsc = try SPSCQueue<Int>(capacity: 10).takeProducer()
    #expect(spsc.tryEnqueue(contentsOf: (1...9).lazy.filter { $0 % 2 == 0 }) == 0, "the other end has gone")
    let unbounded = UnboundedQueue<Int>()
    #expect(unbounded.enqueue(contentsOf: sequence(first: 1) { $0 < 100 ? $0 * 3 : nil }) == 6)
    #expect(unbounded.tryDequeue(atMost: 10) == [1, 3, 9, 27, 81, 243])
  }
}
