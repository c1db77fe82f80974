import CSluice
import Foundation
import Testing

private final class Lease: @unchecked Sendable {
  let lease: UnsafeMutablePointer<sl_lease>

  init(id: UInt32 = 1, owner: UnsafeMutableRawPointer? = nil) {
    lease = .allocate(capacity: 1)
    sl_lease_init(lease, id, owner)
  }
  deinit { lease.deallocate() }

  struct Stop: OptionSet, CustomStringConvertible {
    let rawValue: UInt32
    static let revoked = Stop(rawValue: UInt32(SL_LEASE_REVOKED))
    static let runEnded = Stop(rawValue: UInt32(SL_LEASE_RUN_ENDED))
    static let wanted = Stop(rawValue: UInt32(SL_LEASE_WANTED))
    var description: String { "stop bits \(rawValue)" }
  }

  /// As new: nobody uses it now.
  func reset() { sl_lease_init(lease, lease.pointee.id, lease.pointee.owner) }
  func enter(_ position: Int) -> Bool { sl_lease_enter(lease, UInt32(position)) }
  func activate() { sl_lease_activate(lease) }
  func settle() { sl_lease_settle(lease) }
  func settleAlone() { watched("a driver that settles with no revoker there") { settle() } }
  func deactivate() { sl_lease_deactivate(lease) }
  func beginRevoke() -> Bool { sl_lease_begin_revoke(lease) }
  func endRevoke() { sl_lease_end_revoke(lease) }
  func stopRun() { sl_lease_stop_run(lease) }
  var revokedPosition: Int { Int(sl_lease_revoked_position(lease)) }
  var stop: Stop { Stop(rawValue: sl_lease_stop(lease)) }
  var isActive: Bool { sl_lease_is_active(lease) }
  var isInactive: Bool { sl_lease_is_inactive(lease) }

  /// This lease's driver asks for the stage of `holder`.
  func request(_ stage: Int, from holder: Lease) { sl_lease_request(lease, holder.lease, UInt32(stage)) }
  func withdraw(_ stage: Int) -> Bool { sl_lease_withdraw(lease, UInt32(stage)) }
  var isGranted: Bool { sl_lease_is_granted(lease) }
  func isRequested(_ stage: Int) -> Bool { sl_lease_is_requested(lease, UInt32(stage)) }
  func takeWanted(_ stage: Int) -> UnsafeMutablePointer<sl_lease>? {
    sl_lease_take_wanted(lease, UInt32(stage))
  }
  func grant(_ stage: Int) -> Bool { sl_lease_grant(lease, UInt32(stage)) }
}

/// Without the process-wide barrier nothing is leased.
private let canRevoke = sl_process_barrier_available()

@Suite(.serialized) struct LeaseTests {
  // MARK: One thread

  @Test func aNewLeaseIsInactiveAndStopsNobody() {
    let owner = UnsafeMutableRawPointer.allocate(byteCount: 1, alignment: 1)
    defer { owner.deallocate() }
    let lease = Lease(id: 42, owner: owner)
    #expect(lease.lease.pointee.id == 42)
    #expect(lease.lease.pointee.owner == owner)
    #expect(lease.lease.pointee.outcome == 0)
    #expect(lease.isInactive && !lease.isActive)
    #expect(lease.stop == [])
    #expect(lease.enter(3))
    #expect(!lease.beginRevoke(), "nothing is leased")
    #expect(lease.stop == [])
    lease.settleAlone()
    #expect(lease.isInactive)
    #expect(!lease.isGranted)
    #expect(lease.takeWanted(0) == nil)
  }

