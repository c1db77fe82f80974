import Synchronization

/// Counts the lives of the objects that were made with it.
final class Lives: Sendable {
  private let begun = Atomic(0)
  private let ended = Atomic(0)

  var born: Int { begun.load(ordering: .sequentiallyConsistent) }
  var died: Int { ended.load(ordering: .sequentiallyConsistent) }

  fileprivate func begin() { begun.add(1, ordering: .sequentiallyConsistent) }
  fileprivate func end() { ended.add(1, ordering: .sequentiallyConsistent) }
}

/// An element whose end is counted.
final class Tracked: Sendable, CustomStringConvertible {
  let number: Int
  private let lives: Lives

  init(_ number: Int, _ lives: Lives) {
    self.number = number
    self.lives = lives
    lives.begin()
  }

  deinit { lives.end() }

  var description: String { "\(number)" }
}
