/// Reads a log from end to end, and finds the entries of each container.
struct BinaryParser {
  private(set) var nodes: ContiguousArray<BinaryNodes.Node> = []
  private(set) var containers: ContiguousArray<BinaryNodes.Container> = [.init(isKeyed: false)]
  private var reader: BinaryReader

  init(_ reader: BinaryReader, byteCount: Int) {
    self.reader = reader
    // Enough for most small values, in one allocation.
    nodes.reserveCapacity(min(byteCount / 2, 16))
  }

  mutating func parse() throws {
    while !reader.isAtEnd { try append() }
    guard containers[0].count == 1 else {
      throw CorruptValue("there are \(containers[0].count) values where one should be")
    }
  }

  private mutating func append() throws {
    guard let tag = BinaryTag(rawValue: try reader.byte()) else { throw CorruptValue("an unknown tag") }
    let parent = try reader.number()
    guard parent < UInt64(containers.count) else { throw CorruptValue("a container that is not there") }
    let container = Int(parent)
    let key = containers[container].isKeyed ? try reader.run() : 0..<0
    var node = BinaryNodes.Node(tag: tag, key: key, payload: 0..<0, number: 0, second: 0, next: -1)
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
      let byteCount = try reader.number()
      node.isLarge = byteCount >= UInt64(BinaryLimit.largeRun)
      node.payload = node.isLarge ? try reader.skipUnread(byteCount) : try reader.skip(byteCount)
      guard node.payload.count % element.byteCount == 0 else { throw CorruptValue("a part of an element") }
    case .shared:
      node.number = try reader.number()
      node.second = try reader.number()
    case .keyed, .unkeyed, .forwarding:
      node.second = UInt64(containers.count)
      containers.append(.init(isKeyed: tag == .keyed))
    }
    link(node, in: container)
  }

  private mutating func link(_ node: BinaryNodes.Node, in container: Int) {
    let index = nodes.count
    nodes.append(node)
    let last = containers[container].last
    if last >= 0 {
      nodes[last].next = index
    } else {
      containers[container].first = index
    }
    containers[container].last = index
    containers[container].count += 1
  }
}