  @Test(.enabled(if: canRevoke)) func aRevokedLeaseStopsTheDriverUntilAllIsGivenBack() {
    let lease = Lease()
    for round in 0..<3 {
      #expect(lease.enter(5))
      lease.activate()
      #expect(lease.isActive && !lease.isInactive)
      #expect(lease.enter(round))
      #expect(lease.beginRevoke())
      #expect(!lease.isActive && !lease.isInactive)
      #expect(lease.revokedPosition == round)
      #expect(lease.stop == .revoked)
      #expect(!lease.beginRevoke(), "it is being revoked")
      lease.endRevoke()
      #expect(!lease.beginRevoke(), "it is revoked")
      #expect(!lease.enter(4))
      lease.settleAlone()
      #expect(!lease.enter(4))
      #expect(!lease.isInactive)
      lease.deactivate()
      #expect(lease.isInactive)
      #expect(lease.stop == [])
      #expect(!lease.beginRevoke())
    }
    #expect(lease.enter(4))
  }

  @Test(.enabled(if: canRevoke)) func theRevokerSeesWhereTheDriverStandsEvenIfItWasStopped() {
    let lease = Lease()
    lease.activate()
    #expect(lease.enter(0))
    #expect(lease.beginRevoke())
    #expect(!lease.enter(1))
    #expect(lease.revokedPosition == 1)
    lease.endRevoke()
  }

  @Test(.enabled(if: canRevoke)) func aSettledLeaseIsNotRevoked() {
    let lease = Lease()
    for _ in 0..<3 {
      lease.activate()
      lease.settleAlone()
      #expect(!lease.beginRevoke())
      lease.settleAlone()
      #expect(!lease.beginRevoke())
      #expect(lease.stop == [])
      #expect(lease.enter(1))
      #expect(!lease.isActive && !lease.isInactive)
      lease.deactivate()
      #expect(!lease.beginRevoke())
    }
    lease.activate()
    #expect(lease.beginRevoke())
  }

  @Test(.enabled(if: canRevoke), arguments: 0..<8 as Range<UInt32>)
  func stopBitsAreIndependent(bits: UInt32) {
    let stop = Lease.Stop(rawValue: bits)
    let lease = Lease(id: 1)
    let driver = Lease(id: 2)
    lease.activate()
    if stop.contains(.wanted) { driver.request(7, from: lease) }
    if stop.contains(.runEnded) { lease.stopRun() }
    if stop.contains(.revoked) {
      #expect(lease.beginRevoke())
      lease.endRevoke()
    }
    #expect(lease.stop == stop)
    #expect(lease.enter(2) == stop.isEmpty)
    #expect(lease.revokedPosition == 2)

    let asking = lease.takeWanted(7)
    #expect(asking == (stop.contains(.wanted) ? driver.lease : nil))
    #expect(lease.stop == stop.subtracting(.wanted))
    if stop.contains(.wanted) { driver.request(7, from: lease) }
    lease.settleAlone()
    #expect(lease.stop == stop)
    lease.deactivate()
    #expect(lease.stop == stop.subtracting(.revoked))
    lease.stopRun()
    lease.stopRun()
    #expect(lease.stop == stop.subtracting(.revoked).union(.runEnded))
    _ = lease.takeWanted(7)
    #expect(lease.stop == .runEnded, "the end of a run is for good")
    lease.activate()
    lease.settleAlone()
    lease.deactivate()
    #expect(lease.stop == .runEnded)
  }

  // MARK: Asking for a stage

  @Test func aRequestIsGranted() {
    let holder = Lease(id: 1)
    let driver = Lease(id: 2)
    for stage in [0, 1, 6] {
      #expect(!driver.isRequested(stage))
      driver.request(stage, from: holder)
      #expect(driver.isRequested(stage) && !driver.isRequested(stage + 1))
      #expect(!driver.isGranted)
      #expect(holder.stop == .wanted)
      #expect(!holder.enter(stage), "the holder looks up before its next body")
      #expect(holder.takeWanted(stage) == driver.lease)
      #expect(holder.enter(stage))
      #expect(driver.isRequested(stage), "looking is not granting")
      #expect(driver.grant(stage))
      #expect(driver.isGranted && !driver.isRequested(stage))
      #expect(!driver.grant(stage))
      #expect(driver.withdraw(stage), "it has come: the driver accepts it")
      #expect(!driver.isGranted && !driver.isRequested(stage))
      #expect(!driver.grant(stage))
      #expect(driver.stop == [])
    }
  }

