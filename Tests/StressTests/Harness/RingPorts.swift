import CSluice

// The rings of the C core as subjects of a round: nothing waits, counters start just below their wrap-around.

/// A ring and the elements in its slots. They are plain memory: a missing order is a race.
private final class Slots<Ring>: @unchecked Sendable {
  let ring: UnsafeMutablePointer<Ring>
  let slots: UnsafeMutablePointer<UInt64>
  private let destroy: (UnsafeMutablePointer<Ring>) -> Void

  init(
    slots count: Int, _ make: (UnsafeMutablePointer<Ring>) -> Void,
    destroy: @escaping (UnsafeMutablePointer<Ring>) -> Void
  ) {
    ring = .allocate(capacity: 1)
    slots = .allocate(capacity: count)
    self.destroy = destroy
    make(ring)
  }

  deinit {
    destroy(ring)
    ring.deallocate()
    slots.deallocate()
  }
}

/// The cell that a thread holds.
private final class Hand: @unchecked Sendable {
  var cell: UInt32
  init(_ cell: UInt32) { self.cell = cell }
}

extension Subject {
  static func mpmcRing(capacity: Int, first: UInt64) -> Subject {
    let its = Slots<sl_mpmc_ring>(
      slots: 0, { precondition(sl_mpmc_ring_init($0, capacity, 8, 8, first) == 0) },
      destroy: { sl_mpmc_ring_destroy($0) })
    @Sendable func send(_ numbers: [UInt64]) -> Int {
      var ticket = sl_mpmc_ticket()
      let count = sl_mpmc_ring_try_claim_many(its.ring, numbers.count, &ticket)
      for i in 0..<count {
        let slot = sl_mpmc_ring_ticket_at(its.ring, ticket, i)
        sl_mpmc_ring_element(slot, 8).storeBytes(of: numbers[i], as: UInt64.self)
      }
      sl_mpmc_ring_commit_many(its.ring, ticket, count)
      return count
    }
    @Sendable func receive(_ limit: Int) -> [UInt64] {
      var ticket = sl_mpmc_ticket()
      let count = sl_mpmc_ring_try_take_many(its.ring, limit, &ticket)
      let numbers = (0..<count).map {
        sl_mpmc_ring_element(sl_mpmc_ring_ticket_at(its.ring, ticket, $0), 8).load(as: UInt64.self)
      }
      sl_mpmc_ring_release_many(its.ring, ticket, count)
      return numbers
    }
    let sendPort = SendPort(
      now: { send([$0]) == 1 ? .sent : sl_mpmc_ring_is_closed(its.ring) ? .closed : .full }, manyNow: send)
    let receivePort = ReceivePort(
      now: {
        receive(1).first.map(Received.element) ?? (sl_mpmc_ring_is_drained(its.ring) ? .closed : .empty)
      },
      manyNow: receive)
    return Subject(
      name: "sl_mpmc_ring(\(capacity), \(first))", sendPort: { _ in sendPort },
      receivePort: { _ in receivePort },
      close: { sl_mpmc_ring_close(its.ring) }, canWait: false)
  }

