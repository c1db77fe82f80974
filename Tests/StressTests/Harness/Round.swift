import Foundation
import Testing

/// How a round ends.
enum Closing: CaseIterable, Sendable {
  /// When all that was sent has come: until then nobody is woken but by elements and room, so that a lost
  /// wake-up shows as a hang.
  case whenDrained
  /// By the last producer, while the consumers are at it.
  case atOnce
  /// By a thread of its own, while both ends are at it.
  case early
}

/// One round: so many producers and consumers, each with its ways to do it, over one queue.
struct Round: Sendable {
  var name: String
  var subject: Subject
  var producers: Int
  var consumers: Int
  var perProducer: Int
  var closing: Closing
  /// Only ways that rely on being woken.
  var rests: Bool
  /// Whether the one consumer goes after some elements; nobody else closes the queue then.
  var consumerLeaves = false
  /// Whether the queue is empty again before each producer sends its next element: one at a time, and each way
  /// relies on being woken. A wake-up that goes astray at any of them is a hang, since nothing else comes.
  var isInStep = false
  /// Each consumer takes just so many elements, as many as there are in all, and goes; nobody closes the queue.
  /// Who goes needs a wake-up no more that was meant for another.
  var takesEach: Int?
  /// In percent, of the workers.
  var tasks: Int
  var chance: SeededGenerator

  /// A round with random numbers, which the subject bounds.
  init(_ name: String, _ subject: Subject, tasks: Int, chance: SeededGenerator) {
    var chance = chance
    (self.name, self.subject) = (name, subject)
    producers = min(subject.mostProducers, Int.random(in: 1...8, using: &chance))
    consumers = min(subject.mostConsumers, Int.random(in: 1...8, using: &chance))
    perProducer = Int.random(in: 1...(chance.chance(20) ? 10 : 3_000 / producers), using: &chance)
    self.closing = subject.producerCloses ? .atOnce : chance.pick(Closing.allCases)
    rests = subject.canWait && chance.chance(50)
    self.tasks = subject.canWait ? tasks : 0
    self.chance = chance
  }

  private var description: String {
    "\(name): \(subject.name), \(producers) x \(perProducer) to \(consumers), closing \(closing)"
      + (rests ? ", resting" : "")
  }

  /// The ways of one worker: one of them, or some.
  private func operations(isTask: Bool, _ chance: inout SeededGenerator) -> [Operation] {
    if isInStep || takesEach != nil { return [isTask ? .suspending : .blocking] }
    if !subject.canWait { return chance.chance(30) ? [.now] : Operation.withoutWaiting }
    let all =
      rests
      ? (isTask ? Operation.restingTasks : Operation.restingThreads)
      : (isTask ? Operation.ofTasks : Operation.ofThreads)
    if chance.chance(50) { return [chance.pick(all)] }
    return all
  }

  /// Runs it, and records what went wrong.
  func run() async {
    let ledger = Ledger(producers: producers, perProducer: perProducer)
    let workers = workers(ledger)
    Watch.shared.begin(description, workers.map(\.station), state: { ledger.state })
    let latch = Latch(workers.count)
    for worker in workers {
      if worker.isTask {
        Task.detached {
          var worker = worker
          await worker.runAsTask()
          latch.countDown()
        }
      } else {
        Thread.detachNewThread {
          var worker = worker
          worker.runAsThread()
          latch.countDown()
        }
      }
    }
    await latch.wait()
    Watch.shared.end()
    let wrongs = ledger.audit(mayLeave: consumerLeaves)
    if !wrongs.isEmpty { Issue.record("\(description):\n  \(wrongs.joined(separator: "\n  "))") }
  }

  private func workers(_ ledger: Ledger) -> [any Worker] {
    var chance = chance
    let close: @Sendable () -> Void = { [subject] in
      subject.close()
      ledger.closed()
    }
    let nothing: @Sendable () -> Void = {}
    let leavesAfter = takesEach ?? (consumerLeaves ? Int.random(in: 0...perProducer, using: &chance) : .max)
    var workers: [any Worker] = []
    for number in 0..<producers {
      let isTask = chance.chance(tasks)
      workers.append(
        ProducerWork(
          number: number, count: perProducer, isTask: isTask,
          operations: operations(isTask: isTask, &chance), port: subject.sendPort(number), ledger: ledger,
          close: consumerLeaves ? nothing : close, closesAtOnce: closing == .atOnce, isInStep: isInStep,
          chance: SeededGenerator(seed: chance.next())))
    }
    for number in 0..<consumers {
      let isTask = chance.chance(tasks)
      workers.append(
        ConsumerWork(
          number: number, isTask: isTask, operations: operations(isTask: isTask, &chance),
          port: subject.receivePort(number), ledger: ledger, close: subject.producerCloses ? nothing : close,
          leavesAfter: leavesAfter, leave: consumerLeaves ? close : nothing,
          chance: SeededGenerator(seed: chance.next())))
    }
    if closing == .early {
      let enough = Int.random(in: 0...(producers * perProducer), using: &chance)
      workers.append(CloserWork(ledger: ledger, enough: enough, close: close))
    }
    return workers.shuffled(using: &chance)
  }
}
