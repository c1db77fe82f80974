/// One value of a log: what `init(from:)` is given.
final class BinaryDecoder: Decoder {
  let nodes: BinaryNodes
  let source: BinarySource
  let path: BinaryPath?
  /// How many Optionals have been entered here.
  private var level = 0

  init(_ source: BinarySource, in nodes: BinaryNodes, path: BinaryPath?) {
    self.nodes = nodes
    self.source = source
    self.path = path
  }

  /// The value in bytes that are not trusted and may change while they are read.
  static func decode<Value: Decodable>(
    _ type: Value.Type, from bytes: UnsafeRawBufferPointer, handles: HandleList
  ) throws -> Value {
    let nodes = try BinaryNodes(bytes, handles: handles)
    defer { nodes.close() }
    return try nodes.decode(type, from: try nodes.source(nodes.containers[0].first)) { nil }
  }

  var codingPath: [any CodingKey] { BinaryPath.keys(path) }
  var userInfo: [CodingUserInfoKey: Any] { [:] }

  /// Makes a value of what stands here.
  func make<Value: Decodable>(_ type: Value.Type) throws -> Value {
    if TypeMetadata(type).kind == .optional { level += 1 }
    nodes.depth += 1
    defer { nodes.depth -= 1 }
    guard nodes.depth <= BinaryLimit.depth else {
      throw DecodingError.dataCorrupted(
        .init(
          codingPath: codingPath,
          debugDescription: "values stand in each other more than \(BinaryLimit.depth) deep"))
    }
    return try Value(from: self)
  }

  // MARK: Containers

  func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
    KeyedDecodingContainer(
      BinaryKeyedDecoding<Key>(nodes: nodes, container: try nodes.keyed(source, { path }), path: path))
  }

  func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
    try BinaryUnkeyedDecoding(source, in: nodes, path: path)
  }

  func singleValueContainer() throws -> any SingleValueDecodingContainer { self }
}

/// Where a value is read from.
enum BinarySource {
  /// An entry of the log that is no forwarding one.
  case node(Int)
  /// A number in a run of them.
  case element(PackedElement, offset: Int)
  /// Nothing was encoded where something could have been: a container without keys.
  case nothing
}

// MARK: Single values

extension BinaryDecoder: SingleValueDecodingContainer {
  func decodeNil() -> Bool { nodes.isNil(source, level: max(level, 1)) }

  func decode(_ type: Bool.Type) throws -> Bool { try nodes.bool(source) { path } }
  func decode(_ type: String.Type) throws -> String { try nodes.string(source) { path } }
  func decode(_ type: Float.Type) throws -> Float { try nodes.float(source) { path } }
  func decode(_ type: Double.Type) throws -> Double { try nodes.double(source) { path } }
  func decode(_ type: Int.Type) throws -> Int { try nodes.integer(source) { path } }
  func decode(_ type: Int8.Type) throws -> Int8 { try nodes.integer(source) { path } }
  func decode(_ type: Int16.Type) throws -> Int16 { try nodes.integer(source) { path } }
  func decode(_ type: Int32.Type) throws -> Int32 { try nodes.integer(source) { path } }
  func decode(_ type: Int64.Type) throws -> Int64 { try nodes.integer(source) { path } }
  func decode(_ type: Int128.Type) throws -> Int128 { try nodes.integer(source) { path } }
  func decode(_ type: UInt.Type) throws -> UInt { try nodes.integer(source) { path } }
  func decode(_ type: UInt8.Type) throws -> UInt8 { try nodes.integer(source) { path } }
  func decode(_ type: UInt16.Type) throws -> UInt16 { try nodes.integer(source) { path } }
  func decode(_ type: UInt32.Type) throws -> UInt32 { try nodes.integer(source) { path } }
  func decode(_ type: UInt64.Type) throws -> UInt64 { try nodes.integer(source) { path } }
  func decode(_ type: UInt128.Type) throws -> UInt128 { try nodes.integer(source) { path } }

  func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
    if let known = try nodes.known(type, source, { path }) { return known }
    return try make(type)
  }

  /// What a `SharedBytes` of another process holds, and how much of it; nil if its contents were encoded.
  func sharedMemory() throws -> (memory: SharedMemory, byteCount: Int)? {
    guard case .node(let index) = source, nodes.nodes[index].tag == .shared else { return nil }
    let node = nodes.nodes[index]
    let memory = try nodes.handles.memory(at: node.number)
    guard node.second <= UInt64(memory.bytes.count) else {
      throw CorruptValue("\(node.second) bytes of shared memory that has \(memory.bytes.count)")
    }
    return (memory, Int(node.second))
  }
}
