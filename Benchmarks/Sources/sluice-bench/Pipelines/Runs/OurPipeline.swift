import Sluice

/// The library's pipelines, as a user writes them.
struct OurPipeline: Sendable {
  let name: String
  /// A source that yields each item, instead of one that gives a sequence.
  var yields = false
  var hasAsyncBody = false
  var hasAsyncConsumer = false

  private static let kinds = [
    OurPipeline(name: "Sluice"), OurPipeline(name: "Sluice, async consumer", hasAsyncConsumer: true),
  ]

  static let otherKinds = [
    OurPipeline(name: "Sluice, yield source", yields: true),
    OurPipeline(name: "Sluice, yield source, async consumer", yields: true, hasAsyncConsumer: true),
    OurPipeline(name: "Sluice, async body", hasAsyncBody: true),
    OurPipeline(name: "Sluice, async body, async consumer", hasAsyncBody: true, hasAsyncConsumer: true),
  ]

  static let all = kinds + otherKinds

  var pipeline: SwiftPipeline {
    let isOther = yields || hasAsyncBody
    let measures: [PipelineRow.Measure] = isOther ? [.stream] : [.stream, .tail, .call, .rest]
    return SwiftPipeline(
      variant: PipelineVariant(name: name, measures: measures.map(\.rawValue), role: .ours)
    ) { run, element in
      switch (run.measure, element) {
      case (.tail, _): try tail(run)
      case (.rest, _): try rest(run)
      case (.call, _): try calls(run)
      case (_, .int): try stream(run, Int.self)
      case (_, .string): try stream(run, String.self)
      case (_, .class): try stream(run, Box.self)
      }
    }
  }
}

extension OurPipeline {
  @inline(__always)
  private func stream<E: RunElement>(_ run: PipelineRun, _ type: E.Type) throws -> PipelineRun.Outcome {
    if hasAsyncConsumer {
      return try waitForTask { try await run.timeAsync(type) { run in try await asyncSum(run, type) } }
    }
    return try run.time(type) { run in
      try made(run, type).run(run.items) { $0.reduce(0) { $0 &+ $1.number } }
    }
  }

  @inline(__always)
  private func asyncSum<E: RunElement>(_ run: PipelineRun, _ type: E.Type) async throws -> Int {
    var sum = 0
    for try await x in made(run, type)(run.items) { sum &+= x.number }
    return sum
  }

  private func calls(_ run: PipelineRun) throws -> PipelineRun.Outcome {
    if hasAsyncConsumer {
      return try waitForTask { try await run.timeAsyncCalls { one in try await asyncSum(one, Int.self) } }
    }
    return try run.timeCalls { one in try made(one, Int.self).run(1) { $0.reduce(0, &+) } }
  }

  @inline(__always)
  private func made<E: RunElement>(_ run: PipelineRun, _ type: E.Type) -> Pipeline<Int, E> {
    let body = body(run, type)
    var pipeline = source(run, type) | body
    for _ in 1..<run.bodies { pipeline = pipeline | body }
    return pipeline
  }

  @inline(__always)
  private func source<E: RunElement>(_ run: PipelineRun, _ type: E.Type) -> Pipeline<Int, E> {
    if yields {
      return Stage.branch(throttle: run.throttle) { (n: Int, yield: Outputs<E>) in
        for x in E.source(0..<n) { try yield(x) }
      }
    }
    return Stage.branch(throttle: run.throttle) { (n: Int) in E.source(0..<n) }
  }

  @inline(__always)
  private func body<E: RunElement>(_ run: PipelineRun, _ type: E.Type) -> Pipeline<E, E> {
    let spin = run.spin
    if hasAsyncBody {
      return Stage(workers: run.workers, throttle: run.throttle) { (x: E) async in
        spin == 0 ? x.next : x.next(spin: spin)
      }
    }
    if spin > 0 {
      return Stage(workers: run.workers, throttle: run.throttle) { (x: E) in x.next(spin: spin) }
    }
    return Stage(workers: run.workers, throttle: run.throttle) { (x: E) in x.next }
  }
}
