import CSluice
import Foundation
import Testing

/// Lanes, and the elements in them.
private final class Lanes: @unchecked Sendable {
  let lanes = UnsafeMutablePointer<sl_lanes>.allocate(capacity: 1)
  private let each: UnsafeMutablePointer<sl_lane>
  private let elements: UnsafeMutablePointer<Int>
  private let slots: Int

  init(producers: Int, capacity: Int, laneCapacity: Int? = nil, first: UInt64 = 0) {
    each = .allocate(capacity: producers)
    slots = sl_spsc_ring_slots(laneCapacity ?? capacity)
    elements = .allocate(capacity: producers * slots)
    sl_lanes_init(lanes, each, UInt32(producers), capacity, laneCapacity ?? capacity, first)
  }

  deinit {
    elements.deallocate()
    each.deallocate()
    lanes.deallocate()
  }

  func put(_ element: Int, by producer: Int) -> Bool {
    let slot = sl_lane_claim(lanes, sl_lanes_lane(lanes, UInt32(producer)))
    guard slot >= 0 else { return false }
    elements[producer * slots + Int(slot)] = element
    sl_lanes_commit(lanes, UInt32(producer))
    return true
  }

  func take() -> Int? {
    var (lane, slot): (UInt32, Int) = (0, 0)
    guard sl_lanes_try_take(lanes, &lane, &slot) else { return nil }
    defer { sl_lanes_release(lanes) }
    return elements[Int(lane) * slots + slot]
  }

  var count: Int { sl_lanes_count(lanes) }
}

@Suite(.serialized) struct LanesTests {
  static let starts: [UInt64] = [0, .max - 2, .max, 1 << 63]

