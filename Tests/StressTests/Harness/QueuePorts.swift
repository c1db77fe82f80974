import Sluice

// The public queues as subjects of a round, with elements of any kind.

extension EnqueueResult where Element: ~Copyable {
  fileprivate consuming func answer() -> Answer {
    switch consume self {
    case .enqueued: .sent
    case .full: .full
    case .closed: .closed
    case .cancelled: .cancelled
    }
  }
}

extension DequeueResult where Element: StressElement & ~Copyable {
  fileprivate consuming func received() -> Received {
    switch consume self {
    case .element(let element): .element(element.number)
    case .empty: .empty
    case .closed: .closed
    }
  }
}

extension Optional where Wrapped: StressElement & ~Copyable {
  /// Nothing is `instead`.
  fileprivate consuming func received(else instead: Received) -> Received {
    switch consume self {
    case .some(let element): .element(element.number)
    case .none: instead
    }
  }
}

/// Moves elements with these numbers into the queue through a buffer; how many. The others are destroyed.
private func moving<Element: StressElement & ~Copyable>(
  _ numbers: [UInt64], _ lives: Lives, _ enqueue: (UnsafeMutableBufferPointer<Element>) -> Int
) -> Int {
  let buffer = UnsafeMutableBufferPointer<Element>.allocate(capacity: numbers.count)
  defer { buffer.deallocate() }
  for (i, number) in numbers.enumerated() { buffer.initializeElement(at: i, to: Element(number, lives)) }
  let done = enqueue(buffer)
  for i in done..<numbers.count { buffer.deinitializeElement(at: i) }
  return done
}

private func taking<Element: StressElement & ~Copyable>(
  _ limit: Int, _ dequeue: (UnsafeMutableBufferPointer<Element>) -> Int
) -> [UInt64] {
  let buffer = UnsafeMutableBufferPointer<Element>.allocate(capacity: limit)
  defer { buffer.deallocate() }
  return (0..<dequeue(buffer)).map { i in
    let number = buffer[i].number
    buffer.deinitializeElement(at: i)
    return number
  }
}

extension Subject {
  /// A bounded queue of elements that may not be copyable; many at a time go through buffers.
  static func bounded<Element: StressElement & ~Copyable>(
    _: Element.Type, capacity: Int
  ) throws -> Subject {
    let queue = try BoundedQueue<Element>(capacity: capacity)
    let lives = Lives()
    let send = SendPort(
      now: { queue.tryEnqueue(Element($0, lives)).answer() },
      manyNow: { moving($0, lives) { queue.tryEnqueue(moving: $0) } },
      blocking: { queue.enqueue(Element($0, lives), timeout: $1).answer() },
      manyBlocking: { numbers in
        for (i, number) in numbers.enumerated() where !queue.enqueue(Element(number, lives)).isEnqueued {
          return i
        }
        return numbers.count
      },
      suspending: { await queue.enqueue(Element($0, lives)).answer() },
      manySuspending: { numbers in
        for (i, number) in numbers.enumerated() {
          guard await queue.enqueue(Element(number, lives)).isEnqueued else { return i }
        }
        return numbers.count
      })
    let receive = ReceivePort(
      now: { queue.tryDequeue().received(else: .empty) },
      manyNow: { limit in taking(limit) { queue.tryDequeue(into: $0) } },
      blocking: { timeout in
        guard let timeout else { return queue.dequeue().received(else: .closed) }
        return queue.dequeue(timeout: timeout).received()
      },
      manyBlocking: { limit in
        guard case .element(let first) = queue.dequeue().received(else: .closed) else { return [] }
        return [first] + taking(limit - 1) { queue.tryDequeue(into: $0) }
      },
      suspending: {
        await Subject.suspending { () async throws(CancellationError) in try await queue.dequeue() }
      },
      manySuspending: { limit in
        let first = await Subject.suspending { () async throws(CancellationError) in try await queue.dequeue()
        }
        guard case .element(let first) = first else { return [] }
        return [first] + taking(limit - 1) { queue.tryDequeue(into: $0) }
      },
      isClosed: { queue.isClosed })
    return Subject(
      name: "BoundedQueue<\(Element.self)>(capacity: \(capacity))", sendPort: { _ in send },
      receivePort: { _ in receive }, close: { queue.close() }, alive: { lives.now })
  }

  private static func suspending<Element: StressElement & ~Copyable>(
    _ dequeue: () async throws(CancellationError) -> Element?
  ) async -> Received {
    do { return try await dequeue().received(else: .closed) } catch { return .cancelled }
  }

  /// A bounded queue of numbers; many at a time go through collections.
  static func bounded(capacity: Int) throws -> Subject {
    let queue = try BoundedQueue<UInt64>(capacity: capacity)
    let send = SendPort(
      now: { queue.tryEnqueue($0).answer() },
      manyNow: { queue.tryEnqueue(contentsOf: $0) },
      blocking: { queue.enqueue($0, timeout: $1).answer() },
      manyBlocking: { queue.enqueue(contentsOf: $0) },
      suspending: { await queue.enqueue($0).answer() },
      manySuspending: { await queue.enqueue(contentsOf: $0) })
    let receive = ReceivePort(
      now: { queue.tryDequeue().received(else: .empty) },
      manyNow: { queue.tryDequeue(atMost: $0) },
      blocking: { timeout in
        guard let timeout else { return queue.dequeue().received(else: .closed) }
        return queue.dequeue(timeout: timeout).received()
      },
      manyBlocking: { queue.dequeue(atMost: $0) },
      suspending: { await suspending { () async throws(CancellationError) in try await queue.dequeue() } },
      manySuspending: { try? await queue.dequeue(atMost: $0) },
      isClosed: { queue.isClosed })
    return Subject(
      name: "BoundedQueue(capacity: \(capacity))", sendPort: { _ in send }, receivePort: { _ in receive },
      close: { queue.close() })
  }

