import Synchronization

/// The books of a round: what each producer got in, what the consumers got out, and when it is to end.
///
/// An element is its producer's number and a count: `producer << 32 | i`.
final class Ledger: @unchecked Sendable {
  let producers: Int
  let perProducer: Int
  private let marks: UnsafeMutablePointer<Atomic<UInt8>>
  private let accepted: UnsafeMutablePointer<Atomic<Int>>
  private let producing: Atomic<Int>
  private let sent = Atomic(0)
  private let received = Atomic(0)
  private let hasClosed = Atomic(false)
  private let wrongs = Mutex<[String]>([])

  init(producers: Int, perProducer: Int) {
    (self.producers, self.perProducer) = (producers, perProducer)
    marks = .allocate(capacity: producers * perProducer)
    for i in 0..<(producers * perProducer) { (marks + i).initialize(to: Atomic(0)) }
    accepted = .allocate(capacity: producers)
    for i in 0..<producers { (accepted + i).initialize(to: Atomic(0)) }
    producing = Atomic(producers)
  }

  deinit {
    marks.deallocate()
    accepted.deallocate()
  }

  static func element(_ producer: Int, _ i: Int) -> UInt64 { UInt64(producer) << 32 | UInt64(i) }

  /// What is not as it should be; the round goes on, so as to end.
  func complain(_ text: @autoclosure () -> String) {
    wrongs.withLock { if $0.count < 10 { $0.append(text()) } }
  }

  // MARK: - What happens

  /// The producer gets no more in; true: all have ended, and all that they got in has come out.
  func producerEnds(_ producer: Int, accepted count: Int) -> Bool {
    accepted[producer].store(count, ordering: .relaxed)
    sent.add(count, ordering: .sequentiallyConsistent)
    let left = producing.subtract(1, ordering: .sequentiallyConsistent).newValue
    return left == 0
      && received.load(ordering: .sequentiallyConsistent) == sent.load(ordering: .sequentiallyConsistent)
  }

  var allProducersHaveEnded: Bool { producing.load(ordering: .sequentiallyConsistent) == 0 }

  /// A consumer got the element; `next` has, for each producer, what it may get at the least. True: as above.
  func received(_ element: UInt64, _ next: inout [Int], by consumer: Int) -> Bool {
    let (producer, i) = (Int(element >> 32), Int(element & 0xffff_ffff))
    guard producer < producers, i < perProducer else {
      complain("consumer \(consumer) got \(String(element, radix: 16)), which nobody sent")
      return false
    }
    if i < next[producer] {
      complain("consumer \(consumer) got element \(i) of producer \(producer) after \(next[producer] - 1)")
    }
    next[producer] = i + 1
    marks[producer * perProducer + i].add(1, ordering: .relaxed)
    let all = received.add(1, ordering: .sequentiallyConsistent).newValue
    return allProducersHaveEnded && all == sent.load(ordering: .sequentiallyConsistent)
  }

  var receivedNow: Int { received.load(ordering: .relaxed) }

  /// A close has returned.
  func closed() { hasClosed.store(true, ordering: .sequentiallyConsistent) }

  /// Whether every enqueue that begins now must be refused.
  var isClosed: Bool { hasClosed.load(ordering: .sequentiallyConsistent) }

  // MARK: - The balance

  /// What went wrong, when all workers have ended. `mayLeave`: the consumers may have gone before the end,
  /// as long as what they got of each producer is the first of it.
  func audit(mayLeave: Bool = false) -> [String] {
    var wrongs = wrongs.withLock { $0 }
    for producer in 0..<producers {
      let accepted = accepted[producer].load(ordering: .relaxed)
      var hasGap = false
      for i in 0..<perProducer {
        let count = Int(marks[producer * perProducer + i].load(ordering: .relaxed))
        if count == 1, hasGap { wrongs.append("element \(i) of producer \(producer) after a gap") }
        if count == 0 { hasGap = true }
        let isRight = i < accepted ? count == 1 || (count == 0 && mayLeave) : count == 0
        if !isRight, wrongs.count < 20 {
          wrongs.append("element \(i) of producer \(producer), which got in \(accepted), came \(count) times")
        }
      }
    }
    return wrongs
  }

  var state: String {
    "\(producing.load(ordering: .relaxed)) of \(producers) producers are at it, \(receivedNow) elements have come"
  }
}
