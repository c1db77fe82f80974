import CFutex
import Dispatch
import Foundation

/// What calls are compared with: two threads that pass a message to and fro over futex words and always
/// sleep.
///
/// The first row leaves their placement to the kernel, as the library does with its threads. The kernel
/// uses two cores on a quiet machine, where the second may first have to leave its idle state, and one when
/// the other core is busy, where a hand-over is a mere switch and takes an eighth of the time. The other two
/// rows tell these kinds apart.
let handOverRows = [
  row(
    "bare hand-over",
    "half a round trip between two threads that sleep on futex words, without spinning", cores: nil),
  row("bare hand-over, one core", "the same with both threads kept on one core", cores: (0, 0)),
  row("bare hand-over, two cores", "the same with each thread kept on a core of its own", cores: (0, 1)),
]

private func row(_ name: String, _ about: String, cores: (Int, Int)?) -> LatencyRow {
  LatencyRow(
    name: name, about: about, handOvers: 0,
    block: .blocking { calls in FutexPair(cores: cores).time(calls) })
}

/// Two threads, the second of which answers each message of the first.
private final class FutexPair: @unchecked Sendable {
  private let cores: (Int, Int)?
  private let words: UnsafeMutablePointer<UInt32>
  /// Each in cache lines of its own.
  private let request: UnsafeMutablePointer<UInt32>
  private let reply: UnsafeMutablePointer<UInt32>
  /// Half of the nanoseconds of each round trip. The first thread's, until it has ended.
  private var times: [UInt64] = []
  private let hasEnded = DispatchSemaphore(value: 0)

  init(cores: (Int, Int)?) {
    self.cores = cores
    let line = 128 / MemoryLayout<UInt32>.stride
    words = .allocate(capacity: 4 * line)
    words.initialize(repeating: 0, count: 4 * line)
    request = words + line
    reply = words + 2 * line
  }

  deinit { words.deallocate() }

  func time(_ calls: Int) -> [UInt64] {
    times.reserveCapacity(calls)
    start(on: cores?.0) { [self] in
      for number in 1...UInt32(calls) {
        let started = nowNanoseconds()
        bench_futex_pass(request, number)
        _ = bench_futex_await(reply, number - 1)
        times.append((nowNanoseconds() - started) / 2)
      }
    }
    start(on: cores?.1) { [self] in
      for number in 1...UInt32(calls) {
        _ = bench_futex_await(request, number - 1)
        bench_futex_pass(reply, number)
      }
    }
    hasEnded.wait()
    hasEnded.wait()
    return times
  }

  private func start(on core: Int?, _ body: @escaping @Sendable () -> Void) {
    Thread { [self] in
      // Where there is one core only, "two cores" are the same one.
      if let core, bench_pin_to_core(Int32(core)) != 0 { _ = bench_pin_to_core(0) }
      body()
      hasEnded.signal()
    }.start()
  }
}
