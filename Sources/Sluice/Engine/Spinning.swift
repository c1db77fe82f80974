import CSluice

/// Looking again for a few microseconds before a thread sleeps: only while there are cores for those that spin
/// beside the threads that work, so that waiting never takes a core from the work.
///
/// Pointers alone, for the reason that `QueueGauge` gives.
struct Spinning {
  /// Threads that spin.
  private let spinning: UnsafeMutablePointer<sl_atomic_u32>
  /// Threads of the engine that run a worker, and do not sleep in it.
  private let working: UnsafeMutablePointer<sl_atomic_u32>
  /// The engine's tokens that are ready and that no thread has begun to run: whoever is to do so may wait for this core.
  private let ready: OpaquePointer
  private let cores = sl_core_count()

  /// Some 9 and 30 µs.
  private static let limit = 400
  private static let longLimit = 1_500

  init(
    spinning: UnsafeMutablePointer<sl_atomic_u32>, working: UnsafeMutablePointer<sl_atomic_u32>,
    ready: OpaquePointer
  ) {
    self.ready = ready
    self.spinning = spinning
    self.working = working
  }

  /// Spinning pays only where another core can do what is waited for meanwhile.
  var isPossible: Bool { cores > 1 }

  /// - Parameters:
  ///   - isCounted: whether the calling thread is one of those that work.
  ///   - isLong: whether a sleep and a wake-up may be what it saves. Not where items come some 20 µs apart: a thread
  ///     that spins from each to the next keeps its core from others that were woken.
  /// - Returns: whether the condition came true; nil: there was no core to look for it.
  func spin(isCounted: Bool = true, isLong: Bool = false, until condition: () -> Bool) -> Bool? {
    guard isPossible else { return nil }
    defer { _ = sl_fetch_sub_relaxed_u32(spinning, 1) }
    let spinners = sl_fetch_add_relaxed_u32(spinning, 1) + 1
    let others = sl_load_relaxed_u32(working) &- (isCounted ? 1 : 0)
    guard others + spinners <= cores else { return nil }
    for _ in 0..<(isLong ? Self.longLimit : Self.limit) {
      if condition() { return true }
      if sl_unbounded_queue_count(ready) > 0 { return nil }
      sl_spin_pause()
    }
    return false
  }

  /// A thread of the engine begins to run a worker, or goes on after it has slept in the middle of it.
  func beginsWork() { _ = sl_fetch_add_relaxed_u32(working, 1) }
  func endsWork() { _ = sl_fetch_sub_relaxed_u32(working, 1) }
}
