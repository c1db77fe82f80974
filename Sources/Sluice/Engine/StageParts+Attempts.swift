import CSluice

/// What came of an item in a stage with a failure policy.
@usableFromInline
enum Attempted<Result> {
  case done(Result)
  /// The item was dropped; the stage goes on.
  case skipped
  /// The run, or this stage, is over.
  case stopped
}

/// Calls of bodies in stages whose `onFailure` is not `.fail`. Those whose it is have closures of their
/// own, which neither keep the item nor come by here.
extension StageParts {
  @usableFromInline var failsAtOnce: Bool { stage.description.onFailure.isFail }

  /// Calls the body with the item until it returns or the policy makes an end of it, on the thread that
  /// holds the worker's token.
  ///
  /// All attempts are one stay in the body: the driver's position remains this stage's, so a revoker
  /// leaves it this token, whenever it comes.
  @inlinable
  static func attempt<Result>(
    _ item: Input, _ intake: Intake<Input>, _ lease: Lease, _ body: (Input) throws -> Result
  ) -> Attempted<Result> {
    var attempts = 0
    while true {
      do { return .done(try body(item)) } catch {
        attempts += 1
        switch intake.recordFailure(error, of: item, attempts, lease) {
        case .retry: break
        case .skip: return .skipped
        case .fail, nil: return .stopped
        }
      }
    }
  }

  /// The same in a task.
  @inlinable
  static func attempt<Result>(
    _ item: Input, _ worker: Worker, _ body: (Input) async throws -> Result
  ) async -> Attempted<Result> {
    let run = worker.run
    let stage = Int(worker.position)
    var attempts = 0
    while true {
      do { return .done(try await body(item)) } catch {
        attempts += 1
        switch run.recordFailure(stage: stage, item: item, error: error, attempts: attempts) {
        case .retry: break
        case .skip: return .skipped
        case .fail, nil: return .stopped
        }
      }
      // A body that throws before it suspends would keep the cooperative thread for all its retries.
      if worker.mustYield() { await Task.yield() }
      if run.hasEnded(worker.position) { return .stopped }
      run.recordRetry(stage: stage)
    }
  }
}

extension Intake where Element: Sendable {
  /// The body threw: what the policy says, with the outcome set unless the stage goes on. For a retry, the
  /// body may be called when this returns.
  @usableFromInline @inline(never)
  func recordFailure(
    _ error: any Error, of item: Element, _ attempts: Int, _ lease: Lease
  ) -> FailureDecision? {
    // Bodies are timed by the number of outputs, which stands still here, and this one says nothing
    // about how long the next takes.
    counters.pointee.timing_mask = 0
    let stage = Int(position)
    let decision = run.recordFailure(stage: stage, item: item, error: error, attempts: attempts)
    switch decision {
    case .skip: return .skip
    case .retry where mayCallBodyAgain(lease):
      run.recordRetry(stage: stage)
      return .retry
    default:
      _ = nothing(.stopped, lease)
      return decision == .fail ? .fail : nil
    }
  }

  /// Whether the run goes on. That the lease was revoked, or that another driver wants this stage, is no
  /// reason to stop in the middle of an item.
  private func mayCallBodyAgain(_ lease: Lease) -> Bool {
    if sl_lease_enter(lease, position) { return true }
    return sl_lease_stop(lease) & UInt32(SL_LEASE_RUN_ENDED) == 0 && !run.hasEnded(position)
  }
}
