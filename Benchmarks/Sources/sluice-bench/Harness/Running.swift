import Dispatch
import Glibc
import Synchronization

func nowNanoseconds(on clock: clockid_t = CLOCK_MONOTONIC) -> UInt64 {
  var now = timespec()
  clock_gettime(clock, &now)
  return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
}

/// Runs `work` in a task on Swift's cooperative threads. Blocks the calling thread until it is done.
func waitForTask<Value: Sendable>(_ work: @escaping @Sendable () async throws -> Value) throws -> Value {
  let answer = Answer<Value>()
  Task.detached {
    let result: Result<Value, any Error>
    do { result = .success(try await work()) } catch { result = .failure(error) }
    answer.result.withLock { $0 = result }
    answer.isThere.signal()
  }
  answer.isThere.wait()
  guard let result = answer.result.withLock({ $0 }) else { fatalError("a task ended without a result") }
  return try result.get()
}

private final class Answer<Value: Sendable>: Sendable {
  let result = Mutex<Result<Value, any Error>?>(nil)
  let isThere = DispatchSemaphore(value: 0)
}

/// The value, of which the optimiser then knows nothing.
@inline(never) @_optimize(none)
func opaque<Value>(_ value: Value) -> Value { value }
