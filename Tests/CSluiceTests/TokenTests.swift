import CSluice
import Foundation
import Testing

// What the tests of the token, the lease and the event count share: a watchdog, meetings of threads,
// memory that shows when two threads use it at once, and random numbers with a printed seed.

/// Runs `body`, which may wait for other threads; ends the process with a message if it does not end.
func watched<Result>(_ what: String, within seconds: Int = 120, _ body: () throws -> Result) rethrows
  -> Result
{
  let ended = DispatchSemaphore(value: 0)
  Thread.detachNewThread {
    if ended.wait(timeout: .now() + .seconds(seconds)) == .timedOut {
      fatalError("\(what): still waiting after \(seconds) s")
    }
  }
  defer { ended.signal() }
  return try body()
}

/// Waits by looking again and again, first without giving the core up; ends the process with a
/// message after a minute.
func spin(_ what: String, until condition: () -> Bool) {
  for _ in 0..<200 {
    if condition() { return }
    sl_spin_pause()
  }
  let tooLong = Deadline(in: 60)
  while !condition() {
    if tooLong.hasPassed { fatalError("\(what): still waiting after 60 s") }
    sched_yield()
  }
}

/// Has `count` threads run `body` at the same moment, round after round. `prepare` and `check` are
/// called between the rounds, when all others are quiet; the rounds end early if `check` says no.
func race(
  _ count: Int, rounds: Int, _ what: String, prepare: @escaping @Sendable (Int) -> Void,
  body: @escaping @Sendable (_ round: Int, _ thread: Int) -> Void,
  check: @escaping @Sendable (Int) -> Bool
) {
  let started = SharedCounter()
  let arrived = SharedCounter()
  let finished = SharedCounter()
  let last = SharedCounter()
  last.add(rounds)
  watched(what) {
    onThreads(count) { thread in
      var random = RandomNumbers(seed: UInt64(thread))
      var round = 0
      while true {
        if thread == 0 {
          if round < last.now { prepare(round) }
          started.add(1)
        } else {
          spin(what) { started.now > round }
        }
        if round >= last.now { return }
        if arrived.add(1) < (round + 1) * count { spin(what) { arrived.now >= (round + 1) * count } }
        // Whoever came last has a start of a few steps: which of them meet is left to chance.
        for _ in 0..<random.below(1 << random.below(7)) { sl_spin_pause() }
        body(round, thread)
        finished.add(1)
        round += 1
        if thread == 0 {
          spin(what) { finished.now == round * count }
          if !check(round - 1) { last.add(round - last.now) }
        }
      }
    }
  }
}

/// What threads found wrong, and how often.
final class Complaints: @unchecked Sendable {
  private let lock = NSLock()
  private var counts: [String: Int] = [:]

  func add(_ complaint: String) { lock.withLock { counts[complaint, default: 0] += 1 } }
  func check(_ isRight: Bool, _ complaint: @autoclosure () -> String) {
    if !isRight { add(complaint()) }
  }
  var all: [String: Int] { lock.withLock { counts } }
}

/// Plain memory that one thread at a time may use: who finds another's marks in it counts a fault.
final class Canary: @unchecked Sendable {
  private static let words = 6
  private let memory: UnsafeMutablePointer<UInt64>
  private let faults: SharedCounter

  init(_ faults: SharedCounter) {
    self.faults = faults
    memory = .allocate(capacity: Self.words + 1)
    memory.initialize(repeating: 0, count: Self.words + 1)
  }
  deinit { memory.deallocate() }

  /// Uses the memory for a moment.
  func touch(_ mark: UInt64, pauses: Int = 0) {
    let found = memory[0]
    for word in 1..<Self.words where memory[word] != found { faults.add(1) }
    for word in 0..<Self.words {
      memory[word] = mark
      sl_compiler_barrier()
    }
    for _ in 0..<pauses { sl_spin_pause() }
    for word in 0..<Self.words {
      sl_compiler_barrier()
      if memory[word] != mark { faults.add(1) }
    }
    memory[Self.words] &+= 1
  }
  /// How often it was used; fewer than that if two threads did at once.
  var touches: Int { Int(memory[Self.words]) }
}