  @Test func aRequestThatWasWithdrawnIsNotGranted() {
    let holder = Lease(id: 1)
    let driver = Lease(id: 2)
    driver.request(3, from: holder)
    #expect(!driver.withdraw(3))
    #expect(!driver.isRequested(3))
    #expect(!driver.grant(3))
    #expect(!driver.isGranted)
    #expect(holder.stop == .wanted)
    #expect(holder.takeWanted(3) == nil)
    #expect(holder.stop == [], "a request that is gone stops nobody twice")

    driver.request(3, from: holder)
    #expect(holder.takeWanted(3) == driver.lease)
    #expect(!driver.withdraw(3))
    #expect(!driver.grant(3), "the holder was too slow, and keeps its token")
    #expect(!driver.isGranted)
  }

  @Test func onlyTheStageThatWasAskedForIsGranted() {
    let holder = Lease(id: 1)
    let other = Lease(id: 3)
    let driver = Lease(id: 2)
    driver.request(3, from: holder)
    #expect(!driver.grant(2))
    #expect(!driver.grant(4))
    #expect(!driver.withdraw(3))
    // It now asks somebody else for another stage; the first holder looks late.
    driver.request(2, from: other)
    #expect(holder.takeWanted(3) == nil)
    #expect(!driver.grant(3))
    #expect(driver.isRequested(2))
    #expect(other.takeWanted(2) == driver.lease)
    #expect(driver.grant(2))
    #expect(driver.withdraw(2))
  }

  @Test func theLastToAskIsHeard() {
    let holder = Lease(id: 1)
    let first = Lease(id: 2)
    let second = Lease(id: 3)
    first.request(1, from: holder)
    #expect(!first.withdraw(1))
    second.request(1, from: holder)
    #expect(holder.takeWanted(1) == second.lease)
    #expect(holder.stop == [])
  }

  // MARK: Threads

  /// The asymmetric hand-shake by itself: a driver goes from stage to stage without a pause, and a
  /// revoker finds it in the last one that it went into, or in the one before which it was stopped.
  @Test(.enabled(if: canRevoke)) func theDriverSeesTheStopOrTheRevokerSeesTheDriver() {
    final class Round: @unchecked Sendable {
      var entered = 0
      var position = 0
    }
    let lease = Lease()
    let result = Round()
    let wrong = SharedCounter()
    let moved = SharedCounter()
    race(2, rounds: rounds(20_000), "a driver and a revoker") { _ in
      lease.reset()
      _ = lease.enter(0)
      lease.activate()
    } body: { _, thread in
      if thread == 0 {
        var position: UInt32 = 0
        while sl_lease_enter(lease.lease, position + 1) { position += 1 }
        result.entered = Int(position)
      } else {
        // Until the driver is on its way.
        for _ in 0..<500 where lease.revokedPosition == 0 { sl_spin_pause() }
        if !lease.beginRevoke() { wrong.add(1) }
        result.position = lease.revokedPosition
        lease.endRevoke()
      }
    } check: { _ in
      if result.entered > 0 { moved.add(1) }
      if result.position != result.entered, result.position != result.entered + 1 { wrong.add(1) }
      return true
    }
    #expect(wrong.now == 0)
    print("the driver went somewhere in \(moved.now) of \(rounds(20_000)) rounds")
  }

  @Test(.enabled(if: canRevoke)) func settlingWaitsForTheRevoker() {
    final class Plain: @unchecked Sendable { var value = 0 }
    let lease = Lease()
    let plain = Plain()
    let settling = SharedCounter()
    lease.activate()
    #expect(lease.beginRevoke())
    watched("a driver that settles") {
      onThreads(2) { thread in
        if thread == 0 {
          settling.add(1)
          lease.settle()
          plain.value *= 3
        } else {
          spin("a driver that settles") { settling.now == 1 }
          usleep(5_000)
          plain.value = 7
          lease.endRevoke()
        }
      }
    }
    #expect(plain.value == 21)
  }

