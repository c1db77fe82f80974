import Sluice
import Synchronization
import Testing

/// What only `SPSCQueue` has: two ends, each of which is taken once, and tells the other that it has gone.
@Suite(.serialized, .watchdog()) struct SPSCQueueTests {
  @Test func eachEndIsTakenOnce() throws {
    let queue = try SPSCQueue<Int>(capacity: 2)
    #expect(queue.capacity == 2 && queue.count == 0)
    var producer = try queue.takeProducer()
    var consumer = try queue.takeConsumer()
    let error = #expect(throws: QueueError.endTaken("producer")) { _ = try queue.takeProducer().isClosed }
    #expect(throws: QueueError.endTaken("consumer")) {
      var again = try queue.takeConsumer()
      _ = again.tryDequeue()
    }
    #expect(
      error.map { "\($0)" }
        == "the producer of this queue has been taken before; a queue of one producer and one consumer has one of each"
    )
    #expect(producer.tryEnqueue(1).isEnqueued)
    #expect(queue.count == 1)
    #expect(consumer.tryDequeue() == 1)
  }

  @Test func theEndsOutliveTheQueueObject() throws {
    func producer() throws -> SPSCQueue<Int>.Producer { try SPSCQueue(capacity: 3).takeProducer() }
    // A consumer that nobody took, and nobody can take any more.
    var alone = try producer()
    #expect(alone.isClosed == true)
    #expect(alone.tryEnqueue(1).outcome() == .closed(1))
    // A producer that nobody took.
    var consumer = try SPSCQueue<Int>(capacity: 3).takeConsumer()
    #expect(consumer.dequeue() == nil)
    #expect(consumer.dequeue(timeout: .seconds(1_000)).found() == .closed)
  }

  @Test func droppingTheProducerClosesTheQueue() throws {
    let queue = try SPSCQueue<Int>(capacity: 3)
    var consumer = try queue.takeConsumer()
    do {
      var producer = try queue.takeProducer()
      #expect(producer.isClosed == false)
      #expect(producer.tryEnqueue(1).isEnqueued)
      #expect(consumer.dequeue() == 1)
      #expect(consumer.dequeue(timeout: .zero).found() == .empty, "open as long as the producer is there")
      #expect(producer.tryEnqueue(2).isEnqueued)
      producer.close()
    }
    #expect(consumer.dequeue() == 2)
    #expect(consumer.dequeue() == nil)
    #expect(consumer.tryDequeue() == nil)
  }

  @Test func droppingTheConsumerRefusesWhatComesLater() throws {
    let lives = ElementLives()
    do {
      let queue = try SPSCQueue<MoveOnly>(capacity: 3)
      var producer = try queue.takeProducer()
      do {
        var consumer = try queue.takeConsumer()
        #expect(producer.tryEnqueue(MoveOnly(1, lives)).outcome() == .enqueued)
        #expect(producer.tryEnqueue(MoveOnly(2, lives)).outcome() == .enqueued)
        #expect(consumer.tryDequeue().number() == 1)
      }
      #expect(producer.isClosed == true)
      #expect(producer.tryEnqueue(MoveOnly(3, lives)).outcome() == .closed(3))
      #expect(producer.enqueue(MoveOnly(4, lives)).outcome() == .closed(4))
      #expect(producer.enqueue(MoveOnly(4, lives), timeout: .seconds(1_000)).outcome() == .closed(4))
      #expect(lives.alive == 1, "what the consumer has left is still inside")
    }
    #expect(lives.alive == 0)
  }

  /// A full queue too: closed comes before full.
  @Test(arguments: [true, false]) func aProducerThatWaitsIsWokenByTheConsumersEnd(asTask: Bool) async throws {
    let ends = try SPSCEnds<Int>(capacity: 1)
    #expect(ends.producer.pointee.tryEnqueue(0).isEnqueued)
    let waiting = Waiting()
    let outcome = Observed<Outcome?>(nil)
    if asTask {
      waiting.task {
        let it = await ends.producer.pointee.enqueue(1).outcome()
        outcome.update { $0 = it }
      }
    } else {
      waiting.thread {
        let it = ends.producer.pointee.enqueue(1).outcome()
        outcome.update { $0 = it }
      }
    }
    try await waiting.untilTheyWait(1)
    #expect(outcome.now == nil)
    ends.dropConsumer()
    await waiting.untilTheyEnd(1)
    #expect(outcome.now == .closed(1))
  }

  @Test func anIterationHasTheEnd() async throws {
    let queue = try SPSCQueue<Int>(capacity: 4)
    var producer = try queue.takeProducer()
    #expect(producer.tryEnqueue(contentsOf: [1, 2, 3]) == 3)
    var taken: [Int] = []
    do {
      let elements = try queue.takeConsumer().elements()
      for try await element in elements {
        taken.append(element)
        if element == 2 { break }
      }
      #expect(producer.isClosed == false, "the sequence has the end, and is still there")
      for try await element in elements {
        taken.append(element)
        break
      }
    }
    #expect(taken == [1, 2, 3])
    #expect(producer.isClosed == true)
    #expect(producer.tryEnqueue(4).outcome() == .closed(4))
  }

  /// An iterator alone keeps the end as well.
  @Test func anIteratorKeepsTheEnd() async throws {
    let queue = try SPSCQueue<Int>(capacity: 4)
    var producer = try queue.takeProducer()
    #expect(producer.tryEnqueue(1).isEnqueued)
    do {
      var iterator = try queue.takeConsumer().elements().makeAsyncIterator()
      #expect(try await iterator.next() == 1)
      #expect(producer.isClosed == false)
      #expect(producer.tryEnqueue(2).isEnqueued)
      #expect(try await iterator.next(isolation: nil) == 2)
    }
    #expect(producer.isClosed == true)
  }

  /// A closure that escapes cannot give away an end that it has captured, so a box carries it.
  private final class Box<End: ~Copyable & Sendable>: Sendable {
    private let end: Mutex<End?>
    init(_ end: consuming sending End) { self.end = Mutex(end) }
    func take() -> End? { end.withLock { $0.take() } }
  }

  private static func send(_ count: Int, to producer: consuming SPSCQueue<String>.Producer) async {
    var producer = producer
    for i in 0..<count { guard await producer.enqueue("\(i)").isEnqueued else { return } }
  }

  @Test func anEndGoesToAnotherTask() async throws {
    let queue = try SPSCQueue<String>(capacity: 2)
    var consumer = try queue.takeConsumer()
    let box = Box(try queue.takeProducer())
    let sending = Task.detached { if let producer = box.take() { await Self.send(100, to: producer) } }
    for i in 0..<100 { #expect(try await consumer.dequeue() == "\(i)") }
    #expect(try await consumer.dequeue() == nil, "closed when the producer came to its end")
    await sending.value
  }
}

/// Compiles only if the queues and their ends are Sendable where their elements are.
private func areSendable() {
  func sendable<T: Sendable & ~Copyable>(_: T.Type) {}
  sendable(BoundedQueue<MoveOnly>.self)
  sendable(UnboundedQueue<MoveOnly>.self)
  sendable(SPSCQueue<MoveOnly>.self)
  sendable(SPSCQueue<MoveOnly>.Producer.self)
  sendable(SPSCQueue<MoveOnly>.Consumer.self)
  sendable(EnqueueResult<MoveOnly>.self)
  sendable(DequeueResult<MoveOnly>.self)
}

/// Elements that are not Sendable stay on one thread, and the queues take them too.
@Suite struct UnsendableElementTests {
  private final class Local {
    var number = 0
  }

  @Test func aQueueOnOneThreadTakesThem() throws {
    let bounded = try BoundedQueue<Local>(capacity: 1)
    let unbounded = UnboundedQueue<Local>()
    let local = Local()
    #expect(bounded.tryEnqueue(local).isEnqueued && unbounded.enqueue(local).isEnqueued)
    local.number = 5
    #expect(bounded.tryDequeue()?.number == 5 && unbounded.tryDequeue() === local)
  }
}
