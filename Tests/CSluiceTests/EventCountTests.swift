import CSluice
import Foundation
import Testing

/// An event count in the middle of memory that it must leave alone.
private final class EventCount: @unchecked Sendable {
  static let guardWord: UInt64 = 0xA5A5_5A5A_0F0F_F0F0
  let event: UnsafeMutablePointer<sl_event_count>
  private let words: UnsafeMutablePointer<sl_atomic_u64>
  private let count: Int

  init(_ waiters: Int) {
    count = Int(sl_event_count_words(UInt32(waiters)))
    event = .allocate(capacity: 1)
    words = .allocate(capacity: count + 2)
    for i in 0..<count + 2 { sl_store_relaxed_u64(words + i, Self.guardWord) }
    sl_event_count_init(event, words + 1, UInt32(waiters))
  }
  deinit {
    words.deallocate()
    event.deallocate()
  }

  var isIntact: Bool {
    sl_load_acquire_u64(words) == Self.guardWord && sl_load_acquire_u64(words + count + 1) == Self.guardWord
  }
  func announce(_ waiter: Int) { sl_event_count_announce(event, UInt32(waiter)) }
  func retract(_ waiter: Int) -> Bool { sl_event_count_retract(event, UInt32(waiter)) }
  func isAnnounced(_ waiter: Int) -> Bool { sl_event_count_is_announced(event, UInt32(waiter)) }
  func take() -> Int? {
    let waiter = sl_event_count_take(event)
    return waiter == UInt32.max ? nil : Int(waiter)
  }
  func takeAll() -> [Int] {
    var all: [Int] = []
    while all.count <= 64 * count, let waiter = take() { all.append(waiter) }
    return all
  }
}

@Suite(.serialized) struct EventCountTests {
  static let sizes = [1, 64, 65, 200]

  @Test func oneWordForEach64Waiters() {
    #expect([0, 1, 63, 64, 65, 128, 129, 200].map { sl_event_count_words($0) } == [0, 1, 1, 1, 2, 2, 3, 4])
  }

  @Test(arguments: sizes)
  func startsWithNobody(waiters: Int) {
    let event = EventCount(waiters)
    #expect(event.take() == nil)
    for waiter in 0..<waiters {
      #expect(!event.isAnnounced(waiter))
      #expect(!event.retract(waiter))
    }
    #expect(event.isIntact)
  }

  @Test(arguments: sizes)
  func eachWaiterIsKnownByItself(waiters: Int) {
    let event = EventCount(waiters)
    for waiter in 0..<waiters {
      event.announce(waiter)
      #expect((0..<waiters).filter { event.isAnnounced($0) } == [waiter])
      #expect(event.take() == waiter)
      #expect(!event.isAnnounced(waiter))
      #expect(event.take() == nil)
      #expect(!event.retract(waiter), "its wake-up is under way")

      event.announce(waiter)
      #expect(event.retract(waiter))
      #expect(!event.retract(waiter))
      #expect(event.take() == nil)
    }
    #expect(event.isIntact)
  }

  @Test(arguments: sizes)
  func aWaiterIsTakenByItself(waiters: Int) {
    let event = EventCount(waiters)
    for waiter in 0..<waiters { event.announce(waiter) }
    for waiter in (0..<waiters).reversed() {
      #expect(sl_event_count_take_waiter(event.event, UInt32(waiter)))
      #expect(!sl_event_count_take_waiter(event.event, UInt32(waiter)))
      #expect((0..<waiters).filter { event.isAnnounced($0) } == Array(0..<waiter))
      #expect(!event.retract(waiter), "its wake-up is under way")
    }
    #expect(event.isIntact)
  }

  @Test(arguments: sizes)
  func othersAreSeenBesideOneself(waiters: Int) {
    let event = EventCount(waiters)
    for waiter in 0..<waiters {
      event.announce(waiter)
      #expect((0..<waiters).filter { !sl_event_count_has_other(event.event, UInt32($0)) } == [waiter])
      #expect(event.retract(waiter))
      #expect(!sl_event_count_has_other(event.event, UInt32(waiter)))
    }
    #expect(event.isIntact)
  }