  static func unbounded<Element: StressElement>(_: Element.Type) -> Subject {
    let queue = UnboundedQueue<Element>()
    let lives = Lives()
    let send = SendPort(
      now: { queue.enqueue(Element($0, lives)).answer() },
      manyNow: { numbers in queue.enqueue(contentsOf: numbers.lazy.map { Element($0, lives) }) },
      blocking: { number, _ in queue.enqueue(Element(number, lives)).answer() },
      manyBlocking: { numbers in queue.enqueue(contentsOf: numbers.map { Element($0, lives) }) },
      suspending: { queue.enqueue(Element($0, lives)).answer() },
      manySuspending: { numbers in queue.enqueue(contentsOf: numbers.map { Element($0, lives) }) })
    let receive = ReceivePort(
      now: { queue.tryDequeue().received(else: .empty) },
      manyNow: { limit in taking(limit) { queue.tryDequeue(into: $0) } },
      blocking: { timeout in
        guard let timeout else { return queue.dequeue().received(else: .closed) }
        return queue.dequeue(timeout: timeout).received()
      },
      manyBlocking: { queue.dequeue(atMost: $0).map(\.number) },
      suspending: { await suspending { () async throws(CancellationError) in try await queue.dequeue() } },
      manySuspending: { (try? await queue.dequeue(atMost: $0))?.map(\.number) },
      isClosed: { queue.isClosed })
    return Subject(
      name: "UnboundedQueue<\(Element.self)>", sendPort: { _ in send }, receivePort: { _ in receive },
      close: { queue.close() }, alive: { lives.now })
  }

  /// The two ends in memory that closures share; each is used by one worker.
  private final class Ends<Element: StressElement>: @unchecked Sendable {
    let producer: UnsafeMutablePointer<SPSCQueue<Element>.Producer>
    let consumer: UnsafeMutablePointer<SPSCQueue<Element>.Consumer>
    private var hasProducer = true
    private var hasConsumer = true

    init(capacity: Int) throws {
      let queue = try SPSCQueue<Element>(capacity: capacity)
      producer = .allocate(capacity: 1)
      producer.initialize(to: try queue.takeProducer())
      consumer = .allocate(capacity: 1)
      consumer.initialize(to: try queue.takeConsumer())
    }

    deinit {
      dropProducer()
      dropConsumer()
      producer.deallocate()
      consumer.deallocate()
    }

    func dropProducer() {
      if hasProducer { producer.deinitialize(count: 1) }
      hasProducer = false
    }

    func dropConsumer() {
      if hasConsumer { consumer.deinitialize(count: 1) }
      hasConsumer = false
    }
  }

  /// `close` drops the consumer's end if `consumerLeaves`, else the producer's: whoever calls it must be the
  /// one whose end that is.
  static func spsc<Element: StressElement>(
    _: Element.Type, capacity: Int, consumerLeaves: Bool
  ) throws -> Subject {
    let ends = try Ends<Element>(capacity: capacity)
    let lives = Lives()
    let send = SendPort(
      now: { ends.producer.pointee.tryEnqueue(Element($0, lives)).answer() },
      manyNow: { numbers in
        if numbers.count % 2 == 0 {
          return moving(numbers, lives) { ends.producer.pointee.tryEnqueue(moving: $0) }
        }
        return ends.producer.pointee.tryEnqueue(contentsOf: numbers.map { Element($0, lives) })
      },
      blocking: { ends.producer.pointee.enqueue(Element($0, lives), timeout: $1).answer() },
      manyBlocking: { numbers in ends.producer.pointee.enqueue(contentsOf: numbers.map { Element($0, lives) })
      },
      suspending: { await ends.producer.pointee.enqueue(Element($0, lives)).answer() },
      manySuspending: { numbers in
        await ends.producer.pointee.enqueue(contentsOf: numbers.map { Element($0, lives) })
      })
    let receive = ReceivePort(
      now: { ends.consumer.pointee.dequeue(timeout: .zero).received() },
      manyNow: { limit in
        if limit % 2 == 0 { return taking(limit) { ends.consumer.pointee.tryDequeue(into: $0) } }
        return ends.consumer.pointee.tryDequeue(atMost: limit).map(\.number)
      },
      blocking: { timeout in
        guard let timeout else { return ends.consumer.pointee.dequeue().received(else: .closed) }
        return ends.consumer.pointee.dequeue(timeout: timeout).received()
      },
      manyBlocking: { ends.consumer.pointee.dequeue(atMost: $0).map(\.number) },
      suspending: {
        await suspending { () async throws(CancellationError) in try await ends.consumer.pointee.dequeue() }
      },
      manySuspending: { (try? await ends.consumer.pointee.dequeue(atMost: $0))?.map(\.number) })
    return Subject(
      name: "SPSCQueue<\(Element.self)>(capacity: \(capacity))", sendPort: { _ in send },
      receivePort: { _ in receive },
      close: { if consumerLeaves { ends.dropConsumer() } else { ends.dropProducer() } },
      producerCloses: true, mostProducers: 1, mostConsumers: 1, alive: { lives.now })
  }
}
