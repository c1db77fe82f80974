import Foundation
import Sluice
import Testing

/// Threads that wait for the queues: woken by what they wait for, by the end of their time, or by a close.
@Suite(.serialized, .watchdog()) struct QueueThreadTests {
  // MARK: - Woken

  private struct HandOver: ElementTest {
    let kind: QueueKind

    func run<Element: QueueElement & ~Copyable>(_: Element.Type) async throws {
      let lives = ElementLives()
      try await {
        let queue = try kind.make(Element.self, capacity: 1)
        let waiting = Waiting()
        let found = Observed<[Int?]>([])
        waiting.thread {
          for _ in 0..<3 {
            let number = queue.dequeue().number()
            found.update { $0.append(number) }
          }
        }
        for i in 0..<3 {
          try await waiting.untilTheyWait(1)
          #expect(found.now.count == i, "it waits for an element")
          #expect(queue.tryEnqueue(.make(i, lives)).outcome() == .enqueued)
          await found.until { $0.count == i + 1 }.suspend()
        }
        #expect(found.now == (0..<3).map { Element.expected($0) })
      }()
      #expect(try await eventually { lives.alive == 0 })
    }
  }

  @Test(arguments: QueueKind.allCases, ElementKind.allCases)
  func anElementWakesAThreadThatWaitsForIt(kind: QueueKind, element: ElementKind) async throws {
    try await element.run(HandOver(kind: kind))
  }

  private struct MadeRoom: ElementTest {
    let kind: QueueKind

    func run<Element: QueueElement & ~Copyable>(_: Element.Type) async throws {
      let lives = ElementLives()
      try await {
        let queue = try kind.make(Element.self, capacity: 1)
        let waiting = Waiting()
        let outcomes = Observed<[Outcome]>([])
        waiting.thread {
          for i in 0..<3 {
            let outcome = queue.enqueue(.make(i, lives), nil).outcome()
            outcomes.update { $0.append(outcome) }
          }
        }
        for i in 0..<3 {
          await outcomes.until { $0.count == i + 1 }.suspend()
          try await waiting.untilTheyWait(1)
          #expect(outcomes.now.count == i + 1, "it waits for room")
          #expect(queue.tryDequeue().number() == Element.expected(i))
        }
        #expect(outcomes.now == [.enqueued, .enqueued, .enqueued])
      }()
      #expect(try await eventually { lives.alive == 0 })
    }
  }

  @Test(arguments: QueueKind.bounding, ElementKind.allCases)
  func roomWakesAThreadThatWaitsForIt(kind: QueueKind, element: ElementKind) async throws {
    try await element.run(MadeRoom(kind: kind))
  }

  /// More than one page of waiters (64), each of which gets one element.
  @Test(arguments: [2, 70]) func eachOfManyThreadsIsWokenByItsElement(count: Int) async throws {
    for kind in [QueueKind.bounded, .unbounded] {
      let queue = try kind.make(Int.self, capacity: 4)
      let waiting = Waiting()
      let found = Observed<[Int]>([])
      for _ in 0..<count {
        waiting.thread {
          if let number = queue.dequeue() { found.update { $0.append(number) } }
        }
      }
      try await waiting.untilTheyWait(count)
      try await onThread { for i in 0..<count { _ = queue.enqueue(i, nil) } }
      await waiting.untilTheyEnd(count)
      #expect(found.now.sorted() == Array(0..<count))
    }
  }

  // MARK: - Time-outs

  private static let noTime: [Duration] = [.zero, .seconds(-1), .nanoseconds(-1), .seconds(Int64.min)]

  @Test(arguments: QueueKind.allCases, noTime)
  func withoutTimeItLooksOnce(kind: QueueKind, timeout: Duration) throws {
    let queue = try kind.make(Int.self, capacity: 1)
    #expect(queue.dequeueWithin(timeout).found() == .empty)
    #expect(queue.enqueue(1, timeout).outcome() == .enqueued)
    if kind.isBounded { #expect(queue.enqueue(2, timeout).outcome() == .full(2)) }
    #expect(queue.dequeueWithin(timeout).found() == .element(1))
    queue.close()
    #expect(queue.dequeueWithin(timeout).found() == .closed)
  }

  @Test(arguments: QueueKind.allCases, [Duration.nanoseconds(1), .microseconds(50), .milliseconds(20)])
  func aTimeOutIsNotOverBeforeItsTime(kind: QueueKind, timeout: Duration) throws {
    let queue = try kind.make(Int.self, capacity: 1)
    let clock = ContinuousClock()
    var took = clock.measure { #expect(queue.dequeueWithin(timeout).found() == .empty) }
    #expect(took >= timeout)
    guard kind.isBounded else { return }
    #expect(queue.tryEnqueue(1).isEnqueued)
    took = clock.measure { #expect(queue.enqueue(2, timeout).outcome() == .full(2)) }
    #expect(took >= timeout)
    #expect(queue.tryDequeue() == 1 && queue.tryDequeue() == nil)
  }

  /// What the clocks cannot express is as good as no limit; it used to trap.
  private static let hugeTimes: [Duration] = [
    .seconds(1 << 40), .seconds(Int64.max), .seconds(Int64.max) * 10, Duration(attoseconds: .max),
  ]

  @Test(arguments: QueueKind.allCases, hugeTimes)
  func aHugeTimeOutIsNoLimit(kind: QueueKind, timeout: Duration) async throws {
    let queue = try kind.make(Int.self, capacity: 1)
    let waiting = Waiting()
    let found = Observed<Found?>(nil)
    waiting.thread {
      let it = queue.dequeueWithin(timeout).found()
      found.update { $0 = it }
    }
    try await waiting.untilTheyWait(1)
    #expect(found.now == nil)
    #expect(queue.tryEnqueue(1).isEnqueued)
    await waiting.untilTheyEnd(1)
    #expect(found.now == .element(1))

    guard kind.isBounded else { return }
    #expect(queue.tryEnqueue(2).isEnqueued)
    waiting.thread { _ = queue.enqueue(3, timeout) }
    try await waiting.untilTheyWait(2)
    #expect(queue.tryDequeue() == 2)
    await waiting.untilTheyEnd(2)
    #expect(queue.tryDequeue() == 3)
  }

  @Test(arguments: QueueKind.bounding, noTime + hugeTimes + [Duration(attoseconds: .min)])
  func anyTimeOutIsFineForManyElements(kind: QueueKind, timeout: Duration) async throws {
    let queue = try kind.makeBulk(capacity: 2)
    let waiting = Waiting()
    let done = Count()
    waiting.thread { done.add(queue.enqueueAllWithin([1, 2, 3], timeout)) }
    if timeout > .zero {
      try await waiting.untilTheyWait(1)
      for i in 1...3 { #expect(try await queue.face.asyncDequeue() == i) }
    }
    await waiting.untilTheyEnd(1)
    #expect(done.now == (timeout > .zero ? 3 : 2))
  }

  @Test(arguments: QueueKind.bounding) func theTimeOutOfManyElementsIsForAllOfThem(kind: QueueKind) throws {
    let queue = try kind.makeBulk(capacity: 2)
    let took = ContinuousClock().measure {
      #expect(queue.enqueueAllWithin([1, 2, 3, 4], .milliseconds(20)) == 2)
    }
    #expect(took >= .milliseconds(20))
    #expect(queue.tryDequeueAtMost(9) == [1, 2])
  }

  // MARK: - Closing

  @Test(arguments: QueueKind.allCases) func aCloseWakesEveryThreadThatWaits(kind: QueueKind) async throws {
    let count = kind == .spsc ? 1 : 70
    let queue = try kind.make(Int.self, capacity: 1)
    let waiting = Waiting()
    let found = Observed<[Found]>([])
    for i in 0..<count {
      waiting.thread {
        // Some with a limit, some without.
        let it =
          i % 2 == 0
          ? queue.dequeueWithin(.seconds(1_000)).found() : queue.dequeue().map(Found.element) ?? .closed
        found.update { $0.append(it) }
      }
    }
    try await waiting.untilTheyWait(count)
    #expect(waiting.endedNow == 0)
    queue.close()
    await waiting.untilTheyEnd(count)
    #expect(found.now == Array(repeating: .closed, count: count))
  }

  @Test func aCloseWakesEveryThreadThatWaitsForRoom() async throws {
    let count = 70
    let queue = try BoundedQueue<Int>(capacity: 1)
    #expect(queue.tryEnqueue(-1).isEnqueued)
    let waiting = Waiting()
    let outcomes = Observed<[Outcome]>([])
    for i in 0..<count {
      waiting.thread {
        let it = queue.enqueue(i, timeout: i % 2 == 0 ? .seconds(1_000) : nil).outcome()
        outcomes.update { $0.append(it) }
      }
    }
    try await waiting.untilTheyWait(count)
    #expect(waiting.endedNow == 0)
    queue.close()
    await waiting.untilTheyEnd(count)
    let refused = outcomes.now.compactMap { if case .closed(let i) = $0 { i } else { nil } }
    #expect(refused.sorted() == Array(0..<count), "each has its element back")
    #expect(queue.tryDequeue() == -1 && queue.tryDequeue() == nil)
  }

  // MARK: - Rest

  /// What a thread that waits takes of a core, all spinning included. A spin of a few microseconds is
  /// 0.01 % of this time; a thread that polled would take all of it.
  @Test(arguments: QueueKind.allCases) func aThreadThatWaitsBurnsNoProcessorTime(kind: QueueKind) async throws
  {
    let queue = try kind.make(Int.self, capacity: 1)
    let used = try await onThread {
      let before = threadSeconds()
      #expect(queue.dequeueWithin(.milliseconds(300)).found() == .empty)
      return threadSeconds() - before
    }
    #expect(used < 0.015, "\(used) s of 0.3 s")
    guard kind.isBounded else { return }
    #expect(queue.tryEnqueue(1).isEnqueued)
    let usedForRoom = try await onThread {
      let before = threadSeconds()
      #expect(queue.enqueue(2, .milliseconds(300)).outcome() == .full(2))
      return threadSeconds() - before
    }
    #expect(usedForRoom < 0.015, "\(usedForRoom) s of 0.3 s")
  }
}
