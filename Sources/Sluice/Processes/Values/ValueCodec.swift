/// How values of one type cross between processes; chosen once for a type, in the same way in every process of an
/// executable.
///
/// What is decoded is not trusted: whatever the bytes are, there is a value or an error. They may lie where the other
/// process can still write them.
@usableFromInline
struct ValueCodec<Value: Codable & Sendable>: Sendable {
  @usableFromInline
  enum Form: Sendable {
    /// The bytes of a trivial type, in which the plan looks.
    case bitwise(BitwisePlan)
    /// One run of bytes.
    case contiguous(ContiguousForm)
    /// What `encode(to:)` says.
    case coded
  }

  @usableFromInline let form: Form
  /// Whether values cross as the `MemoryLayout<Value>.size` bytes that they have in memory.
  @usableFromInline let isTrivial: Bool
  /// Whether all patterns of these bytes are values.
  @usableFromInline let isTotal: Bool

  @usableFromInline
  init() {
    if let plan = BitwisePlan(Value.self) {
      form = .bitwise(plan)
      isTotal = plan.isTotal
      isTrivial = true
    } else {
      form = ContiguousForm(Value.self).map { .contiguous($0) } ?? .coded
      isTotal = false
      isTrivial = false
    }
  }

  /// What a specialisation knows when it is compiled.
  @inlinable @inline(__always)
  static var isNumber: Bool {
    Value.self == Int.self || Value.self == Int64.self || Value.self == Int32.self || Value.self == Int16.self
      || Value.self == Int8.self || Value.self == UInt.self || Value.self == UInt64.self
      || Value.self == UInt32.self || Value.self == UInt16.self || Value.self == UInt8.self
      || Value.self == Double.self || Value.self == Float.self
  }

  /// Whether `store` and `load` can be used.
  @inlinable @inline(__always)
  var isBitwise: Bool { Self.isNumber || isTrivial }

  // MARK: In place

  /// Writes a value of a bitwise type to `place`: `MemoryLayout<Value>.size` bytes, aligned or not.
  @inlinable @inline(__always)
  func store(_ value: Value, to place: UnsafeMutableRawPointer) {
    withUnsafePointer(to: value) {
      place.copyMemory(from: UnsafeRawPointer($0), byteCount: MemoryLayout<Value>.size)
    }
  }

  /// Reads a value of a bitwise type from `place`, once. Throws `CorruptValue` if there is none.
  @inlinable @inline(__always)
  func load(from place: UnsafeRawPointer) throws -> Value {
    try withUnsafeTemporaryAllocation(
      byteCount: MemoryLayout<Value>.size, alignment: MemoryLayout<Value>.alignment
    ) {
      // The memory has an address even if it is of no size.
      let copy = $0.baseAddress.unsafelyUnwrapped
      copy.copyMemory(from: place, byteCount: MemoryLayout<Value>.size)
      if !Self.isNumber && !isTotal { try check(copy) }
      return copy.assumingMemoryBound(to: Value.self).pointee
    }
  }

  /// The value of a type without bytes.
  @usableFromInline
  func loadNothing() throws -> Value {
    var nothing: UInt8 = 0
    return try load(from: &nothing)
  }

  @usableFromInline
  func check(_ copy: UnsafeMutableRawPointer) throws {
    guard case .bitwise(let plan) = form, plan.accepts(copy) else { throw CorruptValue.invalid(Value.self) }
  }

  // MARK: Any form

  /// Writes a value. `room` is called once, with the number of bytes, and gives memory for them; what it throws is
  /// thrown, and so is what the value's own `encode(to:)` throws. The value's shared memory is appended to `handles`.
  @inlinable @inline(__always)
  func encode(
    _ value: Value, handles: inout HandleList, _ room: (Int) throws -> UnsafeMutableRawPointer
  ) throws {
    if isBitwise {
      store(value, to: try room(MemoryLayout<Value>.size))
    } else if let bytes = value as? [UInt8], Value.self == [UInt8].self {
      // The same as below; a specialisation knows the type, and copies at once.
      try bytes.withUnsafeBytes { source in
        let place = try room(source.count)
        if let start = source.baseAddress { place.copyMemory(from: start, byteCount: source.count) }
      }
    } else {
      try encodeIndirect(value, handles: &handles, room)
    }
  }

  /// Reads a value from bytes that are not trusted; `handles` holds what came with them. Throws `CorruptValue`, or what
  /// the value's `init(from:)` throws.
  @inlinable @inline(__always)
  func decode(_ bytes: UnsafeRawBufferPointer, handles: HandleList) throws -> Value {
    if isBitwise {
      guard bytes.count == MemoryLayout<Value>.size else {
        throw CorruptValue.wrongSize(Value.self, bytes.count, expected: MemoryLayout<Value>.size)
      }
      if MemoryLayout<Value>.size == 0 { return try loadNothing() }
      return try load(from: bytes.baseAddress.unsafelyUnwrapped)
    }
    if Value.self == [UInt8].self, let value = [UInt8](bytes) as? Value { return value }
    return try decodeIndirect(bytes, handles: handles)
  }

  @usableFromInline @inline(never)
  func encodeIndirect(
    _ value: Value, handles: inout HandleList, _ room: (Int) throws -> UnsafeMutableRawPointer
  ) throws {
    func put(_ bytes: UnsafeRawBufferPointer) throws {
      let place = try room(bytes.count)
      if let start = bytes.baseAddress { place.copyMemory(from: start, byteCount: bytes.count) }
    }
    if case .contiguous(let form) = form {
      try withUnsafePointer(to: value) { try form.withBytes($0, put) }
    } else {
      let log = try BinaryEncoder.encode(value, handles: handles)
      try log.copy(to: try room(log.byteCount))
      handles = log.handles
    }
  }

  @usableFromInline @inline(never)
  func decodeIndirect(_ bytes: UnsafeRawBufferPointer, handles: HandleList) throws -> Value {
    guard case .contiguous(let form) = form else {
      return try BinaryDecoder.decode(Value.self, from: bytes, handles: handles)
    }
    return try withUnsafeTemporaryAllocation(of: Value.self, capacity: 1) {
      let place = $0.baseAddress.unsafelyUnwrapped
      try form.make(bytes, place)
      return place.move()
    }
  }
}
