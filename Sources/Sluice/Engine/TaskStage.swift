import CSluice

/// Stages with async bodies: each worker is a Swift task. No thread ever blocks in them: a task that
/// waits for a queue suspends, and the queue's other end resumes it.
extension StageParts {
  @inlinable
  func tasks(
    _ work: @escaping @Sendable (AsyncInputs<Input>, AsyncOutputs<Output>, Worker) async throws -> Void
  ) -> Port<Output> {
    let (input, output) = (self.input, self.output)
    for worker in workers {
      let intake = Intake(input, worker)
      worker.taskBody = { worker in
        do {
          try await work(
            AsyncInputs(intake: intake, worker: worker), AsyncOutputs(channel: output, worker: worker), worker
          )
        } catch {
          worker.run.fail(error, at: worker.position)
        }
        worker.finish()
      }
    }
    return port()
  }

  @inlinable
  func map(_ body: @escaping @Sendable (Input) async throws -> Output) -> Port<Output> {
    if isOrdered { return mapOrdered(body) }
    guard failsAtOnce else { return mapWithPolicy(body) }
    return tasks { inputs, outputs, worker in
      while let element = await inputs.next() {
        let clock = BodyClock(worker)
        let result: Output
        do { result = try await body(element) } catch {
          clock.stop()
          throw error
        }
        clock.stop()
        try await outputs(result)
      }
    }
  }

  @inlinable
  func branch<Elements: Sequence & SendableMetatype>(
    _ body: @escaping @Sendable (Input) async throws -> Elements
  ) -> Port<Output> where Elements.Element == Output, Elements.Iterator: SendableMetatype {
    guard failsAtOnce else { return branchWithPolicy(body) }
    return tasks { inputs, outputs, worker in
      while let element = await inputs.next() {
        let clock = BodyClock(worker)
        defer { clock.stop() }
        for output in try await body(element) { try await outputs(output) }
      }
    }
  }

  @inlinable
  func branch<Elements: AsyncSequence & SendableMetatype>(
    _ body: @escaping @Sendable (Input) async throws -> Elements
  ) -> Port<Output> where Elements.Element == Output, Elements.AsyncIterator: SendableMetatype {
    guard failsAtOnce else { return branchWithPolicy(body) }
    return tasks { inputs, outputs, worker in
      while let element = await inputs.next() {
        let clock = BodyClock(worker)
        defer { clock.stop() }
        for try await output in try await body(element) { try await outputs(output) }
      }
    }
  }

  @inlinable
  func branch(
    _ body: @escaping @Sendable (Input, AsyncOutputs<Output>) async throws -> Void
  ) -> Port<Output> {
    guard failsAtOnce else { return branchWithPolicy(body) }
    return tasks { inputs, outputs, worker in
      while let element = await inputs.next() {
        let clock = BodyClock(worker)
        defer { clock.stop() }
        try await body(element, outputs)
      }
    }
  }

  @inlinable
  func join(
    _ body: @escaping @Sendable (AsyncInputs<Input>, AsyncOutputs<Output>) async throws -> Void
  ) -> Port<Output> {
    tasks { inputs, outputs, worker in
      if worker.run.hasEnded(worker.position) { return }
      let clock = BodyClock(worker)
      defer { clock.stop() }
      try await body(inputs, outputs)
    }
  }
}
