/// What is to be done about an item whose body threw.
@usableFromInline
enum FailureDecision: Equatable, Sendable {
  /// End the run with the error.
  case fail
  /// Drop the item and go on.
  case skip
  /// Call the body with it again.
  case retry

  /// - Parameter attempts: how often the body was called with the item and threw, 1 or more.
  init(_ policy: FailurePolicy, attempts: Int) {
    var policy = policy
    // Subtracted, not summed up: the numbers of nested retries may be as large as they like.
    var attempts = attempts
    while case .retry(let times, let next) = policy {
      if attempts <= times {
        self = .retry
        return
      }
      attempts -= times
      policy = next
    }
    self = policy.isFail ? .fail : .skip
  }
}
