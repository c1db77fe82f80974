import Testing

/// A ring whose counters begin just below their wrap-around in most rounds, so that it comes in the middle.
enum RingChoice {
  static func mpmc(capacity: Int, _ chance: inout SeededGenerator) -> Subject {
    .mpmcRing(capacity: capacity, first: firstPosition(&chance))
  }

  static func spsc(capacity: Int, _ chance: inout SeededGenerator) -> Subject {
    .spscRing(capacity: capacity, first: firstPosition(&chance))
  }

  /// Elements of a word to eight of them.
  static func spmc(capacity: Int, _ chance: inout SeededGenerator) -> Subject {
    .spmcRing(capacity: capacity, words: Int.random(in: 1...8, using: &chance), first: firstPosition(&chance))
  }

  static func lanes(producers: Int, capacity: Int, _ chance: inout SeededGenerator) -> Subject {
    let laneCapacity = chance.chance(50) ? capacity : Int.random(in: 1...capacity, using: &chance)
    return .lanes(
      producers: producers, capacity: capacity, laneCapacity: laneCapacity, first: firstPosition(&chance))
  }

  static func swap(capacity: Int, mayBeSole: Bool = true, _ chance: inout SeededGenerator) -> Subject {
    func bits(_ values: Int) -> UInt64 { UInt64(Int.bitWidth - (values - 1).leadingZeroBitCount) }
    let rounds = UInt64.random(in: 1...UInt64(2_000 / capacity + 1), using: &chance)
    // Turns have fewer bits than places, and two of them are a round.
    let (turns, places) = (62 - bits(capacity + 17), 64 - bits(capacity + 1))
    let first = chance.pick([0, (1 << turns) - rounds, (1 << places) - rounds])
    let forms =
      mayBeSole ? chance.pick([(false, false), (true, false), (false, true), (true, true)]) : (false, false)
    return .swapRing(capacity: capacity, firstRound: first, soleProducer: forms.0, soleConsumer: forms.1)
  }

  private static func firstPosition(_ chance: inout SeededGenerator) -> UInt64 {
    chance.chance(20) ? 0 : 0 &- UInt64.random(in: 1...2_000, using: &chance)
  }
}

@Suite(.serialized) struct RingStress {
  private static let capacities = [1, 2, 3, 5, 64, 1_024]

  @Test func mpmcRing() async throws {
    await Stress.rounds(of: "sl_mpmc_ring") { name, chance in
      let subject = RingChoice.mpmc(capacity: chance.pick(Self.capacities), &chance)
      await Round(name, subject, tasks: 0, chance: chance).run()
    }
  }

  @Test func swapRing() async throws {
    await Stress.rounds(of: "sl_swap_ring") { name, chance in
      let subject = RingChoice.swap(capacity: chance.pick(Self.capacities), &chance)
      await Round(name, subject, tasks: 0, chance: chance).run()
    }
  }

  @Test func spscRing() async throws {
    await Stress.rounds(of: "sl_spsc_ring") { name, chance in
      let subject = RingChoice.spsc(capacity: chance.pick(Self.capacities), &chance)
      await Round(name, subject, tasks: 0, chance: chance).run()
    }
  }

  @Test func spmcRing() async throws {
    await Stress.rounds(of: "sl_spmc_ring") { name, chance in
      let subject = RingChoice.spmc(capacity: chance.pick(Self.capacities), &chance)
      await Round(name, subject, tasks: 0, chance: chance).run()
    }
  }

  @Test func lanes() async throws {
    await Stress.rounds(of: "sl_lanes") { name, chance in
      let subject = RingChoice.lanes(
        producers: Int.random(in: 1...8, using: &chance), capacity: chance.pick(Self.capacities), &chance)
      await Round(name, subject, tasks: 0, chance: chance).run()
    }
  }
}
