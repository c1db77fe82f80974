import CSluice

/// The stream of items that a joining stage with an async body takes, as an `AsyncSequence` of one
/// pass that does not throw.
///
/// `next()` suspends until there is an item, and gives nil at the end of the stream or when the run
/// has ended. Several workers of one stage each have an `AsyncInputs` of their own and share the
/// items between them.
public struct AsyncInputs<Element: Sendable>: AsyncSequence {
  public typealias Failure = Never

  @usableFromInline let intake: Intake<Element>
  @usableFromInline let worker: Worker
  @usableFromInline let run: RunCore

  @usableFromInline
  init(intake: Intake<Element>, worker: Worker) {
    self.intake = intake
    self.worker = worker
    run = worker.run
  }

  public struct AsyncIterator: AsyncIteratorProtocol {
    @usableFromInline let inputs: AsyncInputs

    @inlinable
    init(_ inputs: AsyncInputs) { self.inputs = inputs }

    @inlinable
    public mutating func next() async -> Element? { await inputs.next() }

    @inlinable
    public mutating func next(isolation actor: isolated (any Actor)?) async -> Element? {
      await inputs.next()
    }
  }

  @inlinable
  public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(self) }

  @inlinable
  func next(isolation: isolated (any Actor)? = #isolation) async -> Element? {
    if worker.mustYield() { await Task.yield() }
    while true {
      if run.hasEnded(worker.position) { return nil }
      if let element = intake.channel.dequeue() {
        if intake.channel.core.kind != .single { intake.channel.core.notifyNotFull() }
        sl_stage_counters_take(worker.counters)
        return element
      }
      if intake.channel.core.isAtEnd { return nil }
      let started = sl_now_nanoseconds()
      await worker.suspendOnInput()
      worker.addWaited(once: sl_now_nanoseconds() - started)
    }
  }
}
