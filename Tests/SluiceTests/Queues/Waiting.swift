import Foundation
import Testing

/// Whether a sanitizer is in this process, which ends it when more memory is asked for than there can be.
let isSanitized = dlsym(nil, "__asan_init") != nil || dlsym(nil, "__tsan_init") != nil

/// Processor time that the calling thread has used, in seconds.
func threadSeconds() -> Double { seconds(of: CLOCK_THREAD_CPUTIME_ID) }

/// Processor time that all threads of the process have used, in seconds.
func processSeconds() -> Double { seconds(of: CLOCK_PROCESS_CPUTIME_ID) }

private func seconds(of clock: clockid_t) -> Double {
  var time = timespec()
  clock_gettime(clock, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

/// Threads and tasks that wait, or are about to: started by a test that lets them go later.
final class Waiting: Sendable {
  private let started = Count()
  private let threads = Observed<[Int]>([])
  private let ended = Count()

  /// A thread that runs `body`, which is to wait.
  func thread(_ body: @escaping @Sendable () -> Void) {
    Thread.detachNewThread { [self] in
      threads.update { $0.append(threadNumber()) }
      started.add()
      body()
      ended.add()
    }
  }

  /// A task that runs `body`, which is to wait.
  @discardableResult
  func task(_ body: @escaping @Sendable () async -> Void) -> Task<Void, Never> {
    Task.detached { [self] in
      started.add()
      await body()
      ended.add()
    }
  }

  var endedNow: Int { ended.now }

  /// Until `count` have begun, the threads among them sleep, and the tasks have had time to suspend.
  ///
  /// A test that goes on from here is right whoever waits by now; that most do makes it a sharper test.
  func untilTheyWait(_ count: Int) async throws {
    await started.reaching(count).suspend()
    let asleep = try await eventually { threads.now.allSatisfy(isAsleep) }
    #expect(asleep, "a thread that waits does not come to rest")
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<(4 * ProcessInfo.processInfo.activeProcessorCount) {
        group.addTask { for _ in 0..<20 { await Task.yield() } }
      }
    }
  }

  func untilTheyEnd(_ count: Int) async { await ended.reaching(count).suspend() }
}

/// Whether the thread of this process sleeps.
private func isAsleep(_ thread: Int) -> Bool {
  let text = textOfFile("/proc/self/task/\(thread)/stat")
  guard let name = text.lastIndex(of: ")") else { return true }  // it has ended
  return text[name...].dropFirst(2).first == "S"
}
