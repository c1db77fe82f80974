import Glibc

/// Repeats runs during which other processes used the machine, within limits.
struct QuietRuns {
  /// A run with more of the machine than this used by others is repeated.
  private static let othersAtMost = 0.05
  /// How many more runs may be repeated.
  private var repeatsLeft: Int
  /// How much longer it may wait for others to leave the machine alone, in steps of 0.2 s.
  private var waitsLeft: Int

  /// - Parameter seconds: how long one of `runs` takes.
  init(runs: Int, seconds: Double) {
    // Of each at most half as long as all runs take.
    repeatsLeft = runs / 2
    waitsLeft = Int(Double(runs) * seconds / 2 / 0.2)
  }

  /// What a run gives, and whether it was disturbed all the same.
  mutating func measure<Answer>(_ run: () throws -> Answer) rethrows -> (answer: Answer, isDisturbed: Bool) {
    while true {
      let disturbance = Disturbance()
      let answer = try run()
      let isDisturbed = disturbance.isAbove(Self.othersAtMost)
      guard isDisturbed, repeatsLeft > 0 else { return (answer, isDisturbed) }
      repeatsLeft -= 1
      waitForQuiet()
    }
  }

  private mutating func waitForQuiet() {
    while waitsLeft > 0 {
      waitsLeft -= 1
      let disturbance = Disturbance()
      usleep(200_000)
      if !disturbance.isAbove(Self.othersAtMost) { return }
    }
  }
}
