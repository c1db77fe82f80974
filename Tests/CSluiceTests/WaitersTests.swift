import CSluice
import Foundation
import Testing

/// The record that threads and callbacks wait at.
private final class Waiters: @unchecked Sendable {
  let waiters: UnsafeMutablePointer<sl_waiters>

  init() {
    waiters = .allocate(capacity: 1)
    sl_waiters_init(waiters)
  }
  deinit {
    sl_waiters_destroy(waiters)
    waiters.deallocate()
  }

  func notify(_ count: Int) { sl_waiters_notify(waiters, count) }
  func notifyAll() { sl_waiters_notify_all(waiters) }
}

/// One wait, ended by `end()`.
private final class Wait: @unchecked Sendable {
  let wait: UnsafeMutablePointer<sl_wait>
  private let wakes: UnsafeMutablePointer<sl_atomic_u32>

  init(_ waiters: Waiters, timeout: UInt64 = .max) {
    wait = .allocate(capacity: 1)
    wait.initialize(to: sl_wait())
    sl_wait_begin(wait, waiters.waiters, timeout)
    wakes = .allocate(capacity: 1)
    sl_store_relaxed_u32(wakes, 0)
  }
  deinit {
    wait.deallocate()
    wakes.deallocate()
  }

  func announce() -> Bool { sl_wait_announce(wait) }
  func suspend() -> Bool {
    sl_wait_suspend(
      wait, { _ = sl_fetch_add_acq_rel_u32($0!.assumingMemoryBound(to: sl_atomic_u32.self), 1) }, wakes)
  }
  func step() -> Bool { sl_wait_step(wait) }
  func resumed() { sl_wait_resumed(wait) }
  func wake() { sl_wait_wake(wait) }
  func end() {
    sl_wait_end(wait)
    isEnded = true
  }
  private(set) var isEnded = false
  /// How often it was called back.
  var woken: Int { Int(sl_load_acquire_u32(wakes)) }
}

@Suite(.serialized) struct WaitersTests {
  /// Waits that have announced and suspended.
  private func suspended(_ count: Int, at waiters: Waiters) -> [Wait] {
    (0..<count).map { _ in
      let wait = Wait(waiters)
      #expect(wait.announce() && wait.suspend())
      return wait
    }
  }

  // MARK: - Callbacks

  /// Below, at and above the number of seats of a page.
  @Test(arguments: [1, 2, 63, 64, 65, 200]) func aNotificationWakesAsManyAsItSays(count: Int) {
    for wanted in [0, 1, count / 2, count, count + 5] {
      let waiters = Waiters()
      let waits = suspended(count, at: waiters)
      waiters.notify(wanted)
      #expect(waits.map(\.woken).reduce(0, +) == min(count, wanted))
      #expect(waits.allSatisfy { $0.woken <= 1 })
      waiters.notifyAll()
      #expect(waits.allSatisfy { $0.woken == 1 }, "each is called once")
      waiters.notifyAll()
      #expect(waits.allSatisfy { $0.woken == 1 })
      for wait in waits { wait.end() }
    }
  }

  /// Nobody waits for ever while others are served: who is notified next goes round.
  @Test func notificationsGoRound() {
    let waiters = Waiters()
    var waits = suspended(3, at: waiters)
    for _ in 0..<3 {
      waiters.notify(1)
      // The one that was woken waits again, as a new one.
      for i in waits.indices where waits[i].woken == 1 {
        waits[i].end()
        waits.append(contentsOf: suspended(1, at: waiters))
      }
    }
    #expect(waits[..<3].allSatisfy { $0.woken == 1 }, "all three of the first have been served")
    waiters.notifyAll()
    for wait in waits[3...] { wait.end() }
  }

  @Test func aNotificationForNobodyIsNotKept() {
    let waiters = Waiters()
    waiters.notify(5)
    let wait = Wait(waiters)
    #expect(wait.announce() && wait.suspend())
    #expect(wait.woken == 0)
    waiters.notify(1)
    #expect(wait.woken == 1)
    wait.end()
  }

  @Test func aNotificationAfterTheAnnouncementKeepsItFromSuspending() {
    let waiters = Waiters()
    let wait = Wait(waiters)
    #expect(wait.announce())
    waiters.notify(1)
    #expect(!wait.suspend(), "notified already")
    #expect(wait.announce() && wait.suspend(), "and then it waits again")
    waiters.notify(1)
    #expect(wait.woken == 1)
    wait.end()
  }

  /// One notification is for one waiter: who was woken by it, and succeeds, wakes no other.
  @Test func aNotificationThatWasOfUseIsNotPassedOn() {
    let waiters = Waiters()
    let waits = suspended(3, at: waiters)
    for served in 1...3 {
      waiters.notify(1)
      #expect(waits.map(\.woken).reduce(0, +) == served)
      for wait in waits where wait.woken == 1 && !wait.isEnded {
        wait.resumed()
        wait.end()
      }
      #expect(waits.map(\.woken).reduce(0, +) == served)
    }
  }

  /// A wake-up that was no notification leaves no announcement behind, which would swallow one.
  @Test func whoWasWokenOtherwiseIsNoLongerAnnounced() {
    let waiters = Waiters()
    let waits = suspended(2, at: waiters)
    waits[0].wake()
    waits[0].resumed()
    waiters.notify(1)
    #expect(waits[0].woken == 1 && waits[1].woken == 1)
    for wait in waits { wait.end() }
  }

  /// Its condition held when it looked: the notification it was given goes to another.
  @Test func whoNeedsANotificationNoMorePassesItOn() {
    let waiters = Waiters()
    let satisfied = Wait(waiters)
    #expect(satisfied.announce())
    let other = suspended(1, at: waiters)[0]
    waiters.notify(1)
    #expect(other.woken == 0, "the first in the page was taken")
    satisfied.end()
    #expect(other.woken == 1)
    other.end()
  }

