/// A container with keys; without a number it has none.
struct BinaryKeyedDecoding<Key: CodingKey>: KeyedDecodingContainerProtocol {
  let nodes: BinaryNodes
  let container: Int?
  let path: BinaryPath?

  var codingPath: [any CodingKey] { BinaryPath.keys(path) }

  var allKeys: [Key] {
    guard let container else { return [] }
    var seen: Set<String> = []
    return nodes.keys(of: container).compactMap {
      seen.insert($0.key).inserted ? Key(stringValue: $0.key) : nil
    }
  }

  private func find(_ key: String) throws -> BinarySource? {
    guard let container, let index = nodes.find(key, in: container) else { return nil }
    return try nodes.source(index)
  }

  private func source(_ key: some CodingKey) throws -> BinarySource {
    guard let source = try find(key.stringValue) else {
      throw DecodingError.keyNotFound(
        key, .init(codingPath: codingPath, debugDescription: "there is nothing at the key \(key.stringValue)")
      )
    }
    return source
  }

  private func inner(_ key: some CodingKey) -> BinaryPath { BinaryPath(key, in: path) }

  func contains(_ key: Key) -> Bool { container.map { nodes.find(key.stringValue, in: $0) != nil } ?? false }
  func decodeNil(forKey key: Key) throws -> Bool { nodes.isNil(try source(key), level: 1) }

  func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool {
    try nodes.decode(type, from: source(key)) { inner(key) }
  }
  func decode(_ type: String.Type, forKey key: Key) throws -> String {
    try nodes.decode(type, from: source(key)) { inner(key) }
  }
  func decode(_ type: Double.Type, forKey key: Key) throws -> Double {
    try nodes.decode(type, from: source(key)) { inner(key) }
  }
  func decode(_ type: Float.Type, forKey key: Key) throws -> Float {
    try nodes.float(source(key)) { inner(key) }
  }
  func decode(_ type: Int.Type, forKey key: Key) throws -> Int {
    try nodes.decode(type, from: source(key)) { inner(key) }
  }

  private func integer<Number: FixedWidthInteger>(_ key: Key) throws -> Number {
    try nodes.integer(source(key)) { inner(key) }
  }
  func decode(_ type: Int8.Type, forKey key: Key) throws -> Int8 { try integer(key) }
  func decode(_ type: Int16.Type, forKey key: Key) throws -> Int16 { try integer(key) }
  func decode(_ type: Int32.Type, forKey key: Key) throws -> Int32 { try integer(key) }
  func decode(_ type: Int64.Type, forKey key: Key) throws -> Int64 { try integer(key) }
  func decode(_ type: Int128.Type, forKey key: Key) throws -> Int128 { try integer(key) }
  func decode(_ type: UInt.Type, forKey key: Key) throws -> UInt { try integer(key) }
  func decode(_ type: UInt8.Type, forKey key: Key) throws -> UInt8 { try integer(key) }
  func decode(_ type: UInt16.Type, forKey key: Key) throws -> UInt16 { try integer(key) }
  func decode(_ type: UInt32.Type, forKey key: Key) throws -> UInt32 { try integer(key) }
  func decode(_ type: UInt64.Type, forKey key: Key) throws -> UInt64 { try integer(key) }
  func decode(_ type: UInt128.Type, forKey key: Key) throws -> UInt128 { try integer(key) }

  func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
    try nodes.decode(type, from: source(key)) { inner(key) }
  }

  func decodeIfPresent<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value? {
    guard let source = try find(key.stringValue) else { return nil }
    return try nodes.decodeIfPresent(type, from: source) { inner(key) }
  }

  func nestedContainer<Nested: CodingKey>(
    keyedBy type: Nested.Type, forKey key: Key
  ) throws -> KeyedDecodingContainer<Nested> {
    try decoder(key).container(keyedBy: type)
  }

  func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
    try decoder(key).unkeyedContainer()
  }

  func superDecoder() throws -> any Decoder { try decoder(BinaryKey.super) }
  func superDecoder(forKey key: Key) throws -> any Decoder { try decoder(key) }

  private func decoder(_ key: some CodingKey) throws -> BinaryDecoder {
    BinaryDecoder(try source(key), in: nodes, path: inner(key))
  }
}

/// A row: the entries of a container, or numbers that stand one behind the other.
struct BinaryUnkeyedDecoding: UnkeyedDecodingContainer {
  private enum Row {
    case entries(next: Int)
    case packed(PackedElement, offset: Int)
  }

  private let nodes: BinaryNodes
  private let path: BinaryPath?
  private var row: Row
  private let length: Int
  private(set) var currentIndex = 0

  init(_ source: BinarySource, in nodes: BinaryNodes, path: BinaryPath?) throws {
    self.nodes = nodes
    self.path = path
    switch source {
    case .node(let index) where nodes.nodes[index].tag == .unkeyed:
      let container = nodes.containers[Int(nodes.nodes[index].second)]
      row = .entries(next: container.first)
      length = container.count
    case .node(let index):
      let node = nodes.nodes[index]
      guard let element = node.element else { fallthrough }
      try nodes.copyRun(index)
      row = .packed(element, offset: node.payload.lowerBound)
      length = node.payload.count / element.byteCount
    default:
      throw nodes.mismatch([Any].self) { path }
    }
  }

  var codingPath: [any CodingKey] { BinaryPath.keys(path) }
  var count: Int? { length }
  var isAtEnd: Bool { currentIndex >= length }

  private func inner() -> BinaryPath { BinaryPath(BinaryKey(intValue: currentIndex), in: path) }

  private func source(_ type: Any.Type) throws -> BinarySource {
    guard !isAtEnd else {
      throw DecodingError.valueNotFound(
        type, .init(codingPath: BinaryPath.keys(inner()), debugDescription: "there is no further element"))
    }
    switch row {
    case .entries(let next): return try nodes.source(next)
    case .packed(let element, let offset): return .element(element, offset: offset)
    }
  }

  private mutating func advance() {
    currentIndex += 1
    switch row {
    case .entries(let next): row = .entries(next: nodes.nodes[next].next)
    case .packed(let element, let offset): row = .packed(element, offset: offset + element.byteCount)
    }
  }

  mutating func decodeNil() throws -> Bool {
    let isNil = nodes.isNil(try source(Any?.self), level: 1)
    if isNil { advance() }
    return isNil
  }

  mutating func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
    let value = try nodes.decode(type, from: source(type)) { inner() }
    advance()
    return value
  }

  mutating func decodeIfPresent<Value: Decodable>(_ type: Value.Type) throws -> Value? {
    if isAtEnd { return nil }
    let value = try nodes.decodeIfPresent(type, from: source(type)) { inner() }
    advance()
    return value
  }

  mutating func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type) throws
    -> KeyedDecodingContainer<Nested>
  {
    let container = try decoder().container(keyedBy: type)
    advance()
    return container
  }

  mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
    let container = try decoder().unkeyedContainer()
    advance()
    return container
  }

  mutating func superDecoder() throws -> any Decoder {
    let decoder = try decoder()
    advance()
    return decoder
  }

  private func decoder() throws -> BinaryDecoder {
    BinaryDecoder(try source((any Decoder).self), in: nodes, path: inner())
  }
}
