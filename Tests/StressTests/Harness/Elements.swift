import Synchronization

/// Counts the elements that are alive.
final class Lives: Sendable {
  private let count = Atomic(0)
  var now: Int { count.load(ordering: .sequentiallyConsistent) }
  fileprivate func add(_ n: Int) { count.add(n, ordering: .sequentiallyConsistent) }
}

/// An element that a stress test makes out of a number.
protocol StressElement: ~Copyable, Sendable {
  init(_ number: UInt64, _ lives: Lives)
  var number: UInt64 { get }
}

extension UInt64: StressElement {
  init(_ number: UInt64, _ lives: Lives) { self = number }
  var number: UInt64 { self }
}

/// On the heap: one that is lost or destroyed twice shows.
final class Boxed: StressElement {
  let number: UInt64
  private let lives: Lives

  init(_ number: UInt64, _ lives: Lives) {
    (self.number, self.lives) = (number, lives)
    lives.add(1)
  }
  deinit { lives.add(-1) }
}

/// Cannot be copied, has an end of its own, and no power of two as its size.
struct Unique: ~Copyable, StressElement {
  let number: UInt64
  private let check: UInt64
  private let lives: Lives

  init(_ number: UInt64, _ lives: Lives) {
    (self.number, check, self.lives) = (number, ~number, lives)
    lives.add(1)
  }
  deinit {
    precondition(check == ~number, "the element is torn")
    lives.add(-1)
  }
}
