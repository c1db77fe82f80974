import CSluice
import Foundation
import Testing

// What the tests of the queues share: threads, counters, one threaded run for every queue, and
// typed wrappers that do what the library does: claim in C, initialise in Swift, commit in C.

/// A counter that threads share.
final class SharedCounter: @unchecked Sendable {
  private let value: UnsafeMutablePointer<sl_atomic_u64>

  init() {
    value = .allocate(capacity: 1)
    sl_store_relaxed_u64(value, 0)
  }
  deinit { value.deallocate() }

  @discardableResult
  func add(_ n: Int) -> Int {
    Int(sl_fetch_add_acq_rel_u64(value, UInt64(bitPattern: Int64(n)))) + n
  }
  var now: Int { Int(sl_load_acquire_u64(value)) }
}

/// Runs `body` with the numbers 0 ..< count on threads of their own, and waits for all of them. Ends the
/// process, and says where, if they hang.
func onThreads(
  _ count: Int, in test: StaticString = #function, _ body: @escaping @Sendable (Int) -> Void
) {
  let group = DispatchGroup()
  for number in 0..<count {
    group.enter()
    Thread.detachNewThread {
      body(number)
      group.leave()
    }
  }
  guard group.wait(timeout: .now() + 120) == .success else { fatalError("threads hang in \(test)") }
}

/// Whether a sanitizer is in this process: memory is not what it is without.
let isSanitized: Bool = dlsym(nil, "__tsan_init") != nil || dlsym(nil, "__asan_init") != nil

/// Fewer rounds where every memory access is watched.
func rounds(_ n: Int) -> Int { isSanitized ? max(1, n / 10) : n }

func residentBytes() -> Int {
  guard let line = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
  else { return 0 }
  return (Int(line.split(separator: " ")[1]) ?? 0) * Int(getpagesize())
}

func eventually(within seconds: Double, _ condition: () -> Bool) -> Bool {
  let end = Date().addingTimeInterval(seconds)
  while !condition() {
    if Date() > end { return false }
    usleep(10_000)
  }
  return true
}

/// A moment that threads look at without a system call.
struct Deadline: Sendable {
  private let end: UInt64
  init(in seconds: Double) { end = Self.now() + UInt64(seconds * 1e9) }
  var hasPassed: Bool { Self.now() >= end }
  private static func now() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}

/// What a threaded run over a queue of numbers came to.
struct ThreadedRun {
  var pushed = 0
  var lostOrDoubled = 0
  var outOfOrder = 0
  var timedOut = false
  var isClean: Bool { pushed > 0 && lostOrDoubled == 0 && outOfOrder == 0 && !timedOut }

  /// Each producer pushes its number and 0 ..< perProducer, or as far as it gets in a second; each
  /// consumer checks that what it gets of one producer only grows; at the end every number that was
  /// pushed must have come exactly once.
  static func over(
    producers: Int, consumers: Int, perProducer: Int,
    push: @escaping @Sendable (UInt64) -> Bool, pop: @escaping @Sendable () -> UInt64?
  ) -> ThreadedRun {
    let seen = SeenNumbers(producers * perProducer)
    let pushedBy = (0..<producers).map { _ in SharedCounter() }
    let pushed = SharedCounter()
    let producing = SharedCounter()
    let taken = SharedCounter()
    let outOfOrder = SharedCounter()
    let late = SharedCounter()
    let enough = Deadline(in: 1)
    let tooLong = Deadline(in: 60)
    producing.add(producers)

    onThreads(producers + consumers) { thread in
      if thread < producers {
        var i = 0
        while i < perProducer {
          if push(UInt64(thread) << 32 | UInt64(i)) { i += 1 } else { sched_yield() }
          if i % 64 == 0 && enough.hasPassed { break }
        }
        pushedBy[thread].add(i)
        pushed.add(i)
        producing.add(-1)
        return
      }
      var next = [Int](repeating: 0, count: producers)
      while true {
        guard let number = pop() else {
          if producing.now == 0 && taken.now >= pushed.now { return }
          if tooLong.hasPassed { late.add(1) }
          if late.now > 0 { return }
          sched_yield()
          continue
        }
        taken.add(1)
        let producer = Int(number >> 32)
        let i = Int(number & 0xffff_ffff)
        guard producer < producers, i < perProducer else { continue }
        if i < next[producer] { outOfOrder.add(1) }
        next[producer] = i + 1
        seen.mark(producer * perProducer + i)
      }
    }
    var wrong = abs(taken.now - pushed.now)
    for producer in 0..<producers {
      for i in 0..<perProducer {
        let expected: UInt32 = i < pushedBy[producer].now ? 1 : 0
        if seen.marks(producer * perProducer + i) != expected { wrong += 1 }
      }
    }
    return ThreadedRun(
      pushed: pushed.now, lostOrDoubled: wrong, outOfOrder: outOfOrder.now,
      timedOut: late.now > 0)
  }
}

/// How often each number of 0 ..< count was marked.
final class SeenNumbers: @unchecked Sendable {
  private let marked: UnsafeMutablePointer<sl_atomic_u32>

  init(_ count: Int) {
    marked = .allocate(capacity: count)
    for i in 0..<count { sl_store_relaxed_u32(marked + i, 0) }
  }
  deinit { marked.deallocate() }

  func mark(_ i: Int) { _ = sl_fetch_add_relaxed_u32(marked + i, 1) }
  func marks(_ i: Int) -> UInt32 { sl_load_relaxed_u32(marked + i) }
}