  @Test(arguments: sizes)
  func everyAnnouncedWaiterIsTakenOnce(waiters: Int) {
    let event = EventCount(waiters)
    for waiter in (0..<waiters).reversed() {
      event.announce(waiter)
      event.announce(waiter)  // once more says nothing new
    }
    let taken = event.takeAll()
    #expect(taken.count == waiters)
    #expect(taken.sorted() == Array(0..<waiters))
    #expect(event.isIntact)
  }

  @Test(arguments: sizes)
  func retractingTakesNobodyElseBack(waiters: Int) {
    let event = EventCount(waiters)
    for waiter in 0..<waiters { event.announce(waiter) }
    for waiter in stride(from: 0, to: waiters, by: 3) { #expect(event.retract(waiter)) }
    #expect((0..<waiters).allSatisfy { event.isAnnounced($0) == ($0 % 3 != 0) })
    #expect(event.takeAll().sorted() == (0..<waiters).filter { $0 % 3 != 0 })
    #expect(event.isIntact)
  }

  // MARK: Threads

  @Test(arguments: sizes)
  func concurrentTakersTakeEachWaiterOnce(waiters: Int) {
    let event = EventCount(waiters)
    let count = rounds(max(4_000 / waiters, 200))
    let taken = SeenNumbers(waiters)
    let wrong = SharedCounter()
    race(4, rounds: count, "takers") { _ in
      for waiter in 0..<waiters { event.announce(waiter) }
    } body: { _, _ in
      while let waiter = event.take() {
        if waiter < waiters { taken.mark(waiter) } else { wrong.add(1) }
      }
    } check: { round in
      if (0..<waiters).contains(where: { taken.marks($0) != UInt32(round + 1) }) { wrong.add(1) }
      return wrong.now == 0
    }
    #expect(wrong.now == 0)
    #expect((0..<waiters).allSatisfy { taken.marks($0) == UInt32(count) })
    #expect(event.isIntact)
  }

  /// Waiters announce and take back while others take: each announcement goes to one side.
  @Test(arguments: sizes)
  func anAnnouncementIsTakenOrTakenBack(waiters: Int) {
    let event = EventCount(waiters)
    let taken = (0..<waiters).map { _ in SharedCounter() }
    let takenBack = (0..<waiters).map { _ in SharedCounter() }
    let announced = (0..<waiters).map { _ in SharedCounter() }
    let wrong = SharedCounter()
    let announcing = SharedCounter()
    announcing.add(2)
    let perThread = rounds(5_000)
    watched("waiters and takers") {
      onThreads(4) { thread in
        if thread < 2 {
          var random = RandomNumbers(seed: UInt64(thread))
          let mine = (0..<waiters).filter { $0 % 2 == thread }
          for _ in 0..<(mine.isEmpty ? 0 : perThread) {
            let waiter = mine[random.below(mine.count)]
            event.announce(waiter)
            announced[waiter].add(1)
            if random.below(4) == 0 { sched_yield() }
            if event.retract(waiter) { takenBack[waiter].add(1) }
          }
          announcing.add(-1)
          return
        }
        while announcing.now > 0 {
          guard let waiter = event.take() else {
            sched_yield()
            continue
          }
          if waiter < waiters { taken[waiter].add(1) } else { wrong.add(1) }
        }
      }
    }
    #expect(wrong.now == 0)
    #expect(event.take() == nil)
    for waiter in 0..<waiters {
      #expect(taken[waiter].now + takenBack[waiter].now == announced[waiter].now, "waiter \(waiter)")
    }
    #expect(event.isIntact)
  }

  /// How a consumer of the stress below sleeps.
  enum Sleep: CaseIterable {
    case onItsToken
    case untilItIsQueued
  }

  /// Producers publish items with a release store (no fence of their own hides one that is missing)
  /// and take one waiter; consumers announce, look again, and park. A burst of items must be gone
  /// before the next, with no other wake-up than those that the items gave: a consumer that sleeps
  /// while an item is there stops the test.
  @Test(arguments: [(1, 1), (2, 3), (3, 2)], Sleep.allCases)
  func noConsumerSleepsWhileAnItemIsThere(threads: (producers: Int, consumers: Int), sleep: Sleep) {
    let (producers, consumers) = threads
    // Each consumer's bit in a word of its own, so that a take looks at several.
    let spacing = 67
    let event = EventCount(consumers * spacing)
    let tokens = (0..<consumers).map { _ in Token(.running) }
    let queued = (0..<consumers).map { _ in DispatchSemaphore(value: 0) }
    let produced = UnsafeMutablePointer<sl_atomic_u64>.allocate(capacity: 2 * producers)
    defer { produced.deallocate() }
    for i in 0..<2 * producers { sl_store_relaxed_u64(produced + i, 0) }
    let shelf = Shelf(produced: produced, taken: produced + producers, count: producers)
    let total = SharedCounter()
    let consumed = SharedCounter()
    let producing = SharedCounter()
    producing.add(producers)
    let slept = SharedCounter()
    let wrong = SharedCounter()
    let over = SharedCounter()
    let seed = RandomNumbers.seed()
    let bursts = rounds(20_000)
    let enough = Deadline(in: 0.5)

    @Sendable func wake(_ consumer: Int) {
      switch tokens[consumer].unpark() {
      case SL_WAKE_ENQUEUE: queued[consumer].signal()
      case SL_WAKE_NOTHING: break
      default: wrong.add(1)
      }
    }
    @Sendable func produce(_ producer: Int) {
      var random = RandomNumbers(seed: seed &+ UInt64(producer))
      var made = 0
      for burst in 0..<bursts {
        for _ in 0...random.below(3) {
          total.add(1)
          for _ in 0..<random.below(40) { sl_spin_pause() }
          made += 1
          shelf.publish(made, of: producer)
          if let waiter = event.take() {
            if waiter % spacing == 0, waiter / spacing < consumers {
              wake(waiter / spacing)
            } else {
              wrong.add(1)
            }
          }
        }
        spin("items of producer \(producer) are there, and every consumer sleeps") {
          shelf.isTaken(made, of: producer)
        }
        if burst % 64 == 0, enough.hasPassed { break }
      }
      if producing.add(-1) > 0 { return }
      spin("items that nobody finished") { consumed.now == total.now }
      over.add(1)
      for consumer in 0..<consumers { wake(consumer) }
    }
    @Sendable func consume(_ consumer: Int) {
      let bit = consumer * spacing
      let token = tokens[consumer]
      while true {
        while shelf.takeOne() { consumed.add(1) }
        if over.now > 0 { return }
        event.announce(bit)
        if shelf.hasItem || over.now > 0 {
          _ = event.retract(bit)
          continue
        }
        switch sleep {
        case .onItsToken:
          if token.park(.threadParked) {
            slept.add(1)
            sl_token_wait_thread(token.token)
          }
        case .untilItIsQueued:
          if token.park(.parked) {
            slept.add(1)
            queued[consumer].wait()
            sl_token_begin(token.token)
          }
        }
        // It may have been woken for an earlier announcement, or at the end.
        if event.isAnnounced(bit) { _ = event.retract(bit) }
      }
    }
    watched("consumers that wait for items") {
      onThreads(producers + consumers) { thread in
        if thread < producers { produce(thread) } else { consume(thread - producers) }
      }
    }
    #expect(wrong.now == 0)
    #expect(total.now > 0)
    #expect(consumed.now == total.now)
    #expect(slept.now > 0)
    #expect(event.isIntact)
  }
}

/// Items as numbers: of each producer, how many were published and how many taken.
private final class Shelf: @unchecked Sendable {
  let produced: UnsafeMutablePointer<sl_atomic_u64>
  let taken: UnsafeMutablePointer<sl_atomic_u64>
  let count: Int

  init(
    produced: UnsafeMutablePointer<sl_atomic_u64>, taken: UnsafeMutablePointer<sl_atomic_u64>, count: Int
  ) {
    self.produced = produced
    self.taken = taken
    self.count = count
  }

  func publish(_ made: Int, of producer: Int) { sl_store_release_u64(produced + producer, UInt64(made)) }

  func isTaken(_ made: Int, of producer: Int) -> Bool {
    sl_load_acquire_u64(taken + producer) == UInt64(made)
  }
  var hasItem: Bool {
    (0..<count).contains { sl_load_acquire_u64(taken + $0) < sl_load_acquire_u64(produced + $0) }
  }
  func takeOne() -> Bool {
    for producer in 0..<count {
      var number = sl_load_acquire_u64(taken + producer)
      while number < sl_load_acquire_u64(produced + producer) {
        if sl_cas_acq_rel_u64(taken + producer, &number, number + 1) { return true }
      }
    }
    return false
  }
}
