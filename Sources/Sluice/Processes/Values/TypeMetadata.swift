@_spi(Reflection) import Swift

/// What the runtime knows of a type, read where it stands. The layout is part of Swift's stable ABI
/// (docs/ABI/TypeMetadata.rst in Swift's sources), as it is on platforms without Objective-C.
struct TypeMetadata {
  let type: Any.Type
  private let start: UnsafeRawPointer

  init(_ type: Any.Type) {
    self.type = type
    start = unsafeBitCast(type, to: UnsafeRawPointer.self)
  }

  enum Kind: UInt {
    case `class` = 0
    case `struct` = 0x200
    case `enum` = 0x201
    case optional = 0x202
    case tuple = 0x301
  }

  /// nil: a kind that nobody here looks into.
  var kind: Kind? { Kind(rawValue: start.load(as: UInt.self)) }

  /// The descriptor that all instances of a nominal type share; nil for a type without a name.
  var descriptor: TypeDescriptor? {
    switch kind {
    case .struct, .enum, .optional:
      TypeDescriptor(start: start.load(fromByteOffset: 8, as: UnsafeRawPointer.self))
    case .class:
      start.load(fromByteOffset: 40, as: UnsafeRawPointer?.self).map { TypeDescriptor(start: $0) }
    default: nil
    }
  }

  /// Argument number `index` of a generic struct or enum, all of whose arguments before it are types.
  func genericArgument(_ index: Int) -> Any.Type {
    start.load(fromByteOffset: 16 + 8 * index, as: Any.Type.self)
  }

  /// What an Optional wraps.
  var wrapped: Any.Type { genericArgument(0) }

  /// How many Optionals are around each other, from the outermost: 2 for `Int??`, 0 for `Int`.
  var optionalDepth: Int {
    var depth = 0
    var metadata = self
    while metadata.kind == .optional {
      depth += 1
      metadata = TypeMetadata(metadata.wrapped)
    }
    return depth
  }

  // MARK: Layout

  var size: Int {
    func size<T>(_: T.Type) -> Int { MemoryLayout<T>.size }
    return _openExistential(type, do: size)
  }

  /// Whether a copy of the bytes is a copy of the value.
  var isTrivial: Bool {
    func trivial<T>(_: T.Type) -> Bool { _isPOD(T.self) }
    return _openExistential(type, do: trivial)
  }

  /// The parts of a tuple, or the stored properties of a struct, with their offsets in bytes; nil if they are not
  /// known.
  var parts: [(type: Any.Type, offset: Int)]? {
    switch kind {
    case .tuple:
      return (0..<start.load(fromByteOffset: 8, as: Int.self)).map {
        let part = start + 24 + 16 * $0
        return (part.load(as: Any.Type.self), part.load(fromByteOffset: 8, as: Int.self))
      }
    case .struct:
      guard let descriptor, descriptor.hasFields else { return nil }
      var parts: [(type: Any.Type, offset: Int)] = []
      let isComplete = _forEachField(of: type) { _, offset, type, _ in
        parts.append((type, offset))
        return true
      }
      return isComplete && parts.count == descriptor.fieldCount ? parts : nil
    default:
      return nil
    }
  }

  /// The number of cases of an enum whose cases are the numbers 0 and up, in `size` bytes, and nothing else; nil
  /// for any other type.
  var plainCaseCount: Int? {
    guard kind == .enum, let descriptor, descriptor.payloadCaseCount == 0 else { return nil }
    let count = descriptor.emptyCaseCount
    let expectedSize = count == 1 ? 0 : count <= 256 ? 1 : 2
    guard (1...4096).contains(count), size == expectedSize else { return nil }
    // Enums with the layout of C have the values that they were given. The type's own witness tells.
    let witnesses = start.load(fromByteOffset: -8, as: UnsafeRawPointer.self)
    typealias Inject = @convention(c) (UnsafeMutableRawPointer, UInt32, UnsafeRawPointer) -> Void
    let inject = witnesses.load(fromByteOffset: 104, as: Inject.self)
    for number in 0..<count {
      var bits: UInt64 = 0
      inject(&bits, UInt32(number), start)
      if bits.littleEndian != UInt64(number) { return nil }
    }
    return count
  }
}
