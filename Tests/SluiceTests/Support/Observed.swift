import Foundation

/// A value that threads and tasks share, and a way for either to wait until it is as they need it:
/// what the tests prove things with instead of sleeping.
final class Observed<Value: Sendable>: @unchecked Sendable {
  private let condition = NSCondition()
  private var value: Value
  private var suspended:
    [(isMet: @Sendable (Value) -> Bool, continuation: CheckedContinuation<Void, Never>)] = []

  init(_ value: Value) { self.value = value }

  var now: Value {
    condition.withLock { value }
  }

  @discardableResult
  func update<Result>(_ change: (inout Value) -> Result) -> Result {
    condition.lock()
    let result = change(&value)
    var met: [CheckedContinuation<Void, Never>] = []
    if !suspended.isEmpty {
      met = suspended.filter { $0.isMet(value) }.map(\.continuation)
      suspended.removeAll { $0.isMet(value) }
    }
    condition.broadcast()
    condition.unlock()
    for continuation in met { continuation.resume() }
    return result
  }

  /// The wait for the value to be as `isMet` wants it.
  func until(_ isMet: @escaping @Sendable (Value) -> Bool) -> Wait {
    Wait(
      block: { [self] in
        condition.lock()
        while !isMet(value) { condition.wait() }
        condition.unlock()
      },
      suspend: { [self] in
        await withCheckedContinuation { continuation in
          condition.lock()
          if isMet(value) {
            condition.unlock()
            continuation.resume()
          } else {
            suspended.append((isMet, continuation))
            condition.unlock()
          }
        }
      })
  }
}

/// A wait that can be done either way: by a thread that blocks, or by a task that suspends.
struct Wait: Sendable {
  private let blocking: @Sendable () -> Void
  private let suspending: @Sendable () async -> Void

  init(block: @escaping @Sendable () -> Void, suspend: @escaping @Sendable () async -> Void) {
    blocking = block
    suspending = suspend
  }

  @available(*, noasync)
  func block() { blocking() }

  func suspend() async { await suspending() }

  func then(_ next: @escaping @Sendable () -> Void) -> Wait {
    Wait(
      block: { [self] in
        blocking()
        next()
      },
      suspend: { [self] in
        await suspending()
        next()
      })
  }
}

typealias Count = Observed<Int>
typealias Gate = Observed<Bool>

extension Observed<Int> {
  convenience init() { self.init(0) }

  @discardableResult
  func add(_ number: Int = 1) -> Int {
    update {
      $0 += number
      return $0
    }
  }

  /// The wait until the count is this high.
  func reaching(_ number: Int) -> Wait { until { $0 >= number } }

  /// One more is here: the wait until this many are.
  func meeting(of number: Int) -> Wait {
    add()
    return reaching(number)
  }
}

extension Observed<Bool> {
  convenience init() { self.init(false) }

  func open() { update { $0 = true } }

  /// The wait until the gate is open.
  var opening: Wait { until { $0 } }
}
