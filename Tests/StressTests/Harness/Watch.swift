import Foundation
import Synchronization

// Who is where in a round; and a thread that says so, and ends the process, when nothing moves any more.

/// Where one worker of a round stands.
final class Station: Sendable {
  let role: String
  private let done = Atomic(0)
  private let operation = Atomic(0)
  private let hasEnded = Atomic(false)

  init(_ role: String) { self.role = role }

  /// An operation begins, after `done` elements.
  func begin(_ operation: Operation, done: Int) {
    self.operation.store(operation.rawValue, ordering: .relaxed)
    self.done.store(done, ordering: .relaxed)
  }

  func end(done: Int) {
    self.done.store(done, ordering: .relaxed)
    hasEnded.store(true, ordering: .relaxed)
  }

  var progress: Int { done.load(ordering: .relaxed) + (hasEnded.load(ordering: .relaxed) ? 1 : 0) }

  var description: String {
    let operation = Operation(rawValue: operation.load(ordering: .relaxed)) ?? .now
    let place = hasEnded.load(ordering: .relaxed) ? "through" : "in \(operation)"
    return "\(role): \(place), after \(done.load(ordering: .relaxed)) elements"
  }
}

/// Ends the process, and says what hung, when a round has made no progress for this long. It watches from a
/// thread of its own, so that it sees a hang of Swift's cooperative threads too.
final class Watch: Sendable {
  static let patience = 30
  static let shared = Watch()

  private struct Round {
    var name: String
    var stations: [Station]
    var state: @Sendable () -> String
  }

  private let round = Mutex<Round?>(nil)

  private init() {
    Thread.detachNewThread { [self] in
      var (last, lastName, still) = (-1, "", 0)
      while true {
        Thread.sleep(forTimeInterval: 1)
        guard let round = round.withLock({ $0 }) else {
          still = 0
          continue
        }
        let progress = round.stations.map(\.progress).reduce(0, +)
        still = progress == last && round.name == lastName ? still + 1 : 0
        (last, lastName) = (progress, round.name)
        if still < Self.patience { continue }
        var text = "Watch: no progress for \(Self.patience) s in \(round.name)\n  \(round.state())\n"
        for station in round.stations { text += "  \(station.description)\n" }
        FileHandle.standardError.write(Data(text.utf8))
        abort()
      }
    }
  }

  func begin(_ name: String, _ stations: [Station], state: @escaping @Sendable () -> String) {
    round.withLock { $0 = Round(name: name, stations: stations, state: state) }
  }

  func end() { round.withLock { $0 = nil } }
}

/// Lets a task wait until so many others are through.
final class Latch: @unchecked Sendable {
  private let lock = NSLock()
  private var left: Int
  private var waiter: CheckedContinuation<Void, Never>?

  init(_ count: Int) { left = count }

  func countDown() {
    let resumed = lock.withLock {
      left -= 1
      return left == 0 ? waiter : nil
    }
    resumed?.resume()
  }

  func wait() async {
    await withCheckedContinuation { continuation in
      let isOver = lock.withLock {
        if left > 0 { waiter = continuation }
        return left == 0
      }
      if isOver { continuation.resume() }
    }
  }
}
