import CSluice

/// The slow tick: looks once a millisecond at the drivers that hold leases, and revokes the lease of
/// one that has hardly moved, because it is inside a body (or a consumer) that takes long. One that
/// only waits for a core, on a crowded machine, keeps it.
///
/// Its lock is taken when a lease begins and ends and at each tick, never for an item. Its thread
/// exists only while there are leases, and for a second after the last one.
final class Monitor: @unchecked Sendable {
  private struct Entry {
    unowned(unsafe) let worker: Worker
    /// The driver's thread, and the processor time that it had used at the last tick.
    let thread: sl_thread
    var used: UInt64
    var progress: UInt64
    var slowTicks = 0
    var goodTicks = 0
    var isNew = true
  }

  private struct State {
    var entries: [Entry] = []
    var hasThread = false
    var sleeps = false
    /// Ticks since the last lease ended.
    var emptyTicks = 0
    var pace = Pace()
  }

  private let state = Locked(State())
  private let bell: UnsafeMutablePointer<sl_atomic_u32>

  private static let keepAlive: UInt64 = 1_000_000_000

  private struct Pace {
    var tickNanoseconds: UInt64 = 1_000_000
    /// Fewer items taken and produced than this in a tick (2.5 µs each): the bodies are worth threads
    /// of their own.
    var itemsOfShortBodies: UInt64 = 400
    /// Slow ticks before a lease is revoked.
    var patience = 2
    /// How long stages are not leased after a first revocation.
    var pauseNanoseconds: UInt64 = 5_000_000
  }

  /// For tests, which revoke leases far more often than they would be.
  func setPace(tickNanoseconds: UInt64, patience: Int, itemsOfShortBodies: UInt64) {
    state.withLock {
      $0.pace = Pace(
        tickNanoseconds: tickNanoseconds, itemsOfShortBodies: itemsOfShortBodies, patience: patience,
        pauseNanoseconds: 0)
    }
  }

  func resetPace() { state.withLock { $0.pace = Pace() } }

  init() {
    bell = .allocate(capacity: 1)
    sl_store_relaxed_u32(bell, 0)
  }

  func watch(_ worker: Worker) {
    let (start, ring) = state.withLock { state in
      let thread = sl_thread_self()
      state.entries.append(
        Entry(
          worker: worker, thread: thread, used: sl_thread_cpu_nanoseconds(thread),
          progress: worker.progressOfLease))
      defer {
        state.hasThread = true
        state.sleeps = false
      }
      return (!state.hasThread, state.sleeps)
    }
    if ring {
      _ = sl_fetch_add_seq_cst_u32(bell, 1)
      sl_futex_wake(bell, 1)
    }
    if start, !startThread({ [self] in threadMain() }) {
      // Without a monitor, leases would never be revoked: the next one tries again.
      state.withLock { $0.hasThread = false }
    }
  }

  func forget(_ worker: Worker) {
    state.withLock { state in
      if let index = state.entries.firstIndex(where: { $0.worker === worker }) {
        state.entries.swapAt(index, state.entries.count - 1)
        state.entries.removeLast()
      }
    }
  }

  private func threadMain() {
    while true {
      let rings = sl_load_seq_cst_u32(bell)
      let (sleeps, tick) = state.withLock { state in
        look(at: &state.entries, state.pace)
        state.emptyTicks = state.entries.isEmpty ? state.emptyTicks + 1 : 0
        state.sleeps = state.emptyTicks > 50
        return (state.sleeps, state.pace.tickNanoseconds)
      }
      let rang = sl_futex_wait(bell, rings, sleeps ? Self.keepAlive : tick)
      if sleeps, !rang {
        let ends = state.withLock { state in
          guard state.sleeps, state.entries.isEmpty else { return false }
          state.sleeps = false
          state.hasThread = false
          state.emptyTicks = 0
          return true
        }
        if ends { return }
      }
    }
  }

  private func look(at entries: inout [Entry], _ pace: Pace) {
    // Backwards, since an entry whose lease is revoked is swapped with the last one and removed.
    for index in entries.indices.reversed() {
      let progress = entries[index].worker.progressOfLease
      let steps = progress &- entries[index].progress
      let used = sl_thread_cpu_nanoseconds(entries[index].thread)
      let worked = used &- entries[index].used
      entries[index].progress = progress
      entries[index].used = used
      if entries[index].isNew {
        entries[index].isNew = false
      } else if steps >= pace.itemsOfShortBodies {
        entries[index].slowTicks = 0
        entries[index].goodTicks += 1
        if entries[index].goodTicks % 16 == 0 { entries[index].worker.leaseGoesWell() }
      } else if worked < pace.tickNanoseconds / 2, sl_thread_is_runnable(entries[index].thread) {
        // It waits for a core, which says nothing about its bodies.
      } else {
        entries[index].slowTicks += 1
        if entries[index].slowTicks >= pace.patience,
          entries[index].worker.revokeLease(pauseNanoseconds: pace.pauseNanoseconds)
        {
          entries.swapAt(index, entries.count - 1)
          entries.removeLast()
        }
      }
    }
  }
}
