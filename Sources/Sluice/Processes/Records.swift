import CSluice

/// What the records between a parent and its worker hold.
///
/// The payload of a value is its bytes alone, where its type is copied bit by bit; else there are 8 bytes before it: the
/// number of its first descriptor, of which the header's `user` field counts how many there are. A value
/// that is too large for the ring lies in a segment of its own, the first of these descriptors, and the payload
/// then holds its size.
@usableFromInline
enum RecordKind {
  @inlinable static var item: UInt16 { 1 }
  /// An output, and the end of the item that it was made of.
  @inlinable static var result: UInt16 { 2 }
  /// One of several outputs.
  @inlinable static var output: UInt16 { 3 }
  /// The end of an item, or of the stream of a join.
  @inlinable static var done: UInt16 { 4 }
  /// An error, and the end of the item whose body threw it.
  @inlinable static var failed: UInt16 { 5 }
  /// Added to a kind whose value lies in a segment of its own.
  @inlinable static var apart: UInt16 { 0x100 }
}

/// Writes values into records, on either side.
@usableFromInline
struct RecordWriter {
  let descriptors: DescriptorSender
  /// Largest payload that the ring takes.
  let largest: Int
  /// Whether sending a descriptor may wait.
  let waits: Bool

  @usableFromInline
  init(descriptors: DescriptorSender, largest: Int, waits: Bool) {
    self.descriptors = descriptors
    self.largest = largest
    self.waits = waits
  }

  /// There is no room now for the record, or for its descriptors.
  @usableFromInline
  struct NoRoom: Error {
    @usableFromInline init() {}
  }

  /// Writes a record of a value, and gives its payload's size. `reserve` gives the payload's memory, or throws.
  ///
  /// Compiled for the value's type where that is known: what is looked up of a type is dearer than to copy a kilobyte.
  @inlinable
  func write<Value>(
    _ value: Value, _ codec: ValueCodec<Value>, kind: UInt16,
    reserve: (_ payload: UInt32, _ kind: UInt16) throws -> UnsafeMutableRawPointer
  ) throws -> UInt32 {
    try write(kind: kind, reserve: reserve) { try codec.encode(value, handles: &$0, $1) }
  }

  /// Writes a record of what `encode` puts into the memory that it asks for, once.
  @usableFromInline
  func write(
    kind: UInt16, reserve: (_ payload: UInt32, _ kind: UInt16) throws -> UnsafeMutableRawPointer,
    encode: (inout HandleList, (Int) throws -> UnsafeMutableRawPointer) throws -> Void
  ) throws -> UInt32 {
    var handles = HandleList()
    var apart: SegmentOfValue?
    var payload: UnsafeMutableRawPointer?
    var bytes: UInt32 = 0
    try withoutActuallyEscaping(reserve) { reserve in
      try encode(&handles) { count in
        if count + 8 <= largest {
          bytes = UInt32(count + 8)
          let place = try reserve(bytes, kind)
          payload = place
          return place + 8
        }
        let segment = try SegmentOfValue(byteCount: count)
        apart = segment
        return segment.memory
      }
    }
    if let apart {
      bytes = 16
      let place = try reserve(bytes, kind | RecordKind.apart)
      (place + 8).storeBytes(of: UInt64(apart.byteCount), as: UInt64.self)
      payload = place
    }
    guard let payload else { return 0 }
    let passed = (apart.map { [$0.descriptor] } ?? []) + handles.descriptors
    var first: UInt64 = 0
    if !passed.isEmpty {
      var error: Int32 = 0
      guard passed.count <= Int(UInt16.max), let sent = descriptors.send(passed, waits: waits, error: &error)
      else {
        throw NoRoom()
      }
      first = sent
    }
    payload.storeBytes(of: first, as: UInt64.self)
    sl_exchange_set_user(payload, UInt16(passed.count))
    return bytes
  }
}

/// Reads values from records, on either side. What it reads may have been written by a process that is not trusted.
@usableFromInline
struct RecordReader {
  let descriptors: DescriptorReceiver

  @usableFromInline
  init(descriptors: DescriptorReceiver) { self.descriptors = descriptors }

