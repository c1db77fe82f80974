import Foundation

// What producers and consumers do in a round, as threads and as tasks.

/// A time-out about as long as a wake-up takes.
private func shortTime(_ chance: inout SeededGenerator) -> Duration {
  .nanoseconds(Int.random(in: 0...(chance.chance(50) ? 2_000 : 100_000), using: &chance))
}

/// A thread or task of a round.
protocol Worker: Sendable {
  var isTask: Bool { get }
  var station: Station { get }
  mutating func runAsThread()
  mutating func runAsTask() async
}

struct ProducerWork: Worker {
  let number: Int
  let count: Int
  let isTask: Bool
  let operations: [Operation]
  let port: SendPort
  let ledger: Ledger
  let close: @Sendable () -> Void
  /// Whether the last producer closes the queue without waiting for the consumers.
  let closesAtOnce: Bool
  /// Whether it sends its next element only when all of the producers' last ones have come.
  let isInStep: Bool
  var chance: SeededGenerator
  let station: Station

  init(
    number: Int, count: Int, isTask: Bool, operations: [Operation], port: SendPort, ledger: Ledger,
    close: @escaping @Sendable () -> Void, closesAtOnce: Bool, isInStep: Bool,
    chance: SeededGenerator
  ) {
    (self.number, self.count, self.isTask, self.operations) = (number, count, isTask, operations)
    (self.port, self.ledger, self.close, self.closesAtOnce) = (port, ledger, close, closesAtOnce)
    (self.isInStep, self.chance) = (isInStep, chance)
    station = Station("producer \(number), a \(isTask ? "task" : "thread")")
  }

  private func elements(_ range: Range<Int>) -> [UInt64] { range.map { Ledger.element(number, $0) } }

  private mutating func batch(from i: Int) -> [UInt64] {
    elements(i..<min(count, i + Int.random(in: 1...10, using: &chance)))
  }

  /// Books an answer for element `i`; nil: the end.
  private func next(_ i: Int, _ answer: Answer, wasClosed: Bool) -> Int? {
    switch answer {
    case .sent:
      if wasClosed { ledger.complain("element \(i) of producer \(number) got in after the close") }
      return i + 1
    case .full, .cancelled: return i
    case .closed: return nil
    }
  }

  /// Some time for the consumers to fall asleep, up to about as long as they spin before that.
  private mutating func giveThemTime() {
    for _ in 0..<(chance.chance(50) ? 0 : Int.random(in: 0...2_000, using: &chance)) { spin() }
  }

  private func mayGoOn(_ i: Int) -> Bool { ledger.receivedNow >= i * ledger.producers }

  private func end(_ i: Int) {
    let isDrained = ledger.producerEnds(number, accepted: i)
    if isDrained || (closesAtOnce && ledger.allProducersHaveEnded) { close() }
    station.end(done: i)
  }

  mutating func runAsThread() {
    var i = 0
    while i < count {
      let operation = chance.pick(operations)
      let wasClosed = ledger.isClosed
      station.begin(operation, done: i)
      var answer = Answer.full
      switch operation {
      case .manyNow:
        let done = port.manyNow(batch(from: i))
        if done > 0, wasClosed { ledger.complain("producer \(number) got in \(done) after the close") }
        i += done
        if i == count { continue }
        answer = port.now(Ledger.element(number, i))
      case .manyBlocking:
        let elements = batch(from: i)
        let done = port.manyBlocking(elements)
        i += done
        if done == elements.count { continue }
        answer = port.now(Ledger.element(number, i))
        if answer != .closed {
          ledger.complain("\(done) of \(elements.count) sent, but the queue is not closed")
        }
      case .blocking: answer = port.blocking(Ledger.element(number, i), nil)
      case .timed: answer = port.blocking(Ledger.element(number, i), shortTime(&chance))
      default: answer = port.now(Ledger.element(number, i))
      }
      if operation == .blocking, answer == .full { ledger.complain("full, without a limit to the wait") }
      guard let next = next(i, answer, wasClosed: wasClosed) else { break }
      if next == i { sched_yield() }
      i = next
      if isInStep {
        while !mayGoOn(i) { sched_yield() }
        giveThemTime()
      }
    }
    end(i)
  }

  mutating func runAsTask() async {
    var i = 0
    while i < count {
      let operation = chance.pick(operations)
      let wasClosed = ledger.isClosed
      station.begin(operation, done: i)
      var answer = Answer.full
      switch operation {
      case .manyNow:
        i += port.manyNow(batch(from: i))
        if i == count { continue }
        answer = port.now(Ledger.element(number, i))
      case .manySuspending:
        let elements = batch(from: i)
        let done = await port.manySuspending(elements)
        i += done
        if done == elements.count { continue }
        answer = port.now(Ledger.element(number, i))
        if answer != .closed {
          ledger.complain("\(done) of \(elements.count) sent, but the queue is not closed")
        }
      case .suspending: answer = await port.suspending(Ledger.element(number, i))
      case .cancelled:
        let (port, element) = (port, Ledger.element(number, i))
        answer = await cancelled(&chance) { await port.suspending(element) }
      default: answer = port.now(Ledger.element(number, i))
      }
      if operation == .suspending, answer == .full || answer == .cancelled {
        ledger.complain("\(answer), without a reason")
      }
      guard let next = next(i, answer, wasClosed: wasClosed) else { break }
      if next == i { await Task.yield() }
      i = next
      if isInStep {
        while !mayGoOn(i) { await Task.yield() }
        giveThemTime()
      }
    }
    end(i)
  }
}

