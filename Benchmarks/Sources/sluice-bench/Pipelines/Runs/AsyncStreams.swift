/// `AsyncStream`: a task for the source and one for each stage, a stream after each. It holds no source back and
/// has one consumer, so that it takes part only without a throttle and with one worker.
enum AsyncStreams {
  static let pipeline = SwiftPipeline(
    variant: PipelineVariant(
      name: "AsyncStream", measures: ["stream", "call"], mostWorkers: 1, bounded: false, role: .peer)
  ) { run, element in
    switch (run.measure, element) {
    case (.call, _): try waitForTask { await run.timeAsyncCalls { one in await sum(one, Int.self) } }
    case (_, .int): try waitForTask { await stream(run, Int.self) }
    case (_, .string): try waitForTask { await stream(run, String.self) }
    case (_, .class): try waitForTask { await stream(run, Box.self) }
    }
  }

  private static func stream<E: RunElement>(_ run: PipelineRun, _ type: E.Type) async -> PipelineRun.Outcome {
    await run.timeAsync(type) { run in await sum(run, type) }
  }

  private static func sum<E: RunElement>(_ run: PipelineRun, _ type: E.Type) async -> Int {
    let (first, source) = AsyncStream.makeStream(of: type)
    Task.detached {
      for x in E.source(0..<run.items) { source.yield(x) }
      source.finish()
    }
    var last = first
    for _ in 0..<run.bodies {
      let (next, output) = AsyncStream.makeStream(of: type)
      Task.detached { [last] in
        for await x in last { output.yield(run.spin == 0 ? x.next : x.next(spin: run.spin)) }
        output.finish()
      }
      last = next
    }
    var sum = 0
    for await x in last { sum &+= x.number }
    return sum
  }
}
