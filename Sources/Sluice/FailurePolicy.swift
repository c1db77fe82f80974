/// What becomes of an item whose body throws.
public indirect enum FailurePolicy: Sendable, Equatable {
  /// The run ends with that error.
  case fail
  /// The item is dropped, counted and reported; the run goes on.
  case skip
  /// The body is called again, up to this many times; then the other policy decides.
  case retry(Int, then: FailurePolicy = .fail)
}
