import CSluice

/// Produces the next item of a stage into the place given, on the calling thread, which holds the
/// stage's token through the lease. False, with the reason in the lease's outcome: there was none.
///
/// The result goes through a pointer and not by value, so that specialised and generic code agree on
/// how it is passed and no thunk stands between them.
@usableFromInline typealias Pull<Element> = (Lease, UnsafeMutablePointer<Element>) -> Bool

/// Produces some items of a stage at once, into its output queue, for who holds its token through the lease and knows that
/// it holds no output. False: there is no room, or `Pull` must say what is next.
@usableFromInline typealias Fill = (Lease) -> Bool

/// How a resumable worker produces.
@usableFromInline
struct Production<Element> {
  @usableFromInline let pull: Pull<Element>
  /// For a stage whose next items are at hand: no body that may take its time stands between two of them.
  @usableFromInline let fill: Fill?

  @usableFromInline
  init(fill: Fill? = nil, _ pull: @escaping Pull<Element>) {
    self.pull = pull
    self.fill = fill
  }
}

/// The output end of a stage as the next one (or the consumer) sees it: a queue, and, where a single
/// resumable worker feeds it, the way to pull an item straight through that worker.
@usableFromInline
struct Port<Element>: @unchecked Sendable {
  @usableFromInline let channel: Channel<Element>
  @usableFromInline let pull: Pull<Element>
  @usableFromInline let fill: Fill?
  /// The token to hold for that; one that is never leased where there is nothing to pull from.
  @usableFromInline let token: UnsafeMutablePointer<sl_token>
  @usableFromInline let canPull: Bool
  /// The output that the worker holds because the queue was full.
  @usableFromInline let held: Slot<Element>?

  @usableFromInline
  init(
    channel: Channel<Element>, production: Production<Element>?, token: UnsafeMutablePointer<sl_token>?,
    held: Slot<Element>?
  ) {
    self.channel = channel
    self.held = held
    // No `??` here: a closure that passes through it comes out in a thunk, which each call then pays for.
    if let production, let token {
      (canPull, self.token, pull, fill) = (true, token, production.pull, production.fill)
    } else {
      (canPull, self.token, pull, fill) = (false, neverLeased.token, { _, _ in false }, nil)
    }
  }
}

private struct NeverLeased: @unchecked Sendable {
  let token: UnsafeMutablePointer<sl_token>

  init() {
    token = .allocate(capacity: 1)
    sl_token_init(token, UInt32(SL_TOKEN_ENDED))
  }
}

private let neverLeased = NeverLeased()

/// Room for one value, outside any stack, so that closures reach it without exclusivity checks: the
/// holder of the worker's token is the only one that touches it.
@usableFromInline
final class Slot<Value> {
  @usableFromInline let pointer: UnsafeMutablePointer<Value>
  /// Whether a value stands in it, which is then deinitialised with the slot.
  @usableFromInline let isFull: UnsafeMutablePointer<Bool>
  private let storage: UnsafeMutableRawPointer

  @usableFromInline
  init() {
    let size = max(MemoryLayout<Value>.stride, 1)
    storage = .allocate(byteCount: size + 1, alignment: MemoryLayout<Value>.alignment)
    pointer = storage.bindMemory(to: Value.self, capacity: 1)
    isFull = (storage + size).bindMemory(to: Bool.self, capacity: 1)
    isFull.initialize(to: false)
  }

  deinit {
    if isFull.pointee { pointer.deinitialize(count: 1) }
    storage.deallocate()
  }
}
