/// Reads a log from its beginning to its end and no further.
struct BinaryReader {
  private let bytes: UnsafeRawBufferPointer
  private(set) var offset = 0

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  var isAtEnd: Bool { offset == bytes.count }

  private static let tooShort = CorruptValue("they end too early")

  mutating func byte() throws -> UInt8 {
    guard offset < bytes.count else { throw Self.tooShort }
    defer { offset += 1 }
    return bytes[offset]
  }

  /// A number of up to 64 bits in up to 10 bytes.
  mutating func number() throws -> UInt64 {
    var number: UInt64 = 0
    var shift: UInt64 = 0
    while true {
      let byte = try byte()
      let bits = UInt64(byte & 0x7F)
      guard shift < 63 || (shift == 63 && bits <= 1) else { throw CorruptValue("a number is too large") }
      number |= bits << shift
      if byte < 0x80 { return number }
      shift += 7
    }
  }

  mutating func skip(_ count: UInt64) throws -> Range<Int> {
    guard count <= UInt64(bytes.count - offset) else { throw Self.tooShort }
    defer { offset += Int(count) }
    return offset..<(offset + Int(count))
  }

  /// A length, and as many bytes.
  mutating func run() throws -> Range<Int> { try skip(try number()) }
}