  /// Exactly as many as the capacity fit, by whichever producers; what was taken makes room at once, told of or
  /// not.
  @Test(arguments: [1, 2, 7, 64, 1_000, 5_000], starts)
  func theCapacityIsExact(capacity: Int, first: UInt64) {
    for producers in [1, 2, 5] {
      let queue = Lanes(producers: producers, capacity: capacity, first: first)
      var next = 0
      func fill() -> Int {
        var put = 0
        var refused = 0
        while refused < producers {
          if queue.put(next, by: next % producers) {
            put += 1
            refused = 0
          } else {
            // Somebody else may still have some of what it was granted.
            refused += 1
          }
          next += 1
        }
        return put
      }
      #expect(fill() == capacity)
      #expect(queue.count == capacity)
      for taken in [1, capacity / 2, capacity] where taken > 0 {
        for _ in 0..<taken { #expect(queue.take() != nil) }
        #expect(fill() == taken)
      }
      for _ in 0..<capacity { #expect(queue.take() != nil) }
      #expect(queue.take() == nil)
      #expect(sl_lanes_is_empty(queue.lanes))
    }
  }

  /// What a producer was granted and does not need is there for the others once it has given it back.
  @Test func givingBack() {
    let queue = Lanes(producers: 2, capacity: 256)
    #expect(queue.put(0, by: 0))
    var others = 0
    while queue.put(others, by: 1) { others += 1 }
    #expect(others == 256 - 16)
    #expect(!sl_lanes_has_room(queue.lanes, 1))
    #expect(sl_lanes_has_room(queue.lanes, 0))
    #expect(sl_lanes_give_back(queue.lanes, 0))
    #expect(!sl_lanes_give_back(queue.lanes, 0))
    #expect(sl_lanes_has_room(queue.lanes, 1))
    while queue.put(others, by: 1) { others += 1 }
    #expect(others == 255)
    #expect(queue.count == 256)
    #expect(sl_lanes_count_at_most(queue.lanes) == 256)
  }

  /// All producers together hold an eighth of the places at most, or one each; what is not told of is a 64th, or
  /// one. Neither is ever more than 16.
  @Test(arguments: [(1, 1), (7, 1), (8, 1), (31, 2), (32, 2), (256, 2), (1_000, 5), (1_024, 8), (1 << 20, 3)])
  func portions(capacity: Int, producers: Int) {
    let queue = Lanes(producers: producers, capacity: capacity, laneCapacity: 1)
    let (portion, telling) = (queue.lanes.pointee.portion_, queue.lanes.pointee.telling_)
    #expect(Int(portion) == max(1, min(16, capacity / 8 / producers)))
    #expect(Int(telling) == max(1, min(16, capacity / 64)))
    #expect(queue.put(0, by: 0))
    #expect(sl_lanes_count_at_most(queue.lanes) == Int(portion), "what it holds counts")
    #expect(sl_lanes_count_by(queue.lanes, 0) == 1)
    #expect(sl_lanes_give_back(queue.lanes, 0) == (portion > 1))
    #expect(sl_lanes_count_at_most(queue.lanes) == 1)
  }

  /// The consumer tells of what it has taken in portions, when it finds nothing more, and when it is asked to.
  @Test(arguments: starts) func telling(first: UInt64) {
    let queue = Lanes(producers: 2, capacity: 256, first: first)
    for element in 0..<8 { #expect(queue.put(element, by: element % 2)) }
    for _ in 0..<3 { #expect(queue.take() != nil) }
    #expect(sl_lanes_passed(queue.lanes) == first)
    #expect(queue.take() != nil)
    #expect(sl_lanes_passed(queue.lanes) == first &+ 4)
    #expect(queue.take() != nil)
    sl_lanes_tell(queue.lanes)
    #expect(sl_lanes_passed(queue.lanes) == first &+ 5)
    while queue.take() != nil {}
    #expect(sl_lanes_passed(queue.lanes) == first &+ 8)
  }

  /// Taking again before a release gives the same element, also where the consumer goes on to the next lane.
  @Test func takingAgainGivesTheSame() {
    let queue = Lanes(producers: 2, capacity: 256)
    for element in 0..<100 { for producer in 0..<2 { #expect(queue.put(element, by: producer)) } }
    for _ in 0..<200 {
      var (lane, slot, again, slotAgain): (UInt32, Int, UInt32, Int) = (0, 0, 0, 0)
      #expect(sl_lanes_try_take(queue.lanes, &lane, &slot))
      #expect(sl_lanes_try_take(queue.lanes, &again, &slotAgain))
      #expect(lane == again && slot == slotAgain)
      sl_lanes_release(queue.lanes)
    }
    #expect(queue.take() == nil)
  }

  /// A full lane refuses although there is room for others.
  @Test func lanesAreBoundedToo() {
    let queue = Lanes(producers: 2, capacity: 8, laneCapacity: 4)
    for element in 0..<4 { #expect(queue.put(element, by: 0)) }
    #expect(!queue.put(4, by: 0))
    #expect(!sl_lanes_has_room(queue.lanes, 0))
    #expect(sl_lanes_has_some_room(queue.lanes))
    sl_lanes_give_back(queue.lanes, 0)
    for element in 0..<4 { #expect(queue.put(element, by: 1)) }
    #expect(!queue.put(4, by: 1))
    #expect(!sl_lanes_has_some_room(queue.lanes))
  }

  /// No lane waits for ever, while others are never empty.
  @Test func everyLaneHasItsTurn() {
    let queue = Lanes(producers: 3, capacity: 700)
    for element in 0..<200 {
      for producer in 0..<3 { #expect(queue.put(producer * 1_000 + element, by: producer)) }
    }
    var seen = Set<Int>()
    for _ in 0..<(2 * 64 + 1) {
      guard let element = queue.take() else { break }
      seen.insert(element / 1_000)
      #expect(queue.put(element, by: element / 1_000))
    }
    #expect(seen == [0, 1, 2])
  }

  /// Threads: nothing lost or doubled, in each producer's order, and never more than the capacity.
  @Test(arguments: [1, 3, 8], [1, 4, 100])
  func threads(producers: Int, capacity: Int) {
    let queue = Lanes(producers: producers, capacity: capacity, first: .max - 500)
    let each = 20_000
    let group = DispatchGroup()
    for producer in 0..<producers {
      Thread.detachNewThread(in: group) {
        for element in 0..<each {
          while !queue.put(producer * each + element, by: producer) {
            sl_lanes_give_back(queue.lanes, UInt32(producer))
            sched_yield()
          }
        }
        sl_lanes_give_back(queue.lanes, UInt32(producer))
      }
    }
    var next = Array(repeating: 0, count: producers)
    var taken = 0
    while taken < producers * each {
      if queue.count > capacity { Issue.record("\(queue.count) elements in a queue for \(capacity)") }
      guard let element = queue.take() else {
        sched_yield()
        continue
      }
      let (producer, number) = (element / each, element % each)
      if next[producer] != number { Issue.record("\(number) of \(producer), not \(next[producer])") }
      next[producer] = number + 1
      taken += 1
    }
    group.wait()
    #expect(queue.take() == nil)
  }
}

extension Thread {
  fileprivate static func detachNewThread(in group: DispatchGroup, _ body: @escaping @Sendable () -> Void) {
    group.enter()
    detachNewThread {
      body()
      group.leave()
    }
  }
}
