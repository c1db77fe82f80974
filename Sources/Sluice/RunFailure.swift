/// An item whose body threw and was not called again, in a stage whose `onFailure` is `.skip` or `.retry`.
///
/// A report that has it keeps the item alive.
public struct RunFailure: Sendable {
  /// The stage's input.
  public let item: any Sendable
  /// What the body threw last, as it was thrown.
  public let error: any Error
  /// How often the body was called with the item.
  public let attempts: Int
  /// Whether the item was skipped. If not, the error has ended the run.
  public let wasSkipped: Bool
}

extension RunFailure: CustomStringConvertible {
  public var description: String {
    "\(item) \(wasSkipped ? "was skipped" : "ended the run") after \(attempts) "
      + "\(attempts == 1 ? "attempt" : "attempts"): \(error)"
  }
}
