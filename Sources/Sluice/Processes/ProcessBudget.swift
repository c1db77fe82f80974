/// How the places that a `throttle` allows are divided where worker processes are at an end of the queue.
///
/// A process has items that it has not started, and outputs that its parent has not passed on. Both would
/// loosen the throttle of the stage before and of its own if they came on top: so the queue has as many places fewer.
@usableFromInline
struct ProcessBudget {
  /// Places of the queue itself.
  let capacity: Int
  /// Outputs that each producing process may have in its exchange, beside the one that each worker may hold.
  let producerShare: Int
  /// Items that each consuming process may have and not have started, beside the one that it is given when it has none.
  let consumerShare: Int

  static let mostShare = 4_095

  /// `throttle` places, 0 for no bound; 0 processes: threads or tasks.
  init(throttle: Int, producingProcesses: Int, consumingProcesses: Int) {
    guard throttle > 0 else {
      (capacity, producerShare, consumerShare) = (0, Int.max, Self.mostShare)
      return
    }
    let parts = 1 + (producingProcesses > 0 ? 1 : 0) + (consumingProcesses > 0 ? 1 : 0)
    func share(_ processes: Int) -> Int {
      processes == 0 ? 0 : min(throttle / parts / processes, Self.mostShare)
    }
    producerShare = share(producingProcesses)
    consumerShare = share(consumingProcesses)
    capacity = throttle - producerShare * producingProcesses - consumerShare * consumingProcesses
  }

  /// Longest time that a process's items should take together: so long may one wait behind the others.
  @inlinable static var windowNanoseconds: UInt64 { 1_000_000 }
}
