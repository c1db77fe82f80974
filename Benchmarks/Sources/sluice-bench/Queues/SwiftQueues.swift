import Sluice

/// A Swift type under the harness.
struct SwiftQueue {
  let variant: QueueVariant
  let measure: @Sendable (SwiftQueueRun) throws -> SwiftQueueRun.Outcome
}

private let anyNumber = 1_000

let swiftQueues = [
  SwiftQueue(
    variant: QueueVariant(
      name: "SPSCQueue", guarantees: "wait-free", bounded: true, mostProducers: 1, mostConsumers: 1,
      fixedCapacity: 0, bulk: true),
    measure: { run in
      let queue = try SPSCQueue<UInt64>(capacity: run.capacity)
      return run.measure(
        producer: { threads, index in
          guard let producer = try? queue.takeProducer() else { fatalError("the producer is taken") }
          var end = SPSCSender(producer: producer)
          threads.waitForStart()
          threads.produce(index, &end)
        },
        consumer: { threads in
          guard let consumer = try? queue.takeConsumer() else { fatalError("the consumer is taken") }
          var end = SPSCReceiver(consumer: consumer)
          threads.waitForStart()
          threads.consume(&end)
        })
    }),
  SwiftQueue(
    variant: QueueVariant(
      name: "BoundedQueue", guarantees: "lock-free", bounded: true, mostProducers: anyNumber,
      mostConsumers: anyNumber, fixedCapacity: 0, bulk: true),
    measure: { run in
      let queue = try BoundedQueue<UInt64>(capacity: run.capacity)
      return run.measure(
        producer: { threads, index in
          var end = BoundedEnd(queue: queue)
          threads.waitForStart()
          threads.produce(index, &end)
        },
        consumer: { threads in
          var end = BoundedEnd(queue: queue)
          threads.waitForStart()
          threads.consume(&end)
        })
    }),
  SwiftQueue(
    variant: QueueVariant(
      name: "UnboundedQueue", guarantees: "lock-free", bounded: false, mostProducers: anyNumber,
      mostConsumers: anyNumber, fixedCapacity: 0, bulk: false),
    measure: { run in
      let queue = UnboundedQueue<UInt64>()
      return run.measure(
        producer: { threads, index in
          var end = UnboundedEnd(queue: queue)
          threads.waitForStart()
          threads.produce(index, &end)
        },
        consumer: { threads in
          var end = UnboundedEnd(queue: queue)
          threads.waitForStart()
          threads.consume(&end)
        })
    }),
]

private struct SPSCSender: ~Copyable, SendingEnd {
  var producer: SPSCQueue<UInt64>.Producer

  mutating func push(_ element: UInt64) -> Bool { producer.tryEnqueue(element).isEnqueued }
  mutating func push(moving elements: UnsafeMutableBufferPointer<UInt64>) -> Int {
    producer.tryEnqueue(moving: elements)
  }
}

private struct SPSCReceiver: ~Copyable, ReceivingEnd {
  var consumer: SPSCQueue<UInt64>.Consumer

  mutating func pop() -> UInt64? { consumer.tryDequeue() }
  mutating func pop(into elements: UnsafeMutableBufferPointer<UInt64>) -> Int {
    consumer.tryDequeue(into: elements)
  }
}

private struct BoundedEnd: SendingEnd, ReceivingEnd {
  let queue: BoundedQueue<UInt64>

  func push(_ element: UInt64) -> Bool { queue.tryEnqueue(element).isEnqueued }
  func push(moving elements: UnsafeMutableBufferPointer<UInt64>) -> Int { queue.tryEnqueue(moving: elements) }
  func pop() -> UInt64? { queue.tryDequeue() }
  func pop(into elements: UnsafeMutableBufferPointer<UInt64>) -> Int { queue.tryDequeue(into: elements) }
}

private struct UnboundedEnd: SendingEnd, ReceivingEnd {
  let queue: UnboundedQueue<UInt64>

  func push(_ element: UInt64) -> Bool { queue.enqueue(element).isEnqueued }
  func push(moving elements: UnsafeMutableBufferPointer<UInt64>) -> Int {
    queue.enqueue(contentsOf: elements)
  }
  func pop() -> UInt64? { queue.tryDequeue() }
  func pop(into elements: UnsafeMutableBufferPointer<UInt64>) -> Int { queue.tryDequeue(into: elements) }
}
