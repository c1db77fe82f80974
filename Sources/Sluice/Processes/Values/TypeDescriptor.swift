/// What all instances of a struct, enum or class have in common: constant data in the image that declares the type.
/// The layout is part of Swift's stable ABI (docs/ABI/TypeMetadata.rst in Swift's sources).
struct TypeDescriptor {
  let start: UnsafeRawPointer

  enum Kind: UInt32 {
    case module = 0
    case `extension` = 1
    case anonymous = 2
    case `class` = 16
    case `struct` = 17
    case `enum` = 18
  }

  private var flags: UInt32 { start.load(as: UInt32.self) }
  var kind: Kind? { Kind(rawValue: flags & 0x1F) }
  var isGeneric: Bool { flags & 0x80 != 0 }

  /// The declaration around this one; nil for a module.
  private var parent: TypeDescriptor? {
    let offset = start.load(fromByteOffset: 4, as: Int32.self)
    guard offset != 0 else { return nil }
    let target = start + 4 + Int(offset & ~1)
    return TypeDescriptor(start: offset & 1 == 0 ? target : target.load(as: UnsafeRawPointer.self))
  }

  /// The name without that of what is around it.
  var name: String { String(cString: relative(8).assumingMemoryBound(to: CChar.self)) }

  /// The module that declares the type, "Swift" for example.
  var module: String? {
    var context = self
    while let parent = context.parent { context = parent }
    return context.kind == .module ? context.name : nil
  }

  private func relative(_ offset: Int) -> UnsafeRawPointer {
    start + offset + Int(start.load(fromByteOffset: offset, as: Int32.self))
  }

  // MARK: Parts

  /// Whether the compiler has left the types of the stored properties here.
  var hasFields: Bool { start.load(fromByteOffset: 16, as: Int32.self) != 0 }
  /// Of a struct.
  var fieldCount: Int { Int(start.load(fromByteOffset: 20, as: UInt32.self)) }
  /// Of an enum.
  var payloadCaseCount: Int { Int(start.load(fromByteOffset: 20, as: UInt32.self) & 0xFF_FFFF) }
  /// Of an enum.
  var emptyCaseCount: Int { Int(start.load(fromByteOffset: 24, as: UInt32.self)) }

  /// How many arguments a generic struct or enum has, those of the types around it included; nil if one of them is
  /// not a type, or follows from others.
  var genericArgumentCount: Int? {
    guard kind == .struct || kind == .enum, isGeneric else { return nil }
    let count = Int(start.load(fromByteOffset: 36, as: UInt16.self))
    let hasPacks = start.load(fromByteOffset: 42, as: UInt16.self) & 1 != 0
    let areAllKeyTypes = (0..<count).allSatisfy {
      start.load(fromByteOffset: 44 + $0, as: UInt8.self) == 0x80
    }
    return areAllKeyTypes && !hasPacks ? count : nil
  }

  /// Whether a generic type stands around this one, so that its arguments are of several levels.
  var isInsideGeneric: Bool {
    var context = parent
    while let next = context, next.kind != .module {
      // The context of what is private has the arguments of the type in it.
      if next.isGeneric, next.kind != .anonymous { return true }
      context = next.parent
    }
    return false
  }
}