  /// A driver settles while another thread revokes: what either does to plain memory under that
  /// protection is never seen half done by the other.
  @Test(.enabled(if: canRevoke)) func settlingExcludesRevoking() {
    let seed = RandomNumbers.seed()
    let lease = Lease()
    let faults = SharedCounter()
    let wrong = SharedCounter()
    let canary = Canary(faults)
    let revoked = SharedCounter()
    let count = rounds(20_000)
    let before = SharedCounter()
    race(2, rounds: count, "settling and revoking") { _ in
      lease.activate()
      before.add(revoked.now - before.now)
    } body: { round, thread in
      var random = RandomNumbers(seed: seed &+ UInt64(2 * round + thread))
      let mark = random.next()
      if thread == 0 {
        lease.settle()
        if lease.beginRevoke() { wrong.add(1) }
        canary.touch(mark, pauses: random.below(8))
      } else if lease.beginRevoke() {
        canary.touch(mark, pauses: random.below(8))
        revoked.add(1)
        lease.endRevoke()
      }
    } check: { _ in
      let expected: Lease.Stop = revoked.now > before.now ? .revoked : []
      if lease.stop != expected || lease.isInactive || lease.isActive { wrong.add(1) }
      lease.deactivate()
      if lease.stop != [] || !lease.isInactive { wrong.add(1) }
      return wrong.now == 0
    }
    #expect(faults.now == 0)
    #expect(wrong.now == 0)
    #expect(canary.touches == count + revoked.now)
    print("revoked before the driver settled: \(revoked.now) of \(count)")
  }

  @Test(.enabled(if: canRevoke)) func threadsThatSetAndClearStopBitsLoseNone() {
    let lease = Lease(id: 1)
    let driver = Lease(id: 2)
    let wrong = SharedCounter()
    race(3, rounds: rounds(5_000), "stop bits") { round in
      lease.reset()
      lease.activate()
      if round % 2 == 1 {
        driver.request(4, from: lease)
        if !lease.beginRevoke() { wrong.add(1) }
        lease.endRevoke()
      }
    } body: { round, thread in
      let clears = round % 2 == 1
      switch thread {
      case 0: lease.stopRun()
      case 1 where clears: lease.deactivate()
      case 1:
        if lease.beginRevoke() { lease.endRevoke() } else { wrong.add(1) }
      case 2 where clears: _ = lease.takeWanted(4)
      default: driver.request(4, from: lease)
      }
    } check: { round in
      let expected: Lease.Stop = round % 2 == 1 ? .runEnded : [.runEnded, .wanted, .revoked]
      if lease.stop != expected { wrong.add(1) }
      return wrong.now == 0
    }
    #expect(wrong.now == 0)
  }

