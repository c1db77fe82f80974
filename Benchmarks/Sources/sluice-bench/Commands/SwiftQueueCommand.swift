import ArgumentParser
import Foundation

/// What `queues` runs for the Swift types: the command line and the answer of the programs in `peers`.
struct SwiftQueueCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "swift-queue", abstract: "One run of a Swift queue.", shouldDisplay: false)

  @Flag(help: "List the queues.")
  var list = false

  @Option var variant = "BoundedQueue"
  @Option var producers = 1
  @Option var consumers = 1
  @Option var capacity = 1_024
  @Option var elements = 1_000_000
  @Option var batch = 1

  func validate() throws {
    guard [producers, consumers, capacity, elements, batch].allSatisfy({ $0 >= 1 }) else {
      throw ValidationError("Every number must be 1 or more.")
    }
  }

  func run() throws {
    let encoder = JSONEncoder()
    if list {
      for queue in swiftQueues { print(String(decoding: try encoder.encode(queue.variant), as: UTF8.self)) }
      return
    }
    guard let queue = swiftQueues.first(where: { $0.variant.name == variant }) else {
      throw ValidationError("There is no queue '\(variant)'; --list tells them.")
    }
    guard producers <= queue.variant.mostProducers, consumers <= queue.variant.mostConsumers,
      batch == 1 || queue.variant.bulk
    else {
      throw ValidationError("\(variant) has not as many ends, or no bulk operations.")
    }
    let outcome = try queue.measure(
      SwiftQueueRun(
        producers: producers, consumers: consumers, capacity: capacity, elements: elements, batch: batch))
    try PeerAnswer(name: variant, items: elements, seconds: outcome.seconds, ok: outcome.ok).write()
    if !outcome.ok { throw ExitCode(1) }
  }
}
