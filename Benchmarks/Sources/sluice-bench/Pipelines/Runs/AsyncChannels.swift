import AsyncAlgorithms

/// `AsyncChannel` of swift-async-algorithms: a task for the source, one for each worker of a stage, a channel
/// after each stage. A channel hands over one element at a time: it has no throttle.
enum AsyncChannels {
  static let pipeline = SwiftPipeline(
    variant: PipelineVariant(name: "AsyncChannel", measures: ["stream", "tail", "call"], role: .peer)
  ) { run, element in
    switch (run.measure, element) {
    case (.tail, _): try waitForTask { try await tail(run) }
    case (.call, _): try waitForTask { try await run.timeAsyncCalls { one in try await sum(one, Int.self) } }
    case (_, .int): try waitForTask { try await stream(run, Int.self) }
    case (_, .string): try waitForTask { try await stream(run, String.self) }
    case (_, .class): try waitForTask { try await stream(run, Box.self) }
    }
  }

  private static func stream<E: RunElement>(
    _ run: PipelineRun, _ type: E.Type
  ) async throws -> PipelineRun.Outcome {
    try await run.timeAsync(type) { run in try await sum(run, type) }
  }

  private static func sum<E: RunElement>(_ run: PipelineRun, _ type: E.Type) async throws -> Int {
    let spin = run.spin
    return try await chain(
      run,
      source: { channel in for x in E.source(0..<run.items) { await channel.send(x) } },
      body: { (x: E) in spin == 0 ? x.next : x.next(spin: spin) },
      consume: { channel in
        var sum = 0
        for await x in channel { sum &+= x.number }
        return sum
      })
  }

  private static func tail(_ run: PipelineRun) async throws -> PipelineRun.Outcome {
    try await chain(
      run,
      source: { channel in
        let pace = Pace()
        for index in 0..<run.items {
          let item = pace.item(index)
          try await Pace.wait(for: item)
          await channel.send(item)
        }
      },
      body: { (item: Pace.Item) in
        if item.isSlow { try await Task.sleep(nanoseconds: UInt64(Pace.slowMicroseconds) * 1_000) }
        return item
      },
      consume: { channel in
        var arrivals = Arrivals(run.items)
        for await item in channel { arrivals.add(item) }
        return arrivals.outcome(run.items)
      })
  }

  @inline(__always)
  private static func chain<E: Sendable, Result: Sendable>(
    _ run: PipelineRun,
    source: @escaping @Sendable (AsyncChannel<E>) async throws -> Void,
    body: @escaping @Sendable (E) async throws -> E,
    consume: (AsyncChannel<E>) async throws -> Result
  ) async throws -> Result {
    let channels = (0...run.bodies).map { _ in AsyncChannel<E>() }
    return try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        try await source(channels[0])
        channels[0].finish()
      }
      for (input, output) in zip(channels, channels.dropFirst()) {
        group.addTask {
          try await withThrowingTaskGroup(of: Void.self) { workers in
            for _ in 0..<run.workers {
              workers.addTask { for await x in input { await output.send(try await body(x)) } }
            }
            try await workers.waitForAll()
          }
          output.finish()
        }
      }
      let result = try await consume(channels[run.bodies])
      try await group.waitForAll()
      return result
    }
  }
}
