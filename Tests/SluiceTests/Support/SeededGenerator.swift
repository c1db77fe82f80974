import Foundation

/// SplitMix64 (G. Steele and others, 2014): small, and the same numbers for the same seed everywhere.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// The seed of this process's random tests: the environment's SLUICE_SEED, or a new one. It is printed
/// by whoever uses it.
let processSeed: UInt64 =
  ProcessInfo.processInfo.environment["SLUICE_SEED"].flatMap(UInt64.init) ?? UInt64.random(in: 0 ... .max)

/// A generator with the process's seed, which it prints.
func seededGenerator(_ what: String = #function) -> SeededGenerator {
  print("\(what): SLUICE_SEED=\(processSeed)")
  return SeededGenerator(seed: processSeed)
}
