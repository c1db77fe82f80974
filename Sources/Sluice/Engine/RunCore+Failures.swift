/// The failure policies of a run's stages, for stages of every kind.
///
/// A stage that calls a body, and finds that it threw, asks `recordFailure` what to do. To retry, it
/// makes sure that the run has not ended (on a thread by `sl_lease_enter`, whose other side is in
/// `end`), tells `recordRetry`, and calls the body again.
extension RunCore {
  /// Decides by the stage's policy about an item whose body threw, and writes down what was decided.
  /// `.fail` has ended the run when this returns.
  ///
  /// - Parameters:
  ///   - stage: the stage's number, from 0.
  ///   - attempts: how often the body was called with the item, this time included.
  /// - Returns: nil once the stage is over: the error is of no interest, and the item is given up.
  @usableFromInline @inline(never)
  func recordFailure(
    stage: Int, item: any Sendable, error: any Error, attempts: Int
  ) -> FailureDecision? {
    guard !hasEnded(UInt32(stage)) else { return nil }
    let decision = FailureDecision(stages[stage].description.onFailure, attempts: attempts)
    if decision == .retry { return .retry }
    let failure = RunFailure(
      item: item, error: error, attempts: attempts, wasSkipped: decision == .skip)
    stages[stage].failures?.withLock { $0.end(failure) }
    if decision == .fail { fail(error, at: UInt32(stage)) }
    return decision
  }

  /// The body of an item is about to be called again.
  @usableFromInline @inline(never)
  func recordRetry(stage: Int) {
    stages[stage].failures?.withLock { $0.retry() }
  }
}