  /// The holder grants while the driver gives up waiting: both know who has the token, and what the
  /// holder did to the stage's memory is there for the driver.
  @Test func eitherTheHolderGrantsOrTheDriverWithdraws() {
    final class Round: @unchecked Sendable {
      var granted = false
      var came = false
    }
    let seed = RandomNumbers.seed()
    let holder = Lease(id: 1)
    let driver = Lease(id: 2)
    let token = Token()
    let faults = SharedCounter()
    let canary = Canary(faults)
    let touched = SharedCounter()
    let wrong = SharedCounter()
    let result = Round()
    let outcomes = (0..<2).map { _ in SharedCounter() }
    let near = SharedCounter()
    let count = rounds(20_000)
    race(2, rounds: count, "granting and withdrawing") { _ in
      token.set(.running)
      result.granted = false
      result.came = false
    } body: { round, thread in
      var random = RandomNumbers(seed: seed &+ UInt64(2 * round + thread))
      let stage = round % 3
      let mark = random.next()
      if thread == 0 {
        driver.request(stage, from: holder)
        // Until the holder is about to grant, or not so long.
        for _ in 0..<(random.below(4) == 0 ? random.below(40) : 4_000) where near.now <= round {
          sl_spin_pause()
        }
        for _ in 0..<random.below(3) { sl_spin_pause() }
        result.came = driver.withdraw(stage)
        guard result.came else { return }
        sl_token_accept(token.token, 2)
        canary.touch(mark)
        touched.add(1)
        return
      }
      for _ in 0..<100 where holder.enter(stage) { sl_spin_pause() }
      canary.touch(mark)
      touched.add(1)
      guard let asking = holder.takeWanted(stage) else { return }
      if asking != driver.lease { wrong.add(1) }
      near.add(round + 1 - near.now)
      for _ in 0..<random.below(6) where sl_lease_is_requested(asking, UInt32(stage)) { sl_spin_pause() }
      result.granted = sl_lease_grant(asking, UInt32(stage))
      if !result.granted {
        canary.touch(mark, pauses: 4)
        touched.add(1)
      }
    } check: { round in
      if result.granted != result.came { wrong.add(1) }
      if !token.is(result.came ? .leased(2) : .running) { wrong.add(1) }
      if driver.isGranted || driver.isRequested(round % 3) { wrong.add(1) }
      outcomes[result.came ? 0 : 1].add(1)
      return wrong.now == 0
    }
    #expect(wrong.now == 0)
    #expect(faults.now == 0)
    #expect(canary.touches == touched.now)
    #expect(outcomes[0].now + outcomes[1].now == count)
    print("granted, withdrawn:", outcomes.map(\.now))
  }

  /// A driver goes through the stages that it has leased, again and again; a revoker takes them away,
  /// all but the one in whose body it finds the driver, uses them as the threads would that run them
  /// next, and parks them. Neither ever uses a stage that the other has.
  @Test(.enabled(if: canRevoke), arguments: [1, 2, 5])
  func theDriverTouchesNoStageThatItHasLost(stages: Int) {
    let seed = RandomNumbers.seed()
    let chain = Chain(stages: stages)
    watched("a driver and a revoker") {
      onThreads(2) { thread in
        var random = RandomNumbers(seed: seed &+ UInt64(thread))
        if thread == 0 {
          let enough = Deadline(in: 0.35)
          while !enough.hasPassed || chain.revocations.now < 50 { chain.drive(&random) }
          chain.isOver.add(1)
        } else {
          while chain.isOver.now == 0 { chain.revoke(&random) }
        }
      }
    }
    #expect(chain.faults.now == 0, "two threads used a stage at once")
    #expect(chain.complaints.all == [:])
    #expect(chain.lostTouches == 0)
    #expect(chain.lease.isInactive)
    #expect(chain.lease.stop.isDisjoint(with: [.revoked, .runEnded]))
    #expect(chain.tokens.allSatisfy { $0.is(.parked) })
    print(
      "\(stages) stages: \(chain.leases.now) leases, \(chain.revocations.now) revoked, stages taken away",
      "\(chain.takenAway.now), used by the driver \(chain.touched[0].now)")
  }
}

/// The stages of one driver, which a revoker takes away. As in the engine, the driver's own position
/// is the number of stages, and it settles as soon as it finds the lease revoked.
private final class Chain: @unchecked Sendable {
  private static let id: UInt32 = 11
  let lease = Lease(id: id)
  private let other = Lease(id: 12)
  let tokens: [Token]
  private let canaries: [Canary]
  private let count: Int
  let faults = SharedCounter()
  let complaints = Complaints()
  let isOver = SharedCounter()
  let leases = SharedCounter()
  let revocations = SharedCounter()
  let takenAway = SharedCounter()
  let touched = [SharedCounter(), SharedCounter()]

  init(stages: Int) {
    let faults = faults
    count = stages
    tokens = (0..<stages).map { _ in Token(.parked) }
    canaries = (0..<stages).map { _ in Canary(faults) }
  }

  var lostTouches: Int { touched[0].now + touched[1].now - canaries.reduce(0) { $0 + $1.touches } }

