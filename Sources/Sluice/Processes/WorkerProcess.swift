import CSluice
import Glibc

/// A worker process as its parent sees it: its segment, its events, and how it ends.
///
/// Belongs to one thread of the parent; only `stopStarting` may be called from another one.
@usableFromInline
final class WorkerProcess {
  /// Bytes of each ring.
  static let requestBytes: UInt64 = 512 << 10
  static let responseBytes: UInt64 = 512 << 10

  @usableFromInline let exchange: UnsafeMutablePointer<sl_exchange>
  /// The parent's event, which the worker signals too. Belongs to the caller.
  @usableFromInline let event: Int32
  private var child = sl_child()
  private var segment: Int32 = -1
  private var doorbell: Int32 = -1
  private let memory: UnsafeMutableRawPointer
  @usableFromInline let descriptors: DescriptorSender
  @usableFromInline let arriving: DescriptorReceiver

  private static var segmentBytes: UInt64 { sl_exchange_segment_bytes(requestBytes, responseBytes) }

  /// Spawns a worker and hands it its segment and setup. `waitUntilReady` tells whether it took them.
  init(_ setup: WorkerSetup, event: Int32) throws(WorkerStartError) {
    var memory: UnsafeMutableRawPointer?
    try Self.check("a shared segment", sl_segment_create(Self.segmentBytes, &segment, &memory))
    guard let memory else { throw .system(what: "a shared segment", errno: ENOMEM) }
    self.memory = memory
    self.event = event
    exchange = .allocate(capacity: 1)
    exchange.initialize(to: sl_exchange())
    sl_exchange_init(exchange, memory, Self.requestBytes, Self.responseBytes)
    var child = sl_child(pid: -1, pidfd: -1, socket: -1)
    var failure: WorkerStartError?
    do throws(WorkerStartError) {
      try Self.check("an event", sl_event_create(&doorbell))
      try Self.check("starting a worker process", sl_child_spawn(&child))
    } catch { failure = error }
    self.child = child
    descriptors = DescriptorSender(socket: child.socket)
    arriving = DescriptorReceiver(socket: child.socket, waits: false)
    if let failure { throw failure }
    crashPoint()
    do throws(WorkerStartError) {
      try handOver(setup)
    } catch {
      kill()
      _ = reap()
      throw error
    }
  }

  deinit {
    if child.pidfd >= 0 {
      kill()
      _ = reap()
    }
    exchange.deallocate()
    sl_segment_unmap(memory, Self.segmentBytes)
    sl_descriptor_close(segment)
    sl_descriptor_close(doorbell)
  }

  var pid: Int32 { child.pid }

  private static func check(_ what: String, _ error: Int32) throws(WorkerStartError) {
    if error != 0 { throw .system(what: what, errno: error) }
  }

  // MARK: Starting

  private func handOver(_ setup: WorkerSetup) throws(WorkerStartError) {
    var file: Int32 = -1
    var copy: UnsafeMutableRawPointer?
    let bytes = UInt64(setup.bytes.count)
    try Self.check("memory for the stage's setup", sl_segment_create(bytes, &file, &copy))
    defer { sl_descriptor_close(file) }
    if let copy {
      setup.bytes.withUnsafeBytes { source in
        if let base = source.baseAddress { copy.copyMemory(from: base, byteCount: source.count) }
      }
      sl_segment_unmap(copy, bytes)
    }
    var hello = WorkerHandOver.Hello()
    hello.segmentBytes = Self.segmentBytes
    hello.setupBytes = bytes
    let passed = [segment, doorbell, event, file]
    let sent = withUnsafeBytes(of: &hello) {
      sl_socket_send(child.socket, $0.baseAddress, $0.count, passed, passed.count, true)
    }
    crashPoint()
    // EPIPE: it has ended, and waitUntilReady will tell how.
    if sent != 0, sent != EPIPE, sent != ECONNRESET {
      throw .system(what: "handing over to a worker", errno: sent)
    }
  }

  /// Waits until the worker has taken the stage. `isAbandoned` is asked after each wake-up.
  func waitUntilReady(isAbandoned: () -> Bool) throws(WorkerStartError) {
    while true {
      if isAbandoned() { throw .abandoned }
      let woken = sl_wait_descriptors(event, child.pidfd, child.socket, -1)
      if woken & UInt32(SL_WAIT_EVENT) != 0 { sl_event_reset(event) }
      if woken & UInt32(SL_WAIT_SOCKET) != 0, try receiveReply() { return }
      if woken & UInt32(SL_WAIT_ENDED) != 0 { throw .died(reap()) }
    }
  }

  /// False: the socket has been closed without an answer, and the process is about to end.
  private func receiveReply() throws(WorkerStartError) -> Bool {
    let room = MemoryLayout<WorkerHandOver.Reply>.size + WorkerHandOver.longestReason
    var bytes = [UInt8](repeating: 0, count: room)
    var (none, error): (Int, Int32) = (0, 0)
    let count = sl_socket_receive(child.socket, &bytes, room, nil, &none, false, &error)
    if count < 0, error == EAGAIN { return false }
    guard count >= MemoryLayout<WorkerHandOver.Reply>.size else {
      // It ends, or it is not what it should be: then it is ended.
      kill()
      throw .died(reap())
    }
    let reply = bytes.withUnsafeBytes { $0.loadUnaligned(as: WorkerHandOver.Reply.self) }
    if let objection = reply.objection { throw .refused(objection) }
    if reply.isReady != 1 {
      let reason = bytes[MemoryLayout<WorkerHandOver.Reply>.size..<count]
      throw .refused(String(decoding: reason, as: UTF8.self))
    }
    return true
  }

  // MARK: Working

  /// The worker may wait for what was just written.
  @inlinable @inline(__always)
  func wakeIfAsleep() {
    if _slowPath(sl_exchange_must_wake_worker(exchange)) { ring() }
  }

  @usableFromInline @inline(never)
  func ring() {
    sl_event_signal(doorbell)
    crashPoint()
  }

  /// Sleeps until something happens (see `sl_wait_descriptors`); whether the process has ended.
  @usableFromInline
  func sleep(milliseconds: Int32) -> Bool {
    let woken = sl_wait_descriptors(event, child.pidfd, -1, milliseconds)
    if woken & UInt32(SL_WAIT_EVENT) != 0 { sl_event_reset(event) }
    return woken & UInt32(SL_WAIT_ENDED) != 0
  }

  @usableFromInline var hasEnded: Bool { sl_wait_descriptors(-1, child.pidfd, -1, 0) != 0 }

  // MARK: Ending

  /// Tells the worker that there will be no more items.
  @usableFromInline
  func close() {
    sl_exchange_close(exchange.pointee.facts)
    crashPoint()
    wakeIfAsleep()
  }

  /// Nobody will take descriptors from the worker any more: should it wait for that, it goes on.
  func shutDown() {
    sl_socket_shut_down(child.socket)
    crashPoint()
  }

  @usableFromInline
  func kill() { sl_child_kill(&child) }

  /// Waits for the end of the process.
  @usableFromInline
  func reap() -> WorkerDied.Cause {
    var value: Int32 = 0
    switch sl_child_reap(&child, &value) {
    case SL_CHILD_EXITED: return .exit(value)
    case SL_CHILD_SIGNALED: return .signal(value)
    default: return .unknown
    }
  }
}
