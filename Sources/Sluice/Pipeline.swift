/// A function over a stream: stages that run at the same time, connected by queues.
///
/// A pipeline is a value. It does nothing until it is called with an input; each call is a run of its
/// own. `Stage` is the same type: a pipeline of one stage.
///
///     let pipeline = Stage.branch(throttle: 1_000) { (n: Int) in 0..<n }
///         | Stage(workers: 4) { (x: Int) in slow(x) }
///     for try await y in pipeline(1_000_000) { print(y) }
///
/// - One worker keeps the order of its items; several do with `ordered: true`.
/// - `throttle: n` bounds memory exactly: a stage never has more than n outputs that the next stage
///   has not taken, plus at most the one that each of its workers holds. 0 means no bound.
/// - A slow item holds up its own worker and no other.
/// - The first error that a body throws ends the run and reaches the consumer as it was thrown, unless
///   the stage's `onFailure` says otherwise.
public struct Pipeline<Input: Sendable, Output: Sendable>: Sendable {
  @usableFromInline let stages: [StageDescription]
  @usableFromInline let assemble: @Sendable (Assembly, Port<Input>) -> Port<Output>

  @usableFromInline
  init(stages: [StageDescription], assemble: @escaping @Sendable (Assembly, Port<Input>) -> Port<Output>) {
    self.stages = stages
    self.assemble = assemble
  }

  /// A pipeline of one stage, put together from its parts.
  @inlinable
  init(
    _ description: StageDescription,
    _ make: @escaping @Sendable (StageParts<Input, Output>) -> Port<Output>
  ) {
    self.init(stages: [description]) { assembly, input in make(assembly.stage(input, Output.self)) }
  }

  /// A stage that makes one output of each input, on threads.
  ///
  /// - Parameters:
  ///   - name: what errors and reports call the stage.
  ///   - workers: how many bodies may run at once; 1 or more, and 1 in the first stage of a pipeline.
  ///   - throttle: most outputs that the next stage has not taken; 0 for no bound.
  ///   - ordered: whether outputs come in the order of inputs. One worker keeps order anyway. Several work
  ///     on as many items at once as they do without; outputs whose turn has not come wait in the queue, within
  ///     `throttle` (or 65,536 if that is 0 or larger), and then with their workers.
  ///   - onFailure: what becomes of an item whose body throws; see `FailurePolicy`.
  ///   - body: called once for each input, by at most `workers` threads at a time.
  @inlinable
  public init(
    name: String? = nil, workers: Int = 1, throttle: Int = 0, ordered: Bool = false,
    onFailure: FailurePolicy = .fail, _ body: @escaping @Sendable (Input) throws -> Output
  ) {
    self.init(
      StageDescription(
        name: name, form: "stage", execution: .resumable, workers: workers, throttle: throttle,
        ordered: ordered, onFailure: onFailure)
    ) { $0.map(body) }
  }

  /// A stage that makes one output of each input, on Swift tasks: each worker is a task.
  ///
  /// The parameters are those of the stage on threads. When the run ends early its tasks are cancelled.
  @inlinable
  public init(
    name: String? = nil, workers: Int = 1, throttle: Int = 0, ordered: Bool = false,
    onFailure: FailurePolicy = .fail, _ body: @escaping @Sendable (Input) async throws -> Output
  ) {
    self.init(
      StageDescription(
        name: name, form: "stage", execution: .task, workers: workers, throttle: throttle,
        ordered: ordered, onFailure: onFailure)
    ) { $0.map(body) }
  }

  /// A stage whose body takes further arguments, the same for each item.
  ///
  ///     Stage(applyMultiplier, bind: 10)
  ///
  /// - Parameter bind: the arguments that follow the item in a call of `body`.
  @inlinable
  public init<each Bound: Sendable>(
    name: String? = nil, workers: Int = 1, throttle: Int = 0, ordered: Bool = false,
    onFailure: FailurePolicy = .fail,
    _ body: @escaping @Sendable (Input, repeat each Bound) throws -> Output, bind: repeat each Bound
  ) {
    self.init(
      name: name, workers: workers, throttle: throttle, ordered: ordered, onFailure: onFailure
    ) { (input: Input) throws -> Output in
      try body(input, repeat each bind)
    }
  }

  /// A stage with an async body that takes further arguments, the same for each item.
  @inlinable
  public init<each Bound: Sendable>(
    name: String? = nil, workers: Int = 1, throttle: Int = 0, ordered: Bool = false,
    onFailure: FailurePolicy = .fail,
    _ body: @escaping @Sendable (Input, repeat each Bound) async throws -> Output,
    bind: repeat each Bound
  ) {
    self.init(
      name: name, workers: workers, throttle: throttle, ordered: ordered, onFailure: onFailure
    ) { (input: Input) async throws -> Output in
      try await body(input, repeat each bind)
    }
  }
}

/// A pipeline of one stage.
public typealias Stage = Pipeline
