import Testing

@testable import Sluice

/// The pure parts of failure policies: what is decided, and what is written down.
@Suite struct FailureStateTests {
  private func decisions(_ policy: FailurePolicy, _ attempts: ClosedRange<Int>) -> [FailureDecision] {
    attempts.map { FailureDecision(policy, attempts: $0) }
  }

  @Test func withoutRetries() {
    #expect(decisions(.fail, 1...2) == [.fail, .fail])
    #expect(decisions(.skip, 1...2) == [.skip, .skip])
  }

  @Test func retriesAndThen() {
    #expect(decisions(.retry(1), 1...2) == [.retry, .fail])
    #expect(decisions(.retry(2, then: .skip), 1...4) == [.retry, .retry, .skip, .skip])
    #expect(decisions(.retry(1, then: .fail), 1...2) == [.retry, .fail])
  }

  @Test func nestedRetriesAddUp() {
    let policy = FailurePolicy.retry(1, then: .retry(2, then: .retry(1, then: .skip)))
    #expect(decisions(policy, 1...6) == [.retry, .retry, .retry, .retry, .skip, .skip])
  }

  @Test func numbersAtTheEndOfTheirRange() {
    let policy = FailurePolicy.retry(.max, then: .retry(.max, then: .skip))
    #expect(FailureDecision(policy, attempts: 1) == .retry)
    #expect(FailureDecision(policy, attempts: .max) == .retry)
    #expect(FailureDecision(.retry(.max - 1, then: .skip), attempts: .max) == .skip)
  }

  @Test func wrongNumbersOfRetries() {
    #expect(FailurePolicy.fail.wrongNumberOfRetries == nil)
    #expect(FailurePolicy.retry(1, then: .retry(1)).wrongNumberOfRetries == nil)
    #expect(FailurePolicy.retry(0).wrongNumberOfRetries == 0)
    #expect(FailurePolicy.retry(3, then: .retry(-2, then: .retry(0))).wrongNumberOfRetries == -2)
  }

  @Test func theLogKeepsTheFirstFailuresAndCountsAll() {
    var log = FailureLog()
    for item in 0..<250 {
      if item % 2 == 0 { log.retry() }
      log.end(RunFailure(item: item, error: Failing(item: item, attempt: 1), attempts: 1, wasSkipped: true))
    }
    log.end(RunFailure(item: 250, error: Failing(item: 250, attempt: 3), attempts: 3, wasSkipped: false))
    #expect(log.skipped == 250)
    #expect(log.retried == 125)
    #expect(log.failures.map { $0.item as? Int } == Array(0..<100))
  }

  @Test func aFailureDescribesItself() {
    let error = Failing(item: 7, attempt: 1)
    let skipped = RunFailure(item: 7, error: error, attempts: 1, wasSkipped: true)
    #expect("\(skipped)" == "7 was skipped after 1 attempt: \(error)")
    let last = RunFailure(item: 7, error: error, attempts: 3, wasSkipped: false)
    #expect("\(last)" == "7 ended the run after 3 attempts: \(error)")
  }
}