/// SplitMix64.
struct RandomNumbers: RandomNumberGenerator, Sendable {
  private var state: UInt64
  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
  mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }

  /// The environment's SLUICE_SEED, or a new one; printed.
  static func seed(_ what: String = #function) -> UInt64 {
    let seed =
      ProcessInfo.processInfo.environment["SLUICE_SEED"].flatMap(UInt64.init) ?? UInt64.random(in: 0 ... .max)
    print("\(what): SLUICE_SEED=\(seed)")
    return seed
  }
}

/// A token in a state.
final class Token: @unchecked Sendable {
  let token: UnsafeMutablePointer<sl_token>

  init(_ state: State = .parked) {
    token = .allocate(capacity: 1)
    sl_token_init(token, state.raw)
  }
  deinit { token.deallocate() }

  enum State: Equatable, CustomStringConvertible {
    case parked, queued, running, notified, threadParked, taskParked, ended
    case leased(UInt32)
    case dormant(UInt32)

    var raw: UInt32 {
      switch self {
      case .parked: UInt32(SL_TOKEN_PARKED)
      case .queued: UInt32(SL_TOKEN_QUEUED)
      case .running: UInt32(SL_TOKEN_RUNNING)
      case .notified: UInt32(SL_TOKEN_NOTIFIED)
      case .threadParked: UInt32(SL_TOKEN_THREAD_PARKED)
      case .taskParked: UInt32(SL_TOKEN_TASK_PARKED)
      case .ended: UInt32(SL_TOKEN_ENDED)
      case .leased(let id): UInt32(SL_TOKEN_LEASED) + id
      case .dormant(let id): UInt32(SL_TOKEN_DORMANT) + id
      }
    }
    var description: String { "state \(raw)" }

    static let all: [State] = [
      .parked, .queued, .running, .notified, .threadParked, .taskParked, .ended, .leased(0), .leased(7),
      .dormant(0), .dormant(7),
    ]
  }

  func set(_ state: State) { sl_token_init(token, state.raw) }
  func `is`(_ state: State) -> Bool { sl_token_state(token) == state.raw }
  func park(_ state: State) -> Bool { sl_token_park(token, state.raw) }
  func unpark() -> sl_wake { sl_token_unpark(token) }
  func unlease(_ id: UInt32, _ state: State) -> Bool { sl_token_unlease(token, id, state.raw) }

  /// Parks the calling thread unless it was notified, and waits.
  func waitOnThread() {
    if park(.threadParked) { sl_token_wait_thread(token) }
  }
}

@Suite(.serialized) struct TokenTests {
  static let parkedStates: [Token.State] = [.parked, .threadParked, .taskParked]

  // MARK: Transitions

