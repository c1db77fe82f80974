import CSluice

/// Ordered stages on tasks (see `OrderedStage.swift`): a worker whose output finds no room suspends with it.
extension StageParts {
  @inlinable
  func mapOrdered(_ body: @escaping @Sendable (Input) async throws -> Output) -> Port<Output> {
    let failsAtOnce = self.failsAtOnce
    return tasks { inputs, outputs, worker in
      let held = HeldOutput<Output>()
      while true {
        let (numbered, element) = await inputs.nextNumbered()
        switch numbered {
        case .nothing: return
        case .hole(let number): try await outputs.sendHole(number, by: held)
        case .element(let number):
          guard let element else { return }
          let clock = BodyClock(worker)
          defer { clock.stop() }
          if failsAtOnce {
            try await outputs.send(try await body(element), number, by: held)
          } else {
            switch await Self.attempt(element, worker, body) {
            case .done(let output): try await outputs.send(output, number, by: held)
            case .skipped: try await outputs.sendHole(number, by: held)
            case .stopped: return
            }
          }
        }
      }
    }
  }
}

extension AsyncInputs {
  /// The next number and its item, if there is one. `.nothing` at the end.
  @inlinable
  func nextNumbered() async -> (Numbered, Element?) {
    if worker.mustYield() { await Task.yield() }
    while true {
      if run.hasEnded(worker.position) { return (.nothing, nil) }
      switch intake.channel.dequeueNumbered(into: intake.queued) {
      case .nothing: break
      case .hole(let number):
        intake.channel.core.notifyNotFull()
        return (.hole(number), nil)
      case .element(let number):
        intake.channel.core.notifyNotFull()
        sl_stage_counters_take(worker.counters)
        return (.element(number), intake.queued.move())
      }
      if intake.channel.core.isAtEnd { return (.nothing, nil) }
      let started = sl_now_nanoseconds()
      await worker.suspendOnInput()
      worker.addWaited(once: sl_now_nanoseconds() - started)
    }
  }
}

extension AsyncOutputs {
  /// Writes what the worker holds.
  ///
  /// - Throws: `CancellationError` once the run has ended.
  @inlinable
  func send(_ held: HeldOutput<Element>) async throws {
    if worker.mustYield() { await Task.yield() }
    while true {
      guard !run.hasEnded(worker.position) else { throw CancellationError() }
      if held.give(to: channel, worker) { return }
      let started = sl_now_nanoseconds()
      await worker.suspendOnOutput()
      worker.addWaited(once: sl_now_nanoseconds() - started)
    }
  }

  @inlinable
  func send(_ element: consuming Element, _ number: UInt64, by held: HeldOutput<Element>) async throws {
    held.slot.pointer.initialize(to: element)
    held.holdElement(number)
    try await send(held)
    sl_stage_counters_produce(worker.counters)
  }

  @inlinable
  func sendHole(_ number: UInt64, by held: HeldOutput<Element>) async throws {
    held.held.pointee = .hole(number)
    try await send(held)
  }
}
