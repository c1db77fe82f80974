/// Merges runs into one stream of words in order, each with the sum of its counts.
///
/// A binary heap of readers, the one with the least key at the root (D. Knuth, *The Art of Computer
/// Programming*, volume 3, section 5.4.1): about log2(runs) comparisons a word, and one buffer a run.
enum RunMerger {
  /// The words between two looks at whether to stop.
  static let wordsBetweenChecks = 4096

  /// Calls `body` with each key and its count, in the order of the keys.
  ///
  /// - Parameter checkStop: called from time to time; an error that it throws ends the merge.
  /// - Throws: ``SpillError``, and what `checkStop` and `body` throw.
  static func merge(
    _ runs: [SpillRun], checkStop: () throws -> Void,
    _ body: (UnsafeBufferPointer<UInt8>, UInt64) throws -> Void
  ) throws {
    var heap: [SpillRun.Reader] = []
    for run in runs {
      let reader = SpillRun.Reader(run)
      try reader.advance()
      if reader.record != nil { heap.append(reader) }
    }
    for index in heap.indices.reversed() { siftDown(&heap, from: index) }

    // The present key is copied: its reader must go on before the other readers are asked for it.
    var key: [UInt8] = []
    var wordsUntilCheck = wordsBetweenChecks
    while let first = heap.first?.record {
      key.removeAll(keepingCapacity: true)
      key += first.key
      var count: UInt64 = 0
      try key.withUnsafeBufferPointer { key in
        while let record = heap.first?.record, compareBytes(record.key, key) == 0 {
          count &+= record.count
          try advanceFirst(&heap)
        }
        try body(key, count)
      }
      wordsUntilCheck -= 1
      if wordsUntilCheck == 0 {
        wordsUntilCheck = wordsBetweenChecks
        try checkStop()
      }
    }
  }

  private static func advanceFirst(_ heap: inout [SpillRun.Reader]) throws {
    try heap[0].advance()
    if heap[0].record == nil {
      heap.swapAt(0, heap.count - 1)
      heap.removeLast()
    }
    siftDown(&heap, from: 0)
  }

  private static func siftDown(_ heap: inout [SpillRun.Reader], from start: Int) {
    var parent = start
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count {
        if comesBefore(heap[child], heap[least]) { least = child }
      }
      if least == parent { return }
      heap.swapAt(parent, least)
      parent = least
    }
  }

  @inline(__always)
  private static func comesBefore(_ a: SpillRun.Reader, _ b: SpillRun.Reader) -> Bool {
    if a.leading != b.leading { return a.leading < b.leading }
    guard let a = a.record, let b = b.record else { return false }
    return compareBytes(a.key, b.key) < 0
  }
}
