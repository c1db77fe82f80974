import CFuzzer
import CSluice

@testable import Sluice

/// What a parent reads of a worker, over any bytes: the fields of the segment, the ring of answers, values of every form,
/// errors, and types. There is a value or an error, and nothing is read that is not there.
private enum Segment {
  static let ringBytes: UInt64 = 4_096
  nonisolated(unsafe) static let memory = UnsafeMutableRawPointer.allocate(
    byteCount: Int(sl_exchange_segment_bytes(ringBytes, ringBytes)), alignment: 128)
  nonisolated(unsafe) static let exchange: UnsafeMutablePointer<sl_exchange> = {
    let view = UnsafeMutablePointer<sl_exchange>.allocate(capacity: 1)
    view.initialize(to: sl_exchange())
    return view
  }()
}

private struct Nested: Codable, Sendable {
  var text: String?
  var numbers: [Double]
  var more: [Nested]
}

/// The program's entry, by the name that the package manager gives to it.
@_cdecl("fuzz_exchange_main")
public func fuzzMain(
  _ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
) -> CInt {
  var count = count
  var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = arguments
  return LLVMFuzzerRunDriver(&count, &arguments) { data, size in
    data.map { fuzzExchange($0, size) } ?? 0
  }
}

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzExchange(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
  let exchange = Segment.exchange
  sl_exchange_init(exchange, Segment.memory, Segment.ringBytes, Segment.ringBytes)
  let input = UnsafeRawBufferPointer(start: data, count: size)
  let facts = min(size / 4, MemoryLayout<sl_exchange_facts>.size)
  // The parent's own view is made already: what the worker writes over the segment comes after it.
  if facts > 0 { Segment.memory.copyMemory(from: data, byteCount: facts) }
  let ring = UnsafeMutableRawBufferPointer(start: exchange.pointee.responses, count: Int(Segment.ringBytes))
  ring.copyBytes(from: input.dropFirst(facts).prefix(ring.count))
  sl_store_relaxed_u64(
    &exchange.pointee.facts.pointee.response_tail_, UInt64(size & 0xff8) % (Segment.ringBytes + 8))

  let reader = RecordReader(descriptors: DescriptorReceiver(socket: -1, waits: false))
  var record = sl_exchange_record()
  for turn in 0..<2_000 {
    guard sl_exchange_look(exchange, &record) == SL_EXCHANGE_RECORD else { break }
    let start = UnsafeMutableRawPointer(record.payload!)
    precondition(
      start >= ring.baseAddress! && start + Int(record.bytes) <= ring.baseAddress! + ring.count,
      "a record that is not in its ring")
    switch (turn + size) % 7 {
    case 0: _ = try? reader.read(record, ValueCodec<Nested>())
    case 1: _ = try? reader.read(record, ValueCodec<String>())
    case 2: _ = try? reader.read(record, ValueCodec<[UInt8]>())
    case 3: _ = try? reader.read(record, ValueCodec<[String: [Int]]>())
    case 4:
      if let opened = try? reader.open(record) {
        _ = try? ErrorCodec.decode(opened.bytes, handles: opened.handles)
      }
    case 5:
      _ = TypeIdentity(untrusted: Array(UnsafeRawBufferPointer(start: start, count: Int(record.bytes))))
        .find()
    default:
      _ = try? ValueCodec<Bool?>().decode(
        UnsafeRawBufferPointer(start: start, count: Int(record.bytes)), handles: HandleList())
    }
    sl_exchange_next(exchange, &record)
  }
  _ = sl_exchange_refresh_room(exchange)
  _ = sl_exchange_recall(exchange, 5)
  _ = sl_exchange_has_response(exchange)
  return 0
}
