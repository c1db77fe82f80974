import CSluice

/// What the worker processes of one stage share: how they are set up, and items that were taken back from one of them
/// for the others.
///
/// Its lock is taken when a worker has nothing to do, dies or sleeps, never for an item.
@usableFromInline
final class ProcessCrew<Input: Sendable>: @unchecked Sendable {
  let setup: WorkerSetup
  let timeout: Duration?
  private struct State {
    /// Items that nobody has started, for whoever comes first.
    var returned: [LedgerEntry<Input>] = []
    /// Members that have nothing to do.
    var isIdle: [Bool]
    /// Members whose process has items that it has not started, and that sleep.
    var hasBacklog: [Bool]
    var isDone = false
  }
  private let state: Locked<State>
  /// The number of returned items; a hint.
  private let returned: UnsafeMutablePointer<sl_atomic_u32>
  /// The run keeps them alive.
  private let members: [Unmanaged<Worker>]

  init(setup: WorkerSetup, timeout: Duration?, members: [Worker]) {
    self.setup = setup
    self.timeout = timeout
    returned = .allocate(capacity: 1)
    sl_store_relaxed_u32(returned, 0)
    self.members = members.map(Unmanaged.passUnretained)
    state = Locked(
      State(
        isIdle: Array(repeating: false, count: members.count),
        hasBacklog: Array(repeating: false, count: members.count)))
  }

  deinit { returned.deallocate() }

  @usableFromInline var isAlone: Bool { members.count == 1 }

  /// Whether there may be an item that was taken back. Cheap.
  @usableFromInline var hasReturned: Bool { sl_load_relaxed_u32(returned) != 0 }

  /// The member has nothing to do, and its input gives nothing now. Who has a backlog is asked to share it.
  /// `hasEnded`: the input never will. True: nor will anybody else give it anything, so that it ends.
  @usableFromInline
  func idle(_ member: Int, inputHasEnded: Bool) -> Bool {
    let (isDone, wanted) = state.withLock { state -> (Bool, [Int]) in
      if state.isDone { return (true, []) }
      if !state.returned.isEmpty { return (false, []) }
      state.isIdle[member] = true
      if inputHasEnded, state.isIdle.allSatisfy({ $0 }) {
        state.isDone = true
        return (true, Array(members.indices))
      }
      let wanted = members.indices.filter { state.hasBacklog[$0] }
      return (false, wanted)
    }
    for other in wanted where other != member { members[other].takeUnretainedValue().wake() }
    return isDone
  }

  /// The member looks for work again.
  @usableFromInline
  func isBusy(_ member: Int) {
    state.withLock {
      $0.isIdle[member] = false
      $0.hasBacklog[member] = false
    }
  }

  /// An item that was taken back, if there is one.
  @usableFromInline
  func takeReturned() -> LedgerEntry<Input>? {
    state.withLock { state in
      // The one that comes first, where the stage keeps the order; else they have no numbers.
      guard
        let first = state.returned.indices.min(by: { state.returned[$0].number < state.returned[$1].number })
      else { return nil }
      sl_store_relaxed_u32(returned, UInt32(clamping: state.returned.count - 1))
      return state.returned.remove(at: first)
    }
  }

  /// Whether there is something for an idle member, or it may end.
  @usableFromInline
  func hasNews() -> Bool {
    state.withLock { !$0.returned.isEmpty || $0.isDone }
  }

  /// The member is about to sleep while its process has items that it has not started: whether somebody is idle who
  /// would take them. If not, it will be woken once somebody is.
  @usableFromInline
  func wantsBacklog(of member: Int) -> Bool {
    state.withLock { state in
      if state.isIdle.contains(true) { return true }
      state.hasBacklog[member] = true
      return false
    }
  }

  /// The member takes nothing any more, and leaves these to the others. In one step: who is idle must not find that all
  /// are before it finds the items, nor wait for one that has left.
  func leave(_ member: Int, leaving entries: [LedgerEntry<Input>]) {
    share(entries, leaving: member)
  }

  /// Items for the others.
  @usableFromInline
  func share(_ entries: [LedgerEntry<Input>]) { share(entries, leaving: nil) }

  private func share(_ entries: [LedgerEntry<Input>], leaving member: Int?) {
    let idle = state.withLock { state -> [Int] in
      if let member { state.isIdle[member] = true }
      state.returned += entries
      sl_store_relaxed_u32(returned, UInt32(clamping: state.returned.count))
      return members.indices.filter { state.isIdle[$0] }
    }
    for member in idle { members[member].takeUnretainedValue().wake() }
  }
}
