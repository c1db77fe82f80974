/// The work of a body that computes: a chain of multiplications, each of which needs the last one's result. The
/// peers have the same in their languages.
enum Spin {
  @inline(__always)
  static func run(_ x: Int, steps: Int) -> Int {
    var state = UInt64(truncatingIfNeeded: x)
    for _ in 0..<steps { state = (state ^ (state >> 32)) &* 0xd6e8_feb8_6659_fd93 }
    // So that no compiler leaves it out.
    return state == 42 ? 1 : 0
  }

  /// How many steps take this long on this machine.
  static func steps(nanoseconds: Int) -> Int {
    nanoseconds == 0 ? 0 : max(1, Int((Double(nanoseconds) / nanosecondsOfStep).rounded()))
  }

  /// The least of several times: whatever else runs can make it longer only.
  static let nanosecondsOfStep: Double = {
    let steps = 1_000_000
    let times = (0..<25).map { seed in
      let started = nowNanoseconds()
      _ = opaque(run(opaque(seed), steps: steps))
      return nowNanoseconds() - started
    }
    return Double(times.min() ?? 1) / Double(steps)
  }()
}
