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
    let running: RunCore? = state.withLock { if case .running(let core) = $0 { core } else { nil } }
    if let running { return running.report() }
    return RunReport(
      elapsed: .zero,
      stages: stages.map {
        RunReport.Stage(
          name: $0.name ?? $0.form, workers: $0.workers, itemsIn: 0, itemsOut: 0, busy: .zero,
          peakQueueLength: 0, skipped: 0, retried: 0, failures: [])
      })
  }

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
    @usableFromInline let started: UnsafeMutablePointer<(core: RunCore, port: Port<Output>)?>
    /// Outputs taken: now and then the consumer's task lets others run, as `Worker.mustYield` says.
    @usableFromInline let turns: UnsafeMutablePointer<UInt32>

    init(_ run: Run) {
      turns = .allocate(capacity: 1)
      turns.initialize(to: 0)
      self.run = run
      started = .allocate(capacity: 1)
      started.initialize(to: nil)
    }

    deinit {
      started.pointee?.core.end(.cancelled)
      started.deinitialize(count: 1)
      started.deallocate()
      turns.deallocate()
    }

    /// An output that stands in the queue, if nothing speaks against taking it.
    @inlinable @inline(__always)
    func takeNow() -> Output? {
      guard let (core, port) = started.pointee, !core.hasEnded, !Task.isCancelled,
        turns.pointee & 255 != 255
      else { return nil }
      guard let output = port.channel.dequeue() else { return nil }
      port.channel.core.notifyNotFull()
      turns.pointee &+= 1
      return output
    }

    @usableFromInline
    func take(isolation: isolated (any Actor)?) async throws -> Output? {
      if hasEnded { return nil }
      do {
        if let output = try await takeOrWait(isolation: isolation) { return output }
        hasEnded = true
        return nil
      } catch {
        hasEnded = true
        throw error
      }
    }

    private func takeOrWait(isolation: isolated (any Actor)?) async throws -> Output? {
      if started.pointee == nil {
        try Task.checkCancellation()
        guard let start = try run.start() else { throw CancellationError() }
        started.pointee = start
      }
      guard let (core, port) = started.pointee else { return nil }
      if turns.pointee & 255 == 255 { await Task.yield() }
      turns.pointee &+= 1
      while true {
        if Task.isCancelled { core.end(.cancelled) }
        if core.hasEnded {
          if core.hasFailed, let output = port.channel.dequeue() { return output }
          if let failure = core.failure { throw failure }
          return nil
        }
        if let output = port.channel.dequeue() {
          port.channel.core.notifyNotFull()
          return output
        }
        if port.channel.core.isAtEnd {
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
