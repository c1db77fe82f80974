extension Pipeline {
  /// A stage that makes one output of each input, in worker processes.
  ///
  /// A body that traps, exits or is killed costs the item that it was at, for `onFailure` to decide about
  /// (`WorkerDied`); a new worker takes its place. An error that a body throws reaches the consumer as it was
  /// thrown if it is `Codable`, else as `RemoteError`.
  ///
  /// - Parameters:
  ///   - name: what errors and reports call the stage.
  ///   - processes: how many worker processes; 1 or more, and 1 in the first stage of a pipeline.
  ///   - throttle: most outputs that the next stage has not taken; 0 for no bound.
  ///   - ordered: whether outputs come in the order of inputs. One process keeps order anyway; several
  ///     cannot be asked for it.
  ///   - onFailure: what becomes of an item whose body throws, or whose worker dies.
  ///   - timeout: longest time for one item; a worker that takes longer is killed. Nil: no limit.
  ///   - stage: the body. Its type must be one that another process of this program finds again.
  @inlinable
  public init<Body: ProcessStage>(
    name: String? = nil, processes: Int, throttle: Int = 0, ordered: Bool = false,
    onFailure: FailurePolicy = .fail, timeout: Duration? = nil, _ stage: Body
  ) where Body.Input == Input, Body.Output == Output {
    let declared = ProcessDeclaration(stage, form: .stage, timeout: timeout)
    self.init(
      StageDescription(
        processes: processes, name: name, form: "stage", throttle: throttle, ordered: ordered,
        onFailure: onFailure, declared)
    ) { $0.processes(declared) }
  }

  /// A stage that makes any number of outputs of each input by calls of `yield`, in worker processes.
  ///
  /// Outputs that an item gave before its body failed stay; a retry may give them again.
  @inlinable
  public static func branch<Body: ProcessBranch>(
    name: String? = nil, processes: Int, throttle: Int = 0, onFailure: FailurePolicy = .fail,
    timeout: Duration? = nil, _ stage: Body
  ) -> Self where Body.Input == Input, Body.Output == Output {
    let declared = ProcessDeclaration(stage, form: .branch, timeout: timeout)
    return Self(
      StageDescription(
        processes: processes, name: name, form: "branch", throttle: throttle, onFailure: onFailure, declared)
    ) { $0.processes(declared) }
  }

  /// A stage that makes any number of outputs of a whole stream of inputs, in worker processes.
  ///
  /// With several processes the body is called once in each, and they share the stream. A worker that dies ends
  /// the run, since what it had taken is lost with it.
  @inlinable
  public static func join<Body: ProcessJoin>(
    name: String? = nil, processes: Int, throttle: Int = 0, _ stage: Body
  ) -> Self where Body.Input == Input, Body.Output == Output {
    let declared = ProcessDeclaration(stage, form: .join, timeout: nil)
    return Self(
      StageDescription(processes: processes, name: name, form: "join", throttle: throttle, declared)
    ) { $0.processes(declared) }
  }
}

extension StageDescription {
  @usableFromInline
  init(
    processes: Int, name: String?, form: String, throttle: Int, ordered: Bool = false,
    onFailure: FailurePolicy = .fail, _ declared: ProcessDeclaration
  ) {
    self.init(
      name: name, form: form, execution: .stackful, isJoin: declared.form == .join, workers: processes,
      throttle: throttle, ordered: ordered, onFailure: onFailure)
    self.processes = processes
    runsInProcesses = true
    objection = declared.objection
  }
}
