import Sluice

/// One call of a pipeline of three stages over one item, from the call to its end.
let oneItemCallRows =
  rows("call", "a source of one item, +1, +1", bar: 1.5, plain())
  + rows("call, throttle 1024", "the same with bounded queues", plain(throttle: 1_024))
  + rows("call, yield source", "the same with a source that yields", yielding())
  + rows("call, async stages", "the same with three async bodies", asynchronous())

private func rows(
  _ name: String, _ about: String, bar: Double? = nil, _ pipeline: Pipeline<Int, Int>
) -> [LatencyRow] {
  let asyncName = "\(name), async consumer"
  return [
    LatencyRow(
      name: name, about: "\(about); blocking consumer", bar: bar,
      block: .blocking { calls in
        try timeCalls(calls, of: name, giving: 2) { try pipeline.run(1) { $0.reduce(0, &+) } }
      }),
    LatencyRow(
      name: asyncName, about: "the same, consumed by 'for try await'",
      block: .async { calls in
        try await timeCalls(calls, of: asyncName, giving: 2) {
          var sum = 0
          for try await x in pipeline(1) { sum &+= x }
          return sum
        }
      }),
  ]
}

private func plain(throttle: Int = 0) -> Pipeline<Int, Int> {
  Stage.branch(throttle: throttle) { (n: Int) in 0..<n }
    | Stage(throttle: throttle) { (x: Int) in x + 1 }
    | Stage(throttle: throttle) { (x: Int) in x + 1 }
}

private func yielding() -> Pipeline<Int, Int> {
  Stage.branch { (n: Int, yield: Outputs<Int>) in for x in 0..<n { try yield(x) } }
    | Stage { (x: Int) in x + 1 }
    | Stage { (x: Int) in x + 1 }
}

private func asynchronous() -> Pipeline<Int, Int> {
  Stage.branch { (n: Int) async in 0..<n }
    | Stage { (x: Int) async in x + 1 }
    | Stage { (x: Int) async in x + 1 }
}
