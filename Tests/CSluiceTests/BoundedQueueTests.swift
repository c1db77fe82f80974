import CSluice
import Foundation
import Testing

/// The bounded queue through its C functions, which copy elements as bytes, or work in place.
private final class ByteQueue: @unchecked Sendable {
  let queue: UnsafeMutablePointer<sl_bounded_queue>

  init(capacity: Int) { queue = sl_bounded_queue_create(capacity, 8, 8)! }
  deinit { sl_bounded_queue_destroy(queue) }

  func tryEnqueue(_ element: UInt64) -> sl_result {
    withUnsafePointer(to: element) { sl_bounded_queue_try_enqueue(queue, $0) }
  }
  func tryDequeue() -> (element: UInt64, result: Int) {
    var element: UInt64 = 0
    let result = sl_bounded_queue_try_dequeue(queue, &element)
    return (element, Int(result))
  }
  func enqueue(_ element: UInt64, timeout: UInt64 = .max) -> sl_result {
    withUnsafePointer(to: element) { sl_bounded_queue_enqueue(queue, $0, timeout) }
  }
  func dequeue(timeout: UInt64 = .max) -> (element: UInt64, result: Int) {
    var element: UInt64 = 0
    let result = sl_bounded_queue_dequeue(queue, &element, timeout)
    return (element, Int(result))
  }
  func tryEnqueueMany(_ elements: [UInt64]) -> (done: Int, result: Int) {
    var done = 0
    let result = sl_bounded_queue_try_enqueue_many(queue, elements, elements.count, &done)
    return (done, Int(result))
  }
  func tryDequeueMany(_ count: Int) -> (elements: [UInt64], result: Int) {
    var done = 0
    var elements = [UInt64](repeating: .max, count: count)
    let result = sl_bounded_queue_try_dequeue_many(queue, &elements, count, &done)
    return (Array(elements[..<done]), Int(result))
  }
  var count: Int { sl_bounded_queue_count(queue) }
  var isClosed: Bool { sl_bounded_queue_is_closed(queue) }
  func close() -> Bool { sl_bounded_queue_close(queue) }
}

@Suite(.serialized) struct BoundedQueueTests {
  @Test func refusesWhatCannotBe() {
    for (capacity, size, alignment, code) in [
      (0, 8, 8, EINVAL), (1 << 31, 8, 8, EINVAL), (.max, 8, 8, EINVAL), (1, 8, 0, EINVAL), (1, 8, 3, EINVAL),
      (1, 8, 24, EINVAL), (1, .max, 8, EINVAL), (1, 8, 1 << 62, EINVAL),
    ] {
      errno = 0
      #expect(sl_bounded_queue_create(capacity, size, alignment) == nil)
      #expect(errno == code)
    }
    if !isSanitized {  // AddressSanitizer ends the process when so much is asked for
      for size in [1 << 48, 1 << 57] {
        errno = 0
        #expect(sl_bounded_queue_create(1, size, 8) == nil)
        #expect(errno == ENOMEM)
      }
    }
    sl_bounded_queue_destroy(nil)
  }

