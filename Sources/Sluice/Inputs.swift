import CSluice

/// The stream of items that a joining stage or a blocking consumer takes, as a `Sequence` of one
/// pass.
///
/// `next()` waits, on the thread that calls it, until there is an item, and gives nil at the end of
/// the stream or when the run has ended. Several workers of one stage each have an `Inputs` of their
/// own and share the items between them. An `Inputs` belongs to the body that it was given to, on the
/// thread that runs it.
public struct Inputs<Element>: Sequence, IteratorProtocol {
  @usableFromInline let intake: Intake<Element>
  /// Keeps the run alive, should this outlive the body that it was given to.
  @usableFromInline let run: RunCore
  @usableFromInline var worker: Worker { intake.worker }
  @usableFromInline var isConsumer: Bool { intake.isConsumer }

  @usableFromInline
  init(_ intake: Intake<Element>) {
    self.intake = intake
    run = intake.run
  }

  @inlinable @inline(__always)
  public mutating func next() -> Element? {
    if isConsumer {
      if let item = intake.take(intake.lease) { return item.move() }
      return waitForNext()
    }
    return nextTimed()
  }

  /// For a joining stage: keeps apart the time that it works and the time that it waits or helps.
  @inlinable
  func nextTimed() -> Element? {
    let isTimed = worker.timesNextInput()
    let started = isTimed ? sl_now_nanoseconds() : 0
    if let item = intake.take(worker.lease) {
      sl_stage_counters_take(intake.counters)
      if isTimed { worker.addWaited(sl_now_nanoseconds() - started) }
      return item.move()
    }
    let waitStarted = sl_now_nanoseconds()
    let element = waitForNext()
    if element != nil { sl_stage_counters_take(intake.counters) }
    worker.addWaited(once: sl_now_nanoseconds() - waitStarted)
    return element
  }

  @usableFromInline @inline(never)
  func waitForNext() -> Element? {
    while true {
      switch Outcome(rawValue: worker.lease.pointee.outcome) {
      case .blocked:
        if !intake.canPull || !worker.requestStageBefore() { worker.waitForInput() }
      case .stopped:
        worker.releaseLeases()
        if run.hasEnded(worker.position) {
          if isConsumer { run.consumerSawEnd = true }
          return isConsumer && run.hasFailed ? intake.channel.dequeue() : nil
        }
      case .ended, nil:
        if isConsumer { run.consumerSawEnd = true }
        return nil
      }
      if let item = intake.take(worker.lease) { return item.move() }
    }
  }
}
