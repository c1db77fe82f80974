/// A pipeline that cannot be run as it was put together, or a run that was used in a way that it
/// cannot be. Errors thrown by the bodies of stages are never wrapped in this.
public struct PipelineError: Error, Equatable, CustomStringConvertible {
  /// The stage at fault, as "stage 2 (double)", if it is one stage's fault.
  public let stage: String?
  /// The argument at fault, as it is spelled in the call.
  public let argument: String?
  /// What is wrong and what to do about it.
  public let reason: String

  @usableFromInline
  init(stage: String? = nil, argument: String? = nil, reason: String) {
    self.stage = stage
    self.argument = argument
    self.reason = reason
  }

  public var description: String {
    (stage.map { "\($0): " } ?? "") + reason
  }
}

extension StageDescription {
  /// The stage as errors and reports name it.
  func label(_ index: Int) -> String { "stage \(index + 1) (\(name ?? form))" }

  /// Throws what is wrong with this stage as the one with this number.
  func validate(_ index: Int) throws(PipelineError) {
    func wrong(_ argument: String, _ reason: String) -> PipelineError {
      PipelineError(stage: label(index), argument: argument, reason: reason)
    }
    let workersArgument = runsInProcesses ? "processes" : "workers"
    if workers < 1 {
      throw wrong(workersArgument, "\(workersArgument) must be 1 or more, and is \(workers)")
    }
    if workers > Self.mostWorkers {
      throw wrong(
        workersArgument, "\(workersArgument) must be \(Self.mostWorkers) or fewer, and is \(workers)")
    }
    if let objection {
      throw wrong(objection.argument, objection.reason)
    }
    if throttle < 0 {
      throw wrong("throttle", "throttle must be 0 (no bound) or more, and is \(throttle)")
    }
    if index == 0, isJoin {
      throw wrong(
        "join", "a join cannot be the first stage, which has no stream before it; put a branch before it")
    }
    if index == 0, workers > 1 {
      throw wrong(
        workersArgument, "\(workersArgument) must be 1 in the first stage, the producer, and is \(workers)")
    }
    if let times = onFailure.wrongNumberOfRetries {
      throw wrong("onFailure", "onFailure: .retry must call a body again 1 time or more, and has \(times)")
    }
  }

  private static var mostWorkers: Int { 65_536 }
  static var mostStages: Int { 65_000 }
}
