/// The log that a `BinaryEncoder` and its containers write.
final class BinaryLog {
  /// Where an entry goes: a container, and a key if it has keys.
  struct Place {
    var container: UInt64
    var key: String?
  }

  private struct NestedPlace: Hashable {
    var container: UInt64
    var key: String
  }

  private(set) var bytes: [UInt8] = []
  var handles: HandleList
  var depth = 0
  /// The first thing that was done which cannot be undone and could not be refused where it was done.
  var misuse: EncodingError?
  private var containers: UInt64 = 1
  private var nested: [NestedPlace: (number: UInt64, tag: BinaryTag)] = [:]

  init(handles: HandleList) {
    self.handles = handles
    bytes.reserveCapacity(256)
  }

  // MARK: Entries

  func begin(_ tag: BinaryTag, _ place: Place) {
    bytes.append(tag.rawValue)
    append(number: place.container)
    if let key = place.key { append(string: key) }
  }

  func append(number: UInt64) {
    var rest = number
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }

  func append(byte: UInt8) { bytes.append(byte) }

  func append<Bits>(bits: Bits) {
    withUnsafeBytes(of: bits) { bytes.append(contentsOf: $0) }
  }

  func append(run: UnsafeRawBufferPointer) {
    append(number: UInt64(run.count))
    bytes.append(contentsOf: run)
  }

  func append(string: String) {
    var string = string
    string.withUTF8 { append(run: UnsafeRawBufferPointer($0)) }
  }

  // MARK: Values

  func write<Number: FixedWidthInteger>(integer: Number, _ place: Place) {
    if let small = Int64(exactly: integer) {
      begin(.signed, place)
      append(number: UInt64(bitPattern: (small << 1) ^ (small >> 63)))
    } else if let large = UInt64(exactly: integer) {
      begin(.unsigned, place)
      append(number: large)
    } else if let wide = Int128(exactly: integer) {
      begin(.wideSigned, place)
      append(bits: wide)
    } else {
      begin(.wideUnsigned, place)
      append(bits: UInt128(integer))
    }
  }

  func write(string: String, _ place: Place) {
    begin(.string, place)
    append(string: string)
  }

  func write(bool: Bool, _ place: Place) { begin(bool ? .true : .false, place) }

  func write(float: Float, _ place: Place) {
    begin(.float, place)
    append(bits: float.bitPattern)
  }

  func write(double: Double, _ place: Place) {
    begin(.double, place)
    append(bits: double.bitPattern)
  }

  func write(nil kind: BinaryNil, _ place: Place) {
    begin(.nil, place)
    append(byte: kind.level)
    append(byte: kind.depth)
  }

  /// Whether the value is one of those that are written without asking them.
  func writeKnown<Value>(_ value: Value, _ place: Place) throws -> Bool {
    try withUnsafePointer(to: value) { pointer in
      let pointer = UnsafeRawPointer(pointer)
      func known<Known>(_: Known.Type) -> Known { pointer.assumingMemoryBound(to: Known.self).pointee }
      if Value.self == String.self {
        write(string: known(String.self), place)
      } else if Value.self == Int.self {
        write(integer: known(Int.self), place)
      } else if Value.self == Double.self {
        write(double: known(Double.self), place)
      } else if Value.self == Bool.self {
        write(bool: known(Bool.self), place)
      } else if let packed = PackedForm.of(Value.self) {
        begin(.packed, place)
        append(byte: packed.element.rawValue)
        try packed.form.withBytes(pointer) { append(run: $0) }
      } else {
        return false
      }
      return true
    }
  }

  // MARK: Containers

  /// Writes a container and returns its number.
  func container(_ tag: BinaryTag, _ place: Place) -> UInt64 {
    begin(tag, place)
    defer { containers += 1 }
    return containers
  }

  /// The container at a key, which is the same one when it is asked for again.
  func nestedContainer(_ tag: BinaryTag, in container: UInt64, key: String, misused: () -> EncodingError)
    -> UInt64
  {
    let place = NestedPlace(container: container, key: key)
    if let known = nested[place] {
      if known.tag != tag { misuse = misuse ?? misused() }
      return known.number
    }
    let number = self.container(tag, Place(container: container, key: key))
    nested[place] = (number, tag)
    return number
  }
}
