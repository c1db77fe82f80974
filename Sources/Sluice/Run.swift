import CSluice

/// One run of a pipeline: the stream of its outputs, as an `AsyncSequence`.
///
/// It starts when it is first iterated, and is iterated once. Leaving the loop early, throwing from
/// it, cancelling the awaiting task or calling `cancel()` ends it: every worker finishes its present
/// item and ends. An iteration that was cancelled throws `CancellationError`, so that a part of the
/// outputs is never taken for all of them.
public final class Run<Output: Sendable>: AsyncSequence, Sendable {
  public typealias Element = Output
  public typealias Failure = any Error

  private enum State {
    case idle
    case running(RunCore)
    case cancelled
  }

  private let stages: [StageDescription]
  private let prepare: @Sendable () throws -> (RunCore, Port<Output>)
  private let state = Locked<State>(.idle)
  private let isIterated = Locked(false)

  @usableFromInline
  init(
    stages: [StageDescription], prepare: @escaping @Sendable () throws -> (RunCore, Port<Output>)
  ) {
    self.stages = stages
    self.prepare = prepare
  }

  /// Ends the run, or keeps it from starting. Does not wait for the bodies that are running.
  public func cancel() {
    let running: RunCore? = state.withLock { state in
      if case .running(let core) = state { return core }
      state = .cancelled
      return nil
    }
    running?.end(.cancelled)
  }

  /// What each stage has done so far. May be asked at any time, from any thread.
  public var report: RunReport {
    if let core { return core.report() }
    return RunReport(
      elapsed: .zero,
      stages: stages.map {
        RunReport.Stage(
          name: $0.name ?? $0.form, workers: $0.workers, itemsIn: 0, itemsOut: 0, busy: .zero,
          peakQueueLength: 0, skipped: 0, retried: 0, failures: [])
      })
  }

  /// Nil until it is iterated.
  var core: RunCore? { state.withLock { if case .running(let core) = $0 { core } else { nil } } }

  public func makeAsyncIterator() -> AsyncIterator {
    let isFirst = isIterated.withLock { isIterated in
      defer { isIterated = true }
      return !isIterated
    }
    return AsyncIterator(session: isFirst ? Session(self) : nil)
  }

  /// Puts the run together and starts it; nil if it was cancelled before.
  fileprivate func start() throws -> (RunCore, Port<Output>)? {
    let isCancelled = state.withLock { if case .cancelled = $0 { true } else { false } }
    if isCancelled { return nil }
    let (core, port) = try prepare()
    let mayRun = state.withLock { state in
      if case .cancelled = state { return false }
      state = .running(core)
      return true
    }
    guard mayRun else { return nil }
    core.start(consumerDrives: false)
    return (core, port)
  }

  public struct AsyncIterator: AsyncIteratorProtocol {
    @usableFromInline let session: Session?

    @inlinable
    public mutating func next() async throws -> Output? {
      try await next(isolation: nil)
    }

    /// The next output, or nil at the end of the stream.
    ///
    /// - Throws: the first error that a body threw, as it was thrown, after the outputs that stood in
    ///   the last queue; `CancellationError` if the run or the awaiting task was cancelled;
    ///   `PipelineError` if the pipeline cannot be run, or this run was iterated before.
    @inlinable
    public mutating func next(isolation actor: isolated (any Actor)?) async throws -> Output? {
      guard let session else {
        throw PipelineError(
          reason: "a run is iterated once; call the pipeline again for another run")
      }
      if let output = session.takeNow() { return output }
      return try await session.take(isolation: actor)
    }
  }

  /// The one iteration of a run. Dropping it ends the run.
  @usableFromInline
  final class Session: @unchecked Sendable {
    private let run: Run
    private var hasEnded = false
    /// Set when the iteration starts the run.
    private var started: RunCore?
    /// What each item needs; nil until then. Unmanaged, since counting references to it would cost more than the
    /// rest: `taker` keeps it.
    @usableFromInline let shortcut: UnsafeMutablePointer<Unmanaged<OutputTaker<Output>>?>
    private var taker: OutputTaker<Output>?

    init(_ run: Run) {
      self.run = run
      shortcut = .allocate(capacity: 1)
      shortcut.initialize(to: nil)
    }

    deinit {
      if let started {
        started.end(.cancelled)
        if !hasEnded { started.engine.monitor.forgetWaitsLater(of: started) }
      }
      shortcut.deallocate()
    }

    /// An output that stands in the queue, if nothing speaks against taking it.
    @inlinable @inline(__always)
    func takeNow() -> Output? {
      guard let taker = shortcut.pointee, !Task.isCancelled else { return nil }
      return taker._withUnsafeGuaranteedRef { $0.takeNow() }
    }

    @usableFromInline
    func take(isolation: isolated (any Actor)?) async throws -> Output? {
      if hasEnded { return nil }
      do {
        if let output = try await takeOrWait(isolation: isolation) { return output }
        leave()
        return nil
      } catch {
        leave()
        throw error
      }
    }

    private func leave() {
      hasEnded = true
      started?.forgetWaits()
    }

    private func takeOrWait(isolation: isolated (any Actor)?) async throws -> Output? {
      if started == nil {
        try Task.checkCancellation()
        guard let (core, port) = try run.start() else { throw CancellationError() }
        let taker = OutputTaker(port.channel, core)
        started = core
        self.taker = taker
        shortcut.pointee = Unmanaged.passUnretained(taker)
      }
      guard let core = started, let taker else { return nil }
      if taker.turns.pointee.takeDue() { await Task.yield() }
      while true {
        if Task.isCancelled { core.end(.cancelled) }
        if core.hasEnded {
          if core.hasFailed, let output = taker.channel.dequeue() { return output }
          if let failure = core.failure { throw failure }
          return nil
        }
        if let output = taker.channel.dequeue() {
          taker.channel.core.notifyNotFull()
          return output
        }
        if taker.channel.core.isAtEnd {
          core.end(.finished)
          if let failure = core.failure { throw failure }
          return nil
        }
        await withTaskCancellationHandler {
          await core.consumer.suspendOnInput()
        } onCancel: {
          core.end(.cancelled)
        }
      }
    }
  }
}

/// Takes outputs from a run's last queue, for the one task that iterates the run.
@usableFromInline
final class OutputTaker<Output>: @unchecked Sendable {
  @usableFromInline let channel: Channel<Output>
  @usableFromInline let cutoff: UnsafeMutablePointer<sl_atomic_u32>
  @usableFromInline let stageCount: UInt32
  @usableFromInline let turns: UnsafeMutablePointer<TaskTurns>

  init(_ channel: Channel<Output>, _ run: RunCore) {
    self.channel = channel
    cutoff = run.cutoff
    stageCount = UInt32(run.stageCount)
    turns = .allocate(capacity: 1)
    turns.initialize(to: TaskTurns())
  }

  deinit { turns.deallocate() }

  /// Nil also if the run has ended, or the task must yield first.
  @inlinable @inline(__always)
  func takeNow() -> Output? {
    guard sl_load_acquire_u32(cutoff) <= stageCount, !turns.pointee.mustYield(),
      let output = channel.dequeue()
    else { return nil }
    channel.core.notifyNotFull()
    return output
  }
}
