/// A type whose values are one run of bytes beside some header of their own: strings, arrays of what `BitwisePlan` can
/// check, Foundation's `Data`. They cross as that run, copied once in and once out.
///
/// Closures over pointers to a value, made once for each type: a dynamic cast for each item would cost more than a
/// copy of most items.
@usableFromInline
struct ContiguousForm: @unchecked Sendable {
  // Unchecked, since these capture types and plans alone, but types of which nobody says that they are Sendable.

  /// Calls its second argument with the bytes of the value at the first.
  let withBytes: (UnsafeRawPointer, (UnsafeRawBufferPointer) throws -> Void) throws -> Void
  /// Makes a value of the bytes, which others may be able to write, at the second argument, memory for one value.
  let make: (UnsafeRawBufferPointer, UnsafeMutableRawPointer) throws -> Void

  /// The form of a type; nil if it has none.
  init?(_ type: Any.Type) {
    if type == String.self {
      self = Self.string
    } else if type == Self.dataType, let data = type as? any (RangeReplaceableCollection<UInt8>).Type {
      self = Self.bytes(data)
    } else if let array = type as? any ArrayOfAnything.Type, let plan = BitwisePlan(array.element) {
      self = array.form(plan)
    } else {
      return nil
    }
  }

  private init(
    withBytes: @escaping (UnsafeRawPointer, (UnsafeRawBufferPointer) throws -> Void) throws -> Void,
    make: @escaping (UnsafeRawBufferPointer, UnsafeMutableRawPointer) throws -> Void
  ) {
    self.withBytes = withBytes
    self.make = make
  }

  /// Foundation's `Data`, if the program has Foundation; this library does without.
  static let dataType: Any.Type? = _typeByName("20FoundationEssentials4DataV")

  // MARK: Strings

  private static let string = ContiguousForm(
    withBytes: { value, body in
      var string = value.assumingMemoryBound(to: String.self).pointee
      try string.withUTF8 { try body(UnsafeRawBufferPointer($0)) }
    },
    make: { bytes, place in
      place.initializeMemory(as: String.self, to: try makeString(bytes))
    })

  /// The string of UTF-8 that may change under the hands of who reads it: it is copied first and validated then.
  static func makeString(_ bytes: UnsafeRawBufferPointer) throws -> String {
    // What is no UTF-8 is repaired, and so is not what was there. Should the bytes change in the meantime, they
    // differ too, or are what the string is.
    var string = String(unsafeUninitializedCapacity: bytes.count) { buffer in
      UnsafeMutableRawBufferPointer(buffer).copyBytes(from: bytes)
      return bytes.count
    }
    let isSame = string.withUTF8 { UnsafeRawBufferPointer($0).isEqual(to: bytes) }
    guard isSame else { throw CorruptValue("they are no UTF-8") }
    return string
  }

  // MARK: Data

  private static func bytes<Bytes: RangeReplaceableCollection<UInt8>>(_: Bytes.Type) -> ContiguousForm {
    ContiguousForm(
      withBytes: { value, body in
        let value = value.assumingMemoryBound(to: Bytes.self).pointee
        let done: Void? = try value.withContiguousStorageIfAvailable { try body(UnsafeRawBufferPointer($0)) }
        if done == nil { try ContiguousArray(value).withUnsafeBytes(body) }
      },
      make: { bytes, place in
        place.initializeMemory(as: Bytes.self, to: Bytes(bytes))
      })
  }
}

/// `Array`, whatever it is of.
private protocol ArrayOfAnything {
  static var element: Any.Type { get }
  static func form(_ plan: BitwisePlan) -> ContiguousForm
}

extension Array: ArrayOfAnything {
  fileprivate static var element: Any.Type { Element.self }

  fileprivate static func form(_ plan: BitwisePlan) -> ContiguousForm { ContiguousForm(Self.self, plan) }
}

extension ContiguousForm {
  /// An array of elements with this plan. They cross with the padding between them.
  fileprivate init<Element>(_: [Element].Type, _ plan: BitwisePlan) {
    withBytes = { value, body in
      try value.assumingMemoryBound(to: [Element].self).pointee.withUnsafeBytes(body)
    }
    make = { bytes, place in
      place.initializeMemory(as: [Element].self, to: try Self.makeArray(bytes, plan))
    }
  }

  static func makeArray<Element>(_ bytes: UnsafeRawBufferPointer, _ plan: BitwisePlan) throws -> [Element] {
    let stride = MemoryLayout<Element>.stride
    guard bytes.count % stride == 0 else {
      throw CorruptValue("\(bytes.count) bytes for elements of \(stride) bytes each")
    }
    var isValid = true
    let array = [Element](unsafeUninitializedCapacity: bytes.count / stride) { buffer, count in
      UnsafeMutableRawBufferPointer(buffer).copyMemory(from: bytes)
      count = buffer.count
      if plan.isTotal { return }
      // Checked in the copy. Nothing has to be destroyed in what is no value, since its type is trivial.
      guard let start = UnsafeMutableRawPointer(buffer.baseAddress) else { return }
      isValid = (0..<count).allSatisfy { plan.accepts(start + $0 * stride) }
      if !isValid { count = 0 }
    }
    guard isValid else { throw CorruptValue.invalid(Element.self) }
    return array
  }
}
