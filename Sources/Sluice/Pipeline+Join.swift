extension Pipeline {
  /// A stage that makes one output of a whole stream of inputs.
  ///
  /// With several workers the body is called once by each of them, and they share the stream. A body
  /// that returns before the stream is at its end stops the stages before it.
  ///
  /// - Parameters:
  ///   - name: what errors and reports call the stage.
  ///   - workers: how many bodies run, each over a part of the stream.
  ///   - throttle: most outputs that the next stage has not taken; 0 for no bound.
  ///   - body: called once by each worker.
  @inlinable
  public static func join(
    name: String? = nil, workers: Int = 1, throttle: Int = 0,
    _ body: @escaping @Sendable (Inputs<Input>) throws -> Output
  ) -> Self {
    Self(joining(.stackful, name, workers, throttle)) { parts in
      parts.join { inputs, yield in try yield(body(inputs)) }
    }
  }

  /// A stage that makes any number of outputs of a whole stream of inputs, by calls of `yield`.
  @inlinable
  public static func join(
    name: String? = nil, workers: Int = 1, throttle: Int = 0,
    _ body: @escaping @Sendable (Inputs<Input>, Outputs<Output>) throws -> Void
  ) -> Self {
    Self(joining(.stackful, name, workers, throttle)) { $0.join(body) }
  }

  /// A stage that makes one output of a whole stream of inputs, on Swift tasks.
  @inlinable
  public static func join(
    name: String? = nil, workers: Int = 1, throttle: Int = 0,
    _ body: @escaping @Sendable (AsyncInputs<Input>) async throws -> Output
  ) -> Self {
    Self(joining(.task, name, workers, throttle)) { parts in
      parts.join { inputs, yield in try await yield(body(inputs)) }
    }
  }

  /// A stage that makes any number of outputs of a whole stream of inputs, on Swift tasks.
  @inlinable
  public static func join(
    name: String? = nil, workers: Int = 1, throttle: Int = 0,
    _ body: @escaping @Sendable (AsyncInputs<Input>, AsyncOutputs<Output>) async throws -> Void
  ) -> Self {
    Self(joining(.task, name, workers, throttle)) { $0.join(body) }
  }

  @usableFromInline
  static func joining(
    _ execution: Execution, _ name: String?, _ workers: Int, _ throttle: Int
  ) -> StageDescription {
    StageDescription(
      name: name, form: "join", execution: execution, isJoin: true, workers: workers,
      throttle: throttle)
  }
}
