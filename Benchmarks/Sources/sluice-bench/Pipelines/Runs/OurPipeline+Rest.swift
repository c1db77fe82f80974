import Glibc
import Sluice

extension OurPipeline {
  /// What a pipeline takes in which nothing happens: its source looks at the process's clock before and after it
  /// sleeps.
  func rest(_ run: PipelineRun) throws -> PipelineRun.Outcome {
    let pipeline =
      Stage.branch(throttle: run.throttle) { (n: Int, yield: Outputs<Rest>) in
        try yield(Rest())
        // Until all have fallen asleep.
        usleep(100_000)
        let before = Rest.now()
        usleep(2_000_000)
        try yield(Rest.now() - before)
      } | Stage(workers: run.workers, throttle: run.throttle) { (rest: Rest) in rest }
    let rests: [Rest]
    if hasAsyncConsumer {
      rests = try waitForTask { try await pipeline(1).reduce(into: []) { $0.append($1) } }
    } else {
      rests = try pipeline.run(1) { Array($0) }
    }
    guard rests.count == 2, let rest = rests.max(by: { $0.nanoseconds < $1.nanoseconds }) else {
      return PipelineRun.Outcome(ok: false)
    }
    return PipelineRun.Outcome(
      seconds: Double(rest.nanoseconds) / 1e9, times: [rest.processorNanoseconds])
  }
}

/// What has passed on the clocks of the world and of this process.
private struct Rest: Sendable {
  var nanoseconds: UInt64 = 0
  var processorNanoseconds: UInt64 = 0

  static func now() -> Rest {
    Rest(
      nanoseconds: nowNanoseconds(), processorNanoseconds: nowNanoseconds(on: CLOCK_PROCESS_CPUTIME_ID))
  }

  static func - (after: Rest, before: Rest) -> Rest {
    Rest(
      nanoseconds: after.nanoseconds - before.nanoseconds,
      processorNanoseconds: after.processorNanoseconds - before.processorNanoseconds)
  }
}
