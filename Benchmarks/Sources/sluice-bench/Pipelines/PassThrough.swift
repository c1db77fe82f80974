import Sluice

/// Source (0..<n) -> +1 -> sum, one worker a stage.
let passThroughRows = [usualThrottle, 64, 1, 0].flatMap { throttle -> [ThroughputRow] in
  let name = "pass-through, throttle \(throttle)"
  // An unbounded queue may come to hold every item.
  let mostItems = throttle == 0 ? 10_000_000 : Int.max
  let bound = throttle == 0 ? "no bound on the queues" : "at most \(throttle) items in each queue"
  return [
    ThroughputRow(
      name: name, about: "source 0..<n, +1, sum in a blocking consumer; \(bound)",
      bar: throttle == usualThrottle ? 100 : nil, mostItems: mostItems,
      pass: .blocking { n in try passThrough(throttle).run(n) { $0.reduce(0, &+) } }),
    ThroughputRow(
      name: "\(name), async consumer", about: "the same, summed up by 'for try await'",
      mostItems: mostItems,
      pass: .async { n in
        var sum = 0
        for try await x in passThrough(throttle)(n) { sum &+= x }
        return sum
      }),
  ]
}

private func passThrough(_ throttle: Int) -> Pipeline<Int, Int> {
  Stage.branch(throttle: throttle) { (n: Int) in 0..<n } | Stage(throttle: throttle) { (x: Int) in x + 1 }
}
