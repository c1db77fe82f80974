import CFutex
import Dispatch
import Foundation
import Sluice

/// How long an element takes from one thread to another that has nothing else to do.
///
/// *Spinning*: the receiver polls; half a round trip. *At rest*: the receiver has been asleep for a while
/// when the element comes; from before the enqueue to after the dequeue, by the system's clock. The
/// same with a bare futex word is beside it.
let queueHandOverRows = [
  row("bare hand-over at rest", "a word and a futex: to a thread that has slept for 200 µs") { calls in
    timeAtRest(calls, through: FutexWord())
  },
  row("bounded queue at rest", "BoundedQueue: to a thread in dequeue() that has slept for 200 µs") { calls in
    timeAtRest(calls, through: BoundedHandOver(try BoundedQueue(capacity: 1_024)))
  },
  row("unbounded queue at rest", "UnboundedQueue: the same") { calls in
    timeAtRest(calls, through: UnboundedHandOver())
  },
  row("SPSC queue at rest", "SPSCQueue: the same") { calls in
    timeAtRest(calls, through: SPSCHandOver(try SPSCQueue(capacity: 1_024)))
  },
  row(
    "bounded queue to a task", "BoundedQueue: to a task in await dequeue() that has been suspended for 200 µs"
  ) {
    calls in timeToTask(calls, try BoundedQueue(capacity: 1_024))
  },
  row("bounded queue, spinning", "BoundedQueue: half a round trip between two threads that poll") { calls in
    timeSpinning(
      calls, try BoundedQueue<UInt64>(capacity: 1_024), try BoundedQueue<UInt64>(capacity: 1_024),
      send: { queue, x in queue.tryEnqueue(x).isEnqueued }, receive: { queue in queue.tryDequeue() })
  },
  row("unbounded queue, spinning", "UnboundedQueue: the same") { calls in
    timeSpinning(
      calls, UnboundedQueue<UInt64>(), UnboundedQueue<UInt64>(),
      send: { queue, x in queue.enqueue(x).isEnqueued }, receive: { queue in queue.tryDequeue() })
  },
]

private func row(
  _ name: String, _ about: String, _ block: @escaping @Sendable (Int) throws -> [UInt64]
) -> LatencyRow {
  LatencyRow(name: name, about: about, handOvers: 1, block: .blocking(block))
}

// MARK: - At rest

/// What passes a number to a thread that sleeps until there is one.
private protocol HandOver: Sendable {
  func send(_ number: UInt64)
  func receiveAll(_ count: Int, _ body: (UInt64) -> Void)
}

/// Sends the time, and has the receiver take the difference.
private func timeAtRest(_ calls: Int, through handOver: some HandOver) -> [UInt64] {
  let times = Times(calls)
  let hasEnded = DispatchSemaphore(value: 0)
  Thread {
    handOver.receiveAll(calls) { sent in times.add(nowNanoseconds() - sent) }
    hasEnded.signal()
  }.start()
  for _ in 0..<calls {
    usleep(200)
    handOver.send(nowNanoseconds())
  }
  hasEnded.wait()
  return times.all
}

private func timeToTask(_ calls: Int, _ queue: BoundedQueue<UInt64>) -> [UInt64] {
  let times = Times(calls)
  let hasEnded = DispatchSemaphore(value: 0)
  Task {
    while let sent = try? await queue.dequeue() { times.add(nowNanoseconds() - sent) }
    hasEnded.signal()
  }
  for _ in 0..<calls {
    usleep(200)
    precondition(queue.tryEnqueue(nowNanoseconds()).isEnqueued)
  }
  queue.close()
  hasEnded.wait()
  return times.all
}

/// The receiver's until it has ended.
private final class Times: @unchecked Sendable {
  private(set) var all: [UInt64] = []
  init(_ count: Int) { all.reserveCapacity(count) }
  func add(_ time: UInt64) { all.append(time) }
}

/// One word that counts what was sent; the numbers beside it.
private final class FutexWord: HandOver, @unchecked Sendable {
  private let word: UnsafeMutablePointer<UInt32>
  private let numbers: UnsafeMutablePointer<UInt64>
  private var sent: UInt32 = 0

  init() {
    word = .allocate(capacity: 64)
    word.initialize(repeating: 0, count: 64)
    numbers = .allocate(capacity: 1_024)
    numbers.initialize(repeating: 0, count: 1_024)
  }

  deinit {
    word.deallocate()
    numbers.deallocate()
  }

  func send(_ number: UInt64) {
    numbers[Int(sent % 1_024)] = number
    sent += 1
    bench_futex_pass(word, sent)
  }

  func receiveAll(_ count: Int, _ body: (UInt64) -> Void) {
    var seen: UInt32 = 0
    while seen < count {
      let present = bench_futex_await(word, seen)
      while seen < present {
        body(numbers[Int(seen % 1_024)])
        seen += 1
      }
    }
  }
}

private final class BoundedHandOver: HandOver {
  private let queue: BoundedQueue<UInt64>
  init(_ queue: BoundedQueue<UInt64>) { self.queue = queue }

  func send(_ number: UInt64) { precondition(queue.tryEnqueue(number).isEnqueued) }

  func receiveAll(_ count: Int, _ body: (UInt64) -> Void) {
    for _ in 0..<count { if let number = queue.dequeue() { body(number) } }
  }
}

private final class UnboundedHandOver: HandOver {
  private let queue = UnboundedQueue<UInt64>()

  func send(_ number: UInt64) { precondition(queue.enqueue(number).isEnqueued) }

  func receiveAll(_ count: Int, _ body: (UInt64) -> Void) {
    for _ in 0..<count { if let number = queue.dequeue() { body(number) } }
  }
}

/// The sender's thread is the only one that sends.
private final class SPSCHandOver: HandOver, @unchecked Sendable {
  private let queue: SPSCQueue<UInt64>
  private var producer: SPSCQueue<UInt64>.Producer?

  init(_ queue: SPSCQueue<UInt64>) {
    self.queue = queue
    producer = try? queue.takeProducer()
  }

  func send(_ number: UInt64) { precondition(producer?.tryEnqueue(number).isEnqueued == true) }

  func receiveAll(_ count: Int, _ body: (UInt64) -> Void) {
    guard var consumer = try? queue.takeConsumer() else { return }
    for _ in 0..<count { if let number = consumer.dequeue() { body(number) } }
  }
}

// MARK: - Spinning

/// Half of the time of each round trip between two threads that poll.
private func timeSpinning<Queue: Sendable>(
  _ calls: Int, _ request: Queue, _ reply: Queue,
  send: @escaping @Sendable (Queue, UInt64) -> Bool, receive: @escaping @Sendable (Queue) -> UInt64?
) -> [UInt64] {
  let hasEnded = DispatchSemaphore(value: 0)
  Thread {
    for _ in 0..<calls { precondition(send(reply, poll(request, receive))) }
    hasEnded.signal()
  }.start()
  var times: [UInt64] = []
  times.reserveCapacity(calls)
  for number in 0..<UInt64(calls) {
    let started = nowNanoseconds()
    precondition(send(request, number))
    precondition(poll(reply, receive) == number)
    times.append((nowNanoseconds() - started) / 2)
  }
  hasEnded.wait()
  return times
}

private func poll<Queue>(_ queue: Queue, _ receive: (Queue) -> UInt64?) -> UInt64 {
  while true {
    // The other thread may need this core: on a busy machine, polling for ever would measure that.
    for _ in 0..<1_000 { if let number = receive(queue) { return number } }
    sched_yield()
  }
}
