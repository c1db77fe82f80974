import Glibc
import Sluice

extension OurPipeline {
  /// How late items are that others do not hold up.
  func tail(_ run: PipelineRun) throws -> PipelineRun.Outcome {
    let pipeline =
      Stage.branch(throttle: run.throttle) { (n: Int, yield: Outputs<Pace.Item>) in
        let pace = Pace()
        for index in 0..<n {
          let item = pace.item(index)
          Pace.wait(for: item)
          try yield(item)
        }
      }
      | Stage(workers: run.workers, throttle: run.throttle) { (item: Pace.Item) in
        if item.isSlow { usleep(Pace.slowMicroseconds) }
        return item
      }
    let items = run.items
    if hasAsyncConsumer {
      return try waitForTask {
        var arrivals = Arrivals(items)
        for try await item in pipeline(items) { arrivals.add(item) }
        return arrivals.outcome(items)
      }
    }
    return try pipeline.run(items) { inputs in
      var arrivals = Arrivals(items)
      for item in inputs { arrivals.add(item) }
      return arrivals.outcome(items)
    }
  }
}
