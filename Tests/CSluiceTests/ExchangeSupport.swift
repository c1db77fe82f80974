import CSluice
import Glibc

/// A parent's and a worker's view of one segment, as two mappings of it; one thread a side.
final class SharedSegment: @unchecked Sendable {
  let parent: UnsafeMutablePointer<sl_exchange>
  let worker: UnsafeMutablePointer<sl_exchange>
  private let mappings: [UnsafeMutableRawPointer]
  private let bytes: UInt64

  /// Positions and counts begin where the test wants them: just below their wrap-around, say.
  init(requestBytes: UInt64 = 512, responseBytes: UInt64 = 512, position: UInt64 = 0, count: UInt32 = 0) {
    bytes = sl_exchange_segment_bytes(requestBytes, responseBytes)
    var descriptor: Int32 = -1
    var first: UnsafeMutableRawPointer?
    var second: UnsafeMutableRawPointer?
    guard sl_segment_create(bytes, &descriptor, &first) == 0,
      sl_segment_map(descriptor, bytes, &second) == 0, let first, let second
    else { fatalError("no segment: \(errno)") }
    sl_descriptor_close(descriptor)
    mappings = [first, second]
    parent = .allocate(capacity: 1)
    worker = .allocate(capacity: 1)
    parent.initialize(to: sl_exchange())
    worker.initialize(to: sl_exchange())
    sl_exchange_init(parent, first, requestBytes, responseBytes)
    guard sl_exchange_open(worker, second, bytes) else { fatalError("the segment is none") }
    let facts = parent.pointee.facts!
    for side in [parent, worker] {
      side.pointee.request_tail = position
      side.pointee.request_head = position
      side.pointee.response_tail = position
      side.pointee.response_head = position
    }
    sl_store_relaxed_u64(&facts.pointee.request_head_, position)
    sl_store_relaxed_u64(&facts.pointee.response_tail_, position)
    sl_store_relaxed_u64(&facts.pointee.response_head_, position)
    sl_store_relaxed_u64(&facts.pointee.admission_, UInt64(count) << 32 | UInt64(count))
  }
  deinit {
    for mapping in mappings { sl_segment_unmap(mapping, bytes) }
    parent.deallocate()
    worker.deallocate()
  }

  // MARK: Parent

  /// Puts a request; false: there is no room as far as the parent knows.
  func put(_ payload: [UInt8], kind: UInt16 = 1, user: UInt16 = 0) -> Bool {
    guard let place = sl_exchange_reserve(parent, UInt32(payload.count), kind, user) else { return false }
    copy(payload, to: place)
    sl_exchange_put(parent, UInt32(payload.count))
    return true
  }
  func admit(_ n: UInt32) { sl_exchange_admit(parent, n) }

  /// The next response, whose memory is given back; nil: there is none, or it is broken.
  func get() -> (payload: [UInt8], kind: UInt16, user: UInt16)? {
    var record = sl_exchange_record()
    guard sl_exchange_look(parent, &record) == SL_EXCHANGE_RECORD else { return nil }
    defer {
      sl_exchange_next(parent, &record)
      sl_exchange_release(parent)
    }
    return (bytes(of: record), record.kind, record.user)
  }

  // MARK: Worker

  /// Starts an item and reads its request; nil: there is none to start.
  func take() -> (payload: [UInt8], kind: UInt16, user: UInt16)? {
    guard sl_exchange_start(worker) else { return nil }
    var record = sl_exchange_request(worker)
    defer { sl_exchange_took(worker, &record) }
    return (bytes(of: record), record.kind, record.user)
  }
  func respond(_ payload: [UInt8], kind: UInt16 = 1, user: UInt16 = 0) -> Bool {
    guard let place = sl_exchange_respond(worker, UInt32(payload.count), kind, user) else { return false }
    copy(payload, to: place)
    sl_exchange_commit(worker, UInt32(payload.count))
    return true
  }

  private func copy(_ payload: [UInt8], to place: UnsafeMutablePointer<CChar>) {
    payload.withUnsafeBytes {
      if let start = $0.baseAddress {
        UnsafeMutableRawPointer(place).copyMemory(from: start, byteCount: $0.count)
      }
    }
  }
  private func bytes(of record: sl_exchange_record) -> [UInt8] {
    Array(UnsafeRawBufferPointer(start: record.payload, count: Int(record.bytes)))
  }
}

/// A payload that tells itself from others.
func pattern(_ count: Int, _ salt: Int) -> [UInt8] {
  (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ salt) }
}

func bytes(of number: UInt32) -> [UInt8] { withUnsafeBytes(of: number) { Array($0) } }
func number(in payload: [UInt8]) -> UInt32 {
  payload.count < 4 ? .max : payload.withUnsafeBytes { $0.loadUnaligned(as: UInt32.self) }
}

/// Descriptors that this process has open.
func openDescriptors() -> Int {
  guard let folder = opendir("/proc/self/fd") else { return -1 }
  defer { closedir(folder) }
  var count = -3  // ".", "..", and the folder's own
  while readdir(folder) != nil { count += 1 }
  return count
}

/// memfd_create(2), whose declaration Swift does not see.
func makeMemoryFile(allowsSealing: Bool) -> Int32 {
  typealias Function = @convention(c) (UnsafePointer<CChar>, UInt32) -> Int32
  guard let symbol = dlsym(nil, "memfd_create") else { return -1 }
  let (closesOnExec, sealing): (UInt32, UInt32) = (1, 2)
  return unsafeBitCast(symbol, to: Function.self)("test", closesOnExec | (allowsSealing ? sealing : 0))
}

/// How large what the descriptor stands for is, in bytes.
func byteCount(of descriptor: Int32) -> UInt64 {
  var facts = stat()
  return fstat(descriptor, &facts) == 0 ? UInt64(facts.st_size) : .max
}