/// Runs `body` in a task of its own that is cancelled while it begins, waits or is woken.
private func cancelled<Result: Sendable>(
  _ chance: inout SeededGenerator, _ body: @escaping @Sendable () async -> Result
) async -> Result {
  let task = Task.detached { await body() }
  switch Int.random(in: 0..<4, using: &chance) {
  case 0: break
  case 1: await Task.yield()
  case 2: for _ in 0..<Int.random(in: 1...6, using: &chance) { await Task.yield() }
  default: for _ in 0..<Int.random(in: 0...2_000, using: &chance) { spin() }
  }
  task.cancel()
  return await task.value
}

@inline(never) private func spin() {}

struct ConsumerWork: Worker {
  let number: Int
  let isTask: Bool
  let operations: [Operation]
  let port: ReceivePort
  let ledger: Ledger
  let close: @Sendable () -> Void
  /// Goes after so many elements, if that is before the end, and then does `leave`.
  let leavesAfter: Int
  let leave: @Sendable () -> Void
  var chance: SeededGenerator
  let station: Station

  private var next: [Int]
  private var done = 0

  init(
    number: Int, isTask: Bool, operations: [Operation], port: ReceivePort, ledger: Ledger,
    close: @escaping @Sendable () -> Void, leavesAfter: Int, leave: @escaping @Sendable () -> Void,
    chance: SeededGenerator
  ) {
    (self.number, self.isTask, self.operations, self.port) = (number, isTask, operations, port)
    (self.ledger, self.close, self.leavesAfter, self.leave) = (ledger, close, leavesAfter, leave)
    self.chance = chance
    station = Station("consumer \(number), a \(isTask ? "task" : "thread")")
    next = Array(repeating: 0, count: ledger.producers)
  }

  private mutating func book(_ element: UInt64) {
    if ledger.received(element, &next, by: number) { close() }
    done += 1
  }

  private mutating func book(_ elements: [UInt64], atMost limit: Int) {
    if elements.count > limit { ledger.complain("\(elements.count) elements, not at most \(limit)") }
    for element in elements { book(element) }
  }

  mutating func runAsThread() {
    while done < leavesAfter {
      let operation = chance.pick(operations)
      station.begin(operation, done: done)
      var result = Received.empty
      switch operation {
      case .manyNow:
        let limit = Int.random(in: 1...10, using: &chance)
        let elements = port.manyNow(limit)
        book(elements, atMost: limit)
        if elements.count == limit { continue }
        result = port.now()
      case .manyBlocking:
        let limit = Int.random(in: 1...10, using: &chance)
        let elements = port.manyBlocking(limit)
        book(elements, atMost: limit)
        if !elements.isEmpty { continue }
        result = .closed
      case .blocking: result = port.blocking(nil)
      case .timed: result = port.blocking(shortTime(&chance))
      default: result = port.now()
      }
      // Without waiting, the end looks like "empty": a wait tells them apart, and does not wait there.
      if case .empty = result, port.isClosed() { result = port.blocking(nil) }
      switch result {
      case .element(let element): book(element)
      case .empty: sched_yield()
      case .cancelled: ledger.complain("a thread was cancelled")
      case .closed:
        station.end(done: done)
        return
      }
    }
    leave()
    station.end(done: done)
  }

  mutating func runAsTask() async {
    while done < leavesAfter {
      let operation = chance.pick(operations)
      station.begin(operation, done: done)
      var result = Received.empty
      switch operation {
      case .manyNow:
        let limit = Int.random(in: 1...10, using: &chance)
        let elements = port.manyNow(limit)
        book(elements, atMost: limit)
        if elements.count == limit { continue }
        result = port.now()
      case .manySuspending:
        let limit = Int.random(in: 1...10, using: &chance)
        let elements = await port.manySuspending(limit) ?? []
        book(elements, atMost: limit)
        if !elements.isEmpty { continue }
        result = .closed
      case .suspending: result = await port.suspending()
      case .cancelled:
        let port = port
        result = await cancelled(&chance) { await port.suspending() }
      default: result = port.now()
      }
      if case .empty = result, port.isClosed() { result = await port.suspending() }
      switch result {
      case .element(let element): book(element)
      case .empty: await Task.yield()
      case .cancelled: if operation != .cancelled { ledger.complain("cancelled, without a reason") }
      case .closed:
        station.end(done: done)
        return
      }
    }
    leave()
    station.end(done: done)
  }
}

/// Closes the queue when so many elements have come.
struct CloserWork: Worker {
  let ledger: Ledger
  let enough: Int
  let close: @Sendable () -> Void
  let isTask = false
  let station = Station("closer, a thread")

  func runAsThread() {
    while ledger.receivedNow < enough, !ledger.isClosed { sched_yield() }
    close()
    station.end(done: 0)
  }

  func runAsTask() async {}
}
