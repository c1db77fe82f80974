/// Reads bytes from the beginning to the end and no further.
///
/// Where somebody else may write the bytes meanwhile, they are copied as they are needed, so that each is read once;
/// what is skipped unread is not copied.
struct BinaryReader {
  private let bytes: UnsafeRawBufferPointer
  private(set) var offset = 0
  /// How far `bytes` is filled, from `source` to `copy`, which is the same memory as `bytes`.
  private var filled: Int
  private let source: UnsafeRawBufferPointer
  private let copy: UnsafeMutableRawBufferPointer

  init(_ bytes: UnsafeRawBufferPointer) {
    self.bytes = bytes
    filled = bytes.count
    source = bytes
    copy = UnsafeMutableRawBufferPointer(start: nil, count: 0)
  }

  /// Reads `source`, and leaves in `copy`, memory of the same length, what has been read.
  init(_ source: UnsafeRawBufferPointer, copiedTo copy: UnsafeMutableRawBufferPointer) {
    bytes = UnsafeRawBufferPointer(copy)
    filled = 0
    self.source = source
    self.copy = copy
  }

  var isAtEnd: Bool { offset == bytes.count }

  private static var tooShort: CorruptValue { CorruptValue("they end too early") }

  @inline(never)
  private mutating func fill(_ end: Int) {
    let end = min(max(end, filled + 4096), bytes.count)
    let part = UnsafeMutableRawBufferPointer(rebasing: copy[filled..<end])
    part.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[filled..<end]))
    filled = end
  }

  mutating func byte() throws -> UInt8 {
    guard offset < bytes.count else { throw Self.tooShort }
    if offset >= filled { fill(offset + 1) }
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
    try skip(count, fills: true)
  }

  /// Like `skip`, but the bytes are neither read nor copied, but for some at the beginning.
  mutating func skipUnread(_ count: UInt64) throws -> Range<Int> { try skip(count, fills: false) }

  private mutating func skip(_ count: UInt64, fills: Bool) throws -> Range<Int> {
    guard count <= UInt64(bytes.count - offset) else { throw Self.tooShort }
    let range = offset..<(offset + Int(count))
    if range.upperBound > filled {
      if fills { fill(range.upperBound) } else { filled = range.upperBound }
    }
    offset = range.upperBound
    return range
  }

  /// A length, and as many bytes.
  mutating func run() throws -> Range<Int> { try skip(try number()) }
}
