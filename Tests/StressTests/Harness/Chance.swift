import Foundation

// Where the stress tests have their random choices and their time from.

/// SplitMix64 (G. Steele and others, 2014): the same numbers for the same seed everywhere.
struct SeededGenerator: RandomNumberGenerator, Sendable {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self) < percent }

  mutating func pick<Choice>(_ choices: [Choice]) -> Choice {
    choices[Int.random(in: 0..<choices.count, using: &self)]
  }
}

enum Stress {
  /// The environment's SLUICE_SEED, or a new one. It fixes every choice of a group's rounds, by their
  /// numbers; what the threads make of them is the system's affair.
  static let seed: UInt64 =
    ProcessInfo.processInfo.environment["SLUICE_SEED"].flatMap(UInt64.init) ?? UInt64.random(in: 0 ... .max)

  /// How long each group of scenarios goes on, in seconds: SLUICE_STRESS, or one.
  static let secondsEach: Double =
    ProcessInfo.processInfo.environment["SLUICE_STRESS"].flatMap(Double.init) ?? 1

  /// Rounds of a group until its time is over, each with a generator of its own.
  static func rounds(
    of group: String, _ round: (_ name: String, _ chance: inout SeededGenerator) async throws -> Void
  ) async rethrows {
    print("stress: \(group): SLUICE_SEED=\(seed)")
    let end = ContinuousClock.now + .seconds(secondsEach)
    var count: UInt64 = 0
    repeat {
      var chance = SeededGenerator(seed: seed &+ count &* 0x2545_F491_4F6C_DD1D)
      try await round("\(group), round \(count), SLUICE_SEED=\(seed)", &chance)
      count += 1
    } while ContinuousClock.now < end
    print("stress: \(group): \(count) rounds")
  }
}
