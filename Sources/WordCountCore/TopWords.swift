/// The most frequent of the words that it is shown, ties in alphabetical order.
///
/// A heap of at most `limit` words with the least frequent at the root, so that a word that is not
/// among them costs one comparison.
struct TopWords {
  private struct Candidate {
    var count: UInt64
    var key: [UInt8]

    /// Whether it stands behind `other` in the list.
    func isBehind(_ other: Candidate) -> Bool {
      if count != other.count { return count < other.count }
      return other.key.lexicographicallyPrecedes(key)
    }
  }

  private let limit: Int
  private var heap: [Candidate] = []

  init(limit: Int) {
    self.limit = max(0, limit)
  }

  /// Takes a word into account; each word is to come once, with all its occurrences.
  @inline(__always)
  mutating func consider(key: UnsafeBufferPointer<UInt8>, count: UInt64) {
    if heap.count == limit, let last = heap.first, count < last.count { return }
    insert(Candidate(count: count, key: Array(key)))
  }

  private mutating func insert(_ new: Candidate) {
    if heap.count < limit {
      heap.append(new)
      siftUp(from: heap.count - 1)
    } else if let last = heap.first, last.isBehind(new) {
      heap[0] = new
      siftDown(from: 0)
    }
  }

  /// The words, the most frequent first.
  func sorted() -> [WordSummary.Word] {
    heap.sorted { $1.isBehind($0) }.map {
      WordSummary.Word(text: LongWord.text(ofKey: $0.key), count: $0.count)
    }
  }

  private mutating func siftUp(from start: Int) {
    var child = start
    while child > 0 {
      let parent = (child - 1) / 2
      guard heap[child].isBehind(heap[parent]) else { return }
      heap.swapAt(child, parent)
      child = parent
    }
  }

  private mutating func siftDown(from start: Int) {
    var parent = start
    while true {
      var last = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count {
        if heap[child].isBehind(heap[last]) { last = child }
      }
      if last == parent { return }
      heap.swapAt(parent, last)
      parent = last
    }
  }
}
