/// What becomes of an item whose body throws.
///
///     Stage(workers: 8, onFailure: .retry(2, then: .skip)) { (url: String) async throws in try await fetch(url) }
///
/// - A retry calls the body again with the same item, at once, on the same worker. What a body that
///   yields, or whose async sequence throws, has put out before stays delivered, so a retry of it puts
///   the same out once more.
/// - For a body that returns a `Sequence`, the policy covers the call of the body.
/// - Nothing is retried, skipped or counted once the run has ended: what a body throws then, such as
///   the `CancellationError` of `yield`, is of no interest to anybody.
/// - What was skipped and retried is in `RunReport`: nothing is dropped silently.
public indirect enum FailurePolicy: Sendable, Equatable {
  /// The run ends with that error.
  case fail
  /// The item is dropped, counted and reported; the run goes on.
  case skip
  /// The body is called again, up to this many times (1 or more); then the other policy decides.
  case retry(Int, then: FailurePolicy = .fail)
}

extension FailurePolicy {
  var isFail: Bool {
    if case .fail = self { true } else { false }
  }

  /// The first number of retries that cannot be, if there is one.
  var wrongNumberOfRetries: Int? {
    var policy = self
    while case .retry(let times, let next) = policy {
      if times < 1 { return times }
      policy = next
    }
    return nil
  }
}
