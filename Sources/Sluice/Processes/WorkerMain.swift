import CSluice
import Glibc

/// What a process does that was spawned as a worker, before `main`: takes the stage from its parent, and runs its
/// items until the parent closes the exchange or ends.
@_cdecl("sl_worker_main_")
public func _sluiceWorkerMain(_ socket: Int32) {
  #if DEBUG
    let crash = CrashRequest()
    crash?.arm()
    defer { crash?.reportEnd() }
  #endif
  do {
    let (loop, setup) = try takeOver(socket)
    try setup.serve(loop) { reply(socket, refusal: nil) }
  } catch {
    reply(socket, refusal: (error as? RefusedStage)?.reason ?? "\(error)")
  }
}

private struct RefusedStage: Error { let reason: String }

private func reply(_ socket: Int32, refusal: String?) {
  var answer = WorkerHandOver.Reply()
  if refusal != nil { answer.isReady = 0 }
  var bytes = withUnsafeBytes(of: &answer) { Array($0) }
  if let refusal { bytes += Array(refusal.utf8.prefix(WorkerHandOver.longestReason)) }
  _ = sl_socket_send(socket, bytes, bytes.count, nil, 0, true)
  crashPoint()
}

private func takeOver(_ socket: Int32) throws -> (_WorkerLoop, ReceivedSetup) {
  var hello = WorkerHandOver.Hello()
  var descriptors = [Int32](repeating: -1, count: WorkerHandOver.Hello.descriptors)
  var (count, error) = (descriptors.count, Int32(0))
  let length = withUnsafeMutableBytes(of: &hello) {
    sl_socket_receive(socket, $0.baseAddress, $0.count, &descriptors, &count, true, &error)
  }
  if length == 0 { exit(0) }  // the parent has gone
  guard length == MemoryLayout<WorkerHandOver.Hello>.size, count == WorkerHandOver.Hello.descriptors else {
    throw RefusedStage(reason: "the hand-over is not whole")
  }
  if let objection = hello.objection { throw RefusedStage(reason: objection) }
  let (segment, doorbell, parentEvent, file) = (
    descriptors[0], descriptors[1], descriptors[2], descriptors[3]
  )
  let exchange = UnsafeMutablePointer<sl_exchange>.allocate(capacity: 1)
  exchange.initialize(to: sl_exchange())
  var memory: UnsafeMutableRawPointer?
  guard sl_segment_map(segment, hello.segmentBytes, &memory) == 0,
    sl_exchange_open(exchange, memory, hello.segmentBytes)
  else { throw RefusedStage(reason: "the segment is none") }
  var setup: UnsafeMutableRawPointer?
  guard sl_segment_map(file, hello.setupBytes, &setup) == 0, let setup else {
    throw RefusedStage(reason: "the setup is none")
  }
  sl_descriptor_close(segment)
  sl_descriptor_close(file)
  let loop = _WorkerLoop(
    exchange: exchange, socket: socket, doorbell: doorbell, parentEvent: parentEvent)
  let bytes = UnsafeRawBufferPointer(start: setup, count: Int(hello.setupBytes))
  guard let parts = WorkerSetup.parts(bytes) else { throw RefusedStage(reason: "the setup is not whole") }
  return (loop, ReceivedSetup(form: parts.form, identity: parts.identity, configuration: parts.configuration))
}

private struct ReceivedSetup {
  let form: WorkerSetup.Form
  let identity: [UInt8]
  let configuration: UnsafeRawBufferPointer

  /// Runs the stage. `ready` is called once it is there.
  func serve(_ loop: _WorkerLoop, ready: () -> Void) throws {
    guard let type = TypeIdentity(untrusted: identity).find() else {
      throw RefusedStage(reason: "its type cannot be found again")
    }
    switch form {
    case .stage:
      guard let type = type as? any ProcessStage.Type else { throw mismatch(type) }
      let stage = try decode(type)
      ready()
      stage._serve(loop)
    case .branch:
      guard let type = type as? any ProcessBranch.Type else { throw mismatch(type) }
      let stage = try decode(type)
      ready()
      stage._serve(loop)
    case .join:
      guard let type = type as? any ProcessJoin.Type else { throw mismatch(type) }
      let stage = try decode(type)
      ready()
      stage._serve(loop)
    }
  }

  private func mismatch(_ type: Any.Type) -> RefusedStage {
    RefusedStage(reason: "\(type) is no such stage")
  }

  private func decode<Configured: Codable & Sendable>(_: Configured.Type) throws -> Configured {
    do {
      return try ValueCodec<Configured>().decode(configuration, handles: HandleList())
    } catch {
      throw RefusedStage(reason: "\(Configured.self) cannot be decoded: \(error)")
    }
  }
}
