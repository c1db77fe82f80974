import Foundation
import Sluice
import Testing

/// Tasks that wait for the queues: they suspend, and can be cancelled.
@Suite(.serialized, .watchdog()) struct QueueTaskTests {
  // MARK: - Woken

  private struct HandOver: ElementTest {
    let kind: QueueKind

    func run<Element: QueueElement & ~Copyable>(_: Element.Type) async throws {
      let lives = ElementLives()
      try await {
        let queue = try kind.make(Element.self, capacity: 1)
        let waiting = Waiting()
        let found = Observed<[Int?]>([])
        waiting.task {
          while let number = try? await queue.asyncDequeue().number() { found.update { $0.append(number) } }
        }
        try await waiting.untilTheyWait(1)
        for i in 0..<20 {
          #expect(await queue.asyncEnqueue(.make(i, lives)).outcome() == .enqueued)
        }
        queue.close()
        await waiting.untilTheyEnd(1)
        #expect(found.now == (0..<20).map { Element.expected($0) })
      }()
      #expect(try await eventually { lives.alive == 0 })
    }
  }

  @Test(arguments: QueueKind.allCases, ElementKind.allCases)
  func elementsGoFromTaskToTask(kind: QueueKind, element: ElementKind) async throws {
    try await element.run(HandOver(kind: kind))
  }

  private struct MadeRoom: ElementTest {
    let kind: QueueKind

    func run<Element: QueueElement & ~Copyable>(_: Element.Type) async throws {
      let lives = ElementLives()
      try await {
        let queue = try kind.make(Element.self, capacity: 1)
        #expect(queue.tryEnqueue(.make(0, lives)).outcome() == .enqueued)
        let waiting = Waiting()
        let outcomes = Observed<[Outcome]>([])
        waiting.task {
          let outcome = await queue.asyncEnqueue(.make(1, lives)).outcome()
          outcomes.update { $0.append(outcome) }
        }
        try await waiting.untilTheyWait(1)
        #expect(outcomes.now == [])
        #expect(queue.tryDequeue().number() == Element.expected(0))
        await waiting.untilTheyEnd(1)
        #expect(outcomes.now == [.enqueued])
        #expect(queue.tryDequeue().number() == Element.expected(1))
      }()
      #expect(try await eventually { lives.alive == 0 })
    }
  }

  @Test(arguments: QueueKind.bounding, ElementKind.allCases)
  func roomWakesATaskThatWaitsForIt(kind: QueueKind, element: ElementKind) async throws {
    try await element.run(MadeRoom(kind: kind))
  }

  // MARK: - Closing

  /// More than one page of waiters, threads and tasks, at both ends.
  @Test(arguments: QueueKind.allCases) func aCloseWakesTasksAndThreadsAlike(kind: QueueKind) async throws {
    let count = kind == .spsc ? 1 : 70
    let queue = try kind.make(Int.self, capacity: 1)
    let waiting = Waiting()
    let found = Observed<[Int?]>([])
    for i in 0..<count {
      if i % 4 == 3 {
        waiting.thread {
          let it = queue.dequeue()
          found.update { $0.append(it) }
        }
      } else {
        waiting.task {
          let it = (try? await queue.asyncDequeue()) ?? nil
          found.update { $0.append(it) }
        }
      }
    }
    try await waiting.untilTheyWait(count)
    #expect(waiting.endedNow == 0)
    queue.close()
    await waiting.untilTheyEnd(count)
    #expect(found.now == Array(repeating: nil, count: count))
  }

  @Test func aCloseWakesAllWhoWaitForRoom() async throws {
    let count = 70
    let queue = try BoundedQueue<Int>(capacity: 1)
    #expect(queue.tryEnqueue(-1).isEnqueued)
    let waiting = Waiting()
    let outcomes = Observed<[Outcome]>([])
    for i in 0..<count {
      if i % 4 == 3 {
        waiting.thread {
          let it = queue.enqueue(i).outcome()
          outcomes.update { $0.append(it) }
        }
      } else {
        waiting.task {
          let it = await queue.enqueue(i).outcome()
          outcomes.update { $0.append(it) }
        }
      }
    }
    try await waiting.untilTheyWait(count)
    #expect(waiting.endedNow == 0)
    queue.close()
    await waiting.untilTheyEnd(count)
    let refused = outcomes.now.compactMap { if case .closed(let i) = $0 { i } else { nil } }
    #expect(refused.sorted() == Array(0..<count))
    #expect(await queue.enqueue(5).outcome() == .closed(5))
    #expect(try await queue.dequeue() == -1)
    #expect(try await queue.dequeue() == nil)
  }

  // MARK: - Cancelling

  @Test(arguments: QueueKind.allCases)
  func aCancelledTaskTakesWhatIsThereButDoesNotWait(kind: QueueKind) async throws {
    let lives = ElementLives()
    try await {
      let queue = try kind.make(MoveOnly.self, capacity: 1)
      let cancelled = Gate()
      let task = Task.detached { () async throws in
        await cancelled.opening.suspend()
        #expect(await queue.asyncEnqueue(MoveOnly(1, lives)).outcome() == .enqueued, "there is room")
        if kind.isBounded {
          #expect(await queue.asyncEnqueue(MoveOnly(2, lives)).outcome() == .cancelled(2))
        }
        #expect(try await queue.asyncDequeue().number() == 1, "there is an element")
        await #expect(throws: CancellationError.self) { _ = try await queue.asyncDequeue().number() }
        queue.close()
        #expect(try await queue.asyncDequeue().number() == nil, "it is known to be the end")
      }
      task.cancel()
      cancelled.open()
      try await task.value
    }()
    #expect(try await eventually { lives.alive == 0 })
  }

  @Test(arguments: QueueKind.allCases) func aTaskThatWaitsForAnElementCanBeCancelled(kind: QueueKind)
    async throws
  {
    let queue = try kind.make(MoveOnly.self, capacity: 1)
    let lives = ElementLives()
    let waiting = Waiting()
    let errors = Count()
    let task = waiting.task {
      do { _ = try await queue.asyncDequeue().number() } catch { errors.add() }
    }
    try await waiting.untilTheyWait(1)
    #expect(waiting.endedNow == 0)
    task.cancel()
    await waiting.untilTheyEnd(1)
    #expect(errors.now == 1)
    // Nothing of it is left: the next one gets its element.
    waiting.task { #expect((try? await queue.asyncDequeue().number()) == 5) }
    try await waiting.untilTheyWait(2)
    #expect(queue.tryEnqueue(MoveOnly(5, lives)).outcome() == .enqueued)
    await waiting.untilTheyEnd(2)
  }

  @Test(arguments: QueueKind.bounding) func aCancelledTaskHasItsElementBack(kind: QueueKind) async throws {
    let lives = ElementLives()
    try await {
      let queue = try kind.make(MoveOnly.self, capacity: 1)
      #expect(queue.tryEnqueue(MoveOnly(0, lives)).outcome() == .enqueued)
      let waiting = Waiting()
      let outcomes = Observed<[Outcome]>([])
      let task = waiting.task {
        let outcome = await queue.asyncEnqueue(MoveOnly(1, lives)).outcome()
        outcomes.update { $0.append(outcome) }
      }
      try await waiting.untilTheyWait(1)
      #expect(outcomes.now == [])
      task.cancel()
      await waiting.untilTheyEnd(1)
      #expect(outcomes.now == [.cancelled(1)])
      #expect(lives.alive == 1 && queue.count() == 1)
    }()
    #expect(try await eventually { lives.alive == 0 })
  }

  /// Notified and cancelled at once: whoever of the two is woken, one of them takes the element.
  @Test func aCancelledTaskSwallowsNoWakeUp() async throws {
    for round in 0..<200 {
      let queue = try BoundedQueue<Int>(capacity: 1)
      let waiting = Waiting()
      let tasks = (0..<2).map { _ in waiting.task { _ = try? await queue.dequeue() } }
      if round % 4 > 0 { try await waiting.untilTheyWait(2) }
      if round % 2 == 0 { tasks[round / 2 % 2].cancel() }
      #expect(queue.tryEnqueue(1).isEnqueued)
      if round % 2 == 1 { tasks[round / 2 % 2].cancel() }
      #expect(try await eventually { queue.count == 0 }, "round \(round): left to a task that sleeps")
      queue.close()
      await waiting.untilTheyEnd(2)
    }
  }

  // MARK: - The cooperative pool

  /// More tasks wait at either end than there are cooperative threads, and all others go on.
  @Test(arguments: QueueKind.allCases) func tasksThatWaitBlockNoThread(kind: QueueKind) async throws {
    let crowd = 8 * ProcessInfo.processInfo.activeProcessorCount
    let waiting = Waiting()
    let queues = try (0..<crowd).map { _ in try kind.make(Int.self, capacity: 1) }
    let shared = try kind.make(Int.self, capacity: 1)
    for queue in queues {
      waiting.task { _ = try? await queue.asyncDequeue() }
      if kind != .spsc { waiting.task { _ = try? await shared.asyncDequeue() } }
    }
    let full = try QueueKind.bounded.make(Int.self, capacity: 1)
    #expect(full.tryEnqueue(0).isEnqueued)
    for i in 0..<crowd { waiting.task { _ = await full.asyncEnqueue(i) } }
    let count = kind == .spsc ? 2 * crowd : 3 * crowd
    try await waiting.untilTheyWait(count)  // which takes tasks that run meanwhile

    let before = processSeconds()
    try await Task.sleep(for: .milliseconds(300))
    let used = processSeconds() - before
    #expect(used < 0.15, "\(used) s of 0.3 s, for tasks that wait")
    #expect(waiting.endedNow == 0)
    for queue in queues + [shared, full] { queue.close() }
    await waiting.untilTheyEnd(count)
  }

  // MARK: - As a sequence

  @Test(arguments: QueueKind.allCases) func aQueueIsAnAsyncSequence(kind: QueueKind) async throws {
    let queue = try kind.makeBulk(capacity: 4)
    let taken = Observed<[Int]>([])
    let task = Task.detached {
      try await queue.iterate { element in
        taken.update { $0.append(element) }
        return true
      }
    }
    #expect(await queue.asyncEnqueueAll(Array(0..<100)) == 100)
    queue.face.close()
    try await task.value
    #expect(taken.now == Array(0..<100))
  }

  @Test(arguments: QueueKind.allCases) func anIterationThatWaitsCanBeCancelled(kind: QueueKind) async throws {
    let queue = try kind.makeBulk(capacity: 4)
    #expect(queue.tryEnqueueAll([1]) == 1)
    let waiting = Waiting()
    let events = Observed<[String]>([])
    let task = waiting.task {
      do {
        try await queue.iterate { element in
          events.update { $0.append("\(element)") }
          return true
        }
      } catch { events.update { $0.append("\(type(of: error))") } }
    }
    await events.until { $0.count == 1 }.suspend()
    try await waiting.untilTheyWait(1)
    task.cancel()
    await waiting.untilTheyEnd(1)
    #expect(events.now == ["1", "CancellationError"])
  }

  @Test func leavingALoopLeavesTheQueueOpen() async throws {
    let queue = try BoundedQueue<Int>(capacity: 4)
    #expect(queue.tryEnqueue(contentsOf: [1, 2, 3]) == 3)
    for try await element in queue where element == 2 { break }
    #expect(!queue.isClosed && queue.tryEnqueue(4).isEnqueued)
    #expect(queue.tryDequeue(atMost: 9) == [3, 4])

    let unbounded = UnboundedQueue<Int>()
    #expect(unbounded.enqueue(contentsOf: [1, 2, 3]) == 3)
    for try await element in unbounded where element == 2 { break }
    #expect(!unbounded.isClosed && unbounded.enqueue(4).isEnqueued)
    #expect(unbounded.tryDequeue(atMost: 9) == [3, 4])
  }

  @Test(arguments: [QueueKind.bounded, .unbounded]) func severalIterationsShareTheElements(kind: QueueKind)
    async throws
  {
    let queue = try kind.makeBulk(capacity: 4)
    let taken = Observed<[Int]>([])
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<4 {
        group.addTask {
          try await queue.iterate { element in
            taken.update { $0.append(element) }
            return true
          }
        }
      }
      #expect(await queue.asyncEnqueueAll(Array(0..<1_000)) == 1_000)
      queue.face.close()
      try await group.waitForAll()
    }
    #expect(taken.now.sorted() == Array(0..<1_000))
  }

  // MARK: - Isolation

  private actor Owner {
    private(set) var steps: [Int] = []

    func take(_ bounded: BoundedQueue<Int>, _ unbounded: UnboundedQueue<Int>, _ end: SPSCEnds<Int>)
      async throws
    {
      for queue in [bounded, bounded] {
        if let element = try await queue.dequeue() { steps.append(element) }
      }
      if let element = try await unbounded.dequeue() { steps.append(element) }
      if let element = try await end.consumer.pointee.dequeue() { steps.append(element) }
      for try await element in bounded { steps.append(element) }
    }
  }

  @Test func anActorWaitsInItsOwnIsolation() async throws {
    let owner = Owner()
    let (bounded, unbounded) = (try BoundedQueue<Int>(capacity: 1), UnboundedQueue<Int>())
    let ends = try SPSCEnds<Int>(capacity: 1)
    let task = Task { try await owner.take(bounded, unbounded, ends) }
    for i in 1...2 { #expect(await bounded.enqueue(i).isEnqueued) }
    #expect(unbounded.enqueue(3).isEnqueued)
    #expect(await ends.producer.pointee.enqueue(4).isEnqueued)
    #expect(await bounded.enqueue(5).isEnqueued)
    bounded.close()
    try await task.value
    #expect(await owner.steps == [1, 2, 3, 4, 5])
  }
}
