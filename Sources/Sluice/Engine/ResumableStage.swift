import CSluice

/// Stages whose workers keep nothing on a stack between two outputs: any thread may take their tokens,
/// and the stage after them may pull through them.
extension StageParts {
  /// `makePull` gives, for each worker, the function that produces its next output.
  @inlinable
  func resumable(_ makePull: (Intake<Input>) -> Pull<Output>) -> Port<Output> {
    var first: (pull: Pull<Output>, held: Slot<Output>)?
    let output = self.output
    for worker in workers {
      let pull = makePull(Intake(input, worker))
      let held = Slot<Output>()
      worker.step = { worker in Self.drive(worker, output: output, held: held, pull: pull) }
      if first == nil { first = (pull, held) }
    }
    return port(pull: first?.pull, held: first?.held)
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

  /// One value in, one value out. Counts an item once, when its output is there: `taken` counts those
  /// that gave none.
  @inlinable
  func map(_ body: @escaping @Sendable (Input) throws -> Output) -> Port<Output> {
    resumable { intake in
      { lease, place in
        let counters = intake.counters
        guard let item = intake.take(lease) else { return intake.pass(lease) }
        do {
          if _slowPath(sl_stage_counters_timed(counters)) {
            let started = sl_now_nanoseconds()
            place.initialize(to: try body(item.move()))
            sl_stage_counters_busy_add(counters, sl_now_nanoseconds() - started)
          } else {
            place.initialize(to: try body(item.move()))
          }
          sl_stage_counters_produce(counters)
          return true
        } catch {
          sl_stage_counters_take(counters)
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
    resumable { intake in
      let slot = Slot<Elements.Iterator>()
      return { lease, place in
        let (iterator, counters) = (slot.pointer, intake.counters)
        while true {
          guard sl_lease_enter(lease, intake.position) else { return intake.nothing(.stopped, lease) }
          if slot.isFull.pointee {
            if let next = Self.next(iterator, counters) {
              sl_stage_counters_produce(counters)
              place.initialize(to: next)
              return true
            }
            intake.hasUnfinishedInput.pointee = false
            slot.isFull.pointee = false
            iterator.deinitialize(count: 1)
          }
          guard let item = intake.take(lease) else { return intake.pass(lease) }
          sl_stage_counters_take(counters)
          do {
            let started = sl_now_nanoseconds()
            iterator.initialize(to: try body(item.move()).makeIterator())
            sl_stage_counters_busy_add_once(counters, sl_now_nanoseconds() - started)
            slot.isFull.pointee = true
            intake.hasUnfinishedInput.pointee = true
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
    guard _slowPath(sl_stage_counters_timed(counters)) else {
      return iterator.pointee.next()
    }
    let started = sl_now_nanoseconds()
    let next = iterator.pointee.next()
    sl_stage_counters_busy_add(counters, sl_now_nanoseconds() - started)
    return next
  }
}
