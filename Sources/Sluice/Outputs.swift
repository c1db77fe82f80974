import CSluice

/// `yield`: where a branching stage puts its outputs, one call for each.
///
/// A call waits, on the thread that makes it, while as many outputs as the stage's `throttle` stand
/// in its queue. An `Outputs` belongs to the body that it was given to, on the thread that runs it.
public struct Outputs<Element> {
  @usableFromInline let channel: Channel<Element>
  @usableFromInline let worker: Worker
  @usableFromInline let run: RunCore
  /// Where the outputs go instead, in a worker process.
  @usableFromInline let sink: ((consuming Element) throws -> Void)?

  /// In a worker process: hands each output to `sink`, which waits as `callAsFunction` does.
  @usableFromInline
  init(sink: @escaping (consuming Element) throws -> Void) {
    let nowhere = Nowhere<Element>()
    channel = nowhere.channel
    worker = nowhere.worker
    run = nowhere.run
    self.sink = sink
  }

  @usableFromInline
  init(channel: Channel<Element>, worker: Worker) {
    self.channel = channel
    self.worker = worker
    run = worker.run
    sink = nil
  }

  /// Hands one output to the next stage.
  ///
  /// - Throws: `CancellationError` once the run has ended, or once no later stage takes items any
  ///   more, so that a generator unwinds.
  @inlinable
  public func callAsFunction(_ element: consuming Element) throws {
    if let sink { return try sink(element) }
    guard !run.hasEnded(worker.position) else { throw CancellationError() }
    if let refused = channel.enqueue(element) { try enqueueWhenThereIsSpace(refused) }
    sl_stage_counters_produce(worker.counters)
    channel.core.notifyNotEmpty()
    if sl_stage_counters_produced(worker.counters) & 15 == 1 {
      sl_stage_counters_queue_length(worker.counters, UInt64(channel.core.count))
    }
  }

  @usableFromInline @inline(never)
  func enqueueWhenThereIsSpace(_ element: consuming Element) throws {
    sl_stage_counters_queue_length(worker.counters, UInt64(channel.core.count))
    var waiting = element
    while true {
      let started = sl_now_nanoseconds()
      worker.waitForOutput()
      worker.waited.pointee += sl_now_nanoseconds() - started
      guard !run.hasEnded(worker.position) else { throw CancellationError() }
      guard let refused = channel.enqueue(waiting) else { return }
      waiting = refused
    }
  }
}

/// A run without stages, for outputs that do not stand in a queue of this process.
private struct Nowhere<Element> {
  let run = RunCore(stageCount: 1)
  let worker: Worker
  let channel: Channel<Element>

  init() {
    worker = Worker(run: run, stage: 0, index: 0, ordinal: 0)
    let list = WorkerList(count: 1)
    list.workers = [worker]
    channel = Channel<Element>(kind: .single, throttle: 1, producers: list, consumers: list, arena: run.arena)
    run.lists.append(list)
    run.channels.append(channel.core)
  }
}
