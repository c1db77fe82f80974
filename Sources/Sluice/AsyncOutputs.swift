import CSluice

/// `yield` of a branching stage with an async body: where it puts its outputs, one call for each.
///
/// A call suspends while as many outputs as the stage's `throttle` stand in its queue. An
/// `AsyncOutputs` belongs to the body that it was given to: only one call at a time.
public struct AsyncOutputs<Element: Sendable> {
  @usableFromInline let channel: Channel<Element>
  @usableFromInline let worker: Worker
  @usableFromInline let run: RunCore

  @usableFromInline
  init(channel: Channel<Element>, worker: Worker) {
    self.channel = channel
    self.worker = worker
    run = worker.run
  }

  /// Hands one output to the next stage.
  ///
  /// - Throws: `CancellationError` once the run has ended, or once no later stage takes items any
  ///   more, so that a generator unwinds.
  @inlinable
  public func callAsFunction(
    _ element: consuming Element, isolation: isolated (any Actor)? = #isolation
  ) async throws {
    var waiting = element
    if worker.mustYield() { await Task.yield() }
    while true {
      guard !run.hasEnded(worker.position) else { throw CancellationError() }
      guard let refused = channel.enqueue(waiting) else { break }
      waiting = refused
      sl_stage_counters_queue_length(worker.counters, UInt64(channel.core.count))
      let started = sl_now_nanoseconds()
      await worker.suspendOnOutput()
      worker.addWaited(once: sl_now_nanoseconds() - started)
    }
    sl_stage_counters_produce(worker.counters)
    channel.core.notifyNotEmpty()
    if sl_stage_counters_produced(worker.counters) & 15 == 1 {
      sl_stage_counters_queue_length(worker.counters, UInt64(channel.core.count))
    }
  }
}
