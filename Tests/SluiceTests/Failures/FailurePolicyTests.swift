import Sluice
import Testing

/// What each policy does in each form of stage: which items come out, and what the report says.
@Suite(.watchdog()) struct FailurePolicyTests {
  /// A policy, and what it comes to.
  struct Case: Sendable, CustomTestStringConvertible {
    let policy: FailurePolicy
    let retries: Int
    var testDescription: String { "\(policy)" }

    static let all = [
      Case(policy: .skip, retries: 0),
      Case(policy: .retry(3), retries: 3),
      Case(policy: .retry(3, then: .skip), retries: 3),
      Case(policy: .retry(1, then: .skip), retries: 1),
      Case(policy: .retry(1, then: .retry(1, then: .skip)), retries: 2),
    ]
  }

  private static let count = 600

  /// How often the body throws for this item before it succeeds: 0 to 3 times.
  private static func failures(_ item: Int) -> Int { item % 4 }

  /// The numbers through a stage whose bodies fail that often, and what its attempts were.
  private static func pipeline(
    _ form: FailingForm, _ policy: FailurePolicy, workers: Int, throttle: Int, _ attempts: Attempts
  ) -> Pipeline<Int, Int> {
    Stage.branch(throttle: throttle) { (n: Int) in 0..<n }
      | form.stage(name: "failing", workers: workers, throttle: throttle, onFailure: policy) { (item: Int) in
        let attempt = attempts.next(item)
        if attempt <= failures(item) { throw Failing(item: item, attempt: attempt) }
      }
  }

  @Test(arguments: FailingForm.allCases, Case.all)
  func outputsAndCounts(form: FailingForm, policy: Case) async throws {
    for (workers, throttle) in [(1, 0), (1, 2), (4, 0), (4, 2), (20, 64)] {
      note("\(form) \(policy.policy) workers \(workers) throttle \(throttle)")
      let attempts = Attempts()
      let pipeline = Self.pipeline(form, policy.policy, workers: workers, throttle: throttle, attempts)
      let items = 0..<Self.count
      let expected = items.filter { Self.failures($0) <= policy.retries }
      let skipped = items.filter { Self.failures($0) > policy.retries }
      let retried = items.reduce(0) { $0 + min(Self.failures($1), policy.retries) }

      let run = pipeline(Self.count)
      let outputs = try await run.collect()
      #expect(workers == 1 ? outputs == expected : outputs.sorted() == expected)
      let stage = run.report.stages[1]
      #expect(stage.skipped == skipped.count)
      #expect(stage.retried == retried)
      #expect(attempts.all == Self.count + retried)
      #expect(stage.itemsIn == Self.count)
      #expect(stage.itemsOut == expected.count)
      #expect(stage.failures.count == min(skipped.count, 100))
      for failure in stage.failures {
        let item = try #require(failure.item as? Int)
        #expect(Self.failures(item) > policy.retries)
        #expect(failure.error as? Failing == Failing(item: item, attempt: policy.retries + 1))
        #expect(failure.attempts == policy.retries + 1)
        #expect(failure.wasSkipped)
      }
      if workers == 1 { #expect(stage.failures.compactMap { $0.item as? Int } == Array(skipped.prefix(100))) }
      #expect(run.report.stages[0].skipped == 0)

      let again = Attempts()
      let blocking = Self.pipeline(form, policy.policy, workers: workers, throttle: throttle, again)
      let blockingOutputs = try await blocking.outputs(Self.count, by: .blocking)
      #expect(workers == 1 ? blockingOutputs == expected : blockingOutputs.sorted() == expected)
      #expect(again.all == Self.count + retried)
    }
  }

  /// The error that ends the run after its retries is the very one that was thrown last.
  @Test(arguments: FailingForm.allCases, Consumer.allCases)
  func theErrorAfterRetriesIsAsThrown(form: FailingForm, consumer: Consumer) async throws {
    for (policy, most) in [(FailurePolicy.retry(2), 3), (.retry(1, then: .retry(2, then: .fail)), 4)] {
      for workers in [1, 4] {
        let attempts = Attempts()
        let pipeline =
          Stage.branch { (n: Int) in 0..<n }
          | form.stage(workers: workers, onFailure: policy) { (item: Int) in
            guard item == 10 else { return }
            throw Failing(item: item, attempt: attempts.next(item))
          }
        let error = await #expect(throws: Failing.self) {
          _ = try await pipeline.outputs(1_000, by: consumer)
        }
        #expect(error == Failing(item: 10, attempt: most))
        #expect(attempts.all == most)
      }
    }
  }

  /// What ended the run stands in the report too.
  @Test(arguments: FailingForm.allCases)
  func theReportHasTheLastFailure(form: FailingForm) async throws {
    final class Broken: Error, Sendable {}
    let broken = Broken()
    let run =
      (Stage.branch { (n: Int) in 0..<n }
      | form.stage(onFailure: .retry(1, then: .fail)) { if $0 == 3 { throw broken } })(10)
    let error = await #expect(throws: Broken.self) { try await run.collect() }
    #expect(error === broken)
    let stage = run.report.stages[1]
    #expect(stage.skipped == 0)
    #expect(stage.retried == 1)
    let failure = try #require(stage.failures.first)
    #expect(stage.failures.count == 1)
    #expect(failure.item as? Int == 3)
    #expect(failure.error as? Broken === broken)
    #expect(failure.attempts == 2)
    #expect(!failure.wasSkipped)
  }

  /// Nothing comes out, and nothing is wrong with that.
  @Test(arguments: FailingForm.allCases, Consumer.allCases)
  func allItemsAreSkipped(form: FailingForm, consumer: Consumer) async throws {
    for workers in [1, 4] {
      let pipeline =
        Stage.branch(throttle: 5) { (n: Int) in 0..<n }
        | form.stage(workers: workers, throttle: 5, onFailure: .skip) { (item: Int) in
          throw Failing(item: item, attempt: 1)
        }
        | Stage { (x: Int) in x }
      if consumer == .blocking {
        #expect(try await pipeline.outputs(2_000, by: .blocking).isEmpty)
      } else {
        let run = pipeline(2_000)
        #expect(try await run.collect().isEmpty)
        #expect(run.report.stages.map(\.skipped) == [0, 2_000, 0])
        #expect(run.report.stages.map(\.itemsIn) == [1, 2_000, 0])
        #expect(run.report.stages.map(\.itemsOut) == [2_000, 0, 0])
        #expect(run.report.stages[1].failures.count == 100)
      }
    }
  }

  /// The first stage's one item.
  @Test(arguments: FailingForm.allCases)
  func aProducerIsRetriedAndSkipped(form: FailingForm) async throws {
    let attempts = Attempts()
    let second = form.stage(onFailure: .retry(1, then: .skip)) { (item: Int) in
      if attempts.next(item) == 1 { throw Failing(item: item, attempt: 1) }
    }
    #expect(try await second(7).collect() == [7])
    let none = form.stage(onFailure: .skip) { (item: Int) in throw Failing(item: item, attempt: 1) }(7)
    #expect(try await none.collect().isEmpty)
    #expect(none.report.stages[0].skipped == 1)
    #expect(none.report.stages[0].itemsIn == 1)
  }

  /// Stages with `bind` have the policy too.
  @Test func boundStages() async throws {
    let sync = Stage(
      onFailure: .skip, { (x: Int, y: Int) in if x == y { throw Failing(item: x, attempt: 1) } else { x } },
      bind: 1)
    let async = Stage(
      onFailure: .skip,
      { (x: Int, y: Int) async throws in if x == y { throw Failing(item: x, attempt: 1) } else { x } },
      bind: 3)
    let run = (Stage.branch { (n: Int) in 0..<n } | sync | async)(5)
    #expect(try await run.collect() == [0, 2, 4])
    #expect(run.report.stages.map(\.skipped) == [0, 1, 1])
  }

  /// What was put out before the body threw stays, and comes again with a retry.
  @Test(arguments: [FailurePolicy.skip, .retry(2, then: .skip)], Consumer.allCases)
  func outputsBeforeTheErrorStay(policy: FailurePolicy, consumer: Consumer) async throws {
    @Sendable func check(_ item: Int) throws {
      if item == 1 { throw Failing(item: item, attempt: 0) }
    }
    let forms: [Pipeline<Int, Int>] = [
      Stage.branch(onFailure: policy) { (x: Int, yield: Outputs<Int>) in
        try yield(x * 10)
        try check(x)
        try yield(x * 10 + 1)
      },
      Stage.branch(onFailure: policy) { (x: Int, yield: AsyncOutputs<Int>) in
        try await yield(x * 10)
        try check(x)
        try await yield(x * 10 + 1)
      },
      Stage.branch(onFailure: policy) { (x: Int) async in
        AsyncNumbers(count: 2) {
          if $0 == 1 { try check(x) }
          return nil
        }
      } | Stage { (x: Int) in x },
    ]
    let tries = policy == .skip ? 1 : 3
    let twos = Array(repeating: 10, count: tries)
    for (number, form) in forms.enumerated() {
      let outputs = try await (Stage.branch { (n: Int) in 0..<n } | form).outputs(3, by: consumer)
      let expected =
        number < 2 ? [0, 1] + twos + [20, 21] : [0, 1] + Array(repeating: 0, count: tries) + [0, 1]
      #expect(outputs == expected)
    }
  }

  /// Reports are compared by their numbers; errors and items need not be comparable.
  @Test func reportsAreCompared() async throws {
    func report(failing: Int) async throws -> RunReport {
      let run = Stage(onFailure: .skip) { (x: Int) in
        if x == failing { throw Failing(item: x, attempt: 1) }
        return x
      }(1)
      _ = try await run.collect()
      return run.report
    }
    let one = try await report(failing: 1)
    #expect(one == one)
    let other = try await report(failing: 2)
    #expect(one != other)
  }
}
