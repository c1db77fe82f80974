import CSluice

/// The slow tick: looks once a millisecond at the drivers that hold leases, and revokes the lease of
/// one that has hardly moved, because it is inside a body (or a consumer) that takes long. One that
/// only waits for a core, on a crowded machine, keeps it. It also looks once at each worker that has
/// begun to wait for a queue (see `WaitWatch`).
///
/// Its lock is taken when a lease begins and ends, once for each worker that waits, when a run ends, and at each
/// tick, never for an item. Its thread exists only while there are leases or waits, and for a second after the
/// last one.
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

  private struct Wait {
    let watch: Unmanaged<WaitWatch>
    let number: UInt64
    /// Whether it was there at the last tick.
    var isOld = false

    /// The worker, if it is still in this wait.
    var worker: Worker? {
      let watch = watch.takeUnretainedValue()
      return watch.number == number ? watch.worker : nil
    }
  }

  private struct State {
    var entries: [Entry] = []
    /// Those who wait patiently since the last tick.
    var waits: [Wait] = []
    var hasThread = false
    var sleeps = false
    /// Ticks since the last lease ended.
    var emptyTicks = 0
    var pace = Pace()
  }

  private let state = Locked(State())
  private let bell: UnsafeMutablePointer<sl_atomic_u32>
  /// Workers that have begun to wait since the last tick.
  private let inbox: UnsafeMutablePointer<sl_inbox>
  /// Runs that were dropped since the last tick.
  private let abandoned: UnsafeMutablePointer<sl_inbox>
  /// Whether the thread looks every millisecond, so that nobody need ring.
  private let isTicking: UnsafeMutablePointer<sl_atomic_u32>

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

    /// What passing an item from core to core costs, or so.
    private static let nanosecondsOfHandOver: UInt64 = 200
    /// What a driver must have worked for a judgement.
    private static let leastWork: UInt64 = 100_000

    /// Whether items took so long that other workers of the driver's stage, where there are any, are better at work
    /// beside it, on other cores.
    func isDear(items: UInt64, nanoseconds: UInt64) -> Bool {
      nanoseconds > max(items * Self.nanosecondsOfHandOver, Self.leastWork)
    }
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
    isTicking = .allocate(capacity: 1)
    sl_store_relaxed_u32(isTicking, 0)
    inbox = .allocate(capacity: 1)
    sl_inbox_init(inbox)
    abandoned = .allocate(capacity: 1)
    sl_inbox_init(abandoned)
  }

  func watch(_ worker: Worker) {
    state.withLock { state in
      let thread = sl_thread_self()
      state.entries.append(
        Entry(
          worker: worker, thread: thread, used: sl_thread_cpu_nanoseconds(thread),
          progress: worker.progressOfLease))
    }
    startTicking()
  }

  /// Looks at the next tick whether the worker, which has announced that it waits, has something to do. The
  /// holder's.
  func lookLater(at worker: Worker) {
    guard sl_process_barrier_available() else { return }
    if worker.watch == nil { worker.watch = makeWatch(worker) }
    guard let watch = worker.watch, watch.put(into: inbox) else { return }
    sl_fence_seq_cst()
    startTicking()
  }

  /// Nil if the run has ended, which wakes the worker by itself.
  private func makeWatch(_ worker: Worker) -> WaitWatch? {
    state.withLock { _ in
      if worker.run.waitsAreForgotten { return nil }
      let watch = WaitWatch(worker)
      worker.run.watches.append(watch)
      return watch
    }
  }

  /// The workers of the run, which has ended, are not looked at any more.
  func forgetWaits(of run: RunCore) {
    state.withLock { _ in run.letGoOfWaits() }
  }

  /// The same where the caller must not wait for the monitor: at the next tick, which keeps the run until then.
  func forgetWaitsLater(of run: RunCore) {
    WaitsToForget(run).put(into: abandoned)
    sl_fence_seq_cst()
    startTicking()
  }

  private func startTicking() {
    if sl_load_relaxed_u32(isTicking) != 0 { return }
    let (start, ring) = state.withLock { state in
      defer {
        state.hasThread = true
        state.sleeps = false
        sl_store_relaxed_u32(isTicking, 1)
      }
      return (!state.hasThread, state.sleeps)
    }
    if ring {
      _ = sl_fetch_add_seq_cst_u32(bell, 1)
      sl_futex_wake(bell, 1)
    }
    if start, !startThread({ [self] in threadMain() }) {
      // Without a monitor, leases would never be revoked: the next one tries again.
      state.withLock {
        $0.hasThread = false
        sl_store_relaxed_u32(isTicking, 0)
      }
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
        let hadWaits = lookAtWaits(&state.waits)
        look(at: &state.entries, state.pace)
        state.emptyTicks = state.entries.isEmpty && !hadWaits ? state.emptyTicks + 1 : 0
        state.sleeps = state.emptyTicks > 50
        if state.sleeps {
          sl_store_seq_cst_u32(isTicking, 0)
          sl_fence_seq_cst()
          if !sl_inbox_is_empty(inbox) || !sl_inbox_is_empty(abandoned) {
            state.sleeps = false
            sl_store_relaxed_u32(isTicking, 1)
          }
        }
        return (state.sleeps, state.pace.tickNanoseconds)
      }
      let rang = sl_futex_wait(bell, rings, sleeps ? Self.keepAlive : tick)
      if sleeps, !rang {
        let ends = state.withLock { state in
          guard state.sleeps, state.entries.isEmpty, sl_inbox_is_empty(inbox), sl_inbox_is_empty(abandoned)
          else { return false }
          state.sleeps = false
          state.hasThread = false
          state.emptyTicks = 0
          return true
        }
        if ends { return }
      }
    }
  }

  /// A worker that waits patiently is left alone at the first tick; at the second one, unless it is another wait by
  /// then, its patience ends. Who has something to do is woken; only for those that have nothing, as far as can be seen
  /// without it, the barrier is passed. So in flows nobody is interrupted by it. Returns whether there were any waits.
  private func lookAtWaits(_ waits: inout [Wait]) -> Bool {
    var next = sl_inbox_take_all(inbox)
    while let node = next {
      let watch = Unmanaged<WaitWatch>.fromOpaque(node.pointee.owner)
      next = sl_inbox_take_out(node)
      waits.append(Wait(watch: watch, number: watch.takeUnretainedValue().number))
    }
    forgetAbandoned()
    if waits.isEmpty { return false }
    var kept: [Wait] = []
    waits.removeAll { wait in
      let worker = wait.worker
      if let worker {
        if worker.waitsPatiently, !wait.isOld {
          kept.append(Wait(watch: wait.watch, number: wait.number, isOld: true))
          return true
        }
        if wait.isOld { worker.endPatience() }
        if !worker.wakeIfReady() { return false }
      }
      wait.watch.release()
      return true
    }
    if !waits.isEmpty {
      sl_process_barrier()
      for wait in waits {
        _ = wait.worker?.wakeIfReady()
        wait.watch.release()
      }
    }
    waits = kept
    return true
  }

  private func forgetAbandoned() {
    var next = sl_inbox_take_all(abandoned)
    while let node = next {
      next = sl_inbox_take_out(node)
      let waits = Unmanaged<WaitsToForget>.fromOpaque(node.pointee.owner).takeRetainedValue()
      waits.run.letGoOfWaits()
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
      // Its neighbours wait for nothing but this lease.
      let isDear = entries[index].worker.hasNeighbours && pace.isDear(items: steps / 2, nanoseconds: worked)
      if isDear, entries[index].worker.revokeLease(pauseNanoseconds: pace.pauseNanoseconds) {
        entries.swapAt(index, entries.count - 1)
        entries.removeLast()
      } else if entries[index].isNew {
        entries[index].isNew = false
      } else if steps >= pace.itemsOfShortBodies, !isDear {
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
