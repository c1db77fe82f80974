/// What a type is called in another process of the same executable.
///
/// Most types have a name that the runtime finds again. Private, fileprivate and local ones have none; they are
/// where their descriptor stands in its image, which the image's fingerprint identifies. Generic types are made of
/// their parts. An identity is tried out where it is made, so that whoever sends one knows that it leads back to the
/// type. One that comes from a process that is not trusted can lead to any type of this process, and to nothing
/// else: names go through the runtime's own lookup, offsets are looked up in the images' lists of types.
struct TypeIdentity: Sendable, Hashable {
  /// To be sent.
  let bytes: [UInt8]

  /// A type that cannot be named.
  struct Unnamed: Error, CustomStringConvertible {
    let type: String

    var description: String {
      "another process cannot find the type \(type): private and local types, and generic structs and enums of them, can "
        + "be found, but not their generic classes, nor what is inside a generic type; move it to the top level of its file"
    }
  }

  /// The identity of a type. Throws `Unnamed` if nothing leads back to it.
  init(_ type: Any.Type) throws(Unnamed) {
    var writer = Writer()
    guard writer.append(type, depth: 0) else { throw Unnamed(type: "\(type)") }
    bytes = writer.bytes
    guard find() == type else { throw Unnamed(type: "\(type)") }
  }

  /// What another process has sent. Nothing is known of it until `find` is called.
  init(untrusted bytes: [UInt8]) { self.bytes = bytes }

  /// The type, or nil if there is none in this process.
  func find() -> Any.Type? {
    bytes.withUnsafeBytes { bytes in
      var reader = BinaryReader(bytes)
      guard let type = try? Self.type(&reader, bytes, depth: 0), reader.isAtEnd else { return nil }
      return type
    }
  }

  // MARK: Bytes

  /// First a byte that says what follows, then: a run of UTF-8, a mangled name; or the image's fingerprint and the
  /// descriptor's offset; or these, the number of arguments, and an identity for each.
  private enum Form: UInt8 {
    case name = 1
    case descriptor
    case generic
  }

  private static let mostDepth = 32
  private static let mostNameBytes = 16_384

  private struct Writer {
    var bytes: [UInt8] = []

    mutating func append(number: UInt64) { withUnsafeBytes(of: number.littleEndian) { bytes += $0 } }

    mutating func append(_ type: Any.Type, depth: Int) -> Bool {
      guard depth < mostDepth else { return false }
      // A name can hold addresses of this process, where a type has none of its own. Then nothing is found by it.
      if let name = _mangledTypeName(type), name.utf8.count <= mostNameBytes, !name.contains("$"),
        _typeByName(name) == type
      {
        bytes.append(Form.name.rawValue)
        append(number: UInt64(name.utf8.count))
        bytes += name.utf8
        return true
      }
      return appendByPlace(type, depth: depth)
    }

    private mutating func appendByPlace(_ type: Any.Type, depth: Int) -> Bool {
      let metadata = TypeMetadata(type)
      guard let descriptor = metadata.descriptor,
        let image = TypeImages.find({ $0.image(of: descriptor) })
      else { return false }
      bytes.append((descriptor.isGeneric ? Form.generic : .descriptor).rawValue)
      append(number: image.fingerprint)
      append(number: UInt64(UInt(bitPattern: descriptor.start) &- image.base))
      guard descriptor.isGeneric else { return true }
      guard !descriptor.isInsideGeneric, let count = descriptor.genericArgumentCount else { return false }
      append(number: UInt64(count))
      for index in 0..<count {
        guard append(metadata.genericArgument(index), depth: depth + 1) else { return false }
      }
      return true
    }
  }

  private static func word(_ reader: inout BinaryReader, _ bytes: UnsafeRawBufferPointer) throws -> UInt64 {
    UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: try reader.skip(8).lowerBound, as: UInt64.self))
  }

  private static func type(
    _ reader: inout BinaryReader, _ bytes: UnsafeRawBufferPointer, depth: Int
  ) throws -> Any.Type? {
    guard depth < mostDepth, let form = Form(rawValue: try reader.byte()) else { return nil }
    if form == .name {
      let count = try word(&reader, bytes)
      guard count <= UInt64(mostNameBytes) else { return nil }
      let name = String(
        validating: UnsafeRawBufferPointer(rebasing: bytes[try reader.skip(count)]), as: UTF8.self)
      guard let name, name.utf8.allSatisfy({ (0x21..<0x7F).contains($0) && $0 != UInt8(ascii: "$") }) else {
        return nil
      }
      return _typeByName(name)
    }
    let fingerprint = try word(&reader, bytes)
    let offset = try word(&reader, bytes)
    guard let descriptor = TypeImages.find({ $0.descriptor(fingerprint, offset: offset) }),
      descriptor.isGeneric == (form == .generic)
    else { return nil }
    guard form == .generic else { return TypeLookup.type(descriptor, arguments: []) }
    guard !descriptor.isInsideGeneric, let count = descriptor.genericArgumentCount,
      try word(&reader, bytes) == UInt64(count)
    else { return nil }
    var arguments: [Any.Type] = []
    for _ in 0..<count {
      guard let argument = try type(&reader, bytes, depth: depth + 1) else { return nil }
      arguments.append(argument)
    }
    return TypeLookup.type(descriptor, arguments: arguments)
  }
}
