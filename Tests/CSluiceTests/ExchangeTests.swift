import CSluice
import Foundation
import Testing

/// The rings of records, and what the parent makes of a worker's nonsense. A parent and a worker are two views of one
/// segment here.
@Suite(.serialized) struct ExchangeTests {
  // MARK: Records

  @Test func recordsOfEverySizeUpToTheLargestCross() {
    let segment = SharedSegment()
    let largest = Int(sl_exchange_largest(512))
    #expect(largest == 120)
    for size in 0...largest {
      let payload = pattern(size, size)
      #expect(sl_exchange_refresh_room(segment.parent))
      #expect(segment.put(payload, kind: 5, user: UInt16(size)))
      segment.admit(1)
      let taken = segment.take()
      #expect(taken?.payload == payload && taken?.kind == 5 && taken?.user == UInt16(size))
      #expect(segment.respond(payload, kind: 0xfffe, user: UInt16.max - UInt16(size)))
      let got = segment.get()
      #expect(got?.payload == payload && got?.kind == 0xfffe && got?.user == UInt16.max - UInt16(size))
    }
  }

  @Test func theUserFieldCanBeSetUntilARecordIsPublished() {
    let segment = SharedSegment()
    let place = sl_exchange_reserve(segment.parent, 3, 9, 1)
    sl_exchange_set_user(place, 0xabcd)
    sl_exchange_put(segment.parent, 3)
    segment.admit(1)
    let taken = segment.take()
    #expect(taken?.user == 0xabcd && taken?.kind == 9 && taken?.payload.count == 3)
  }

  /// Two records of each size from each offset in the ring, the second of which comes round.
  @Test(arguments: [UInt64(0), UInt64.max - 255])
  func ringsWrapAroundAtEveryOffset(base: UInt64) {
    for offset in stride(from: UInt64(0), to: 256, by: 8) {
      for size in [0, 1, 8, 24, 55, 56] {
        let segment = SharedSegment(requestBytes: 256, responseBytes: 256, position: base &+ offset)
        for salt in 0..<6 {
          let payload = pattern(size, salt)
          #expect(sl_exchange_refresh_room(segment.parent))
          #expect(segment.put(payload), "at \(offset), of \(size)")
          segment.admit(1)
          #expect(segment.take()?.payload == payload, "at \(offset), of \(size)")
          #expect(segment.respond(payload), "at \(offset), of \(size)")
          #expect(segment.get()?.payload == payload, "at \(offset), of \(size)")
        }
        #expect(segment.parent.pointee.request_tail == segment.worker.pointee.request_head)
        #expect(segment.parent.pointee.response_head == segment.worker.pointee.response_tail)
      }
    }
  }

