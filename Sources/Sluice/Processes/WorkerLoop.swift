import CSluice
import Glibc

/// What a worker process does: takes items from its parent one by one, runs the stage's body, answers.
///
/// For the default implementations of `_serve`, which are compiled in a stage's own module; not for use.
public final class _WorkerLoop {
  @usableFromInline let exchange: UnsafeMutablePointer<sl_exchange>
  /// Signalled by the parent.
  private let doorbell: Int32
  private let parentEvent: Int32
  private let socket: Int32
  @usableFromInline let writer: RecordWriter
  @usableFromInline let reader: RecordReader
  /// Outputs written so far.
  @usableFromInline let written: UnsafeMutablePointer<UInt64>
  /// When the parent was last woken while there were further items.
  private let lastSignal: UnsafeMutablePointer<UInt64>

  /// While there are further items, a sleeping parent is woken once in so many nanoseconds: waking it for each of
  /// many short ones would take longer than the items. It looks by itself a millisecond after it went to sleep.
  private static let signalInterval: UInt64 = 50_000

  init(
    exchange: UnsafeMutablePointer<sl_exchange>, socket: Int32, doorbell: Int32, parentEvent: Int32
  ) {
    self.exchange = exchange
    self.socket = socket
    self.doorbell = doorbell
    self.parentEvent = parentEvent
    writer = RecordWriter(
      descriptors: DescriptorSender(socket: socket),
      largest: Int(sl_exchange_largest(exchange.pointee.response_bytes)), waits: true)
    reader = RecordReader(descriptors: DescriptorReceiver(socket: socket, waits: true))
    written = .allocate(capacity: 1)
    written.initialize(to: 0)
    lastSignal = .allocate(capacity: 1)
    lastSignal.initialize(to: 0)
  }

  deinit {
    written.deallocate()
    lastSignal.deallocate()
  }

  // MARK: Forms

  @inlinable
  public func map<Input: Codable & Sendable, Output: Codable & Sendable>(_ body: (Input) throws -> Output) {
    let inputs = ValueCodec<Input>()
    let outputs = ValueCodec<Output>()
    while start() {
      do {
        try answer(RecordKind.result, body(take(inputs)), outputs)
      } catch {
        fail(error)
      }
      written.pointee += 1
      guard goOn() else { return }
    }
  }

  @inlinable
  public func branch<Input: Codable & Sendable, Output: Codable & Sendable>(
    _ body: (Input, Outputs<Output>) throws -> Void
  ) {
    let inputs = ValueCodec<Input>()
    let outputs = makeOutputs(ValueCodec<Output>())
    while start() {
      do {
        try body(take(inputs), outputs)
        end()
      } catch {
        fail(error)
      }
      written.pointee += 1
      guard goOn() else { return }
    }
  }

  @inlinable
  public func join<Input: Codable & Sendable, Output: Codable & Sendable>(
    _ body: (Inputs<Input>, Outputs<Output>) throws -> Void
  ) {
    let codec = ValueCodec<Input>()
    let outputs = makeOutputs(ValueCodec<Output>())
    let inputs = WorkerStream<Input> { [self] place in
      guard start() else { return false }
      place.initialize(to: try take(codec))
      return true
    }
    do {
      try body(inputs.inputs, outputs)
      if let failure = inputs.failure { throw failure }
      end()
    } catch {
      fail(error)
    }
    written.pointee += 1
    _ = goOn()
  }

  @inlinable
  func makeOutputs<Output: Codable & Sendable>(_ codec: ValueCodec<Output>) -> Outputs<Output> {
    Outputs(sink: { [self] output in
      try answer(RecordKind.output, output, codec)
      written.pointee += 1
      guard goOn() else { throw CancellationError() }
    })
  }

  // MARK: Items

  /// Starts the next item; false: there will be none.
  @inlinable @inline(__always)
  func start() -> Bool {
    if _fastPath(sl_exchange_start(exchange)) {
      crashPoint()
      return true
    }
    return waitForItem()
  }

  /// The value of the item that was started.
  @inlinable @inline(__always)
  func take<Input>(_ codec: ValueCodec<Input>) throws -> Input {
    var record = sl_exchange_request(exchange)
    defer {
      sl_exchange_took(exchange, &record)
      crashPoint()
    }
    if codec.isBitwise { return try codec.load(from: record.payload) }
    return try reader.read(record, codec)
  }

  // MARK: Answers

  @inlinable @inline(__always)
  func answer<Output>(_ kind: UInt16, _ output: Output, _ codec: ValueCodec<Output>) throws {
    let bytes: UInt32
    if codec.isBitwise {
      bytes = UInt32(MemoryLayout<Output>.size)
      let place =
        sl_exchange_respond(exchange, bytes, kind, 0).map { UnsafeMutableRawPointer($0) }
        ?? waitForRoom(bytes, kind)
      codec.store(output, to: place)
    } else {
      bytes = try writer.write(output, codec, kind: kind) { bytes, kind in
        sl_exchange_respond(exchange, bytes, kind, 0).map { UnsafeMutableRawPointer($0) }
          ?? waitForRoom(bytes, kind)
      }
    }
    crashPoint()
    sl_exchange_commit(exchange, bytes)
    crashPoint()
    if _slowPath(sl_exchange_parent_is_asleep(exchange)) { signalNowAndThen() }
  }

