import CSluice

/// Stages whose bodies take or give items in the middle: each body keeps its thread.
extension StageParts {
  /// One value in, any number out through `yield`.
  @inlinable
  func branch(_ body: @escaping @Sendable (Input, Outputs<Output>) throws -> Void) -> Port<Output> {
    guard failsAtOnce else { return branchWithPolicy(body) }
    let (input, output) = (self.input, self.output)
    for worker in workers {
      let intake = Intake(input, worker)
      worker.step = { worker in
        let outputs = Outputs(channel: output, worker: worker)
        repeat {
          while let item = intake.take(worker.lease) {
            sl_stage_counters_take(worker.counters)
            let clock = BodyClock(worker)
            do {
              try body(item.move(), outputs)
              clock.stop()
            } catch {
              clock.stop()
              _ = intake.fail(error, worker.lease)
            }
          }
        } while worker.goesOn()
      }
    }
    return port()
  }

  /// The same for a stage that skips or retries items.
  @inlinable
  func branchWithPolicy(
    _ body: @escaping @Sendable (Input, Outputs<Output>) throws -> Void
  ) -> Port<Output> {
    let (input, output) = (self.input, self.output)
    for worker in workers {
      let intake = Intake(input, worker)
      worker.step = { worker in
        let outputs = Outputs(channel: output, worker: worker)
        repeat {
          while let item = intake.take(worker.lease) {
            sl_stage_counters_take(worker.counters)
            let clock = BodyClock(worker)
            // What came of it needs no look: a stage that is over takes no further item.
            _ = Self.attempt(item.move(), intake, worker.lease) { try body($0, outputs) }
            clock.stop()
          }
        } while worker.goesOn()
      }
    }
    return port()
  }

  /// A stream in, any number out through `yield`; each worker runs the body once.
  @inlinable
  func join(_ body: @escaping @Sendable (Inputs<Input>, Outputs<Output>) throws -> Void) -> Port<Output> {
    let (input, output) = (self.input, self.output)
    for worker in workers {
      let intake = Intake(input, worker)
      worker.step = { worker in
        guard sl_lease_enter(worker.lease, worker.position) else { return worker.finish() }
        worker.takeResponsibility()
        let clock = BodyClock(worker)
        do {
          try body(Inputs(intake), Outputs(channel: output, worker: worker))
          clock.stop()
        } catch {
          clock.stop()
          worker.run.fail(error, at: worker.position)
        }
        worker.finish()
      }
    }
    return port()
  }
}

/// Measures how long a body works, without the time in which it waits for its queues or runs other
/// stages' bodies.
@usableFromInline
struct BodyClock {
  @usableFromInline let worker: Worker
  @usableFromInline let started: UInt64

  @usableFromInline
  init(_ worker: Worker) {
    self.worker = worker
    worker.waited.pointee = 0
    started = sl_now_nanoseconds()
  }

  @usableFromInline
  func stop() {
    let all = sl_now_nanoseconds() - started
    let waited = min(worker.waited.pointee, all)
    sl_stage_counters_busy_add_once(worker.counters, all - waited)
  }
}
