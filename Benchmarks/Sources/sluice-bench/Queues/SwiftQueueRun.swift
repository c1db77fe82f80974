import CSluice
import Glibc
import Sluice
import Synchronization

/// The Swift types, measured as `peers/bench_queue.hpp` measures all others: the same threads, waiting and
/// checksum. What is said there holds here.
struct SwiftQueueRun {
  let producers: Int
  let consumers: Int
  let capacity: Int
  let elements: Int
  let batch: Int

  struct Outcome {
    let seconds: Double
    let ok: Bool
  }
}

/// An end of a queue.
protocol SendingEnd: ~Copyable {
  mutating func push(_ element: UInt64) -> Bool
  mutating func push(moving elements: UnsafeMutableBufferPointer<UInt64>) -> Int
}

protocol ReceivingEnd: ~Copyable {
  mutating func pop() -> UInt64?
  mutating func pop(into elements: UnsafeMutableBufferPointer<UInt64>) -> Int
}

private struct Waiting {
  private var looks = 0

  mutating func step() {
    if looks < 8 {
      looks += 1
      sl_spin_pause()
    } else {
      sched_yield()
    }
  }
}

/// On cache lines of its own.
private final class ProducersLeft: Sendable {
  private let padding: InlinePadding = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
  let count: Atomic<Int>
  private let padding2: InlinePadding = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)

  init(_ producers: Int) { count = Atomic(producers) }
}

private typealias InlinePadding = (
  Int, Int, Int, Int, Int, Int, Int, Int, Int, Int, Int, Int, Int, Int, Int, Int
)

private struct Received {
  var count: UInt64 = 0
  var sum: UInt64 = 0
  var endedAt: UInt64 = 0
}

/// What the threads of one run share.
final class SwiftQueueThreads: @unchecked Sendable {
  let run: SwiftQueueRun
  fileprivate let producersLeft: ProducersLeft
  fileprivate let received = Mutex<[Received]>([])
  fileprivate let arrived = Atomic<Int>(0)
  private let barrier = UnsafeMutablePointer<pthread_barrier_t>.allocate(capacity: 1)

  init(_ run: SwiftQueueRun) {
    self.run = run
    producersLeft = ProducersLeft(run.producers)
    pthread_barrier_init(barrier, nil, UInt32(run.producers + run.consumers + 1))
  }

  deinit {
    pthread_barrier_destroy(barrier)
    barrier.deallocate()
  }

  func waitForStart() {
    arrived.add(1, ordering: .relaxed)
    pthread_barrier_wait(barrier)
  }

  func letGo() { pthread_barrier_wait(barrier) }
}

extension SwiftQueueThreads {
  /// The work of producer `index`, through its end.
  @inline(__always)
  func produce<End: SendingEnd & ~Copyable>(_ index: Int, _ end: inout End) {
    let share = run.elements / run.producers
    let rest = run.elements % run.producers
    let first = 1 + index * share + min(index, rest)
    let all = UInt64(first)..<UInt64(first + share + (index < rest ? 1 : 0))
    if run.batch == 1 {
      for element in all {
        var waiting = Waiting()
        while !end.push(element) { waiting.step() }
      }
    } else {
      produceMany(all, &end)
    }
    producersLeft.count.subtract(1, ordering: .releasing)
  }

  @inline(__always)
  private func produceMany<End: SendingEnd & ~Copyable>(_ all: Range<UInt64>, _ end: inout End) {
    let elements = UnsafeMutableBufferPointer<UInt64>.allocate(capacity: run.batch)
    defer { elements.deallocate() }
    var next = all.lowerBound
    while next < all.upperBound {
      let count = min(run.batch, Int(all.upperBound - next))
      for offset in 0..<count { elements[offset] = next + UInt64(offset) }
      next += UInt64(count)
      var waiting = Waiting()
      var done = 0
      while done < count {
        let pushed = end.push(moving: UnsafeMutableBufferPointer(rebasing: elements[done..<count]))
        done += pushed
        if pushed == 0 { waiting.step() }
      }
    }
  }

  /// The work of a consumer, through its end.
  @inline(__always)
  func consume<End: ReceivingEnd & ~Copyable>(_ end: inout End) {
    var result = Received()
    if run.batch == 1 {
      while result.count < run.elements, let element = receive(&end) {
        result.count += 1
        result.sum &+= element
      }
    } else {
      consumeMany(&end, &result)
    }
    result.endedAt = nowNanoseconds()
    received.withLock { $0.append(result) }
  }

  @inline(__always)
  private func receive<End: ReceivingEnd & ~Copyable>(_ end: inout End) -> UInt64? {
    var waiting = Waiting()
    while true {
      if let element = end.pop() { return element }
      if producersLeft.count.load(ordering: .acquiring) == 0 { return end.pop() }
      waiting.step()
    }
  }

  @inline(__always)
  private func consumeMany<End: ReceivingEnd & ~Copyable>(_ end: inout End, _ result: inout Received) {
    let elements = UnsafeMutableBufferPointer<UInt64>.allocate(capacity: run.batch)
    defer { elements.deallocate() }
    var waiting = Waiting()
    while result.count < run.elements {
      var got = end.pop(into: elements)
      if got == 0, producersLeft.count.load(ordering: .acquiring) == 0 {
        got = end.pop(into: elements)
        if got == 0 { break }
      }
      if got == 0 {
        waiting.step()
        continue
      }
      waiting = Waiting()
      result.count += UInt64(got)
      for offset in 0..<got { result.sum &+= elements[offset] }
    }
  }
}

extension SwiftQueueRun {
  /// Runs one thread for each end.
  func measure(
    producer: @escaping @Sendable (SwiftQueueThreads, Int) -> Void,
    consumer: @escaping @Sendable (SwiftQueueThreads) -> Void
  ) -> Outcome {
    let threads = SwiftQueueThreads(self)
    var handles: [pthread_t] = []
    for index in 0..<producers { handles.append(startThread { producer(threads, index) }) }
    for _ in 0..<consumers { handles.append(startThread { consumer(threads) }) }
    while threads.arrived.load(ordering: .relaxed) < producers + consumers { sched_yield() }
    let started = nowNanoseconds()
    threads.letGo()
    for handle in handles { pthread_join(handle, nil) }
    let received = threads.received.withLock { $0 }
    let n = UInt64(elements)
    let expected = n % 2 == 0 ? n / 2 &* (n + 1) : (n + 1) / 2 &* n
    return Outcome(
      seconds: Double((received.map(\.endedAt).max() ?? started) - started) / 1e9,
      ok: received.reduce(0) { $0 + $1.count } == n && received.reduce(0) { $0 &+ $1.sum } == expected)
  }
}

private final class ThreadBody {
  let body: @Sendable () -> Void
  init(_ body: @escaping @Sendable () -> Void) { self.body = body }
}

private func startThread(_ body: @escaping @Sendable () -> Void) -> pthread_t {
  var handle = pthread_t()
  let box = Unmanaged.passRetained(ThreadBody(body))
  let status = pthread_create(
    &handle, nil,
    { argument in
      guard let argument else { return nil }
      Unmanaged<ThreadBody>.fromOpaque(argument).takeRetainedValue().body()
      return nil
    }, box.toOpaque())
  guard status == 0 else { fatalError("pthread_create: \(status)") }
  return handle
}