  private func answerFailed(_ error: any Error) throws {
    let kind = RecordKind.failed
    let bytes = try writer.write(kind: kind) { bytes, kind in
      sl_exchange_respond(exchange, bytes, kind, 0).map { UnsafeMutableRawPointer($0) }
        ?? waitForRoom(bytes, kind)
    } encode: { handles, room in
      try ErrorCodec.encode(error, handles: &handles).withUnsafeBytes { encoded in
        let place = try room(encoded.count)
        if let start = encoded.baseAddress { place.copyMemory(from: start, byteCount: encoded.count) }
      }
    }
    crashPoint()
    sl_exchange_commit(exchange, bytes)
    crashPoint()
    if sl_exchange_parent_is_asleep(exchange) { signalNowAndThen() }
  }

  @usableFromInline
  func end() {
    _ =
      sl_exchange_respond(exchange, 0, RecordKind.done, 0).map { UnsafeMutableRawPointer($0) }
      ?? waitForRoom(0, RecordKind.done)
    crashPoint()
    sl_exchange_commit(exchange, 0)
    crashPoint()
    if sl_exchange_parent_is_asleep(exchange) { signalNowAndThen() }
  }

  @usableFromInline @inline(never)
  func fail(_ error: any Error) {
    do {
      try answerFailed(error)
    } catch {
      // There is no memory even for the error. The parent sees the item's worker die.
      abort()
    }
  }

  /// Before the next body: whether there may be one. Waits while the parent has not passed on as many outputs as it
  /// allows.
  @inlinable @inline(__always)
  func goOn() -> Bool {
    if _fastPath(sl_exchange_may_go_on(exchange, written.pointee)) { return true }
    return waitToGoOn()
  }

  // MARK: Waiting

  @usableFromInline @inline(never)
  func waitForItem() -> Bool {
    var hasStarted = false
    wait { [self] in
      if sl_exchange_start(exchange) {
        hasStarted = true
        return true
      }
      return sl_exchange_is_closed(exchange)
    }
    // What was admitted before the close has been seen with it.
    if !hasStarted { hasStarted = sl_exchange_start(exchange) }
    crashPoint()
    return hasStarted
  }

  @usableFromInline @inline(never)
  func waitToGoOn() -> Bool {
    var mayGoOn = false
    wait { [self] in
      mayGoOn = sl_exchange_may_go_on(exchange, written.pointee)
      return mayGoOn || sl_exchange_is_closed(exchange)
    }
    return mayGoOn
  }

  @usableFromInline @inline(never)
  func waitForRoom(_ bytes: UInt32, _ kind: UInt16) -> UnsafeMutableRawPointer {
    var place: UnsafeMutablePointer<CChar>?
    wait { [self] in
      place = sl_exchange_respond(exchange, bytes, kind, 0)
      return place != nil
    }
    guard let place else { leave() }
    return UnsafeMutableRawPointer(place)
  }

  private static let spins = 200

  /// Waits until the condition holds; ends the process if the parent has gone.
  private func wait(until condition: () -> Bool) {
    sl_exchange_publish(exchange)
    crashPoint()
    if sl_exchange_must_wake_parent(exchange) { signal() }
    for _ in 0..<Self.spins {
      if condition() { return }
      sl_spin_pause()
    }
    while true {
      sl_exchange_worker_sleeps(exchange)
      crashPoint()
      if condition() { break }
      let woken = sl_wait_descriptors(doorbell, -1, socket, -1)
      if woken & UInt32(SL_WAIT_EVENT) != 0 { sl_event_reset(doorbell) }
      crashPoint()
      if woken & UInt32(SL_WAIT_SOCKET) != 0, woken & UInt32(SL_WAIT_EVENT) == 0, parentHasLeft() { leave() }
    }
    sl_exchange_worker_woke(exchange)
  }

  /// The socket is readable also while descriptors wait in it for the record that needs them.
  private func parentHasLeft() -> Bool { sl_socket_is_hung_up(socket) }

  /// The parent takes no answer any more.
  private func leave() -> Never {
    fflush(nil)
    _exit(0)
  }

  private func signal() {
    lastSignal.pointee = sl_now_nanoseconds()
    sl_event_signal(parentEvent)
    crashPoint()
  }

  @usableFromInline @inline(never)
  func signalNowAndThen() {
    guard sl_now_nanoseconds() - lastSignal.pointee >= Self.signalInterval else { return }
    if sl_exchange_must_wake_parent(exchange) { signal() }
  }
}
