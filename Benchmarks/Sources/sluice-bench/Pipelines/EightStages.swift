import Sluice

let eightStagesRows = [
  ThroughputRow(
    name: "eight stages", about: "source 0..<n, then seven times +1, sum in a blocking consumer",
    sum: { n in n * (n - 1) / 2 + 7 * n },
    pass: .blocking { n in
      let pipeline = Pipeline {
        Stage.branch(throttle: usualThrottle) { (n: Int) in 0..<n }
        Stage(throttle: usualThrottle) { (x: Int) in x + 1 }
        Stage(throttle: usualThrottle) { (x: Int) in x + 1 }
        Stage(throttle: usualThrottle) { (x: Int) in x + 1 }
        Stage(throttle: usualThrottle) { (x: Int) in x + 1 }
        Stage(throttle: usualThrottle) { (x: Int) in x + 1 }
        Stage(throttle: usualThrottle) { (x: Int) in x + 1 }
        Stage(throttle: usualThrottle) { (x: Int) in x + 1 }
      }
      return try pipeline.run(n) { $0.reduce(0, &+) }
    })
]