  @Test(arguments: [1, 2, 3, 64]) func eachResultIsAsItSays(capacity: Int) {
    let queue = ByteQueue(capacity: capacity)
    #expect(sl_bounded_queue_capacity(queue.queue) == capacity)
    for round: UInt64 in 0..<5 {
      #expect(queue.tryDequeue().result == SL_EMPTY)
      for i in 0..<capacity {
        #expect(queue.count == i && sl_bounded_queue_has_room(queue.queue))
        #expect(queue.tryEnqueue(round + UInt64(i)) == SL_OK)
      }
      #expect(!sl_bounded_queue_has_room(queue.queue))
      #expect(queue.tryEnqueue(99) == SL_FULL)
      for i in 0..<capacity { #expect(queue.tryDequeue() == (round + UInt64(i), SL_OK)) }
    }
    #expect(queue.tryEnqueue(1) == SL_OK)
    #expect(!queue.isClosed && queue.close() && !queue.close() && queue.isClosed)
    #expect(queue.tryEnqueue(2) == SL_CLOSED && queue.enqueue(2) == SL_CLOSED)
    #expect(queue.tryDequeue() == (1, SL_OK))
    #expect(queue.tryDequeue().result == SL_CLOSED && queue.dequeue().result == SL_CLOSED)
  }

  @Test func manyAreAsManyAsFitOrAreThere() {
    let queue = ByteQueue(capacity: 3)
    for _ in 0..<5 {
      #expect(queue.tryEnqueueMany([]) == (0, SL_OK))
      #expect(queue.tryDequeueMany(0) == ([], SL_OK))
      #expect(queue.tryDequeueMany(2) == ([], SL_EMPTY))
      #expect(queue.tryEnqueueMany([1, 2]) == (2, SL_OK))
      #expect(queue.tryEnqueueMany([3, 4, 5]) == (1, SL_FULL))
      #expect(queue.tryEnqueueMany([4]) == (0, SL_FULL))
      #expect(queue.tryDequeueMany(2) == ([1, 2], SL_OK))
      #expect(queue.tryDequeueMany(2) == ([3], SL_EMPTY))
    }
    #expect(queue.tryEnqueueMany([1, 2]) == (2, SL_OK))
    #expect(queue.close())
    #expect(queue.tryEnqueueMany([3]) == (0, SL_CLOSED))
    #expect(queue.tryDequeueMany(9) == ([1, 2], SL_CLOSED))
  }

  /// From more threads than there are seats to begin with: their cells too are aligned and apart.
  @Test(arguments: [
    (0, 1), (1, 1), (3, 1), (8, 8), (24, 8), (16, 16), (48, 64), (3_000, 8), (8, 4_096), (70_000, 8),
  ])
  func elementsOfAnySizeLieWhereTheyMay(size: Int, alignment: Int) throws {
    nonisolated(unsafe) let queue = try #require(sl_bounded_queue_create(5, size, alignment))
    let broken = SharedCounter()
    let here = DispatchGroup()
    let threads = 70
    for _ in 0..<threads { here.enter() }
    onThreads(threads) { thread in
      let seat = sl_bounded_queue_seat(queue)
      // All are alive at this moment, so that each has a seat of its own.
      here.leave()
      here.wait()
      let fill = UInt8(thread)
      for round in 0..<rounds(50) {
        guard let seat, let mine = sl_bounded_queue_element(queue, seat) else {
          _ = broken.add(1)
          return
        }
        if UInt(bitPattern: mine) % UInt(alignment) != 0 { broken.add(1) }
        memset(mine, Int32(fill), size)
        // To the queue, or back to this thread when it is full, whole in either case.
        if round % 2 == 0 {
          if sl_bounded_queue_publish(queue, seat) == SL_FULL, !isFilled(mine, size, fill) { broken.add(1) }
        } else if sl_bounded_queue_take(queue, seat) == SL_OK,
          let theirs = sl_bounded_queue_element(queue, seat)
        {
          if size > 0, !isFilled(theirs, size, theirs.load(as: UInt8.self)) { broken.add(1) }
        }
      }
    }
    #expect(broken.now == 0)
    sl_bounded_queue_destroy(queue)
  }

  private func isFilled(_ bytes: UnsafeMutableRawPointer, _ size: Int, _ fill: UInt8) -> Bool {
    size == 0 || (bytes.load(as: UInt8.self) == fill && memcmp(bytes, bytes + 1, size - 1) == 0)
  }

  // MARK: - Waiting

  @Test(arguments: [0, 1, 50_000, 20_000_000] as [UInt64]) func aTimeOutIsNotOverBeforeItsTime(
    nanoseconds: UInt64
  ) {
    let queue = ByteQueue(capacity: 1)
    var before = sl_now_nanoseconds()
    #expect(queue.dequeue(timeout: nanoseconds).result == SL_TIMED_OUT)
    #expect(sl_now_nanoseconds() - before >= nanoseconds)
    #expect(queue.enqueue(1, timeout: nanoseconds) == SL_OK)
    before = sl_now_nanoseconds()
    #expect(queue.enqueue(2, timeout: nanoseconds) == SL_TIMED_OUT)
    #expect(sl_now_nanoseconds() - before >= nanoseconds)
    #expect(queue.dequeue(timeout: nanoseconds) == (1, SL_OK))
    #expect(queue.close())
    #expect(queue.dequeue(timeout: nanoseconds).result == SL_CLOSED)
    #expect(queue.enqueue(3, timeout: nanoseconds) == SL_CLOSED)
  }

  @Test(arguments: [.max, .max - 1, 1 << 63] as [UInt64]) func aHugeTimeOutIsNoLimit(nanoseconds: UInt64) {
    let queue = ByteQueue(capacity: 1)
    let wrong = SharedCounter()
    onThreads(2) { thread in
      if thread == 0 {
        if queue.dequeue(timeout: nanoseconds) != (7, SL_OK) { wrong.add(1) }
      } else {
        usleep(2_000)
        if queue.enqueue(7, timeout: nanoseconds) != SL_OK { wrong.add(1) }
      }
    }
    #expect(wrong.now == 0)
  }

  @Test func aCloseWakesWhoeverWaits() {
    for round in 0..<rounds(20) {
      let (empty, full) = (ByteQueue(capacity: 1), ByteQueue(capacity: 1))
      #expect(full.tryEnqueue(1) == SL_OK)
      let closed = SharedCounter()
      onThreads(81) { thread in
        switch thread {
        case 0:
          usleep(useconds_t(round * 100))
          if empty.close() && full.close() { closed.add(1) }
        case let thread where thread % 2 == 0: if empty.dequeue().result == SL_CLOSED { closed.add(1) }
        default: if full.enqueue(2) == SL_CLOSED { closed.add(1) }
        }
      }
      #expect(closed.now == 81)
      #expect(full.dequeue() == (1, SL_OK))
    }
  }

  /// No wake-up is lost: everybody waits without limit, and one element at a time fits.
  @Test(arguments: [(1, 1, 1), (2, 2, 1), (4, 4, 2), (20, 20, 3)])
  func waitingThreadsCarryEverything(producers: Int, consumers: Int, capacity: Int) {
    let queue = ByteQueue(capacity: capacity)
    let producing = SharedCounter()
    producing.add(producers)
    let each = rounds(20_000 / producers)
    let sum = SharedCounter()
    onThreads(producers + consumers) { thread in
      if thread < producers {
        for i in 1...each where queue.enqueue(UInt64(i)) != SL_OK { sum.add(1 << 40) }
        if producing.add(-1) == 0 { _ = queue.close() }
      } else {
        while true {
          let (element, result) = queue.dequeue()
          if result != SL_OK { break }
          sum.add(Int(element))
        }
      }
    }
    #expect(sum.now == producers * each * (each + 1) / 2)
  }
}