  struct Nonsense: Error { let what: String }

  /// A record that has been looked into, and what it lies in.
  @usableFromInline
  struct Opened {
    @usableFromInline let bytes: UnsafeRawBufferPointer
    @usableFromInline let handles: HandleList
    let apart: SegmentOfValue?
  }

  @inlinable
  func read<Value>(_ record: sl_exchange_record, _ codec: ValueCodec<Value>) throws -> Value {
    let opened = try open(record)
    return try withExtendedLifetime(opened) { try codec.decode(opened.bytes, handles: opened.handles) }
  }

  /// The bytes of the record's value, which live as long as what is returned and the record.
  @usableFromInline
  func open(_ record: sl_exchange_record) throws -> Opened {
    guard record.bytes >= 8 else { throw Nonsense(what: "a record without its numbers") }
    let payload = UnsafeRawBufferPointer(start: record.payload, count: Int(record.bytes))
    if _fastPath(record.user == 0 && record.kind & RecordKind.apart == 0) {
      return Opened(bytes: UnsafeRawBufferPointer(rebasing: payload[8...]), handles: HandleList(), apart: nil)
    }
    var received: [Int32] = []
    if record.user > 0 {
      let first = payload.load(as: UInt64.self)
      guard let taken = descriptors.take(first: first, count: Int(record.user)) else {
        throw Nonsense(what: "a record without its descriptors")
      }
      received = taken
    }
    guard record.kind & RecordKind.apart != 0 else {
      return Opened(
        bytes: UnsafeRawBufferPointer(rebasing: payload[8...]), handles: try take(received), apart: nil)
    }
    guard record.bytes == 16, !received.isEmpty else {
      for descriptor in received { sl_descriptor_close(descriptor) }
      throw Nonsense(what: "a value apart that is nowhere")
    }
    let count = payload.load(fromByteOffset: 8, as: UInt64.self)
    guard let apart = SegmentOfValue(receiving: received.removeFirst(), byteCount: count) else {
      for descriptor in received { sl_descriptor_close(descriptor) }
      throw Nonsense(what: "a value apart of another size")
    }
    return Opened(
      bytes: UnsafeRawBufferPointer(start: apart.memory, count: apart.byteCount), handles: try take(received),
      apart: apart)
  }
}

extension RecordReader {
  /// The memory that the descriptors stand for; all of them are taken over, also where one is refused.
  private func take(_ descriptors: [Int32]) throws -> HandleList {
    var memories: [SharedMemory] = []
    for (index, descriptor) in descriptors.enumerated() {
      do {
        memories.append(try SharedMemory(receiving: descriptor))
      } catch {
        for other in descriptors[(index + 1)...] { sl_descriptor_close(other) }
        throw error
      }
    }
    return HandleList(received: memories)
  }
}

/// Memory of its own for one value.
final class SegmentOfValue {
  let memory: UnsafeMutableRawPointer
  let byteCount: Int
  let descriptor: Int32

  init(byteCount: Int) throws {
    var (made, memory): (Int32, UnsafeMutableRawPointer?) = (-1, nil)
    let error = sl_segment_create(UInt64(max(byteCount, 1)), &made, &memory)
    guard error == 0, let memory else {
      throw WorkerStartError.system(what: "shared memory for a value of \(byteCount) bytes", errno: error)
    }
    self.memory = memory
    self.byteCount = byteCount
    descriptor = made
  }

  /// Takes the descriptor over. Nil: it is no segment of that size.
  init?(receiving descriptor: Int32, byteCount: UInt64) {
    var memory: UnsafeMutableRawPointer?
    guard byteCount > 0, byteCount <= UInt64(Int.max), sl_segment_map(descriptor, byteCount, &memory) == 0,
      let memory
    else {
      sl_descriptor_close(descriptor)
      return nil
    }
    self.memory = memory
    self.byteCount = Int(byteCount)
    self.descriptor = descriptor
  }

  deinit {
    sl_segment_unmap(memory, UInt64(max(byteCount, 1)))
    sl_descriptor_close(descriptor)
  }
}
