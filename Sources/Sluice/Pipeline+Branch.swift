extension Pipeline {
  /// A stage that makes any number of outputs of each input: the elements of a sequence, which is
  /// pulled lazily, as fast as the next stage and `throttle` allow.
  ///
  /// - Parameters:
  ///   - name: what errors and reports call the stage.
  ///   - workers: how many sequences may be pulled at once; 1 in the first stage of a pipeline.
  ///   - throttle: most outputs that the next stage has not taken; 0 for no bound.
  ///   - onFailure: what becomes of an item whose body throws; see `FailurePolicy`, also for outputs that
  ///     were put out before.
  ///   - body: called once for each input.
  @inlinable
  public static func branch<Elements: Sequence & SendableMetatype>(
    name: String? = nil, workers: Int = 1, throttle: Int = 0, onFailure: FailurePolicy = .fail,
    _ body: @escaping @Sendable (Input) throws -> Elements
  ) -> Self where Elements.Element == Output {
    Self(branching(.resumable, name, workers, throttle, onFailure)) { $0.branch(body) }
  }

  /// A stage that makes any number of outputs of each input, on Swift tasks.
  @inlinable
  public static func branch<Elements: Sequence & SendableMetatype>(
    name: String? = nil, workers: Int = 1, throttle: Int = 0, onFailure: FailurePolicy = .fail,
    _ body: @escaping @Sendable (Input) async throws -> Elements
  ) -> Self where Elements.Element == Output, Elements.Iterator: SendableMetatype {
    Self(branching(.task, name, workers, throttle, onFailure)) { $0.branch(body) }
  }

  /// A stage that makes any number of outputs of each input: the elements of an async sequence, on
  /// Swift tasks.
  @inlinable
  public static func branch<Elements: AsyncSequence & SendableMetatype>(
    name: String? = nil, workers: Int = 1, throttle: Int = 0, onFailure: FailurePolicy = .fail,
    _ body: @escaping @Sendable (Input) async throws -> Elements
  ) -> Self where Elements.Element == Output, Elements.AsyncIterator: SendableMetatype {
    Self(branching(.task, name, workers, throttle, onFailure)) { $0.branch(body) }
  }

  /// A stage that makes any number of outputs of each input, by calls of `yield`.
  ///
  /// A body keeps its thread; `yield` waits there while `throttle` outputs stand in the queue, and
  /// throws `CancellationError` once the run has ended.
  @inlinable
  public static func branch(
    name: String? = nil, workers: Int = 1, throttle: Int = 0, onFailure: FailurePolicy = .fail,
    _ body: @escaping @Sendable (Input, Outputs<Output>) throws -> Void
  ) -> Self {
    Self(branching(.stackful, name, workers, throttle, onFailure)) { $0.branch(body) }
  }

  /// A stage that makes any number of outputs of each input, by calls of `yield`, on Swift tasks.
  @inlinable
  public static func branch(
    name: String? = nil, workers: Int = 1, throttle: Int = 0, onFailure: FailurePolicy = .fail,
    _ body: @escaping @Sendable (Input, AsyncOutputs<Output>) async throws -> Void
  ) -> Self {
    Self(branching(.task, name, workers, throttle, onFailure)) { $0.branch(body) }
  }

  @usableFromInline
  static func branching(
    _ execution: Execution, _ name: String?, _ workers: Int, _ throttle: Int,
    _ onFailure: FailurePolicy
  ) -> StageDescription {
    StageDescription(
      name: name, form: "branch", execution: execution, workers: workers, throttle: throttle,
      onFailure: onFailure)
  }
}
