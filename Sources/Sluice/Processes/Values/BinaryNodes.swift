/// A log that another process has written, read once from end to end: which entries there are, and which stand in
/// which container. Whatever the bytes are, the entries are a tree, each with at least two bytes of the log, and
/// what they refer to lies inside of it.
final class BinaryNodes {
  struct Node {
    var tag: BinaryTag
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

  /// A copy of the log that is this object's alone.
  private let bytes: UnsafeMutableRawBufferPointer
  let handles: HandleList
  private(set) var nodes: ContiguousArray<Node> = []
  private(set) var containers: ContiguousArray<Container> = []
  /// How deep `init(from:)` is.
  var depth = 0
  /// The entries of large containers by their keys, as they are asked for.
  private var indexes: [Int: [String: Int]] = [:]

  init(_ shared: UnsafeRawBufferPointer, handles: HandleList) throws {
    bytes = .allocate(byteCount: shared.count, alignment: 16)
    self.handles = handles
    bytes.copyMemory(from: shared)
    containers.append(Container(isKeyed: false))
    var reader = BinaryReader(UnsafeRawBufferPointer(bytes))
    while !reader.isAtEnd { try append(&reader) }
    guard containers[0].count == 1 else {
      throw CorruptValue("there are \(containers[0].count) values where one should be")
    }
  }

  deinit { bytes.deallocate() }

  private func append(_ reader: inout BinaryReader) throws {
    guard let tag = BinaryTag(rawValue: try reader.byte()) else { throw CorruptValue("an unknown tag") }
    let parent = try reader.number()
    guard parent < UInt64(containers.count) else { throw CorruptValue("a container that is not there") }
    let container = Int(parent)
    let key = containers[container].isKeyed ? try reader.run() : 0..<0
    var node = Node(tag: tag, key: key, payload: 0..<0, number: 0, second: 0, next: -1)
    switch tag {
    case .nil:
      node.number = UInt64(try reader.byte())
      node.second = UInt64(try reader.byte())
    case .false, .true: break
    case .signed:
      let zigzag = try reader.number()
      node.number = (zigzag >> 1) ^ (0 &- (zigzag & 1))
    case .unsigned: node.number = try reader.number()
    case .wideSigned, .wideUnsigned: node.payload = try reader.skip(16)
    case .float: node.payload = try reader.skip(4)
    case .double: node.payload = try reader.skip(8)
    case .string: node.payload = try reader.run()
    case .packed:
      guard let element = PackedElement(rawValue: try reader.byte()) else {
        throw CorruptValue("unknown elements")
      }
      node.element = element
      node.payload = try reader.run()
      guard node.payload.count % element.byteCount == 0 else { throw CorruptValue("a part of an element") }
    case .shared:
      node.number = try reader.number()
      node.second = try reader.number()
    case .keyed, .unkeyed, .forwarding:
      node.second = UInt64(containers.count)
      containers.append(Container(isKeyed: tag == .keyed))
    }
    link(node, in: container)
  }

  private func link(_ node: Node, in container: Int) {
    let index = nodes.count
    nodes.append(node)
    if containers[container].last >= 0 {
      nodes[containers[container].last].next = index
    } else {
      containers[container].first = index
    }
    containers[container].last = index
    containers[container].count += 1
  }

  // MARK: Reading

  func bytes(_ range: Range<Int>) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[range])
  }

  /// A trivial type of which every pattern of bits is a value.
  func load<Bits: BitwiseCopyable>(_ offset: Int, as: Bits.Type) -> Bits {
    bytes.loadUnaligned(fromByteOffset: offset, as: Bits.self)
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