  @Test func statesDiffer() {
    #expect(Set(Token.State.all.map(\.raw)).count == Token.State.all.count)
    for state in Token.State.all { #expect(Token(state).is(state)) }
  }

  @Test(arguments: Token.State.all)
  func unparkWakesWhoWaitsAndRemindsWhoRuns(state: Token.State) {
    let (next, wake): (Token.State, sl_wake) =
      switch state {
      case .parked: (.queued, SL_WAKE_ENQUEUE)
      case .running, .threadParked: (.notified, SL_WAKE_NOTHING)
      case .taskParked: (.notified, SL_WAKE_TASK)
      default: (state, SL_WAKE_NOTHING)
      }
    let token = Token(state)
    #expect(token.unpark() == wake)
    #expect(token.is(next))
    #expect(token.unpark() == SL_WAKE_NOTHING, "one wake-up for all that come before the worker looks")
    #expect(token.is(next))
  }

  @Test(arguments: Token.State.all)
  func unparkWaitingLeavesAParkedTokenWhereItIs(state: Token.State) {
    let token = Token(state)
    let other = Token(state)
    let wake = sl_token_unpark_waiting(token.token)
    if state == .parked {
      #expect(wake == SL_WAKE_NOTHING)
      #expect(token.is(.parked))
    } else {
      #expect(wake == other.unpark())
      #expect(sl_token_state(token.token) == sl_token_state(other.token))
    }
  }

  @Test(arguments: parkedStates)
  func parksWhenNothingCameMeanwhile(parked: Token.State) {
    let token = Token(.queued)
    sl_token_begin(token.token)
    #expect(token.is(.running))
    #expect(token.park(parked))
    #expect(token.is(parked))
  }

  @Test(arguments: parkedStates)
  func aWakeUpBeforeParkIsKeptAndUsedOnce(parked: Token.State) {
    let token = Token(.running)
    #expect(token.unpark() == SL_WAKE_NOTHING)
    #expect(token.unpark() == SL_WAKE_NOTHING)
    #expect(!token.park(parked), "its worker must look again")
    #expect(token.is(.running))
    #expect(token.park(parked))
    #expect(token.is(parked))
  }

  @Test func aWakeUpWhileQueuedNeedsNoOther() {
    let token = Token(.parked)
    #expect(token.unpark() == SL_WAKE_ENQUEUE)
    #expect(token.unpark() == SL_WAKE_NOTHING)
    sl_token_begin(token.token)
    #expect(token.is(.running), "it has not looked yet, so there is nothing to be reminded of")
    #expect(token.park(.parked))
  }

  @Test func aWakeUpAfterParkComesThrough() {
    let token = Token(.running)
    for _ in 0..<3 {
      #expect(token.park(.parked))
      #expect(token.unpark() == SL_WAKE_ENQUEUE)
      sl_token_begin(token.token)

      #expect(token.park(.taskParked))
      #expect(token.unpark() == SL_WAKE_TASK)
      #expect(token.unpark() == SL_WAKE_NOTHING, "a continuation is resumed once")
      sl_token_resumed(token.token)
      #expect(token.is(.running))

      #expect(token.park(.threadParked))
      #expect(token.unpark() == SL_WAKE_NOTHING)
      watched("a thread that was woken before it slept") { sl_token_wait_thread(token.token) }
      #expect(token.is(.running))
    }
  }

  @Test func aSleepingThreadIsWoken() {
    let token = Token(.running)
    let woken = SharedCounter()
    let group = DispatchGroup()
    group.enter()
    Thread.detachNewThread {
      token.waitOnThread()
      woken.add(1)
      group.leave()
    }
    watched("a sleeping thread") {
      spin("a thread that parks") { token.is(.threadParked) }
      usleep(5_000)
      #expect(woken.now == 0)
      #expect(token.unpark() == SL_WAKE_NOTHING)
      group.wait()
    }
    #expect(token.is(.running))
  }

  @Test func anEndedTokenStaysSo() {
    let token = Token(.running)
    sl_token_end(token.token)
    #expect(token.is(.ended))
    #expect(token.unpark() == SL_WAKE_NOTHING)
    #expect(sl_token_unpark_waiting(token.token) == SL_WAKE_NOTHING)
    #expect(!sl_token_try_lease(token.token, 1))
    #expect(!sl_token_try_lease_dormant(token.token, 1))
    #expect(!token.unlease(1, .parked))
    #expect(!sl_token_rouse(token.token, 1))
    #expect(token.is(.ended))
  }

  // MARK: Leases

  @Test(arguments: Token.State.all)
  func onlyAParkedTokenCanBeLeased(state: Token.State) {
    let token = Token(state)
    #expect(sl_token_try_lease(token.token, 3) == (state == .parked))
    #expect(token.is(state == .parked ? .leased(3) : state))
    #expect(sl_token_is_leased(token.token, 3) == (state == .parked))
    #expect(!sl_token_is_dormant(token.token, 3))

    let other = Token(state)
    #expect(sl_token_try_lease_dormant(other.token, 3) == (state == .parked))
    #expect(other.is(state == .parked ? .dormant(3) : state))
    #expect(sl_token_is_dormant(other.token, 3) == (state == .parked))
    #expect(!sl_token_is_leased(other.token, 3))
  }

  @Test(arguments: Token.State.all, [0, 7] as [UInt32])
  func aLeaseHasOnlyItsOwnTokens(state: Token.State, id: UInt32) {
    let token = Token(state)
    #expect(sl_token_is_leased(token.token, id) == (state == .leased(id)))
    #expect(sl_token_is_dormant(token.token, id) == (state == .dormant(id)))

    #expect(sl_token_rouse(token.token, id) == (state == .dormant(id)))
    #expect(token.is(state == .dormant(id) ? .leased(id) : state))
    #expect(!sl_token_rouse(token.token, id), "it is awake, or not ours")

    for next in [Token.State.parked, .queued, .ended] {
      token.set(state)
      let isHeld = state == .leased(id) || state == .dormant(id)
      #expect(token.unlease(id, next) == isHeld)
      #expect(token.is(isHeld ? next : state))
    }
  }

  @Test func aLeaseThatWasGivenUpIsGone() {
    let token = Token(.parked)
    #expect(sl_token_try_lease(token.token, 5))
    #expect(token.unpark() == SL_WAKE_NOTHING, "its lease looks at its queues")
    #expect(token.is(.leased(5)))
    #expect(token.unlease(5, .queued))
    #expect(!token.unlease(5, .parked), "by a revoker, for instance")
    #expect(token.is(.queued))
    sl_token_begin(token.token)
    #expect(token.park(.parked))
    #expect(sl_token_try_lease_dormant(token.token, 6))
    #expect(token.unpark() == SL_WAKE_NOTHING)
    #expect(token.unlease(6, .parked))
    #expect(token.unpark() == SL_WAKE_ENQUEUE)
  }

  @Test(arguments: [Token.State.running, .notified])
  func aGrantedTokenIsAccepted(state: Token.State) {
    let token = Token(state)
    sl_token_accept(token.token, 9)
    #expect(sl_token_is_leased(token.token, 9))
    #expect(token.unpark() == SL_WAKE_NOTHING)
    #expect(token.unlease(9, .ended))
    #expect(token.is(.ended))
  }

  // MARK: Threads

  @Test(arguments: [Token.State.parked, .taskParked])
  func oneOfManyUnparkersIsToldToWake(parked: Token.State) {
    let token = Token()
    let told = SharedCounter()
    let wrong = SharedCounter()
    let wake = parked == .parked ? SL_WAKE_ENQUEUE : SL_WAKE_TASK
    let after: Token.State = parked == .parked ? .queued : .notified
    race(4, rounds: rounds(2_000), "unparkers") { _ in
      token.set(parked)
    } body: { _, _ in
      switch token.unpark() {
      case wake: told.add(1)
      case SL_WAKE_NOTHING: break
      default: wrong.add(1)
      }
    } check: { round in
      if told.now != round + 1 || !token.is(after) { wrong.add(1) }
      return wrong.now == 0
    }
    #expect(wrong.now == 0)
    #expect(told.now == rounds(2_000))
  }

  @Test func anUnparkerOrALeaseTakesAParkedToken() {
    let token = Token()
    let enqueued = SharedCounter()
    let leased = SharedCounter()
    let wrong = SharedCounter()
    let byThread = (0..<4).map { _ in SharedCounter() }
    race(4, rounds: rounds(2_000), "unparkers and leases") { _ in
      token.set(.parked)
    } body: { _, thread in
      let took =
        switch thread {
        case 0, 1: token.unpark() == SL_WAKE_ENQUEUE
        case 2: sl_token_try_lease(token.token, 2)
        default: sl_token_try_lease_dormant(token.token, 3)
        }
      if took {
        byThread[thread].add(1)
        (thread < 2 ? enqueued : leased).add(1)
      }
    } check: { round in
      let state: Token.State? = [.queued, .leased(2), .dormant(3)].first { token.is($0) }
      if state == nil || enqueued.now + leased.now != round + 1 { wrong.add(1) }
      return wrong.now == 0
    }
    #expect(wrong.now == 0)
    #expect(enqueued.now + leased.now == rounds(2_000))
    print("taken by each of two unparkers and two leases:", byThread.map(\.now))
  }

  /// A driver ends a stage while a revoker takes it away: one of them has it then.
  @Test(arguments: [Token.State.leased(4), .dormant(4)])
  func aLeasedTokenIsGivenUpOnce(held: Token.State) {
    let token = Token()
    let gaveUp = [SharedCounter(), SharedCounter()]
    let next = [Token.State.ended, .queued]
    let wrong = SharedCounter()
    race(2, rounds: rounds(10_000), "two that give a token up") { _ in
      token.set(held)
    } body: { _, thread in
      if token.unlease(4, next[thread]) { gaveUp[thread].add(1) }
    } check: { round in
      if gaveUp[0].now + gaveUp[1].now != round + 1 { wrong.add(1) }
      if !next.contains(where: { token.is($0) }) { wrong.add(1) }
      return wrong.now == 0
    }
    #expect(wrong.now == 0)
  }

  /// Two threads, each of which sleeps until the other has woken it, with nothing else between them:
  /// a wake-up that is lost stops them, one too many, or a thread that goes on without, shows in the
  /// plain number that they hand to and fro.
  @Test func twoThreadsHandABallToAndFro() {
    final class Ball: @unchecked Sendable { var value = 0 }
    let ball = Ball()
    let tokens = [Token(.running), Token(.running)]
    let wrong = SharedCounter()
    let count = 20_000
    watched("two threads that wake each other") {
      onThreads(2) { me in
        for round in 0..<count {
          if me == 1 { tokens[1].waitOnThread() }
          if ball.value != 2 * round + me { wrong.add(1) }
          ball.value = 2 * round + me + 1
          if tokens[1 - me].unpark() != SL_WAKE_NOTHING { wrong.add(1) }
          if me == 0 { tokens[0].waitOnThread() }
        }
      }
    }
    #expect(wrong.now == 0)
    #expect(ball.value == 2 * count)
    #expect(tokens[0].is(.running) && tokens[1].is(.running))
  }

  /// Work comes from two threads; two more take the token when it was put into the run queue. One at
  /// a time holds it, and no work is left when all is quiet.
  @Test func noWakeUpIsLostAndOneThreadAtATimeHoldsTheToken() {
    let token = Token(.parked)
    let faults = SharedCounter()
    let canary = Canary(faults)
    let work = SharedCounter()
    let done = SharedCounter()
    let taken = SharedCounter()
    let runs = SharedCounter()
    let enqueued = SharedCounter()
    let runQueue = DispatchSemaphore(value: 0)
    let perProducer = rounds(20_000)
    watched("a token that two threads run") {
      onThreads(4) { thread in
        if thread < 2 {
          var random = RandomNumbers(seed: UInt64(thread))
          for _ in 0..<perProducer {
            work.add(1)
            if token.unpark() == SL_WAKE_ENQUEUE {
              enqueued.add(1)
              runQueue.signal()
            }
            if random.below(16) == 0 { sched_yield() }
          }
          if done.add(1) < 2 { return }
          // A wake-up that was lost leaves work here for ever: the watchdog says so.
          spin("work that was announced and not done") { taken.now == 2 * perProducer }
          for _ in 0..<2 { runQueue.signal() }
          return
        }
        while true {
          runQueue.wait()
          if taken.now == 2 * perProducer { return }
          sl_token_begin(token.token)
          runs.add(1)
          repeat {
            while taken.now < work.now {
              canary.touch(UInt64(thread))
              taken.add(1)
            }
          } while !token.park(.parked)
        }
      }
    }
    #expect(faults.now == 0)
    #expect(canary.touches == taken.now)
    #expect(runs.now <= enqueued.now)
  }
}
