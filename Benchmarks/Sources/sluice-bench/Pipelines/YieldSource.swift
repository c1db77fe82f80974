import Sluice

let yieldSourceRows = [
  ThroughputRow(
    name: "yield source", about: "a source that yields 0..<n, +1, sum in a blocking consumer",
    pass: .blocking { n in try pipeline().run(n) { $0.reduce(0, &+) } }),
  ThroughputRow(
    name: "yield source, async consumer", about: "the same, summed up by 'for try await'",
    pass: .async { n in
      var sum = 0
      for try await x in pipeline()(n) { sum &+= x }
      return sum
    }),
]

private func pipeline() -> Pipeline<Int, Int> {
  Stage.branch(throttle: usualThrottle) { (n: Int, yield: Outputs<Int>) in
    for x in 0..<n { try yield(x) }
  } | Stage(throttle: usualThrottle) { (x: Int) in x + 1 }
}
