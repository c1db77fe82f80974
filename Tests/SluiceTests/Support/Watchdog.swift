import Foundation
import Synchronization
import Testing

/// Ends the process, and says what hung, when `body` takes longer than this. It watches from a thread
/// of its own, so that it sees a hang of Swift's cooperative threads too.
func withWatchdog<Result>(
  seconds: Double = 60, _ what: String = #function, isolation: isolated (any Actor)? = #isolation,
  _ body: () async throws -> Result
) async rethrows -> Result {
  let watchdog = Watchdog(seconds: seconds, what)
  defer { watchdog.dismiss() }
  return try await body()
}

/// Says where a test stands, for the message of the watchdog.
func note(_ where: String) {
  Watchdog.place.withLock { $0 = `where` }
  watch { "" }
}

/// Has the watchdog say this too.
func watch(_ state: @escaping @Sendable () -> String) { Watchdog.state.withLock { $0 = state } }

private final class Watchdog: @unchecked Sendable {
  static let place = Mutex("")
  static let state = Mutex<@Sendable () -> String> { "" }

  private let condition = NSCondition()
  private var isDismissed = false

  init(seconds: Double, _ what: String) {
    note("")
    let end = Date().addingTimeInterval(seconds)
    Thread.detachNewThread { [self] in
      condition.lock()
      while !isDismissed, Date() < end { _ = condition.wait(until: end) }
      let hangs = !isDismissed
      condition.unlock()
      guard hangs else { return }
      let place = Self.place.withLock { $0 }
      let state = Self.state.withLock { $0 }()
      let message = "Watchdog: \(what) \(place) was not through after \(seconds) s\n\(state)\n"
      FileHandle.standardError.write(Data(message.utf8))
      abort()
    }
  }

  func dismiss() {
    condition.lock()
    isDismissed = true
    condition.broadcast()
    condition.unlock()
  }
}

/// Each test, or each case of a test with arguments, under a watchdog.
struct WatchdogTrait: SuiteTrait, TestTrait, TestScoping {
  let seconds: Double
  var isRecursive: Bool { true }

  func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    try await withWatchdog(seconds: seconds, test.name) { try await function() }
  }
}

extension Trait where Self == WatchdogTrait {
  static func watchdog(seconds: Double = 60) -> Self { Self(seconds: seconds) }
}

/// Whether the condition comes true within this time; looks every few milliseconds.
func eventually(within seconds: Double = 20, _ condition: () -> Bool) async throws -> Bool {
  let end = Date().addingTimeInterval(seconds)
  while !condition() {
    if Date() > end { return false }
    try await Task.sleep(for: .milliseconds(5))
  }
  return true
}
