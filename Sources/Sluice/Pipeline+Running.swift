import CSluice

extension Pipeline {
  /// A run of this pipeline over the input. It starts when it is first iterated.
  @inlinable
  public func callAsFunction(_ input: Input) -> Run<Output> {
    Run(stages: stages) { try prepare(input) }
  }

  /// A run of this pipeline, whose first stage takes several arguments.
  @inlinable
  public func callAsFunction<each Argument>(
    _ input: repeat each Argument
  ) -> Run<Output> where Input == (repeat each Argument) {
    let input: Input = (repeat each input)
    return Run(stages: stages) { try prepare(input) }
  }

  /// Runs this pipeline and has `consume` take its outputs, on the calling thread, which also helps
  /// with the stages' work. Blocks until that is done: do not call it from an async function.
  ///
  /// While the calling thread is inside the body of a stage, `consume` waits for it, also when another
  /// body fails meanwhile.
  ///
  /// When `consume` returns or throws before the stream is at its end, the run is cancelled. Either
  /// way no body of the run is still running when this returns.
  ///
  /// - Returns: what `consume` returns.
  /// - Throws: the first error that a body threw, as it was thrown, once `consume` has come to the end
  ///   of its inputs; what `consume` throws; or a `PipelineError` before anything is run.
  @inlinable
  public func run<Result>(
    _ input: Input, consume: (Inputs<Output>) throws -> Result
  ) throws -> Result {
    let (run, port) = try prepare(input)
    run.start(consumerDrives: true)
    let inputs = Inputs(Intake(port, run.consumer))
    let result: Result
    do {
      result = try consume(inputs)
    } catch {
      throw run.leaveAfterConsuming() ?? error
    }
    if let error = run.leaveAfterConsuming() { throw error }
    return result
  }

  /// Runs this pipeline, whose first stage takes several arguments. See `run(_:consume:)`.
  @inlinable
  public func run<each Argument, Result>(
    _ input: repeat each Argument, consume: (Inputs<Output>) throws -> Result
  ) throws -> Result where Input == (repeat each Argument) {
    let input: Input = (repeat each input)
    return try run(input, consume: consume)
  }

  /// Checks the pipeline and makes its stages and queues. Nothing runs yet.
  @usableFromInline
  func prepare(_ input: Input) throws -> (RunCore, Port<Output>) {
    guard stages.count <= StageDescription.mostStages else {
      throw PipelineError(
        reason: "a pipeline has at most \(StageDescription.mostStages) stages, and this one \(stages.count)")
    }
    for (index, stage) in stages.enumerated() { try stage.validate(index) }
    let assembly = Assembly(stages)
    let port = assemble(assembly, assembly.argument(input))
    return (assembly.run, port)
  }
}

extension RunCore {
  /// The blocking consumer is through: ends the run, waits for the bodies that are still running, and
  /// gives the error that the caller must throw, if the consumer came to the end because of one.
  @usableFromInline
  func leaveAfterConsuming() -> (any Error)? {
    end(consumerSawEnd ? .finished : .cancelled)
    consumer.releaseLeases()
    waitUntilLeft()
    forgetWaits()
    return consumerSawEnd ? failure : nil
  }
}
