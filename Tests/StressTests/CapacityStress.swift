import Foundation
import Synchronization
import Testing

/// The bound of the bounded queues, while many threads are at it.
@Suite(.serialized) struct CapacityStress {
  private final class Counter: Sendable {
    private let value = Atomic(0)
    @discardableResult
    func add(_ n: Int) -> Int { value.add(n, ordering: .sequentiallyConsistent).newValue }
    var now: Int { value.load(ordering: .sequentiallyConsistent) }
  }

  /// Runs `body` on so many threads at a time.
  private func onThreads(
    _ count: Int, _ what: String, _ body: @escaping @Sendable (Int, Station) -> Void
  ) async {
    let stations = (0..<count).map { Station("thread \($0)") }
    Watch.shared.begin(what, stations, state: { "" })
    let latch = Latch(count)
    for (number, station) in stations.enumerated() {
      Thread.detachNewThread {
        body(number, station)
        station.end(done: 1)
        latch.countDown()
      }
    }
    await latch.wait()
    Watch.shared.end()
  }

  private func subject(capacity: Int, _ chance: inout SeededGenerator) throws -> Subject {
    switch Int.random(in: 0..<4, using: &chance) {
    case 0: .mpmcRing(capacity: capacity, first: 0 &- UInt64.random(in: 0...100, using: &chance))
    case 1: RingChoice.swap(capacity: capacity, mayBeSole: false, &chance)
    case 2: try .bounded(Unique.self, capacity: capacity)
    default: try .bounded(capacity: capacity)
    }
  }

  /// Producers alone get in as many as there is room for; consumers alone get out all of them.
  @Test func threadsTogetherFillAndDrainExactly() async throws {
    try await Stress.rounds(of: "exact capacity") { name, chance in
      let capacity = chance.pick([1, 2, 3, 5, 64])
      let subject = try subject(capacity: capacity, &chance)
      let what = "\(name): \(subject.name)"
      for turn in 0..<4 {
        let threads = Int.random(in: 2...8, using: &chance)
        let left = turn % 2 == 0 ? 0 : Int.random(in: 0..<capacity, using: &chance)
        let (sent, received) = (Counter(), Counter())
        await onThreads(threads, what) { number, _ in
          let port = subject.sendPort(number)
          while true {
            if number % 2 == 0 {
              guard port.now(1) == .sent else { return }
              sent.add(1)
            } else {
              let done = port.manyNow([1, 1, 1])
              sent.add(done)
              if done < 3, port.now(1) != .sent { return }
              if done < 3 { sent.add(1) }
            }
          }
        }
        #expect(sent.now == capacity, "\(what): \(sent.now) went in")
        // Some stay, for the next turn to begin with, and go before it.
        let wanted = capacity - left
        let tickets = Counter()
        await onThreads(threads, what) { number, _ in
          let port = subject.receivePort(number)
          while tickets.add(1) <= wanted { if case .element = port.now() { received.add(1) } }
        }
        #expect(
          received.now == wanted, "\(what): \(received.now) of \(wanted) came out, though nobody else takes")
        let port = subject.receivePort(0)
        for _ in 0..<left { if case .element = port.now() { received.add(1) } }
        #expect(received.now == capacity, "\(what): \(received.now) came out")
      }
    }
  }

  /// While elements flow: what went in, less all that may have come out, is never more than the capacity.
  @Test func theBoundHoldsWhileElementsFlow() async throws {
    try await Stress.rounds(of: "bound while elements flow") { name, chance in
      let capacity = chance.pick([1, 2, 3, 5])
      let most = Int.random(in: 1...4, using: &chance)
      let subject =
        switch Int.random(in: 0..<6, using: &chance) {
        case 0: RingChoice.lanes(producers: most, capacity: capacity, &chance)
        case 1: RingChoice.spmc(capacity: capacity, &chance)
        default: try subject(capacity: capacity, &chance)
        }
      let producers = min(subject.mostProducers, most)
      let consumers = min(subject.mostConsumers, Int.random(in: 1...3, using: &chance))
      let count = 2_000
      let (producing, sent, takenAtMost, broken) = (Counter(), Counter(), Counter(), Counter())
      producing.add(producers)
      await onThreads(producers + consumers, "\(name): \(subject.name)") { number, station in
        if number < producers {
          let port = subject.sendPort(number)
          var done = 0
          while done < count {
            guard port.now(1) == .sent else {
              sched_yield()
              continue
            }
            if sent.add(1) - takenAtMost.now > capacity { broken.add(1) }
            done += 1
            station.begin(.now, done: done)
          }
          if producing.add(-1) == 0 { subject.close() }
          return
        }
        let port = subject.receivePort(number - producers)
        while true {
          takenAtMost.add(1)  // before the take: never behind it
          while true {
            var received = port.now()
            if case .empty = received, port.isClosed() { received = port.blocking(.zero) }
            if case .element = received { break }
            if case .closed = received { return }
            sched_yield()
          }
        }
      }
      #expect(broken.now == 0, "\(name): \(subject.name): over the bound \(broken.now) times")
    }
  }
}