  /// `soleProducer`, `soleConsumer`: there is one, which uses the forms for that.
  static func swapRing(
    capacity: Int, firstRound: UInt64, soleProducer: Bool, soleConsumer: Bool
  ) -> Subject {
    // A producer's, then a consumer's: they keep what they hold from one use to the next.
    let hands = (0..<16).map { Hand(UInt32(capacity + 1 + $0)) }
    let its = Slots<sl_swap_ring>(
      slots: capacity + 1 + hands.count,
      { precondition(sl_swap_ring_init($0, capacity, hands.count, firstRound) == 0) },
      destroy: { sl_swap_ring_destroy($0) })
    @Sendable func sendPort(_ hand: Hand) -> SendPort {
      @Sendable func send(_ number: UInt64) -> Answer {
        let result: sl_result
        if soleProducer {
          result = sl_swap_ring_sole_claim(its.ring, &hand.cell)
          if result == SL_OK {
            its.slots[Int(hand.cell)] = number
            sl_swap_ring_sole_commit(its.ring, hand.cell)
          }
        } else {
          its.slots[Int(hand.cell)] = number
          result = sl_swap_ring_try_enqueue(its.ring, &hand.cell)
        }
        return result == SL_OK ? .sent : result == SL_CLOSED ? .closed : .full
      }
      return SendPort(
        now: send,
        manyNow: { numbers in
          for (i, number) in numbers.enumerated() where send(number) != .sent { return i }
          return numbers.count
        })
    }
    @Sendable func receivePort(_ hand: Hand) -> ReceivePort {
      @Sendable func receive() -> Received {
        let result: sl_result
        if soleConsumer {
          result = sl_swap_ring_sole_take(its.ring, &hand.cell)
        } else {
          result = sl_swap_ring_try_dequeue(its.ring, &hand.cell)
        }
        guard result == SL_OK else { return result == SL_CLOSED ? .closed : .empty }
        let number = its.slots[Int(hand.cell)]
        its.slots[Int(hand.cell)] = .max
        if soleConsumer { sl_swap_ring_sole_release(its.ring, hand.cell) }
        return .element(number)
      }
      return ReceivePort(
        now: receive,
        manyNow: { limit in
          var numbers: [UInt64] = []
          while numbers.count < limit, case .element(let number) = receive() { numbers.append(number) }
          return numbers
        })
    }
    return Subject(
      name: "sl_swap_ring(\(capacity), \(firstRound))" + (soleProducer ? ", sole producer" : "")
        + (soleConsumer ? ", sole consumer" : ""),
      sendPort: { sendPort(hands[$0]) },
      receivePort: { receivePort(hands[8 + $0]) },
      close: { sl_swap_ring_close(its.ring) }, producerCloses: soleProducer, canWait: false,
      mostProducers: soleProducer ? 1 : 8,
      mostConsumers: soleConsumer ? 1 : 8)
  }

  static func spscRing(capacity: Int, first: UInt64) -> Subject {
    let its = Slots<sl_spsc_ring>(
      slots: sl_spsc_ring_slots(capacity), { sl_spsc_ring_init($0, capacity, first) }, destroy: { _ in })
    @Sendable func send(_ numbers: [UInt64]) -> Int {
      var position: UInt64 = 0
      let count = sl_spsc_ring_try_claim_many(its.ring, numbers.count, &position)
      for i in 0..<count { its.slots[sl_spsc_ring_slot_of(its.ring, position &+ UInt64(i))] = numbers[i] }
      if count > 0 { sl_spsc_ring_commit_many(its.ring, count) }
      return count
    }
    @Sendable func receive(_ limit: Int) -> [UInt64] {
      var position: UInt64 = 0
      let count = sl_spsc_ring_try_take_many(its.ring, limit, &position)
      let numbers = (0..<count).map { its.slots[sl_spsc_ring_slot_of(its.ring, position &+ UInt64($0))] }
      if count > 0 { sl_spsc_ring_release_many(its.ring, count) }
      return numbers
    }
    let sendPort = SendPort(now: { send([$0]) == 1 ? .sent : .full }, manyNow: send)
    let receivePort = ReceivePort(
      now: {
        receive(1).first.map(Received.element) ?? (sl_spsc_ring_is_drained(its.ring) ? .closed : .empty)
      },
      manyNow: receive)
    return Subject(
      name: "sl_spsc_ring(\(capacity), \(first))", sendPort: { _ in sendPort },
      receivePort: { _ in receivePort },
      close: { sl_spsc_ring_close(its.ring) }, producerCloses: true, canWait: false, mostProducers: 1,
      mostConsumers: 1)
  }

