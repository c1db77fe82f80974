extension Pipeline {
  /// A pipeline whose stages are this one's followed by those of `next`.
  @inlinable
  public func pipe<Next: Sendable>(_ next: Pipeline<Output, Next>) -> Pipeline<Input, Next> {
    let (first, second) = (assemble, next.assemble)
    return Pipeline<Input, Next>(stages: stages + next.stages) { assembly, input in
      second(assembly, first(assembly, input))
    }
  }

  /// A function that runs this pipeline and has `consumer` take its outputs on the calling thread.
  ///
  /// - Returns: a function of the pipeline's input. It blocks its caller, returns what `consumer`
  ///   returns, and throws as `run(_:consume:)` does.
  @inlinable
  public func consume<Result>(
    _ consumer: @escaping @Sendable (Inputs<Output>) throws -> Result
  ) -> @Sendable (Input) throws -> Result {
    { input in try self.run(input, consume: consumer) }
  }

  /// An async function that runs this pipeline and has `consumer` take its outputs.
  @inlinable
  public func consume<Result>(
    _ consumer: @escaping @Sendable (Run<Output>) async throws -> Result
  ) -> @Sendable (Input) async throws -> Result {
    { input in try await consumer(self(input)) }
  }

  /// A pipeline of the listed stages. The way to write a long one: it type-checks in a fraction of
  /// the time that a chain of `|` takes.
  ///
  ///     let pipeline = Pipeline {
  ///       Stage.branch { (n: Int) in 0..<n }
  ///       Stage { (x: Int) in x * 2 }
  ///     }
  @inlinable
  public init(@PipelineBuilder _ stages: () -> Pipeline) { self = stages() }
}

/// `first.pipe(second)`.
@inlinable
public func | <Input, Middle, Output>(
  first: Pipeline<Input, Middle>, second: Pipeline<Middle, Output>
) -> Pipeline<Input, Output> {
  first.pipe(second)
}

/// `pipeline.consume(consumer)`.
@inlinable
public func > <Input, Output, Result>(
  pipeline: Pipeline<Input, Output>, consumer: @escaping @Sendable (Inputs<Output>) throws -> Result
) -> @Sendable (Input) throws -> Result {
  pipeline.consume(consumer)
}

/// `pipeline.consume(consumer)`.
@inlinable
public func > <Input, Output, Result>(
  pipeline: Pipeline<Input, Output>, consumer: @escaping @Sendable (Run<Output>) async throws -> Result
) -> @Sendable (Input) async throws -> Result {
  pipeline.consume(consumer)
}

/// Puts stages one after the other.
@resultBuilder
public enum PipelineBuilder {
  @inlinable
  public static func buildPartialBlock<Input, Output>(
    first: Pipeline<Input, Output>
  ) -> Pipeline<Input, Output> { first }

  @inlinable
  public static func buildPartialBlock<Input, Middle, Output>(
    accumulated: Pipeline<Input, Middle>, next: Pipeline<Middle, Output>
  ) -> Pipeline<Input, Output> { accumulated.pipe(next) }
}
