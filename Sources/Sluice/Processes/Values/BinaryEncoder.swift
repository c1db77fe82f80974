/// The place of one value in the log: what `encode(to:)` is given.
final class BinaryEncoder: Encoder {
  let log: BinaryLog
  let place: BinaryLog.Place
  let path: BinaryPath?
  /// What stands in the place.
  private(set) var content = Content.nothing
  /// How many Optionals have been entered here, and how many the outermost one has inside, itself included.
  private var level = 0
  private var depth = 0

  enum Content {
    case nothing
    case single
    case keyed(UInt64)
    case unkeyed(BinaryUnkeyedEncoding)
  }

  init(log: BinaryLog, place: BinaryLog.Place, path: BinaryPath?) {
    self.log = log
    self.place = place
    self.path = path
  }

  /// What a value writes, with the list of what it refers to.
  static func encode<Value: Encodable>(_ value: Value, handles: HandleList) throws -> BinaryLog {
    let log = BinaryLog(handles: handles)
    try log.encode(value, at: BinaryLog.Place(container: 0, key: nil)) { nil }
    if let misuse = log.misuse { throw misuse }
    return log
  }

  var codingPath: [any CodingKey] { BinaryPath.keys(path) }
  var userInfo: [CodingUserInfoKey: Any] { [:] }

  /// Lets the value write itself here.
  func fill<Value: Encodable>(_ value: Value) throws {
    let metadata = TypeMetadata(Value.self)
    if metadata.kind == .optional {
      if level == 0 { depth = min(metadata.optionalDepth, 255) }
      level = min(level + 1, 255)
    }
    log.depth += 1
    defer { log.depth -= 1 }
    guard log.depth <= BinaryLimit.depth else {
      throw error(value, "values stand in each other more than \(BinaryLimit.depth) deep")
    }
    try value.encode(to: self)
    if case .nothing = content { content = .keyed(log.container(.keyed, place)) }
  }

  func error(_ value: Any, _ what: String) -> EncodingError {
    EncodingError.invalidValue(value, EncodingError.Context(codingPath: codingPath, debugDescription: what))
  }

  // MARK: Containers

  func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
    KeyedEncodingContainer(
      BinaryKeyedEncoding<Key>(log: log, number: keyedNumber(), path: path))
  }

  private func keyedNumber() -> UInt64 {
    if case .keyed(let number) = content { return number }
    noteSecondContent()
    let number = log.container(.keyed, place)
    content = .keyed(number)
    return number
  }

  func unkeyedContainer() -> any UnkeyedEncodingContainer {
    if case .unkeyed(let known) = content { return known }
    noteSecondContent()
    let unkeyed = BinaryUnkeyedEncoding(log: log, number: log.container(.unkeyed, place), path: path)
    content = .unkeyed(unkeyed)
    return unkeyed
  }

  func singleValueContainer() -> any SingleValueEncodingContainer { self }

  private func noteSecondContent() {
    if case .nothing = content { return }
    log.misuse = log.misuse ?? error(place, "one value has encoded itself in two ways")
  }
}

// MARK: Single values

extension BinaryEncoder: SingleValueEncodingContainer {
  private func become<Value>(_ value: Value) throws {
    guard case .nothing = content else { throw error(value, "one value has encoded itself in two ways") }
    content = .single
  }

  func encodeNil() throws {
    try become(Int?.none)
    log.write(nil: BinaryNil(level: UInt8(level), depth: UInt8(depth)), place)
  }

  func encode(_ value: Bool) throws {
    try become(value)
    log.write(bool: value, place)
  }

  func encode(_ value: String) throws {
    try become(value)
    log.write(string: value, place)
  }

  func encode(_ value: Float) throws {
    try become(value)
    log.write(float: value, place)
  }

  func encode(_ value: Double) throws {
    try become(value)
    log.write(double: value, place)
  }

  private func encode<Number: FixedWidthInteger>(integer value: Number) throws {
    try become(value)
    log.write(integer: value, place)
  }

  func encode(_ value: Int) throws { try encode(integer: value) }
  func encode(_ value: Int8) throws { try encode(integer: value) }
  func encode(_ value: Int16) throws { try encode(integer: value) }
  func encode(_ value: Int32) throws { try encode(integer: value) }
  func encode(_ value: Int64) throws { try encode(integer: value) }
  func encode(_ value: Int128) throws { try encode(integer: value) }
  func encode(_ value: UInt) throws { try encode(integer: value) }
  func encode(_ value: UInt8) throws { try encode(integer: value) }
  func encode(_ value: UInt16) throws { try encode(integer: value) }
  func encode(_ value: UInt32) throws { try encode(integer: value) }
  func encode(_ value: UInt64) throws { try encode(integer: value) }
  func encode(_ value: UInt128) throws { try encode(integer: value) }

  func encode<Value: Encodable>(_ value: Value) throws {
    guard case .nothing = content else { throw error(value, "one value has encoded itself in two ways") }
    if try log.writeKnown(value, place) {
      content = .single
    } else {
      try fill(value)
    }
  }

  /// The memory itself, for what a `SharedBytes` holds.
  func encode(_ memory: SharedMemory, byteCount: Int) throws {
    try become(byteCount)
    log.begin(.shared, place)
    log.append(number: UInt64(log.handles.place(of: memory)))
    log.append(number: UInt64(byteCount))
  }
}

extension BinaryLog {
  func encode<Value: Encodable>(_ value: Value, at place: Place, path: () -> BinaryPath?) throws {
    if try writeKnown(value, place) { return }
    try BinaryEncoder(log: self, place: place, path: path()).fill(value)
  }
}
