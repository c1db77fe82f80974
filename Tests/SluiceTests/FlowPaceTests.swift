import Testing

@testable import Sluice

/// When a wait may be a patient one. The clock is the test's own.
@Suite struct FlowPaceTests {
  /// A pace, with the flow that it sees.
  private struct Flow {
    var pace = FlowPace()
    var passed: UInt64 = 1_000
    var now: UInt64 = 5_000_000_000
    var preemptions: UInt64 = 40

    /// A wait begins, `items` at this interval after the last one; meanwhile threads were preempted.
    mutating func wait(
      items: UInt64, nanosecondsApart: UInt64, isForRoom: Bool = false, preemptions preempted: UInt64 = 0
    ) -> Bool {
      passed += items
      now += items * nanosecondsApart
      preemptions += preempted
      return pace.beginsWait(passed: passed, nanoseconds: now, isForRoom: isForRoom) { [preemptions] in
        preemptions
      }
    }
  }

  @Test func aDenseFlowMakesPatientAndASparseOneEndsItAtOnce() {
    var flow = Flow()
    let first = flow.wait(items: 1, nanosecondsApart: 500)
    #expect(!first)
    let later = (0..<20).map { _ in flow.wait(items: 100, nanosecondsApart: 500) }
    #expect(later.last == true)
    let sparse = flow.wait(items: 1, nanosecondsApart: 900_000)
    #expect(!sparse)
  }

  /// Items 10 µs apart are worth a wake-up each where a core is idle; not where whoever is woken preempts somebody.
  @Test func whatIsWokenForItems10MicrosecondsApart() {
    for (preempted, isPatient) in [(UInt64(0), false), (1, true)] {
      var flow = Flow()
      let waits = (0..<200).map { _ in flow.wait(items: 1, nanosecondsApart: 10_000, preemptions: preempted) }
      #expect(waits.last == isPatient)
      #expect(waits.contains(true) == isPatient)
      // And the other way round, once that is seen.
      let later = (0..<200).map { _ in
        flow.wait(items: 1, nanosecondsApart: 10_000, preemptions: 1 - preempted)
      }
      #expect(later.last == !isPatient)
    }
  }

  /// Items 30 µs apart are handed over one by one, whether or not the cores are busy; but behind a full queue
  /// nobody waits for the producer.
  @Test func whatWaitsForItems30MicrosecondsApart() {
    var (forItems, forRoom) = (Flow(), Flow())
    let each = (0..<100).map { _ in forItems.wait(items: 1, nanosecondsApart: 30_000, preemptions: 1) }
    #expect(!each.contains(true))
    let later = (0..<20).map { _ in forRoom.wait(items: 1, nanosecondsApart: 30_000, isForRoom: true) }
    #expect(later.last == true)
  }

  /// Patient waits that last until the ticks for a few items keep from the next ones, twice as long each time.
  @Test func aPairThatAnswerEachOtherIsSeldomPatient() {
    var flow = Flow()
    var waits: [Int] = []
    var sinceTheLast = 0
    for _ in 0..<4_000 {
      // Eager waits end at once; a patient one takes two ticks for its one item.
      let wasPatient = sinceTheLast == 0 && !waits.isEmpty
      if flow.wait(items: 1, nanosecondsApart: wasPatient ? 2_000_000 : 1_000) {
        waits.append(sinceTheLast)
        sinceTheLast = 0
      } else {
        sinceTheLast += 1
      }
    }
    #expect(waits.count > 3)
    #expect(waits.dropFirst().first.map { $0 >= 63 } == true)
    #expect(zip(waits.dropFirst(), waits.dropFirst(2)).allSatisfy { $0 * 3 / 2 < $1 })
  }

  /// One that brings many items, however late, keeps from nothing.
  @Test func manyItemsAreWorthAPatientWait() {
    var flow = Flow()
    for _ in 0..<20 { _ = flow.wait(items: 100, nanosecondsApart: 1_500) }
    let later = (0..<20).map { _ in flow.wait(items: 1_000, nanosecondsApart: 1_500) }
    #expect(!later.contains(false))
  }
}