  @Test func whoWasNotNotifiedPassesNothingOn() {
    let waiters = Waiters()
    let satisfied = Wait(waiters)
    #expect(satisfied.announce())
    let other = suspended(1, at: waiters)[0]
    satisfied.end()
    #expect(other.woken == 0)
    waiters.notify(1)
    #expect(other.woken == 1, "the first one's announcement is gone")
    other.end()
  }

  @Test func aWakeForOneWaitWakesItAlone() {
    let waiters = Waiters()
    let waits = suspended(3, at: waiters)
    waits[1].wake()
    #expect(waits.map(\.woken) == [0, 1, 0])
    waits[1].wake()
    #expect(waits.map(\.woken) == [0, 1, 0])
    waits[1].end()
    waiters.notify(2)
    #expect(waits.map(\.woken) == [1, 1, 1], "who was woken so has no notification to itself")
    waits[0].end()
    waits[2].end()

    let early = Wait(waiters)
    early.wake()  // before it has announced: nothing to wake
    #expect(early.announce())
    early.wake()
    #expect(!early.suspend())
    early.end()
  }

  @Test func seatsAreUsedAgain() {
    let waiters = Waiters()
    for _ in 0..<1_000 {
      let waits = suspended(3, at: waiters)
      waiters.notify(2)
      for wait in waits { wait.end() }
    }
    let residentBefore = residentBytes()
    for _ in 0..<rounds(100_000) {
      let wait = Wait(waiters)
      #expect(wait.announce())
      wait.end()
    }
    if !isSanitized { #expect(residentBytes() - residentBefore < 1 << 20) }
  }

  // MARK: - Threads

  /// Steps until the time is over; how often.
  private static func stepOut(_ waiters: Waiters, timeout: UInt64) -> Int {
    let wait = Wait(waiters, timeout: timeout)
    var steps = 0
    while wait.step() { steps += 1 }
    #expect(!wait.step(), "it stays over")
    wait.end()
    return steps
  }

  @Test(arguments: [0, 1, 1_000, 100_000, 20_000_000] as [UInt64]) func stepsEndWithTheTime(
    nanoseconds: UInt64
  ) {
    let waiters = Waiters()
    for _ in 0..<3 {
      let before = sl_now_nanoseconds()
      let steps = Self.stepOut(waiters, timeout: nanoseconds)
      #expect(sl_now_nanoseconds() - before >= nanoseconds)
      #expect(steps < 100, "it sleeps rather than polls")
    }
    // Nothing is left of them: one waiter, one notification.
    let wait = suspended(1, at: waiters)[0]
    waiters.notify(1)
    #expect(wait.woken == 1)
    wait.end()
  }

  /// The last look comes after the time is over: a change just before it is not missed.
  @Test func aWaitLooksOnceMoreWhenTheTimeIsOver() {
    let waiters = Waiters()
    let wait = Wait(waiters, timeout: 5_000_000)
    let end = sl_now_nanoseconds() + 5_000_000
    var looksAfterTheEnd = 0
    while wait.step() { if sl_now_nanoseconds() >= end { looksAfterTheEnd += 1 } }
    #expect(looksAfterTheEnd >= 1)
    wait.end()
  }

  @Test(arguments: [1, 70]) func everyThreadIsWoken(count: Int) {
    for round in 0..<rounds(20) {
      let waiters = Waiters()
      let isTrue = SharedCounter()
      let through = SharedCounter()
      onThreads(count + 1) { thread in
        if thread == count {
          usleep(useconds_t(round * 50))
          isTrue.add(1)
          waiters.notifyAll()
          return
        }
        let wait = Wait(waiters)
        while isTrue.now == 0 { _ = wait.step() }
        wait.end()
        through.add(1)
      }
      #expect(through.now == count)
    }
  }

  /// Permits, each of which lets one thread go on, handed out one by one: if one wake-up is lost, a thread
  /// sleeps for ever beside a permit.
  @Test(arguments: [2, 8]) func noWakeUpIsLost(count: Int) {
    let waiters = Waiters()
    let permits = UnsafeMutablePointer<sl_atomic_u64>.allocate(capacity: 1)
    defer { permits.deallocate() }
    sl_store_relaxed_u64(permits, 0)
    nonisolated(unsafe) let shared = permits
    let perThread = rounds(20_000 / count)
    let consumed = SharedCounter()
    onThreads(count + 1) { thread in
      if thread == count {
        for given in 0..<(count * perThread) {
          sl_fetch_add_acq_rel_u64(shared, 1)
          waiters.notify(1)
          // Never far ahead of them, so that they do sleep.
          while given - consumed.now > 1 { sched_yield() }
        }
        return
      }
      for _ in 0..<perThread {
        let wait = Wait(waiters)
        while true {
          var now = sl_load_relaxed_u64(shared)
          while now > 0 && !sl_cas_acq_rel_u64(shared, &now, now - 1) {}
          if now > 0 { break }
          _ = wait.step()
        }
        wait.end()
        consumed.add(1)
      }
    }
    #expect(consumed.now == count * perThread && sl_load_relaxed_u64(permits) == 0)
  }

  @Test func aThreadThatWaitsSleeps() {
    let waiters = Waiters()
    let used = SharedCounter()
    onThreads(1) { _ in
      let me = sl_thread_self()
      let before = sl_thread_cpu_nanoseconds(me)
      _ = Self.stepOut(waiters, timeout: 200_000_000)
      used.add(Int(sl_thread_cpu_nanoseconds(me) - before))
    }
    #expect(used.now < 10_000_000, "\(used.now) ns of 200 ms")
  }
}
