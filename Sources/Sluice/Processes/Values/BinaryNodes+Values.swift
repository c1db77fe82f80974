/// Values that stand in one entry.
extension BinaryNodes {
  func source(_ index: Int) throws -> BinarySource { try resolved(index).map { .node($0) } ?? .nothing }

  func decode<Value: Decodable>(
    _ type: Value.Type, from source: BinarySource, path: () -> BinaryPath?
  ) throws -> Value {
    if let known = try known(type, source, path) { return known }
    return try BinaryDecoder(source, in: self, path: path()).make(type)
  }

  func mismatch(_ type: Any.Type, _ path: () -> BinaryPath?) -> DecodingError {
    .typeMismatch(
      type,
      .init(codingPath: BinaryPath.keys(path()), debugDescription: "there is something else than \(type)")
    )
  }

  /// The container with keys that stands there.
  func keyed(_ source: BinarySource, _ path: () -> BinaryPath?) throws -> Int? {
    if case .nothing = source { return nil }
    guard case .node(let index) = source, nodes[index].tag == .keyed else {
      throw mismatch([String: Any].self, path)
    }
    return Int(nodes[index].second)
  }

  // MARK: nil

  /// Whether nil stands there for who has entered this many Optionals, at least 1.
  func isNil(_ source: BinarySource, level: Int) -> Bool {
    guard case .node(let index) = source, nodes[index].tag == .nil else { return false }
    return nodes[index].number <= UInt64(level)
  }

  /// A value, or nil. Written was either nothing, or a nil by hand, or a value of the type, which can be nil itself, or
  /// an Optional of it.
  func decodeIfPresent<Value: Decodable>(
    _ type: Value.Type, from source: BinarySource, path: () -> BinaryPath?
  ) throws -> Value? {
    if case .node(let index) = source, nodes[index].tag == .nil {
      let depth = UInt64(TypeMetadata(type).optionalDepth)
      if depth == 0 || nodes[index].number == 0 { return nil }
      if nodes[index].second != depth { return try decode(Value?.self, from: source, path: path) }
    }
    return try decode(type, from: source, path: path)
  }

  // MARK: Numbers

  func bool(_ source: BinarySource, _ path: () -> BinaryPath?) throws -> Bool {
    if case .node(let index) = source {
      if nodes[index].tag == .true { return true }
      if nodes[index].tag == .false { return false }
    }
    throw mismatch(Bool.self, path)
  }

  /// Any integer of the log, as JSON would give it: what fits, fits.
  func integer<Number: FixedWidthInteger>(_ source: BinarySource, _ path: () -> BinaryPath?) throws -> Number
  {
    let number: Number?
    switch source {
    case .nothing: number = nil
    case .element(let element, let offset): number = integer(element, offset)
    case .node(let index):
      let node = nodes[index]
      switch node.tag {
      case .signed: number = Number(exactly: Int64(bitPattern: node.number))
      case .unsigned: number = Number(exactly: node.number)
      case .wideSigned: number = Number(exactly: load(node.payload.lowerBound, as: Int128.self))
      case .wideUnsigned: number = Number(exactly: load(node.payload.lowerBound, as: UInt128.self))
      case .float: number = Number(exactly: load(node.payload.lowerBound, as: Float.self))
      case .double: number = Number(exactly: load(node.payload.lowerBound, as: Double.self))
      default: number = nil
      }
    }
    guard let number else { throw mismatch(Number.self, path) }
    return number
  }

  private func integer<Number: FixedWidthInteger>(_ element: PackedElement, _ offset: Int) -> Number? {
    switch element {
    case .int8: Number(exactly: load(offset, as: Int8.self))
    case .int16: Number(exactly: load(offset, as: Int16.self))
    case .int32: Number(exactly: load(offset, as: Int32.self))
    case .int64: Number(exactly: load(offset, as: Int64.self))
    case .uint8: Number(exactly: load(offset, as: UInt8.self))
    case .uint16: Number(exactly: load(offset, as: UInt16.self))
    case .uint32: Number(exactly: load(offset, as: UInt32.self))
    case .uint64: Number(exactly: load(offset, as: UInt64.self))
    case .float: Number(exactly: load(offset, as: Float.self))
    case .double: Number(exactly: load(offset, as: Double.self))
    }
  }

  /// A Float as it was encoded, to the last bit of a NaN; other numbers rounded.
  func float(_ source: BinarySource, _ path: () -> BinaryPath?) throws -> Float {
    switch source {
    case .node(let index) where nodes[index].tag == .float:
      return Float(bitPattern: load(nodes[index].payload.lowerBound, as: UInt32.self))
    case .element(.float, let offset): return Float(bitPattern: load(offset, as: UInt32.self))
    default: return Float(try double(source, path, as: Float.self))
    }
  }

  func double(_ source: BinarySource, _ path: () -> BinaryPath?) throws -> Double {
    try double(source, path, as: Double.self)
  }

  private func double(_ source: BinarySource, _ path: () -> BinaryPath?, as type: Any.Type) throws -> Double {
    switch source {
    case .nothing: throw mismatch(type, path)
    case .element(.double, let offset): return Double(bitPattern: load(offset, as: UInt64.self))
    case .element(.float, let offset): return Double(Float(bitPattern: load(offset, as: UInt32.self)))
    case .element(let element, let offset):
      guard let number: Int128 = integer(element, offset) else { throw mismatch(type, path) }
      return Double(number)
    case .node(let index):
      let node = nodes[index]
      switch node.tag {
      case .double: return Double(bitPattern: load(node.payload.lowerBound, as: UInt64.self))
      case .float: return Double(Float(bitPattern: load(node.payload.lowerBound, as: UInt32.self)))
      case .signed: return Double(Int64(bitPattern: node.number))
      case .unsigned: return Double(node.number)
      case .wideSigned: return Double(load(node.payload.lowerBound, as: Int128.self))
      case .wideUnsigned: return Double(load(node.payload.lowerBound, as: UInt128.self))
      default: throw mismatch(type, path)
      }
    }
  }

  // MARK: Strings and arrays

  func string(_ source: BinarySource, _ path: () -> BinaryPath?) throws -> String {
    guard case .node(let index) = source, nodes[index].tag == .string else {
      throw mismatch(String.self, path)
    }
    return try string(nodes[index].payload)
  }

  /// A value of one of the types that are not asked; nil for others.
  func known<Value>(_ type: Value.Type, _ source: BinarySource, _ path: () -> BinaryPath?) throws -> Value? {
    if type == String.self { return unsafeBitCast(try string(source, path), to: type) }
    if type == Int.self { return unsafeBitCast(try integer(source, path) as Int, to: type) }
    if type == Double.self { return unsafeBitCast(try double(source, path), to: type) }
    if type == Bool.self { return unsafeBitCast(try bool(source, path), to: type) }
    guard case .node(let index) = source, nodes[index].tag == .packed, let packed = PackedForm.of(type),
      packed.element == nodes[index].element
    else { return nil }
    return try withUnsafeTemporaryAllocation(of: Value.self, capacity: 1) {
      let place = $0.baseAddress.unsafelyUnwrapped
      try packed.form.make(run(index), place)
      return place.move()
    }
  }
}
