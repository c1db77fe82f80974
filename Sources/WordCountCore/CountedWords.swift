/// The words of one piece and how often each occurs in it: what travels from the counting workers to
/// the merging one.
///
/// A run of bytes in the form of ``WordRecord``, hardly longer than the piece, whereas the table that it
/// is made with takes several times that; up to a hundred of them may be waiting. A word may stand in it
/// more than once, if the piece has more different words than ``tableLimits``: then the table is
/// emptied in between, so that it stays within a processor's cache.
public struct CountedWords: Sendable, Codable {
  /// One less than the table can hold without growing further.
  static let tableLimits = WordTable.Limits(words: 4095, bytes: Int(Int32.max))

  private let records: [UInt8]

  /// Counts the words of `piece`.
  public init(_ piece: Piece) {
    self.init(piece, longWordLimit: LongWord.limit)
  }

  /// The words of records one behind the other.
  init(records: [UInt8]) {
    self.records = records
  }

  init(_ piece: Piece, longWordLimit: Int, tableLimits: WordTable.Limits = Self.tableLimits) {
    var table = WordTable(limits: tableLimits)
    var records: [UInt8] = []
    table.addWords(of: piece, longWordLimit: longWordLimit) { $0.moveWords(to: &records) }
    table.moveWords(to: &records)
    self.records = records
  }

  /// Takes the words of a table, which is empty afterwards.
  init(moving table: inout WordTable) {
    var records: [UInt8] = []
    table.moveWords(to: &records)
    self.records = records
  }

  /// Calls `body` with each key and its count.
  func forEachWord(_ body: (UnsafeBufferPointer<UInt8>, UInt64) throws -> Void) rethrows {
    try records.withUnsafeBufferPointer { records in
      var rest = records
      while let record = WordRecord.parse(&rest) { try body(record.key, record.count) }
    }
  }
}

extension WordTable {
  /// Counts the words of a piece. `makeRoom` is called, to empty the table, when the next one does not fit.
  mutating func addWords(
    of piece: Piece, longWordLimit: Int, makeRoom: (inout WordTable) throws -> Void
  ) rethrows {
    if let key = piece.longWordKey {
      while !key.withUnsafeBufferPointer({ add($0, count: 1) }) { try makeRoom(&self) }
    }
    try piece.bytes.withUnsafeBufferPointer { bytes in
      var rest = bytes
      while !rest.isEmpty {
        let counted = addWords(in: rest, longWordLimit: longWordLimit)
        rest = UnsafeBufferPointer(rebasing: rest[counted...])
        if !rest.isEmpty { try makeRoom(&self) }
      }
    }
  }

  /// Appends all words to the records, and forgets them.
  fileprivate mutating func moveWords(to records: inout [UInt8]) {
    records.reserveCapacity(records.count + byteCount + 2 * wordCount)
    forEachWord { WordRecord.append(key: $0, count: $1, to: &records) }
    removeAll()
  }
}

/// A key and a count as bytes: length of the key, key, count, the numbers in LEB128 (seven bits a byte,
/// lowest first, bit 7 set in all but the last).
struct WordRecord {
  /// The longest possible record.
  static let maximumLength = LongWord.limit + 20

  let key: UnsafeBufferPointer<UInt8>
  let count: UInt64

  static func append(key: UnsafeBufferPointer<UInt8>, count: UInt64, to bytes: inout [UInt8]) {
    append(UInt64(key.count), to: &bytes)
    bytes += key
    append(count, to: &bytes)
  }

  private static func append(_ number: UInt64, to bytes: inout [UInt8]) {
    var rest = number
    while rest > 0x7f {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  /// Takes the first record off `bytes`; nil, and nothing taken, if no whole record stands there.
  @inline(__always)
  static func parse(_ bytes: inout UnsafeBufferPointer<UInt8>) -> WordRecord? {
    var offset = 0
    guard let length = parseNumber(bytes, at: &offset), length <= UInt64(bytes.count - offset) else {
      return nil
    }
    let key = UnsafeBufferPointer(rebasing: bytes[offset..<offset + Int(length)])
    offset += Int(length)
    guard let count = parseNumber(bytes, at: &offset) else { return nil }
    bytes = UnsafeBufferPointer(rebasing: bytes[offset...])
    return WordRecord(key: key, count: count)
  }

  @inline(__always)
  private static func parseNumber(_ bytes: UnsafeBufferPointer<UInt8>, at offset: inout Int) -> UInt64? {
    var number: UInt64 = 0
    var shift: UInt64 = 0
    while offset < bytes.count, shift < 64 {
      let byte = bytes[offset]
      offset += 1
      number |= UInt64(byte & 0x7f) << shift
      if byte < 0x80 { return number }
      shift += 7
    }
    return nil
  }
}
