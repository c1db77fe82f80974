import CSluice
import Foundation
import Testing

/// Which items start: admitted ones, in their turn, once, and none that was taken back or stopped. And sleeping: who
/// waits for the other side is woken.
@Suite(.serialized) struct ExchangeAdmissionTests {
  /// Of the counters: at the beginning, and three below their wrap-around.
  static let counts: [UInt32] = [0, 0x7fff_fffd]

  // MARK: Starting and taking back

  @Test(arguments: counts)
  func asManyStartAsAreAdmitted(count: UInt32) {
    let segment = SharedSegment(count: count)
    #expect(segment.put(bytes(of: 0)))
    #expect(segment.take() == nil && !sl_exchange_has_item(segment.parent), "put, but not admitted")
    for i in 1..<10 { #expect(segment.put(bytes(of: UInt32(i)))) }
    segment.admit(4)
    segment.admit(6)
    for i in 0..<10 {
      #expect(sl_exchange_started(segment.parent) == (count &+ UInt32(i)) & 0x7fff_ffff)
      #expect(sl_exchange_has_item(segment.parent))
      #expect(segment.take().map { number(in: $0.payload) } == UInt32(i))
    }
    #expect(segment.take() == nil && !sl_exchange_has_item(segment.parent))
  }

  @Test(arguments: counts)
  func whatIsTakenBackIsWrittenOver(count: UInt32) {
    let segment = SharedSegment(requestBytes: 256, position: 216, count: count)
    for started in 0...5 {
      let begin = sl_exchange_started(segment.parent)
      var places: [UInt64] = []
      #expect(sl_exchange_refresh_room(segment.parent))
      for i in 0..<5 {
        #expect(segment.put(bytes(of: UInt32(i)) + pattern(started, 0)))
        places.append(
          segment.parent.pointee.request_tail &- sl_exchange_record_bytes(UInt64(4 + started)))
      }
      segment.admit(5)
      for i in 0..<started { #expect(segment.take().map { number(in: $0.payload) } == UInt32(i)) }
      let recalled = sl_exchange_recall(segment.parent, (begin &+ 5) & 0x7fff_ffff)
      #expect(recalled == 5 - UInt32(started))
      if recalled > 0 { segment.parent.pointee.request_tail = places[started] }
      #expect(segment.take() == nil && !sl_exchange_has_item(segment.parent))
      #expect(sl_exchange_recall(segment.parent, (begin &+ UInt32(started)) & 0x7fff_ffff) == 0)
      #expect(segment.put(bytes(of: 77) + pattern(19, 1)))
      segment.admit(1)
      #expect(segment.take()?.payload == bytes(of: 77) + pattern(19, 1))
    }
  }

  @Test func whatAWorkerCannotHaveStartedIsNotTakenBack() {
    let segment = SharedSegment(requestBytes: 256)
    let admission = UInt64(3) << 32 | 4
    sl_store_relaxed_u64(&segment.parent.pointee.facts.pointee.admission_, admission)
    #expect(sl_exchange_recall(segment.parent, 3) > 3)
    #expect(sl_load_relaxed_u64(&segment.parent.pointee.facts.pointee.admission_) == admission)
  }

  /// Gives items, takes some back and gives them again, while the worker starts what it can: each item starts once, in
  /// the order in which the parent left them.
  @Test(arguments: counts)
  func takingBackWhileTheWorkerStartsLosesAndDoublesNothing(count: UInt32) {
    let segment = SharedSegment(requestBytes: 256, position: .max - 63, count: count)
    let items = rounds(100_000)
    let seen = SeenNumbers(items)
    let recalls = SharedCounter()
    let wrong = SharedCounter()
    onThreads(2) { thread in
      if thread == 1 {
        var last = -1
        while true {
          let closed = sl_exchange_is_closed(segment.worker)
          guard let taken = segment.take() else {
            if closed { break }
            sched_yield()
            continue
          }
          let item = Int(number(in: taken.payload))
          if item >= items || item <= last { wrong.add(1) }
          if item < items { seen.mark(item) }
          last = item
        }
        return
      }
      // Items that may not have started, with the places of their requests, oldest first.
      var given: [(item: Int, place: UInt64)] = []
      var admitted = count
      var next = 0
      var random = RandomNumbers(seed: RandomNumbers.seed())
      while next < items {
        let payload = bytes(of: UInt32(next)) + pattern(next % 9, 0)
        if !segment.put(payload) {
          if !sl_exchange_refresh_room(segment.parent) { wrong.add(1) }
          if !segment.put(payload) {
            sched_yield()
            continue
          }
        }
        let place = segment.parent.pointee.request_tail &- sl_exchange_record_bytes(UInt64(payload.count))
        given.append((next, place))
        next += 1
        segment.admit(1)
        admitted = (admitted &+ 1) & 0x7fff_ffff
        guard UInt.random(in: 0..<4, using: &random) == 0 else { continue }
        let recalled = Int(sl_exchange_recall(segment.parent, admitted))
        guard recalled <= given.count else {
          wrong.add(1)
          break
        }
        if recalled > 0 {
          recalls.add(1)
          let first = given[given.count - recalled]
          segment.parent.pointee.request_tail = first.place
          admitted = (admitted &- UInt32(recalled)) & 0x7fff_ffff
          next = first.item
        }
        given.removeAll()
      }
      sl_exchange_close(segment.parent.pointee.facts)
    }
    #expect(wrong.now == 0)
    #expect((0..<items).allSatisfy { seen.marks($0) == 1 })
    print("taking back: \(recalls.now) times")
  }

  // MARK: Stopping, closing, the limit

  @Test func nothingStartsAfterAStopAndWhatWaitsCanBeTakenBack() {
    let segment = SharedSegment()
    for i in 0..<3 { #expect(segment.put(bytes(of: UInt32(i)))) }
    segment.admit(3)
    #expect(segment.take() != nil)
    sl_exchange_stop(segment.parent.pointee.facts)
    sl_exchange_stop(segment.parent.pointee.facts)
    #expect(segment.take() == nil && !sl_exchange_has_item(segment.worker))
    segment.admit(1)
    #expect(segment.take() == nil)
    #expect(sl_exchange_started(segment.parent) == 1)
    #expect(sl_exchange_recall(segment.parent, 4) == 3)
    #expect(segment.take() == nil, "it stays stopped")
  }

  @Test func nothingStartsOnceSomebodyKnowsOfTheStop() {
    let late = SharedCounter()
    for _ in 0..<rounds(100) {
      let segment = SharedSegment(requestBytes: 4096)
      let (isStopped, hasBegun) = (SharedCounter(), SharedCounter())
      for i in 0..<200 { _ = segment.put(bytes(of: UInt32(i))) }
      segment.admit(200)
      onThreads(2) { thread in
        if thread == 0 {
          while hasBegun.now < 20 {}
          sl_exchange_stop(segment.parent.pointee.facts)
          isStopped.add(1)
          return
        }
        var after = 0
        while after < 3 {
          let known = isStopped.now > 0
          if known { after += 1 }
          if segment.take() != nil {
            hasBegun.add(1)
            if known { late.add(1) }
          }
        }
      }
    }
    #expect(late.now == 0)
  }

  @Test func whoSeesTheCloseSeesAllItems() {
    let lost = SharedCounter()
    for _ in 0..<rounds(300) {
      let segment = SharedSegment(requestBytes: 4096)
      onThreads(2) { thread in
        if thread == 0 {
          for i in 0..<20 {
            _ = segment.put(bytes(of: UInt32(i)))
            segment.admit(1)
          }
          return sl_exchange_close(segment.parent.pointee.facts)
        }
        var taken = 0
        while true {
          let closed = sl_exchange_is_closed(segment.worker)
          if segment.take() != nil { taken += 1 } else if closed { break }
        }
        if taken != 20 { lost.add(1) }
      }
    }
    #expect(lost.now == 0)
  }

  @Test func theWorkerGoesOnUpToTheLimit() {
    let segment = SharedSegment()
    #expect(sl_exchange_may_go_on(segment.worker, 0))
    #expect(!sl_exchange_may_go_on(segment.worker, 1), "one response, as a segment is made")
    sl_exchange_limit_output(segment.parent, 5)
    #expect(sl_exchange_may_go_on(segment.worker, 4) && !sl_exchange_may_go_on(segment.worker, 5))
    sl_exchange_limit_output(segment.parent, .max)
    #expect(sl_exchange_may_go_on(segment.worker, 1 << 63))
  }

  // MARK: Sleeping

  @Test func whoSleepsIsWokenOnce() {
    let segment = SharedSegment()
    #expect(!sl_exchange_must_wake_worker(segment.parent) && !sl_exchange_must_wake_parent(segment.worker))
    sl_exchange_worker_sleeps(segment.worker)
    sl_exchange_parent_sleeps(segment.parent)
    #expect(sl_exchange_parent_is_asleep(segment.worker))
    #expect(sl_exchange_must_wake_worker(segment.parent) && !sl_exchange_must_wake_worker(segment.parent))
    #expect(sl_exchange_must_wake_parent(segment.worker) && !sl_exchange_must_wake_parent(segment.worker))
    sl_exchange_worker_sleeps(segment.worker)
    sl_exchange_parent_sleeps(segment.parent)
    sl_exchange_worker_woke(segment.worker)
    sl_exchange_parent_woke(segment.parent)
    #expect(!sl_exchange_must_wake_worker(segment.parent) && !sl_exchange_must_wake_parent(segment.worker))
  }

  /// Two events, and how each side sleeps on its own until something holds.
  private final class Beds: @unchecked Sendable {
    let segment: SharedSegment
    var doorbell: Int32 = -1
    var parentEvent: Int32 = -1

    init(_ segment: SharedSegment) {
      self.segment = segment
      guard sl_event_create(&doorbell) == 0, sl_event_create(&parentEvent) == 0 else {
        fatalError("no event")
      }
    }
    deinit {
      sl_descriptor_close(doorbell)
      sl_descriptor_close(parentEvent)
    }

    func wakeWorker() { if sl_exchange_must_wake_worker(segment.parent) { sl_event_signal(doorbell) } }

    func parentWaits(until holds: () -> Bool) {
      while true {
        sl_exchange_parent_sleeps(segment.parent)
        defer { sl_exchange_parent_woke(segment.parent) }
        if holds() { return }
        _ = sl_wait_descriptors(parentEvent, -1, -1, -1)
        sl_event_reset(parentEvent)
      }
    }

    func workerWaits(until holds: () -> Bool) {
      sl_exchange_publish(segment.worker)
      if sl_exchange_must_wake_parent(segment.worker) { sl_event_signal(parentEvent) }
      while true {
        sl_exchange_worker_sleeps(segment.worker)
        if holds() { break }
        _ = sl_wait_descriptors(doorbell, -1, -1, -1)
        sl_event_reset(doorbell)
      }
      sl_exchange_worker_woke(segment.worker)
    }
  }

  /// Items there and back through rings of a few places, both sides asleep whenever they find nothing to do: waits for
  /// items, for room, for responses and for the limit. A wake-up that is lost leaves both asleep, and the run hangs.
  @Test(arguments: [1, 3, 40])
  func noWakeUpIsLost(window: Int) {
    let segment = SharedSegment(requestBytes: 256, responseBytes: 128, count: 0x7fff_fff0)
    let beds = Beds(segment)
    let items = rounds(window == 1 ? 20_000 : 100_000)
    let wrong = SharedCounter()
    onThreads(2) { thread in
      if thread == 1 {
        for item in 0..<items {
          var taken = segment.take()
          if taken == nil {
            beds.workerWaits {
              taken = segment.take()
              return taken != nil
            }
          }
          if number(in: taken?.payload ?? []) != UInt32(item) { wrong.add(1) }
          let answer = bytes(of: UInt32(item))
          if !segment.respond(answer) { beds.workerWaits { segment.respond(answer) } }
          if !sl_exchange_may_go_on(segment.worker, UInt64(item + 1)) {
            beds.workerWaits { sl_exchange_may_go_on(segment.worker, UInt64(item + 1)) }
          }
        }
        sl_exchange_publish(segment.worker)
        if sl_exchange_must_wake_parent(segment.worker) { sl_event_signal(beds.parentEvent) }
        return
      }
      var (given, got) = (0, 0)
      while got < items {
        var hasDone = false
        while let answer = segment.get() {
          if number(in: answer.payload) != UInt32(got) { wrong.add(1) }
          got += 1
          hasDone = true
        }
        if hasDone {
          sl_exchange_limit_output(segment.parent, UInt64(got + 1 + window / 2))
          beds.wakeWorker()
        }
        while given < items, given - got < window {
          if !segment.put(bytes(of: UInt32(given))) {
            if !sl_exchange_refresh_room(segment.parent) { wrong.add(1) }
            guard segment.put(bytes(of: UInt32(given))) else { break }
          }
          given += 1
          segment.admit(1)
          beds.wakeWorker()
          hasDone = true
        }
        if !hasDone { beds.parentWaits { sl_exchange_has_response(segment.parent) } }
      }
      // The last limit lets the worker end.
      sl_exchange_limit_output(segment.parent, .max)
      beds.wakeWorker()
    }
    #expect(wrong.now == 0)
  }
}
