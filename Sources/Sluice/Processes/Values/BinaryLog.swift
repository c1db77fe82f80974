/// The log that a `BinaryEncoder` and its containers write.
final class BinaryLog {
  /// Where an entry goes: a container, and a key if it has keys.
  struct Place {
    var container: UInt64
    var key: String?
  }

  private struct LargeRun {
    /// Behind how many of the other bytes.
    var offset: Int
    /// Holds the array.
    var withBytes: ((UnsafeRawBufferPointer) throws -> Void) throws -> Void
  }

  private struct NestedPlace: Hashable {
    var container: UInt64
    var key: String
  }

  /// Plain pointers and numbers, since an array in an object is checked for exclusive access at each step.
  private var start: UnsafeMutableRawPointer
  private var count = 0
  private var capacity = 1024
  /// What is not in these bytes, but goes between them.
  private var largeRuns: [LargeRun] = []
  private var largeBytes = 0
  var handles: HandleList
  var depth = 0
  /// The first thing that was done which cannot be undone and could not be refused where it was done.
  var misuse: EncodingError?
  private var containers: UInt64 = 1
  private var nested: [NestedPlace: (number: UInt64, tag: BinaryTag)] = [:]

  init(handles: HandleList) {
    self.handles = handles
    start = .allocate(byteCount: capacity, alignment: 16)
  }

  deinit { start.deallocate() }

  /// All that was written.
  var byteCount: Int { count + largeBytes }

  /// Writes all of it to memory for `byteCount` bytes.
  func copy(to place: UnsafeMutableRawPointer) throws {
    var place = place
    func put(_ bytes: UnsafeRawBufferPointer) {
      if let start = bytes.baseAddress { place.copyMemory(from: start, byteCount: bytes.count) }
      place += bytes.count
    }
    var done = 0
    for run in largeRuns {
      put(UnsafeRawBufferPointer(start: start + done, count: run.offset - done))
      try run.withBytes(put)
      done = run.offset
    }
    put(UnsafeRawBufferPointer(start: start + done, count: count - done))
  }

  var bytes: [UInt8] {
    get throws {
      try [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, initialized in
        if let start = buffer.baseAddress { try copy(to: start) }
        initialized = byteCount
      }
    }
  }

  /// Where the next `byteCount` bytes go, which count from now on.
  private func room(_ byteCount: Int) -> UnsafeMutableRawPointer {
    if byteCount > capacity - count { grow(byteCount) }
    let place = start + count
    count += byteCount
    return place
  }

  @inline(never)
  private func grow(_ byteCount: Int) {
    let larger = max(2 * capacity, count + byteCount)
    let memory = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 16)
    memory.copyMemory(from: start, byteCount: count)
    start.deallocate()
    start = memory
    capacity = larger
  }

  // MARK: Entries

  func begin(_ tag: BinaryTag, _ place: Place) {
    append(byte: tag.rawValue)
    append(number: place.container)
    if let key = place.key { append(string: key) }
  }

  func append(number: UInt64) {
    var rest = number
    while rest >= 0x80 {
      append(byte: UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    append(byte: UInt8(truncatingIfNeeded: rest))
  }

  func append(byte: UInt8) { room(1).storeBytes(of: byte, as: UInt8.self) }

  func append<Bits: BitwiseCopyable>(bits: Bits) {
    room(MemoryLayout<Bits>.size).storeBytes(of: bits, as: Bits.self)
  }

  func append(run: UnsafeRawBufferPointer) {
    append(number: UInt64(run.count))
    if let bytes = run.baseAddress { room(run.count).copyMemory(from: bytes, byteCount: run.count) }
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
        try packed.form.withBytes(pointer) { bytes in
          guard bytes.count >= BinaryLimit.largeRun else { return append(run: bytes) }
          append(number: UInt64(bytes.count))
          largeBytes += bytes.count
          largeRuns.append(
            LargeRun(offset: count) { body in
              try withUnsafePointer(to: value) { try packed.form.withBytes($0, body) }
            })
        }
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