  private func touch(_ stage: Int, by thread: Int, _ random: inout RandomNumbers) {
    let pauses = random.below(4) == 0 ? random.below(30) : 0
    canaries[stage].touch(random.next(), pauses: pauses)
    touched[thread].add(1)
  }

  private func isLeased(_ stage: Int) -> Bool { sl_token_is_leased(tokens[stage].token, Self.id) }
  private func isDormant(_ stage: Int) -> Bool { sl_token_is_dormant(tokens[stage].token, Self.id) }

  /// The driver: one lease, from its beginning to its end.
  func drive(_ random: inout RandomNumbers) {
    complaints.check(entersOwnStage, "a lease that is not active was stopped")
    lease.activate()
    var first = count
    while first > 0 {
      let token = tokens[first - 1].token
      let isDormant = random.below(4) == 0
      let has = isDormant ? sl_token_try_lease_dormant(token, Self.id) : sl_token_try_lease(token, Self.id)
      if !has { break }
      first -= 1
    }
    if first < count { leases.add(1) }
    // A revoker that was quicker than the leasing may have passed over what was leased after it.
    if entersOwnStage {
      for _ in 0..<random.below(20) where !pull(from: first, &random) { break }
    }
    lease.settle()
    for stage in (0..<count).reversed() where isLeased(stage) || isDormant(stage) {
      touch(stage, by: 0, &random)
      complaints.check(tokens[stage].unlease(Self.id, .parked), "a token was lost after settling")
    }
    lease.deactivate()
    // Somebody wanted this driver's own stage, which is not to be had.
    if lease.stop.contains(.wanted), let asking = lease.takeWanted(count) {
      _ = sl_lease_grant(asking, UInt32(count))
    }
  }

  private var entersOwnStage: Bool { lease.enter(count) || lease.stop == .wanted }

  /// Goes through the leased stages once. False: the lease was revoked.
  private func pull(from first: Int, _ random: inout RandomNumbers) -> Bool {
    for stage in first..<count {
      guard goesInto(stage, after: stage == first ? count : stage - 1) else { return false }
      if isDormant(stage) {
        complaints.check(sl_token_rouse(tokens[stage].token, Self.id), "a dormant token was lost in use")
      }
      complaints.check(isLeased(stage), "went into a stage that was lost")
      touch(stage, by: 0, &random)
    }
    return goesInto(count, after: max(count - 1, first))
  }

  /// Whether the driver may use the stage. If not, it has settled, and may have kept this stage or the
  /// one it comes from.
  private func goesInto(_ stage: Int, after previous: Int) -> Bool {
    if lease.enter(stage) { return true }
    let stop = lease.stop
    if stop == .wanted { return true }  // the lease holds
    complaints.check(stop.contains(.revoked), "stopped with \(stop)")
    lease.settle()
    let kept = (0..<count).filter { isLeased($0) || isDormant($0) }
    complaints.check(kept.count <= 1, "\(kept.count) stages left after a revocation")
    complaints.check(
      kept.allSatisfy { $0 == stage || $0 == previous }, "a stage left that the driver was not in")
    return false
  }

  /// The revoker.
  func revoke(_ random: inout RandomNumbers) {
    for _ in 0..<random.below(40) { sl_spin_pause() }
    if random.below(16) == 0 { other.request(count, from: lease) }
    guard lease.beginRevoke() else { return }
    let kept = lease.revokedPosition
    complaints.check(kept <= count, "a position that is no stage")
    var taken: [Int] = []
    for stage in (0..<count).reversed() where stage != kept {
      if tokens[stage].unlease(Self.id, .queued) {
        taken.append(stage)
        if random.below(2) == 0 { touch(stage, by: 1, &random) }
      }
    }
    lease.endRevoke()
    revocations.add(1)
    takenAway.add(taken.count)
    for stage in taken {
      sl_token_begin(tokens[stage].token)
      touch(stage, by: 1, &random)
      complaints.check(tokens[stage].park(.parked), "a token that nobody woke was notified")
    }
  }
}
