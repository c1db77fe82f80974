/// A log that another process has written, read once from end to end: which entries there are, and which stand in
/// which container. Whatever the bytes are, the entries are a tree, each with at least two bytes of the log, and
/// what they refer to lies inside of it.
final class BinaryNodes {
  struct Node {
    var tag: BinaryTag
    /// Whether the run was left where it came from.
    var isLarge = false
    /// A packed run's element.
    var element: PackedElement?
    /// Where the key's bytes are.
    var key: Range<Int>
    /// Where what belongs to the tag is; the run's bytes for strings and packed elements.
    var payload: Range<Int>
    /// A number that stands there: a signed one as its bits, a nil's level and depth, a place among the handles.
    var number: UInt64
    /// The bytes of a shared memory, or the number of a container.
    var second: UInt64
    /// The entry after it in the same container, or -1.
    var next: Int
  }

  struct Container {
    var isKeyed: Bool
    var first = -1
    var last = -1
    var count = 0
  }

  /// A copy of the log, without its large runs, that is this object's alone.
  private let copy: UnsafeMutableRawBufferPointer
  /// The log, in memory that others may write; nil when it is gone.
  private var source: UnsafeRawBufferPointer?
  let handles: HandleList
  let nodes: ContiguousArray<Node>
  let containers: ContiguousArray<Container>
  /// How deep `init(from:)` is.
  var depth = 0
  /// The entries of large containers by their keys, as they are asked for.
  private var indexes: [Int: [String: Int]] = [:]

  /// Each byte of `source` is read once, at most. It must be there until `close` is called.
  init(_ source: UnsafeRawBufferPointer, handles: HandleList) throws {
    copy = .allocate(byteCount: source.count, alignment: 16)
    self.source = source
    self.handles = handles
    var parser = BinaryParser(BinaryReader(source, copiedTo: copy), byteCount: source.count)
    do {
      try parser.parse()
      (nodes, containers) = (parser.nodes, parser.containers)
    } catch {
      copy.deallocate()
      throw error
    }
  }

  /// Whoever has kept a decoder finds no large runs any more.
  func close() { source = nil }

  deinit { copy.deallocate() }

  // MARK: Reading

  private func bytes(_ range: Range<Int>) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(copy)[range])
  }

  /// The bytes of a packed run, which others may write.
  func run(_ index: Int) throws -> UnsafeRawBufferPointer {
    guard nodes[index].isLarge else { return bytes(nodes[index].payload) }
    guard let source else { throw CorruptValue("a decoder was used after its value was decoded") }
    return UnsafeRawBufferPointer(rebasing: source[nodes[index].payload])
  }

  /// Makes elements of a run ready for `load`.
  func copyRun(_ index: Int) throws {
    guard nodes[index].isLarge else { return }
    UnsafeMutableRawBufferPointer(rebasing: copy[nodes[index].payload]).copyMemory(from: try run(index))
  }

  /// A trivial type of which every pattern of bits is a value.
  func load<Bits: BitwiseCopyable>(_ offset: Int, as: Bits.Type) -> Bits {
    UnsafeRawBufferPointer(copy).loadUnaligned(fromByteOffset: offset, as: Bits.self)
  }

  func string(_ range: Range<Int>) throws -> String {
    guard let string = String(validating: bytes(range), as: UTF8.self) else {
      throw CorruptValue("a string is no UTF-8")
    }
    return string
  }

  /// The entry that counts where a container says that another one stands for it.
  func resolved(_ index: Int) throws -> Int? {
    var index = index
    // Each step goes to a container that was begun later.
    while nodes[index].tag == .forwarding {
      let container = containers[Int(nodes[index].second)]
      guard container.count <= 1 else { throw CorruptValue("there are several values where one should be") }
      guard container.count == 1 else { return nil }
      index = container.first
    }
    return index
  }

  /// The last entry with the key: what is encoded twice counts as it was encoded last.
  func find(_ key: String, in container: Int) -> Int? {
    if containers[container].count > 8 { return index(of: container)[key] }
    var key = key
    return key.withUTF8 { key in
      var found: Int?
      var next = containers[container].first
      while next >= 0 {
        if nodes[next].key.count == key.count, isEqual(bytes(nodes[next].key), key) { found = next }
        next = nodes[next].next
      }
      return found
    }
  }

  private func isEqual(_ a: UnsafeRawBufferPointer, _ b: UnsafeBufferPointer<UInt8>) -> Bool {
    for i in 0..<a.count where a[i] != b[i] { return false }
    return true
  }

  private func index(of container: Int) -> [String: Int] {
    if let known = indexes[container] { return known }
    var index: [String: Int] = [:]
    for (key, node) in keys(of: container) { index[key] = node }
    indexes[container] = index
    return index
  }

  /// The keys in their order, as often as they are there. What is no UTF-8 is no key.
  func keys(of container: Int) -> [(key: String, node: Int)] {
    var keys: [(key: String, node: Int)] = []
    keys.reserveCapacity(containers[container].count)
    var next = containers[container].first
    while next >= 0 {
      if let key = try? string(nodes[next].key) { keys.append((key, next)) }
      next = nodes[next].next
    }
    return keys
  }
}
