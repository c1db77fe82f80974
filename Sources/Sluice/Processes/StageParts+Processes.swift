import CSluice

/// Stages whose bodies run in worker processes: each worker is a thread that supervises one.
extension StageParts where Input: Codable, Output: Codable {
  @inlinable
  func processes(_ declared: ProcessDeclaration) -> Port<Output> {
    let crew = makeCrew(declared)
    for worker in workers {
      let supervisor = supervise(worker, crew, declared)
      worker.step = { _ in supervisor.run() }
    }
    return port()
  }

  @usableFromInline
  func makeCrew(_ declared: ProcessDeclaration) -> ProcessCrew<Input> {
    ProcessCrew(
      setup: declared.setup ?? WorkerSetup(form: .stage, identity: [], configuration: []),
      timeout: declared.timeout,
      members: workers)
  }

  @usableFromInline
  func supervise(
    _ worker: Worker, _ crew: ProcessCrew<Input>, _ declared: ProcessDeclaration
  ) -> ProcessSupervisor<Input, Output> {
    ProcessSupervisor(
      worker: worker, intake: Intake(input, worker), output: output, crew: crew, form: declared.form,
      stage: stage.description, inputShare: inputShare, outputShare: outputShare)
  }
}

/// What a process stage was declared with, in the form in which its workers are told.
@usableFromInline
struct ProcessDeclaration: Sendable {
  let form: WorkerSetup.Form
  let timeout: Duration?
  /// Nil: `objection` says why there is none.
  let setup: WorkerSetup?
  let objection: (argument: String, reason: String)?

  /// Finds out how a worker will find the stage's type, and encodes the stage.
  @usableFromInline
  init<Declared: Codable & Sendable>(_ stage: Declared, form: ProcessForm, timeout: Duration?) {
    self.form = form.value
    self.timeout = timeout
    var setup: WorkerSetup?
    var objection: (argument: String, reason: String)?
    do {
      let identity = try TypeIdentity(Declared.self)
      var handles = HandleList()
      var configuration: [UInt8] = []
      try ValueCodec<Declared>().encodeWhole(stage, handles: &handles) { configuration = Array($0) }
      if handles.descriptors.isEmpty {
        setup = WorkerSetup(form: form.value, identity: identity.bytes, configuration: configuration)
      } else {
        objection = ("stage", "a stage cannot hold shared memory; give it with the items")
      }
    } catch {
      objection = ("stage", "the stage \(Declared.self) cannot be given to a worker process: \(error)")
    }
    if objection == nil, let timeout, timeout <= .zero {
      objection = ("timeout", "timeout must be longer than zero, and is \(timeout)")
    }
    self.setup = setup
    self.objection = objection
  }
}

/// Which protocol the stage conforms to.
@usableFromInline
struct ProcessForm: Sendable {
  let value: WorkerSetup.Form
  @usableFromInline static var stage: Self { Self(value: .stage) }
  @usableFromInline static var branch: Self { Self(value: .branch) }
  @usableFromInline static var join: Self { Self(value: .join) }
}

extension ValueCodec {
  /// Encodes into memory of this process.
  func encodeWhole(
    _ value: Value, handles: inout HandleList, _ use: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    var memory: UnsafeMutableRawBufferPointer?
    defer { memory?.deallocate() }
    var length = 0
    try encode(value, handles: &handles) { count in
      let room = UnsafeMutableRawBufferPointer.allocate(byteCount: max(count, 8), alignment: 16)
      memory = room
      length = count
      return room.baseAddress!
    }
    if let memory { try use(UnsafeRawBufferPointer(rebasing: memory.prefix(length))) }
  }
}
