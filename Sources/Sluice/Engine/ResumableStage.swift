import CSluice

/// Memory for the state of one worker, which closures reach without exclusivity checks: the holder
/// of the worker's token is the only one that touches it.
@usableFromInline
final class StateBox<Value> {
  @usableFromInline let pointer: UnsafeMutablePointer<Value>

  @usableFromInline
  init(_ value: Value) {
    pointer = .allocate(capacity: 1)
    pointer.initialize(to: value)
  }

  deinit {
    pointer.deinitialize(count: 1)
    pointer.deallocate()
  }
}

extension StageParts {
  /// A stage whose workers keep nothing on a stack between two outputs. `makePull` gives, for each
  /// worker, the function that produces its next output.
  @inlinable
  func resumable(_ makePull: (Worker, Intake<Input>) -> (Lease) -> Output?) -> Port<Output> {
    var firstPull: ((Lease) -> Output?)?
    let output = self.output
    for worker in workers {
      let pull = makePull(worker, Intake(input, worker))
      let held = StateBox<Output?>(nil)
      worker.step = { worker in
        Self.drive(worker, output: output, held: held.pointer, pull: pull)
      }
      if firstPull == nil { firstPull = pull }
    }
    return port(pull: firstPull)
  }

  /// Runs a worker on the calling thread, until it has to wait or is at its end: pulls items and
  /// enqueues them. An output that finds the queue full is held by the worker.
  @inlinable
  static func drive(
    _ worker: Worker, output: Channel<Output>, held: UnsafeMutablePointer<Output?>,
    pull: (Lease) -> Output?
  ) {
    let lease = worker.lease
    let counters = worker.counters
    while true {
      if let element = held.pointee.take() {
        held.pointee = output.enqueue(element)
        if held.pointee != nil {
          if worker.goesOnToEnqueue() { continue }
          return
        }
        output.core.notifyNotEmpty()
      }
      while let element = pull(lease) {
        if let refused = output.enqueue(element) {
          held.pointee = refused
          sl_stage_counters_queue_length(counters, UInt64(output.core.count))
          break
        }
        output.core.notifyNotEmpty()
        if sl_stage_counters_produced(counters) & 15 == 1 {
          sl_stage_counters_queue_length(counters, UInt64(output.core.count))
        }
      }
      if held.pointee == nil, !worker.goesOn() { return }
    }
  }

  /// One value in, one value out.
  @inlinable
  func map(_ body: @escaping @Sendable (Input) throws -> Output) -> Port<Output> {
    resumable { worker, intake in
      let counters = worker.counters
      return { lease in
        guard let element = intake.take(lease) else { return intake.pass(lease) }
        let isTimed = sl_stage_counters_timed(counters, sl_stage_counters_taken(counters))
        let started = isTimed ? sl_now_nanoseconds() : 0
        do {
          let result = try body(element)
          if isTimed { sl_stage_counters_busy_add(counters, sl_now_nanoseconds() - started) }
          sl_stage_counters_produce(counters)
          return result
        } catch {
          return intake.fail(error, lease)
        }
      }
    }
  }

  /// One value in, a sequence out, pulled lazily.
  @inlinable
  func branch<Outputs: Sequence>(
    _ body: @escaping @Sendable (Input) throws -> Outputs
  ) -> Port<Output> where Outputs.Element == Output {
    resumable { worker, intake in
      let counters = worker.counters
      let isUnfinished = worker.hasUnfinishedInput
      let position = worker.position
      let box = StateBox<Outputs.Iterator?>(nil)
      return { lease in
        let iterator = box.pointer
        while true {
          guard sl_lease_enter(lease, position) else { return intake.nothing(.stopped, lease) }
          if isUnfinished.pointee {
            let isTimed = sl_stage_counters_timed(counters, sl_stage_counters_produced(counters))
            let started = isTimed ? sl_now_nanoseconds() : 0
            let next = iterator.pointee!.next()
            if isTimed { sl_stage_counters_busy_add(counters, sl_now_nanoseconds() - started) }
            if let next {
              sl_stage_counters_produce(counters)
              return next
            }
            isUnfinished.pointee = false
            iterator.pointee = nil
          }
          guard let element = intake.take(lease) else { return intake.pass(lease) }
          do {
            let started = sl_now_nanoseconds()
            iterator.pointee = try body(element).makeIterator()
            sl_stage_counters_busy_add_once(counters, sl_now_nanoseconds() - started)
            isUnfinished.pointee = true
          } catch {
            return intake.fail(error, lease)
          }
        }
      }
    }
  }
}

extension Intake {
  /// Hands on that the input gave nothing. If that is for good and this worker's token is leased, the
  /// worker ends here.
  @usableFromInline
  func pass<Output>(_ lease: Lease) -> Output? {
    if lease.pointee.outcome == Outcome.ended.rawValue {
      let driver = Worker.driver(of: lease)
      if driver.position != position { run.stages[Int(position)].workers.workers[0].finishLeased(lease) }
    }
    return nil
  }

  /// The body threw.
  @usableFromInline @inline(never)
  func fail<Output>(_ error: any Error, _ lease: Lease) -> Output? {
    run.fail(error, at: position)
    lease.pointee.outcome = Outcome.stopped.rawValue
    return nil
  }

  @inlinable
  func nothing<Output>(_ why: Outcome, _ lease: Lease) -> Output? {
    lease.pointee.outcome = why.rawValue
    return nil
  }
}
