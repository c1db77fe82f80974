/// The elements of the queue, as its consumers take them: each goes to one of those that iterate.
///
/// `next()` suspends the task until there is an element, and gives nil when the queue is closed and
/// drained. It throws `CancellationError` when the task is cancelled while it waits. Leaving the loop
/// does not close the queue.
extension BoundedQueue: AsyncSequence {
  public typealias Failure = CancellationError

  public struct AsyncIterator: AsyncIteratorProtocol {
    @usableFromInline let queue: BoundedQueue

    @inlinable
    init(_ queue: BoundedQueue) { self.queue = queue }

    @inlinable
    public mutating func next() async throws(CancellationError) -> Element? {
      try await queue.dequeue(isolation: nil)
    }

    @inlinable
    public mutating func next(
      isolation actor: isolated (any Actor)?
    ) async throws(CancellationError) -> Element? {
      try await queue.dequeue(isolation: actor)
    }
  }

  @inlinable
  public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(self) }
}
