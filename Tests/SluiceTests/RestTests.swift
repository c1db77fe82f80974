import Foundation
import Sluice
import Testing

/// A pipeline that has nothing to do takes no processor time.
@Suite(.serialized, .watchdog()) struct RestTests {
  private static func nanoseconds(_ clock: clockid_t) -> UInt64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }

  /// The share of one core that the process takes over a third of a second. The smallest of three: what
  /// other tests have left behind comes to rest first.
  private static func restingShare() async throws -> Double {
    var least = Double.infinity
    for _ in 0..<3 {
      let (cpu, wall) = (nanoseconds(CLOCK_PROCESS_CPUTIME_ID), nanoseconds(CLOCK_MONOTONIC))
      try await Task.sleep(for: .milliseconds(333))
      let passed = Double(nanoseconds(CLOCK_MONOTONIC) - wall)
      least = min(least, Double(nanoseconds(CLOCK_PROCESS_CPUTIME_ID) - cpu) / passed)
      if least < 0.01 { break }
    }
    return least
  }

  /// The source waits for something after some items, and everybody behind it for the source.
  @Test(arguments: Producer.allCases, Consumer.allCases)
  func waitingForTheSourceTakesUnderOnePercentOfACore(_ producer: Producer, _ consumer: Consumer) async throws
  {
    let letGo = Gate()
    let arrived = Count()
    let pipeline =
      producer.stage(throttle: 64) { $0 == 1_000 ? letGo.opening : nil }
      | Bodies.sync.stage()
      | Bodies.sync.stage(workers: 3, throttle: 8)
      | Bodies.async.stage(workers: 2)
    let running = Task {
      try await pipeline.forEach(1_001, by: consumer) { _ in
        arrived.add()
        return nil
      }
    }
    await arrived.reaching(1_000).suspend()
    #expect(try await Self.restingShare() < 0.01)
    letGo.open()
    try await running.value
    #expect(arrived.now == 1_001)
  }

  /// The consumer waits for something, and everybody before it for room.
  @Test(arguments: Producer.allCases, Consumer.allCases)
  func waitingForTheConsumerTakesUnderOnePercentOfACore(_ producer: Producer, _ consumer: Consumer)
    async throws
  {
    let letGo = Gate()
    let isStuck = Gate()
    let pipeline =
      producer.stage(throttle: 64) | Bodies.sync.stage(throttle: 1)
      | Bodies.sync.stage(workers: 3, throttle: 8) | Bodies.async.stage(workers: 2, throttle: 4)
    let running = Task {
      let taken = Count()
      try await pipeline.forEach(1_000, by: consumer) { _ in
        guard taken.add() == 500 else { return nil }
        isStuck.open()
        return letGo.opening
      }
      return taken.now
    }
    await isStuck.opening.suspend()
    #expect(try await Self.restingShare() < 0.01)
    letGo.open()
    #expect(try await running.value == 1_000)
  }
}
