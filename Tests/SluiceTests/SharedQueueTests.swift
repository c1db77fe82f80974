import CSluice
import Foundation
import Synchronization
import Testing

@testable import Sluice

/// One stage's worker before several of the next one, which share its queue: they copy its elements and then find out
/// who has them, and whoever finds room while the producer waits fills the queue in its stead.
@Suite(.serialized, .watchdog()) struct SharedQueueTests {
  struct Weak: Sendable {
    nonisolated(unsafe) weak var object: Tracked?
    let number: Int
  }

  struct OfBytes<Tail: Sendable>: Sendable {
    var words = (UInt64(0), UInt64(0), UInt64(0), UInt64(0), UInt64(0), UInt64(0), UInt64(0), UInt64(0))
    var tail: Tail
  }

  private func kind<Element: Sendable>(
    of _: Element.Type, producers: Int = 1, consumers: Int = 2, throttle: Int = 64, ordered: Bool = false
  ) throws -> ChannelCore.Kind {
    let pipeline =
      Stage { (elements: [Element]) in elements }
      | Stage.branch(workers: producers, throttle: throttle) { (elements: [Element]) in elements }
      | Stage(workers: consumers, ordered: ordered) { (element: Element) in element }
    return try pipeline.prepare([]).0.channels[2].kind
  }

  /// Only what may be moved as bytes, and is small, is copied before it is known whose it is.
  @Test func whoseElementsAreCopied() throws {
    #expect(MemoryLayout<OfBytes<Void>>.size == 64)
    #expect(try kind(of: Int.self) == .spmc)
    #expect(try kind(of: Void.self) == .spmc)
    #expect(try kind(of: String.self) == .spmc)
    #expect(try kind(of: Tracked.self) == .spmc)
    #expect(try kind(of: OfBytes<Void>.self) == .spmc)
    #expect(try kind(of: OfBytes<UInt8>.self) == .mpmc)
    #expect(try kind(of: Weak.self) == .mpmc)
    #expect(try kind(of: Int.self, producers: 2) == .mpmc)
    #expect(try kind(of: Int.self, consumers: 1) == .spsc)
    #expect(try kind(of: Int.self, ordered: true) == .mpmc)
    #expect(try kind(of: Int.self, throttle: 0) == .unbounded)
    #expect(try kind(of: Int.self, throttle: ChannelCore.largestRing + 1) == .unbounded)
  }

  @Test func weakReferencesComeThrough() async throws {
    let lives = Lives()
    let objects = (0..<500).map { Tracked($0, lives) }
    let pipeline =
      Stage.branch(throttle: 6) { (objects: [Tracked]) in
        objects.lazy.map { Weak(object: $0, number: $0.number) }
      }
      | Stage(workers: 3, throttle: 6) { (weak: Weak) in weak.object?.number == weak.number ? weak.number : -1
      }
    #expect(try await pipeline.outputs(objects).sorted() == Array(0..<500))
  }

  /// Every length around a row, a half and a whole of the queue: the end is seen, and nothing comes twice.
  @Test(arguments: Consumer.allCases, [32, 33, 64])
  func everyLengthComesThrough(consumer: Consumer, throttle: Int) async throws {
    for workers in [2, 5] {
      let pipeline =
        Stage.branch(throttle: throttle) { (lengths: [Int]) in lengths }
        | Stage.branch(throttle: throttle) { (length: Int) in 0..<length }
        | Stage(workers: workers, throttle: throttle) { (x: Int) in x }
      for length in 0...(3 * throttle + 2) {
        note("\(workers) workers, length \(length)")
        // The second one begins where the first has ended, somewhere in the queue.
        let outputs = try await pipeline.outputs([length, throttle], by: consumer)
        #expect(outputs.sorted() == (Array(0..<length) + Array(0..<throttle)).sorted())
      }
    }
  }

  /// Bodies that hold still after some items: the source has put as many into the queue as the throttle allows, and
  /// holds one more at most, whoever put them there.
  @Test(arguments: [2, 7], [32, 100, 1_024]) func theThrottleIsExact(workers: Int, throttle: Int) async throws
  {
    for takenFirst in [0, 1, 500, 20_000] {
      note("after \(takenFirst)")
      let (letGo, begun) = (Gate(), Count())
      let count = takenFirst + 3 * throttle + workers
      let pipeline =
        Stage.branch(throttle: throttle) { (n: Int) in 0..<n }
        | Bodies.sync.stage(workers: workers) { _ in begun.add() > takenFirst ? letGo.opening : nil }
      let run = pipeline(count)
      let running = Task { try await run.collect() }
      await begun.reaching(takenFirst + workers).suspend()
      let made = takenFirst + workers + throttle
      #expect(try await eventually { run.report.stages[0].itemsOut >= made })
      try await Task.sleep(for: .milliseconds(5))
      #expect(run.report.stages[0].itemsOut <= made + 1)
      letGo.open()
      #expect(try await running.value.count == count)
      #expect(run.report.stages[0].itemsOut == count)
      #expect((1...throttle).contains(run.report.stages[0].peakQueueLength))
    }
  }

  /// Elements at hand, of which some were made by whoever found room, die once each, whenever the run ends.
  @Test(arguments: Consumer.allCases) func elementsLiveOnce(consumer: Consumer) async throws {
    struct Enough: Error {}
    for last in [0, 1, 64, 700, 4_000] {
      for bodyThrows in [false, true] {
        note("\(last), \(bodyThrows ? "a body throws" : "the consumer leaves")")
        let (lives, begun, taken) = (Lives(), Count(), Count())
        do {
          let objects = (0..<5_000).map { Tracked($0, lives) }
          let pipeline =
            Stage.branch(throttle: 100) { (objects: [Tracked]) in objects }
            | Stage(workers: 3, throttle: 100) { (one: Tracked) in
              if bodyThrows, begun.add() > last { throw Enough() }
              return one
            }
          await #expect(throws: Enough.self) {
            try await pipeline.forEach(objects, by: consumer) { _ in
              if !bodyThrows, taken.add() > last { throw Enough() }
              return nil
            }
          }
        }
        #expect(try await eventually { lives.died == lives.born })
      }
    }
  }

  // MARK: By hand

  /// A run that is not started: the test's thread is the only one that runs its workers.
  private func byHand<Output>(
    _ pipeline: Pipeline<Int, Output>, _ count: Int, _ body: (RunCore) throws -> Void
  ) throws {
    let (run, _) = try pipeline.prepare(count)
    try body(run)
    run.end(.cancelled)
    run.forgetWaits()
  }

  /// Runs a worker until it waits.
  private func step(_ worker: Worker) {
    #expect(sl_token_unpark(worker.token) == SL_WAKE_ENQUEUE)
    sl_token_begin(worker.token)
    worker.retractAnnouncements()
    worker.run.engine.spinning.beginsWork()
    worker.step?(worker)
    worker.run.engine.spinning.endsWork()
  }

  /// The queue never runs empty while the source lies parked, and its own thread is not asked for.
  ///
  /// On a loaded machine this thread may lose its core for so long that the monitor wakes the source: then once more.
  @Test func whoFindsRoomFillsTheQueue() throws {
    let isSeen = try (0..<50).contains { _ in try fillsTheQueueUndisturbed() }
    #expect(isSeen)
  }

  private func fillsTheQueueUndisturbed() throws -> Bool {
    let (count, throttle) = (1_000, 64)
    let lengths = Observed<[Int]>([])
    let parked = Count()
    let queue = Observed<ChannelCore?>(nil)
    let pipeline =
      Stage.branch(throttle: throttle) { (n: Int) in 0..<n }
      | Stage(workers: 2, throttle: 2_000) { (x: Int) in
        guard let queue = queue.now else { return x }
        lengths.update { $0.append(queue.count) }
        if sl_token_state(queue.producers.workers[0].token) == UInt32(SL_TOKEN_PARKED) { parked.add() }
        return x
      }
    var isSeen = false
    try byHand(pipeline, count) { run in
      let (source, worker) = (run.stages[0].workers.workers[0], run.stages[1].workers.workers[0])
      queue.update { $0 = run.channels[1] }
      step(source)
      // Short bodies would have the worker pull from the source instead.
      run.facts[0].wasRevoked(firstPause: 60_000_000_000)
      worker.announce(.input)
      step(worker)
      let seen = lengths.now
      // All that was put in is there, or half of it at least, until the end is near.
      isSeen =
        seen.count == count && parked.now >= count - throttle
        && seen.dropLast(throttle).allSatisfy { $0 >= throttle / 2 - 1 && $0 <= throttle }
      queue.update { $0 = nil }
    }
    return isSeen
  }

  /// A neighbour that waits impatiently is woken for the next item, whoever begins to wait beside it.
  @Test(arguments: [2, 70]) func aPatientWaitBesideAnImpatientOne(workers: Int) throws {
    let pipeline =
      Stage.branch(throttle: 1_024) { (n: Int) in 0..<n } | Stage(workers: workers) { (x: Int) in x }
    try byHand(pipeline, 1) { run in
      let all = run.stages[1].workers.workers
      let (first, last) = (all[0], all[workers - 1])
      let queue = run.channels[1].gauge
      for (one, other) in [(first, last), (last, first)] {
        // The impatient one was there before.
        #expect(!one.announce(.input))
        #expect(!other.announce(.input, isPatient: true))
        #expect(!queue.isPatient(ofConsumers: true))
        for worker in [one, other] { worker.retractAnnouncements() }
        // It comes later.
        #expect(one.announce(.input, isPatient: true))
        #expect(queue.isPatient(ofConsumers: true))
        #expect(!other.announce(.input))
        #expect(!queue.isPatient(ofConsumers: true))
        for worker in [one, other] { worker.retractAnnouncements() }
        // Both are patient.
        #expect(one.announce(.input, isPatient: true))
        #expect(other.announce(.input, isPatient: true))
        #expect(queue.isPatient(ofConsumers: true))
        for worker in [one, other] { worker.retractAnnouncements() }
        // Nothing is left of it.
        #expect(!one.announce(.input))
        #expect(!queue.isPatient(ofConsumers: true))
        one.retractAnnouncements()
      }
    }
  }

  /// The same where both announce themselves at once.
  @Test func aPatientWaitBesideOneThatBeginsAtOnce() async throws {
    final class Meeting: Sendable {
      private let arrivals = Atomic(0)

      /// Goes on when two are there, for the time of this number.
      func meet(_ time: Int) {
        arrivals.add(1, ordering: .sequentiallyConsistent)
        var looks = 0
        while arrivals.load(ordering: .sequentiallyConsistent) < 2 * time {
          looks += 1
          // Two that go on at the same moment are what is to be seen; but where the other one has no core, it gets this.
          if looks % 10_000 == 0 { sched_yield() }
        }
      }
    }
    let pipeline = Stage.branch(throttle: 1_024) { (n: Int) in 0..<n } | Stage(workers: 2) { (x: Int) in x }
    let (run, _) = try pipeline.prepare(1)
    let queue = run.channels[1]
    let (meeting, mistakes) = (Meeting(), Count())
    let announce: @Sendable (Worker) -> Void = { worker in
      for round in 1...5_000 {
        meeting.meet(2 * round - 1)
        worker.announce(.input, isPatient: worker.index == 0)
        meeting.meet(2 * round)
        if queue.gauge.isPatient(ofConsumers: true) { mistakes.add() }
        worker.retractAnnouncements()
      }
    }
    let workers = run.stages[1].workers.workers
    async let other: Void = onThread { announce(workers[1]) }
    try await onThread { announce(workers[0]) }
    try await other
    #expect(mistakes.now == 0)
    run.end(.cancelled)
    run.forgetWaits()
  }

  /// An output that a source holds, since the queue was full, comes before those that a driver would fill in.
  @Test func theHeldOutputComesFirst() throws {
    let (count, throttle) = (500, 64)
    let taken = Observed<[Int]>([])
    let pipeline =
      Stage.branch(throttle: throttle) { (n: Int) in 0..<n }
      | Stage(throttle: 2_000) { (x: Int) in
        taken.update { $0.append(x) }
        return x
      }
    try byHand(pipeline, count) { run in
      let (source, worker) = (run.stages[0].workers.workers[0], run.stages[1].workers.workers[0])
      step(source)
      #expect(source.holdsOutput?.pointee == true)
      // As if its announcement had not been seen: the queue is taken empty, and the source is leased as it lies.
      #expect(sl_event_count_retract(run.channels[1].notFull, 0))
      worker.announce(.input)
      step(worker)
      #expect(taken.now == Array(0..<count))
    }
  }
}
