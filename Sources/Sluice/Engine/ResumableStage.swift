import CSluice

/// Stages whose workers keep nothing on a stack between two outputs: any thread may take their tokens,
/// and the stage after them may pull through them.
extension StageParts {
  /// `makePull` gives, for each worker, the function that produces its next output.
  @inlinable
  func resumable(_ makePull: (Worker, Intake<Input>) -> Pull<Output>) -> Port<Output> {
    var firstPull: Pull<Output>?
    let output = self.output
    for worker in workers {
      let pull = makePull(worker, Intake(input, worker))
      let held = Slot<Output>()
      worker.step = { worker in Self.drive(worker, output: output, held: held, pull: pull) }
      if firstPull == nil { firstPull = pull }
    }
    return port(pull: firstPull)
  }

  /// Runs a worker on the calling thread, until it has to wait or is at its end: pulls items and
  /// enqueues them. An output that finds the queue full is held by the worker.
  @inlinable
  static func drive(
    _ worker: Worker, output: Channel<Output>, held: Slot<Output>, pull: Pull<Output>
  ) {
    let lease = worker.lease
    let counters = worker.counters
    let (item, isHeld) = (held.pointer, held.isFull)
    while true {
      if isHeld.pointee {
        guard output.enqueue(from: item) else {
          if worker.goesOnToEnqueue() { continue }
          return
        }
        isHeld.pointee = false
        output.core.notifyNotEmpty()
      }
      while pull(lease, item) {
        guard output.enqueue(from: item) else {
          isHeld.pointee = true
          sl_stage_counters_queue_length(counters, UInt64(output.core.count))
          break
        }
        output.core.notifyNotEmpty()
        if sl_stage_counters_produced(counters) & 15 == 1 {
          sl_stage_counters_queue_length(counters, UInt64(output.core.count))
        }
      }
      if !isHeld.pointee, !worker.goesOn() { return }
    }
  }

  /// One value in, one value out.
  @inlinable
  func map(_ body: @escaping @Sendable (Input) throws -> Output) -> Port<Output> {
    resumable { worker, intake in
      let counters = worker.counters
      return { lease, place in
        guard let item = intake.take(lease) else { return intake.pass(lease) }
        do {
          if _slowPath(sl_stage_counters_timed(counters, sl_stage_counters_taken(counters))) {
            let started = sl_now_nanoseconds()
            place.initialize(to: try body(item.move()))
            sl_stage_counters_busy_add(counters, sl_now_nanoseconds() - started)
          } else {
            place.initialize(to: try body(item.move()))
          }
          sl_stage_counters_produce(counters)
          return true
        } catch {
          return intake.fail(error, lease)
        }
      }
    }
  }

  /// One value in, a sequence out, pulled lazily.
  @inlinable
  func branch<Elements: Sequence & SendableMetatype>(
    _ body: @escaping @Sendable (Input) throws -> Elements
  ) -> Port<Output> where Elements.Element == Output {
    resumable { worker, intake in
      let counters = worker.counters
      let isUnfinished = worker.hasUnfinishedInput
      let position = worker.position
      let slot = Slot<Elements.Iterator>()
      let (iterator, isFull) = (slot.pointer, slot.isFull)
      return { [slot] lease, place in
        defer { withExtendedLifetime(slot) {} }
        while true {
          guard sl_lease_enter(lease, position) else { return intake.nothing(.stopped, lease) }
          if isFull.pointee {
            if let next = Self.next(iterator, counters) {
              sl_stage_counters_produce(counters)
              place.initialize(to: next)
              return true
            }
            isUnfinished.pointee = false
            isFull.pointee = false
            iterator.deinitialize(count: 1)
          }
          guard let item = intake.take(lease) else { return intake.pass(lease) }
          do {
            let started = sl_now_nanoseconds()
            iterator.initialize(to: try body(item.move()).makeIterator())
            sl_stage_counters_busy_add_once(counters, sl_now_nanoseconds() - started)
            isFull.pointee = true
            isUnfinished.pointee = true
          } catch {
            return intake.fail(error, lease)
          }
        }
      }
    }
  }

  @inlinable @inline(__always)
  static func next<Iterator: IteratorProtocol>(
    _ iterator: UnsafeMutablePointer<Iterator>, _ counters: UnsafeMutablePointer<sl_stage_counters>
  ) -> Iterator.Element? {
    guard _slowPath(sl_stage_counters_timed(counters, sl_stage_counters_produced(counters))) else {
      return iterator.pointee.next()
    }
    let started = sl_now_nanoseconds()
    let next = iterator.pointee.next()
    sl_stage_counters_busy_add(counters, sl_now_nanoseconds() - started)
    return next
  }
}
