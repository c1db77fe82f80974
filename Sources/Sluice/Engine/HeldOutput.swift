import CSluice

/// What a worker of an ordered stage has for the queue: nothing, an output, or a hole. Behind a pointer, like
/// `Slot`: the holder of the worker's token is the only one that touches it.
@usableFromInline
final class HeldOutput<Output> {
  @usableFromInline let slot = Slot<Output>()
  @usableFromInline let held: UnsafeMutablePointer<Numbered>

  @usableFromInline
  init() {
    held = .allocate(capacity: 1)
    held.initialize(to: .nothing)
  }

  deinit { held.deallocate() }

  /// The output of this number stands in the slot.
  @inlinable
  func holdElement(_ number: UInt64) {
    slot.isFull.pointee = true
    held.pointee = .element(number)
  }

  /// Puts what is held into the queue. False: there is no room for it.
  @inlinable
  func give(to output: Channel<Output>, _ worker: Worker) -> Bool {
    switch held.pointee {
    case .nothing:
      return true
    case .hole(let number):
      guard output.skip(number: number) else { return finds(noRoomFor: number, output, worker) }
    case .element(let number):
      guard output.enqueue(from: slot.pointer, number: number) else {
        return finds(noRoomFor: number, output, worker)
      }
      slot.isFull.pointee = false
      if number & 15 == 0 { output.noteLength(number, worker) }
    }
    held.pointee = .nothing
    return true
  }

  @usableFromInline @inline(never)
  func finds(noRoomFor number: UInt64, _ output: Channel<Output>, _ worker: Worker) -> Bool {
    output.core.ordered?.hold(number, producer: worker.index)
    output.noteLength(number, worker)
    return false
  }
}
