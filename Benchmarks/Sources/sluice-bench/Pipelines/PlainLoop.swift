let plainLoopRows = [
  ThroughputRow(
    name: "plain loop",
    about: "the limit: a for loop over 0..<n that calls a closure (+1) for each item and sums up",
    pass: .blocking { n in
      // Otherwise the whole loop is folded into n * (n + 1) / 2.
      let body = opaque({ (x: Int) in x + 1 })
      var sum = 0
      for x in 0..<n { sum &+= body(x) }
      return sum
    })
]
