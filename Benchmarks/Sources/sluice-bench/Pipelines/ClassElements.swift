import Sluice

private final class Box: Sendable {
  let value: Int
  init(_ value: Int) { self.value = value }
}

let classElementsRows = [
  ThroughputRow(
    name: "class, plain loop", about: "the limit for the next row",
    pass: .blocking { n in
      let body = opaque({ (box: Box) in Box(box.value + 1) })
      var sum = 0
      for value in 0..<n { sum &+= body(Box(value)).value }
      return sum
    }),
  ThroughputRow(
    name: "class", about: "source of n new objects, +1 into another new object, sum in a blocking consumer",
    pass: .blocking { n in
      let pipeline =
        Stage.branch(throttle: usualThrottle) { (n: Int) in (0..<n).lazy.map { Box($0) } }
        | Stage(throttle: usualThrottle) { (box: Box) in Box(box.value + 1) }
      return try pipeline.run(n) { $0.reduce(0) { $0 &+ $1.value } }
    }),
]
