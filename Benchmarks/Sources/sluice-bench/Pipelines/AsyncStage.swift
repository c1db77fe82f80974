import Sluice

let asyncStageRows = [
  ThroughputRow(
    name: "async stage",
    about: "source 0..<n, +1 in an async body that never suspends, sum in a blocking consumer",
    pass: .blocking { n in try pipeline().run(n) { $0.reduce(0, &+) } }),
  ThroughputRow(
    name: "async stage, async consumer", about: "the same, summed up by 'for try await'",
    pass: .async { n in
      var sum = 0
      for try await x in pipeline()(n) { sum &+= x }
      return sum
    }),
]

private func pipeline() -> Pipeline<Int, Int> {
  Stage.branch(throttle: usualThrottle) { (n: Int) in 0..<n }
    | Stage(throttle: usualThrottle) { (x: Int) async in x + 1 }
}
