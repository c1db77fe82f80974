import CSluice

/// What became of an element that was to be enqueued. Refused elements are in it: none is lost.
public enum EnqueueResult<Element: ~Copyable>: ~Copyable {
  /// The queue has the element.
  case enqueued
  /// There was no room, for as long as the call was to wait; here is the element.
  case full(Element)
  /// The queue is closed, or its consumer has gone; here is the element.
  case closed(Element)
  /// The task was cancelled while it waited for room; here is the element.
  case cancelled(Element)
}

extension EnqueueResult: Copyable where Element: Copyable {}
extension EnqueueResult: Sendable where Element: Sendable & ~Copyable {}

extension EnqueueResult where Element: ~Copyable {
  /// Whether the queue has the element.
  @inlinable
  public var isEnqueued: Bool {
    switch self {
    case .enqueued: true
    default: false
    }
  }

  /// The element, if it was refused.
  @inlinable
  public consuming func refused() -> Element? {
    switch consume self {
    case .enqueued: nil
    case .full(let element): element
    case .closed(let element): element
    case .cancelled(let element): element
    }
  }

  @inlinable
  init(_ result: sl_result, refused element: consuming Element) {
    self = result == SL_CLOSED ? .closed(element) : .full(element)
  }
}

/// What a dequeue that does not wait for ever found.
public enum DequeueResult<Element: ~Copyable>: ~Copyable {
  /// The oldest element.
  case element(Element)
  /// There was none, for as long as the call was to wait.
  case empty
  /// The queue is closed and drained: no element will come any more.
  case closed
}

extension DequeueResult: Copyable where Element: Copyable {}
extension DequeueResult: Sendable where Element: Sendable & ~Copyable {}

extension DequeueResult where Element: ~Copyable {
  /// The element, if there was one.
  @inlinable
  public consuming func element() -> Element? {
    switch consume self {
    case .element(let element): element
    case .empty: nil
    case .closed: nil
    }
  }
}

/// A queue that cannot be made as it was asked for.
public enum QueueError: Error, Equatable, CustomStringConvertible {
  /// A capacity is 1 or more, and less than 2³¹.
  case invalidCapacity(Int)
  /// The system has no memory for a queue of this capacity.
  case outOfMemory(capacity: Int, elementBytes: Int)
  /// Each end of an `SPSCQueue` can be taken once.
  case endTaken(String)

  public var description: String {
    switch self {
    case .invalidCapacity(let capacity):
      "capacity must be 1 or more and less than 2147483648, and is \(capacity)"
    case .outOfMemory(let capacity, let bytes):
      "there is no memory for a queue of \(capacity) elements of \(bytes) bytes; use a smaller capacity"
    case .endTaken(let end):
      "the \(end) of this queue has been taken before; a queue of one producer and one consumer has one of each"
    }
  }
}