  @Test func requestsFillTheirRingExactly() {
    let segment = SharedSegment(requestBytes: 256)
    for round in 0..<5 {
      for i in 0..<16 { #expect(segment.put(pattern(8, i)), "round \(round)") }
      #expect(!segment.put(pattern(8, 99)))
      #expect(sl_exchange_refresh_room(segment.parent))
      #expect(!segment.put([]), "nothing has been read")
      segment.admit(16)
      for i in 0..<16 {
        #expect(segment.take()?.payload == pattern(8, i))
        #expect(!segment.put([]), "it does not know yet")
      }
      #expect(segment.take() == nil)
      #expect(sl_exchange_refresh_room(segment.parent))
    }
  }

  @Test func responsesFillTheirRingExactly() {
    let segment = SharedSegment(responseBytes: 256)
    for round in 0..<5 {
      #expect(segment.get() == nil && !sl_exchange_has_response(segment.parent))
      for i in 0..<16 { #expect(segment.respond(pattern(8, i)), "round \(round)") }
      #expect(!segment.respond([]))
      #expect(sl_exchange_has_response(segment.parent))
      for i in 0..<16 { #expect(segment.get()?.payload == pattern(8, i)) }
    }
  }

  /// A full ring that holds a pad too: the largest records find room once it is drained, wherever that was.
  @Test func aPadKeepsNoRecordOutForGood() {
    for offset in stride(from: UInt64(0), to: 256, by: 8) {
      let segment = SharedSegment(responseBytes: 256, position: offset)
      for salt in 0..<20 {
        var written = 0
        while segment.respond(pattern(56, salt + written)) { written += 1 }
        #expect(written >= 3, "at \(offset)")
        for i in 0..<written { #expect(segment.get()?.payload == pattern(56, salt + i)) }
      }
    }
  }

  @Test func whatIsNotCommittedIsNotThereAndMayBeReservedAgain() {
    let segment = SharedSegment(responseBytes: 256, position: 200)
    #expect(sl_exchange_respond(segment.worker, 56, 1, 0) != nil, "behind a pad")
    #expect(segment.get() == nil)
    sl_exchange_publish(segment.worker)
    #expect(segment.get() == nil, "there is the pad alone")
    #expect(segment.respond(pattern(9, 1)))
    #expect(segment.get()?.payload == pattern(9, 1))
  }

  @Test func aSegmentOfAnotherKindIsNotOpened() {
    let size = Int(sl_exchange_segment_bytes(256, 256))
    let memory = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 128)
    defer { memory.deallocate() }
    var parent = sl_exchange()
    var worker = sl_exchange()
    func isOpenedAfter(_ change: (UnsafeMutablePointer<sl_exchange_facts>) -> Void) -> Bool {
      memory.initializeMemory(as: UInt8.self, repeating: 0, count: size)
      sl_exchange_init(&parent, memory, 256, 256)
      change(parent.facts)
      return sl_exchange_open(&worker, memory, UInt64(size))
    }
    #expect(isOpenedAfter { _ in })
    #expect(!isOpenedAfter { $0.pointee.magic ^= 1 })
    #expect(!isOpenedAfter { $0.pointee.version += 1 })
    #expect(!isOpenedAfter { $0.pointee.facts_bytes += 8 })
    #expect(!isOpenedAfter { $0.pointee.segment_bytes += 8 })
    #expect(!isOpenedAfter { $0.pointee.request_bytes *= 2 })
    #expect(!isOpenedAfter { $0.pointee.response_bytes = .max })
    #expect(!sl_exchange_open(&worker, memory, UInt64(MemoryLayout<sl_exchange_facts>.size) - 1))
  }

  // MARK: Nonsense

  /// A parent's view of memory that ends where it says, so that a sanitizer sees each byte beyond it.
  private final class HostileSegment {
    let memory: UnsafeMutableRawPointer
    var parent = sl_exchange()
    let size: Int
    static let ring = 256

    init() {
      size = Int(sl_exchange_segment_bytes(UInt64(Self.ring), UInt64(Self.ring)))
      memory = .allocate(byteCount: size, alignment: 128)
      memory.initializeMemory(as: UInt8.self, repeating: 0, count: size)
      sl_exchange_init(&parent, memory, UInt64(Self.ring), UInt64(Self.ring))
    }
    deinit { memory.deallocate() }

    func fill(_ random: inout RandomNumbers) {
      for i in stride(from: 0, to: size & ~7, by: 8) {
        memory.storeBytes(of: random.next(), toByteOffset: i, as: UInt64.self)
      }
    }
    /// Headers that may be, here and there: short records and pads, up to the end or not.
    func makePlausible(_ random: inout RandomNumbers) {
      let start = size - Self.ring
      for offset in stride(from: 0, to: Self.ring, by: 8) where UInt.random(in: 0..<3, using: &random) > 0 {
        let bytes = UInt64.random(in: 0..<40, using: &random)
        let toTheEnd = UInt64(Self.ring - offset - 8)
        let isPad = UInt.random(in: 0..<4, using: &random) == 0
        let header = isPad ? 0xffff << 32 | (bytes < 20 ? toTheEnd : bytes) : bytes | 3 << 32
        memory.storeBytes(of: header, toByteOffset: start + offset, as: UInt64.self)
      }
      let far = UInt64.random(in: 0...(UInt64(Self.ring) / 8 + 2), using: &random) * 8
      sl_store_relaxed_u64(&parent.facts.pointee.response_tail_, parent.response_head &+ far)
    }
  }

  @Test func lookingAtAnythingFindsARecordInTheRingOrNothingOrSaysSo() {
    var random = RandomNumbers(seed: RandomNumbers.seed())
    var found = [0, 0, 0]
    let segment = HostileSegment()
    let ring = UnsafeRawPointer(segment.parent.responses!)
    let end = ring + HostileSegment.ring
    for round in 0..<rounds(20_000) {
      let position = UInt64.random(in: 0..<64, using: &random) &* 8 &- 256
      segment.parent.response_head = position
      segment.parent.response_tail = position
      segment.fill(&random)
      if round % 8 != 0 { segment.makePlausible(&random) }
      var record = sl_exchange_record()
      // What a fixed ring holds is through after as many looks as it has places.
      for look in 0...(HostileSegment.ring / 8 + 1) {
        let what = sl_exchange_look(&segment.parent, &record)
        guard what.rawValue < 3 else { return #expect(Bool(false), "\(what)") }
        found[Int(what.rawValue)] += 1
        guard what == SL_EXCHANGE_RECORD else { break }
        let payload = UnsafeRawPointer(record.payload!)
        let isInside = payload >= ring + 8 && payload + Int(record.bytes) <= end && record.kind != 0xffff
        guard isInside, look <= HostileSegment.ring / 8 else {
          return #expect(Bool(false), "\(record) in round \(round), look \(look)")
        }
        sl_exchange_next(&segment.parent, &record)
      }
      _ = sl_exchange_has_response(&segment.parent)
      _ = sl_exchange_started(&segment.parent)
      _ = sl_exchange_must_wake_worker(&segment.parent)
      let admitted = UInt32.random(in: 0..<1 << 31, using: &random)
      let recalled = sl_exchange_recall(&segment.parent, admitted)
      if recalled <= HostileSegment.ring / 8 {
        #expect(sl_exchange_started(&segment.parent) == (admitted &- recalled) & 0x7fff_ffff)
      }
      let room = sl_exchange_refresh_room(&segment.parent)
      #expect(
        !room || segment.parent.request_tail &- segment.parent.request_head <= UInt64(HostileSegment.ring))
      segment.parent.request_tail = 0
      segment.parent.request_head = 0
    }
    #expect(found.allSatisfy { $0 > 10 }, "broken, nothing and records are all found: \(found)")
  }

  @Test func aTailThatCannotBeIsBroken() {
    for tail in [UInt64(4), 264, 1 << 32, .max, .max - 7] {
      let segment = HostileSegment()
      sl_store_relaxed_u64(&segment.parent.facts.pointee.response_tail_, tail)
      var record = sl_exchange_record()
      #expect(sl_exchange_look(&segment.parent, &record) == SL_EXCHANGE_BROKEN, "\(tail)")
      #expect(sl_exchange_has_response(&segment.parent))
    }
  }

  @Test func aHeadThatCannotBeIsRefused() {
    let segment = SharedSegment()
    #expect(segment.put(pattern(8, 0)) && segment.put(pattern(8, 1)))
    for head in [UInt64(33), 40, 512, .max] {
      sl_store_relaxed_u64(&segment.parent.pointee.facts.pointee.request_head_, head)
      #expect(!sl_exchange_refresh_room(segment.parent), "\(head)")
    }
    sl_store_relaxed_u64(&segment.parent.pointee.facts.pointee.request_head_, 16)
    #expect(sl_exchange_refresh_room(segment.parent))
    sl_store_relaxed_u64(&segment.parent.pointee.facts.pointee.request_head_, 0)
    #expect(!sl_exchange_refresh_room(segment.parent), "it goes back")
  }

  /// A worker that writes nothing but pads, as fast as it can, held a parent that passed over each of them for ever.
  @Test func padsThatFillNoEndAreBroken() {
    for (offset, bytes) in [(0, 0), (0, 248), (8, 0), (248, 8), (16, 16)] {
      let segment = HostileSegment()
      segment.parent.response_head = UInt64(offset)
      segment.parent.response_tail = UInt64(offset)
      let header = UInt64(bytes) | 0xffff << 32
      segment.memory.storeBytes(
        of: header, toByteOffset: segment.size - HostileSegment.ring + offset, as: UInt64.self)
      sl_store_relaxed_u64(
        &segment.parent.facts.pointee.response_tail_, UInt64(offset + HostileSegment.ring))
      var record = sl_exchange_record()
      #expect(sl_exchange_look(&segment.parent, &record) == SL_EXCHANGE_BROKEN, "at \(offset), of \(bytes)")
    }
  }
}
