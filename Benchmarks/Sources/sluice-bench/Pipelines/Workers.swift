import Sluice

let workersRows = [4, 20].map { workers in
  ThroughputRow(
    name: "\(workers) workers",
    about: "source 0..<n, +1 with \(workers) workers, sum in a blocking consumer",
    pass: .blocking { n in
      let pipeline =
        Stage.branch(throttle: usualThrottle) { (n: Int) in 0..<n }
        | Stage(workers: workers, throttle: usualThrottle) { (x: Int) in x + 1 }
      return try pipeline.run(n) { $0.reduce(0, &+) }
    })
}
