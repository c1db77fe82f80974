/// Stages with async bodies that skip or retry items. After `.stopped` the stream of inputs is at its end.
extension StageParts {
  /// Calls `call` for each input as the policy says, and `send` with what it gives. What `send` throws is
  /// no failure of the item.
  @inlinable
  func tasksWithPolicy<Result>(
    _ call: @escaping @Sendable (Input, AsyncOutputs<Output>) async throws -> Result,
    _ send: @escaping @Sendable (Result, AsyncOutputs<Output>) async throws -> Void
  ) -> Port<Output> {
    tasks { inputs, outputs, worker in
      while let element = await inputs.next() {
        let clock = BodyClock(worker)
        defer { clock.stop() }
        let attempted = await Self.attempt(element, worker) { try await call($0, outputs) }
        if case .done(let result) = attempted { try await send(result, outputs) }
      }
    }
  }

  @inlinable
  func mapWithPolicy(_ body: @escaping @Sendable (Input) async throws -> Output) -> Port<Output> {
    tasksWithPolicy({ item, _ in try await body(item) }, { output, outputs in try await outputs(output) })
  }

  @inlinable
  func branchWithPolicy<Elements: Sequence & SendableMetatype>(
    _ body: @escaping @Sendable (Input) async throws -> Elements
  ) -> Port<Output> where Elements.Element == Output, Elements.Iterator: SendableMetatype {
    tasksWithPolicy(
      { item, _ in try await body(item) },
      { elements, outputs in for output in elements { try await outputs(output) } })
  }

  /// The sequence throws where it is iterated, so that is part of the attempt.
  @inlinable
  func branchWithPolicy<Elements: AsyncSequence & SendableMetatype>(
    _ body: @escaping @Sendable (Input) async throws -> Elements
  ) -> Port<Output> where Elements.Element == Output, Elements.AsyncIterator: SendableMetatype {
    tasksWithPolicy(
      { item, outputs in for try await output in try await body(item) { try await outputs(output) } },
      { _, _ in })
  }

  @inlinable
  func branchWithPolicy(
    _ body: @escaping @Sendable (Input, AsyncOutputs<Output>) async throws -> Void
  ) -> Port<Output> {
    tasksWithPolicy(body, { _, _ in })
  }
}
