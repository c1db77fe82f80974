/// What one run of a pipeline is asked for.
struct PipelineRun: Sendable {
  let measure: PipelineRow.Measure
  let items: Int
  let workers: Int
  let throttle: Int
  let stages: Int
  /// Steps of the work in each body.
  let spin: Int

  /// The last of three stages is the sum. Of eight all but the source are bodies, and the consumer has the sum.
  var bodies: Int { stages == 3 ? 1 : stages - 1 }

  struct Outcome: Sendable {
    var seconds = 0.0
    var times: [UInt64] = []
    var ok = true

    /// The time of one call.
    fileprivate mutating func add(_ call: Outcome) {
      times.append(UInt64(call.seconds * 1e9))
      ok = ok && call.ok
    }
  }

  /// Times `pass`, which gives the sum of what came out.
  func time<E: RunElement>(_ type: E.Type, _ pass: (PipelineRun) throws -> Int) rethrows -> Outcome {
    let started = nowNanoseconds()
    let sum = try pass(self)
    return outcome(type, since: started, sum)
  }

  func timeAsync<E: RunElement>(
    _ type: E.Type, _ pass: (PipelineRun) async throws -> Int
  ) async rethrows -> Outcome {
    let started = nowNanoseconds()
    let sum = try await pass(self)
    return outcome(type, since: started, sum)
  }

  private func outcome<E: RunElement>(_ type: E.Type, since started: UInt64, _ sum: Int) -> Outcome {
    let seconds = Double(nowNanoseconds() - started) / 1e9
    return Outcome(seconds: seconds, ok: sum == E.sum(items, bodies: bodies))
  }

  /// Times as many calls, each of which has a pipeline for one item made, run and taken down.
  func timeCalls(_ call: (PipelineRun) throws -> Int) rethrows -> Outcome {
    var outcome = Outcome()
    outcome.times.reserveCapacity(items)
    let started = nowNanoseconds()
    for _ in 0..<items { outcome.add(try ofOneItem.time(Int.self, call)) }
    outcome.seconds = Double(nowNanoseconds() - started) / 1e9
    return outcome
  }

  func timeAsyncCalls(_ call: (PipelineRun) async throws -> Int) async rethrows -> Outcome {
    var outcome = Outcome()
    outcome.times.reserveCapacity(items)
    let started = nowNanoseconds()
    for _ in 0..<items { outcome.add(try await ofOneItem.timeAsync(Int.self, call)) }
    outcome.seconds = Double(nowNanoseconds() - started) / 1e9
    return outcome
  }

  /// The same with one item.
  private var ofOneItem: PipelineRun {
    PipelineRun(
      measure: measure, items: 1, workers: workers, throttle: throttle, stages: stages, spin: spin)
  }
}

/// A kind of pipeline that this program runs.
struct SwiftPipeline: Sendable {
  let variant: PipelineVariant
  let measure: @Sendable (PipelineRun, PipelineRow.Element) throws -> PipelineRun.Outcome
}

let swiftPipelines =
  OurPipeline.all.map(\.pipeline) + [AsyncChannels.pipeline, AsyncStreams.pipeline, PlainLoop.pipeline]
