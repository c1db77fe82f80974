/// The shared memory that one record refers to, in order. Encoding appends to it, the record holds the places, and
/// the descriptors travel beside the record; whoever decodes has a list of the same length, or gets an error.
@usableFromInline
struct HandleList: Sendable {
  /// To be sent, or received. They live until the list is dropped.
  private(set) var memories: [SharedMemory] = []

  @usableFromInline
  init() {}

  /// The list of what has been received, in the order in which it was sent.
  init(received: [SharedMemory]) { memories = received }

  var isEmpty: Bool { memories.isEmpty }
  var count: Int { memories.count }

  /// In the order in which they are to be sent; they stay open while the list lives.
  var descriptors: [Int32] { memories.map(\.descriptor) }

  /// The place of `memory`, which is in the list only once: a value that holds it several times sends it once.
  mutating func place(of memory: SharedMemory) -> Int {
    if let known = memories.lastIndex(where: { $0 === memory }) { return known }
    memories.append(memory)
    return memories.count - 1
  }

  /// The memory at a place that came with a record, which is not trusted.
  func memory(at place: UInt64) throws -> SharedMemory {
    guard place < UInt64(memories.count) else {
      throw CorruptValue("it refers to shared memory number \(place), and \(memories.count) came with it")
    }
    return memories[Int(place)]
  }
}