  /// Elements of some words, all made of the number: one that is torn is no element that anybody sent.
  static func spmcRing(capacity: Int, words: Int, first: UInt64) -> Subject {
    let size = words * 8
    nonisolated(unsafe) let closed = UnsafeMutablePointer<sl_atomic_u32>.allocate(capacity: 1)
    sl_store_relaxed_u32(closed, 0)
    let its = Slots<sl_spmc_ring>(
      slots: 0, { precondition(sl_spmc_ring_init($0, capacity, size, first) == 0) },
      destroy: {
        sl_spmc_ring_destroy($0)
        closed.deallocate()
      })
    @Sendable func send(_ numbers: [UInt64]) -> Int {
      let count = sl_spmc_ring_room(its.ring, numbers.count)
      withUnsafeTemporaryAllocation(of: UInt64.self, capacity: words) { element in
        for i in 0..<count {
          for word in 0..<words {
            element.initializeElement(at: word, to: numbers[i] &* UInt64(2 * word + 1))
          }
          sl_spmc_ring_put(its.ring, i, element.baseAddress, size)
        }
      }
      if count > 0 { sl_spmc_ring_publish(its.ring, count) }
      return count
    }
    @Sendable func receive() -> UInt64? {
      withUnsafeTemporaryAllocation(of: UInt64.self, capacity: words) { element in
        guard sl_spmc_ring_try_take(its.ring, element.baseAddress, size) else { return nil }
        let isWhole = (0..<words).allSatisfy { element[$0] == element[0] &* UInt64(2 * $0 + 1) }
        return isWhole ? element[0] : .max
      }
    }
    @Sendable func isClosed() -> Bool { sl_load_acquire_u32(closed) != 0 }
    let sendPort = SendPort(now: { send([$0]) == 1 ? .sent : .full }, manyNow: send)
    let receivePort = ReceivePort(
      now: {
        let wasClosed = isClosed()  // before the look at the ring
        return receive().map(Received.element) ?? (wasClosed ? .closed : .empty)
      },
      manyNow: { limit in
        var numbers: [UInt64] = []
        while numbers.count < limit, let number = receive() { numbers.append(number) }
        return numbers
      })
    return Subject(
      name: "sl_spmc_ring(\(capacity), \(words) words, \(first))", sendPort: { _ in sendPort },
      receivePort: { _ in receivePort },
      close: { sl_store_release_u32(closed, 1) }, producerCloses: true, canWait: false, mostProducers: 1)
  }

  /// A lane for each producer. Whoever finds it full gives back what it was granted, as one that waits does.
  static func lanes(producers: Int, capacity: Int, laneCapacity: Int, first: UInt64) -> Subject {
    let slots = sl_spsc_ring_slots(laneCapacity)
    let lanes = UnsafeMutablePointer<sl_lane>.allocate(capacity: producers)
    nonisolated(unsafe) let closed = UnsafeMutablePointer<sl_atomic_u32>.allocate(capacity: 1)
    sl_store_relaxed_u32(closed, 0)
    let its = Slots<sl_lanes>(
      slots: producers * slots,
      { sl_lanes_init($0, lanes, UInt32(producers), capacity, laneCapacity, first) },
      destroy: { _ in
        lanes.deallocate()
        closed.deallocate()
      })
    @Sendable func send(_ numbers: [UInt64], by producer: Int) -> Int {
      for (i, number) in numbers.enumerated() {
        let slot = sl_lane_claim(its.ring, sl_lanes_lane(its.ring, UInt32(producer)))
        if slot < 0 {
          sl_lanes_give_back(its.ring, UInt32(producer))
          return i
        }
        its.slots[producer * slots + Int(slot)] = number
        sl_lanes_commit(its.ring, UInt32(producer))
      }
      return numbers.count
    }
    @Sendable func receive() -> UInt64? {
      var (lane, slot): (UInt32, Int) = (0, 0)
      guard sl_lanes_try_take(its.ring, &lane, &slot) else { return nil }
      let place = Int(lane) * slots + slot
      let number = its.slots[place]
      its.slots[place] = .max
      sl_lanes_release(its.ring)
      return number
    }
    @Sendable func isClosed() -> Bool { sl_load_acquire_u32(closed) != 0 }
    let receivePort = ReceivePort(
      now: {
        let wasClosed = isClosed()  // before the look at the lanes
        return receive().map(Received.element) ?? (wasClosed ? .closed : .empty)
      },
      manyNow: { limit in
        var numbers: [UInt64] = []
        while numbers.count < limit, let number = receive() { numbers.append(number) }
        return numbers
      })
    return Subject(
      name: "sl_lanes(\(capacity), \(producers) of \(laneCapacity), \(first))",
      sendPort: { producer in
        SendPort(
          now: { send([$0], by: producer) == 1 ? .sent : .full }, manyNow: { send($0, by: producer) })
      },
      receivePort: { _ in receivePort },
      close: { sl_store_release_u32(closed, 1) }, producerCloses: true, canWait: false,
      mostProducers: producers, mostConsumers: 1)
  }
}
