import Sluice

/// Strings of 24 to 39 bytes, which stand on the heap: passing one on moves a reference, and the source
/// counts one up.
private let strings = (0..<16).map { String(repeating: "x", count: 24 + $0) }

private let sumOfLengths = { @Sendable (n: Int) in
  n / 16 * strings.reduce(0) { $0 + $1.utf8.count } + strings.prefix(n % 16).reduce(0) { $0 + $1.utf8.count }
}

let stringElementsRows = [
  ThroughputRow(
    name: "String, plain loop", about: "the limit for the next row",
    sum: sumOfLengths,
    pass: .blocking { n in
      let body = opaque({ (text: String) in text })
      var sum = 0
      for index in 0..<n { sum &+= body(strings[index & 15]).utf8.count }
      return sum
    }),
  ThroughputRow(
    name: "String", about: "source of n strings on the heap, passed on as they are, lengths summed up",
    sum: sumOfLengths,
    pass: .blocking { n in
      let pipeline =
        Stage.branch(throttle: usualThrottle) { (n: Int) in (0..<n).lazy.map { strings[$0 & 15] } }
        | Stage(throttle: usualThrottle) { (text: String) in text }
      return try pipeline.run(n) { $0.reduce(0) { $0 &+ $1.utf8.count } }
    }),
]
