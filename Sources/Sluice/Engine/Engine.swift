import CSluice
import Glibc

/// The threads of the process that run stages: kept for reuse, added when work is ready and every
/// thread is inside a body, and ended when they have had nothing to do for a second.
///
/// After the scheduler of Go: tokens that are ready stand in one lock-free queue; at most one thread
/// searches at a time, a thread that finds work wakes the next one if there is more, and who makes a
/// token ready while somebody searches need not wake anybody. Unlike Go's, the number of threads has
/// no bound but the number of workers: a body may block for as long as it likes.
@usableFromInline
final class Engine: @unchecked Sendable {
  @usableFromInline static let shared = Engine()

  let monitor = Monitor()
  private let ready: OpaquePointer
  /// Threads that look for work, or were told to.
  private let searching: UnsafeMutablePointer<sl_atomic_u32>
  /// Threads that sleep, less those that a permit was given to.
  private let idle: UnsafeMutablePointer<sl_atomic_u32>
  private let permits: UnsafeMutablePointer<sl_atomic_u32>
  let spinning: Spinning

  /// How long a thread without work is kept, in nanoseconds.
  private static let keepAlive: UInt64 = 1_000_000_000

  private init() {
    let size = MemoryLayout<UnsafeMutableRawPointer>.stride
    guard let queue = sl_unbounded_queue_create(size, MemoryLayout<UnsafeMutableRawPointer>.alignment)
    else { fatalError("Sluice: out of memory for the run queue") }
    ready = queue
    // Now, and not at some later moment of a run, so that the number of threads tells something.
    sl_unbounded_queue_start_reclaimer()
    let line = Int(SL_NO_SHARE) / MemoryLayout<sl_atomic_u32>.stride
    let counters = UnsafeMutablePointer<sl_atomic_u32>.allocate(capacity: 5 * line)
    for index in 0..<(5 * line) { sl_store_relaxed_u32(counters + index, 0) }
    searching = counters
    idle = counters + line
    permits = counters + 2 * line
    spinning = Spinning(spinning: counters + 3 * line, working: counters + 4 * line, ready: queue)
  }

  // MARK: The run queue

  /// Puts a token that was just made ready into the run queue, and sees to it that a thread comes.
  func enqueue(_ worker: Worker) {
    // The queue keeps the run alive; the thread that takes the token lets it go.
    _ = Unmanaged.passUnretained(worker.run).retain()
    worker.run.enter()
    var ticket = sl_unbounded_ticket()
    while true {
      precondition(
        sl_unbounded_queue_claim(ready, &ticket) == SL_OK, "Sluice: out of memory for the run queue")
      let place = ticket.element.assumingMemoryBound(to: UnsafeMutableRawPointer.self)
      place.initialize(to: Unmanaged.passUnretained(worker).toOpaque())
      if sl_unbounded_queue_commit(ready, &ticket) { break }
      sl_unbounded_queue_abandon(ready, &ticket)
    }
    sl_fence_seq_cst()
    wakeOne()
  }

  private func dequeue() -> Worker? {
    var ticket = sl_unbounded_ticket()
    guard sl_unbounded_queue_try_take(ready, &ticket) == SL_OK else { return nil }
    let worker = ticket.element.assumingMemoryBound(to: UnsafeMutableRawPointer.self).pointee
    sl_unbounded_queue_release(ready, &ticket)
    return Unmanaged<Worker>.fromOpaque(worker).takeUnretainedValue()
  }

  private var hasReadyTokens: Bool { sl_unbounded_queue_count(ready) > 0 }

  /// Brings one more thread to the run queue, unless one is on its way.
  private func wakeOne() {
    var none: UInt32 = 0
    guard sl_load_seq_cst_u32(searching) == 0, sl_cas_seq_cst_u32(searching, &none, 1) else { return }
    if takeIdle() {
      _ = sl_fetch_add_seq_cst_u32(permits, 1)
      sl_futex_wake(permits, 1)
    } else if !startThread({ [self] in threadMain() }) {
      _ = sl_fetch_sub_seq_cst_u32(searching, 1)
      failReadyTokens()
    }
  }

  /// The system gives no thread. The threads that there are may stay in their bodies for ever, so the
  /// runs whose tokens are ready end with an error.
  private func failReadyTokens() {
    while let worker = dequeue() {
      let run = Unmanaged.passUnretained(worker.run)
      run.takeUnretainedValue().endForLackOfThreads()
      sl_token_end(worker.token)
      run.takeUnretainedValue().leave()
      run.release()
    }
  }

  private func takeIdle() -> Bool {
    var number = sl_load_seq_cst_u32(idle)
    while number > 0 {
      if sl_cas_seq_cst_u32(idle, &number, number - 1) { return true }
    }
    return false
  }

  // MARK: A thread

  private func threadMain() {
    var isSearching = true
    while true {
      if let worker = dequeue() {
        if isSearching {
          isSearching = false
          _ = sl_fetch_sub_seq_cst_u32(searching, 1)
        }
        if hasReadyTokens { wakeOne() }
        execute(worker)
        continue
      }
      if !isSearching {
        var none: UInt32 = 0
        isSearching = sl_cas_seq_cst_u32(searching, &none, 1)
      }
      if isSearching {
        if spinning.spin(isCounted: false, until: { hasReadyTokens }) == true { continue }
        isSearching = false
        _ = sl_fetch_sub_seq_cst_u32(searching, 1)
      }
      _ = sl_fetch_add_seq_cst_u32(idle, 1)
      sl_fence_seq_cst()
      if hasReadyTokens, takeIdle() { continue }
      guard waitForPermit() else { return }
      isSearching = true
    }
  }

  /// Sleeps until a permit comes; false when none came for so long that the thread ends.
  private func waitForPermit() -> Bool {
    while true {
      var number = sl_load_seq_cst_u32(permits)
      while number > 0 {
        if sl_cas_seq_cst_u32(permits, &number, number - 1) { return true }
      }
      if !sl_futex_wait(permits, 0, Self.keepAlive), takeIdle() { return false }
    }
  }

  private func execute(_ worker: Worker) {
    let run = Unmanaged.passUnretained(worker.run)
    sl_token_begin(worker.token)
    worker.retractAnnouncements()
    worker.wakeNeighbour()
    spinning.beginsWork()
    worker.step?(worker)
    spinning.endsWork()
    run.takeUnretainedValue().leave()
    run.release()
  }
}

/// Starts a detached thread; false when the system has none to give.
func startThread(_ body: @escaping @Sendable () -> Void) -> Bool {
  final class Box {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }
  var attributes = pthread_attr_t()
  pthread_attr_init(&attributes)
  defer { pthread_attr_destroy(&attributes) }
  pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
  let box = Unmanaged.passRetained(Box(body))
  var thread = pthread_t()
  let result = pthread_create(
    &thread, &attributes,
    { raw in
      Unmanaged<Box>.fromOpaque(raw!).takeRetainedValue().body()
      return nil
    }, box.toOpaque())
  if result != 0 { box.release() }
  return result == 0
}
