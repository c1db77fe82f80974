import CSluice

/// One stage of a run, without its types.
@usableFromInline
final class StageCore: @unchecked Sendable {
  let description: StageDescription
  let index: Int
  let workers: WorkerList
  var isLeasable: Bool { description.workers == 1 && description.execution == .resumable }
  var canDrive: Bool {
    description.execution != .task && (description.workers == 1 || description.execution == .resumable)
      && (description.workers == 1 || !description.ordered) && description.processes == 0
  }
  unowned(unsafe) var output: ChannelCore?
  /// Nil if the first failure ends the run.
  let failures: Locked<FailureLog>?
  private let live: UnsafeMutablePointer<sl_atomic_u32>
  init(_ description: StageDescription, index: Int, workers: WorkerList, arena: Arena) {
    self.description = description
    self.index = index
    self.workers = workers
    failures = description.onFailure.isFail ? nil : Locked(FailureLog())
    live = arena.allocate(sl_atomic_u32.self)
    sl_store_relaxed_u32(live, UInt32(description.workers))
  }

  func workerHasEnded() {
    guard sl_fetch_sub_acq_rel_u32(live, 1) == 1 else { return }
    output?.close()
    // A join may end before its input does: then nobody will take what the stages before it make.
    if let input = workers.workers[0].input, !(input.isClosed && input.isEmpty) {
      workers.workers[0].run.stop(before: index)
    }
  }

  /// What drivers see of it, once it has its output.
  func facts(output: ChannelCore, arena: Arena) -> StageFacts {
    let first = workers.workers[0]
    let leasableFrom = arena.allocate(sl_atomic_u64.self)
    let pause = arena.allocate(sl_atomic_u64.self)
    sl_store_relaxed_u64(leasableFrom, 0)
    sl_store_relaxed_u64(pause, 0)
    return StageFacts(
      isLeasable: isLeasable, canDrive: canDrive, workers: workers.count, token: first.token,
      lease: first.lease,
      counters: first.counters, output: output.gauge, leasableFrom: leasableFrom, pause: pause)
  }
}

/// How the bodies of a stage are run.
@usableFromInline
enum Execution: Sendable {
  /// On threads; between two outputs nothing of it is on a stack.
  case resumable
  /// On threads; its body takes or gives items in the middle, so a body keeps its thread.
  case stackful
  /// On Swift tasks.
  case task
}

/// What a stage was declared as: checked when a run starts, and named in errors and reports.
@usableFromInline
struct StageDescription: Sendable {
  var name: String?
  let form: String
  let execution: Execution
  let isJoin: Bool
  let workers: Int
  let throttle: Int
  let ordered: Bool
  let onFailure: FailurePolicy
  /// The number of worker processes; 0: the bodies run in this one.
  var processes = 0
  var runsInProcesses = false
  /// Why a worker process cannot run it.
  var objection: (argument: String, reason: String)?
  /// One output for each input, and so one count for both.
  var countsItemsOnce: Bool { execution == .resumable && form == "stage" }

  @usableFromInline
  init(
    name: String?, form: String, execution: Execution, isJoin: Bool = false, workers: Int,
    throttle: Int, ordered: Bool = false, onFailure: FailurePolicy = .fail
  ) {
    self.name = name
    self.form = form
    self.execution = execution
    self.isJoin = isJoin
    self.workers = workers
    self.throttle = throttle
    self.ordered = ordered
    self.onFailure = onFailure
  }
}
