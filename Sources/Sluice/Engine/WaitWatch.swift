import CSluice

/// What the monitor knows of a worker that waits for its queues.
///
/// Nobody who enqueues or dequeues has a fence between that and its look for waiters: it would cost more than
/// the rest. So a waiter that has just announced itself may be overlooked. It looks again for about a microsecond,
/// in which a store becomes visible; and it puts itself into the monitor's inbox, whose next tick looks once more, and if
/// there is nothing to be seen passes a barrier on all cores and looks again. After that barrier nobody can overlook the
/// waiter any more.
///
/// Source: the first half is Morrison and Afek, "Temporally Bounding TSO for Fence-Free Asymmetric
/// Synchronization" (2015), who bound the time that a store takes; the second makes it right where that bound fails.
final class WaitWatch: @unchecked Sendable {
  let node: UnsafeMutablePointer<sl_inbox_node>
  /// Nil once the run has ended, which wakes its workers by itself. Behind the monitor's lock.
  unowned(unsafe) var worker: Worker?

  init(_ worker: Worker) {
    self.worker = worker
    node = .allocate(capacity: 1)
    sl_inbox_node_init(node, nil)
    node.pointee.owner = Unmanaged.passUnretained(self).toOpaque()
  }

  deinit { node.deallocate() }

  /// Of the present wait. Behind the monitor's lock.
  var number: UInt64 { worker.map { sl_load_relaxed_u64($0.waits) } ?? 0 }

  /// Puts it into the inbox, which then keeps it alive; false: it is in.
  func put(into inbox: UnsafeMutablePointer<sl_inbox>) -> Bool {
    // Before it is in, since the monitor may take it out at once.
    let kept = Unmanaged.passRetained(self)
    if sl_inbox_put(inbox, node) { return true }
    kept.release()
    return false
  }
}
