import Glibc

/// How often each word occurred: a hash table from keys (see ``LongWord``) to counts.
///
/// Open addressing with linear probing over 8-byte slots of half a hash and an index; the words stand
/// one behind the other in one block of memory, in the order in which they came. A word is written to
/// the end of that block while it is lower-cased, then looked up, and stays there only if it is new:
/// each byte of the input is touched once.
///
/// The hash is seeded at random when the process starts, so nobody can choose words that collide.
struct WordTable: ~Copyable {
  /// How much a table may hold.
  struct Limits: Sendable {
    var words: Int
    var bytes: Int
    static let none = Limits(words: Int(Int32.max), bytes: Int(Int32.max))
  }

  private struct Entry {
    /// Where the word begins in `text`; it ends where the next one begins.
    var offset: UInt32
    var hash: UInt32
    var count: UInt64
  }

  /// Bytes behind each word that may be read, though they mean nothing.
  private static let slack = 8
  private static let seed = UInt64.random(in: .min ... .max)

  private let limits: Limits
  /// For the keys of long words.
  private let points: FingerprintPoints
  private var text: UnsafeMutablePointer<UInt8>
  private var textCapacity: Int
  private var textEnd = 0
  /// One more than there are words: the last tells where the last word ends.
  private var entries: UnsafeMutablePointer<Entry>
  private var entryCapacity: Int
  /// Hash in the upper half, index of the entry plus one in the lower; 0 is a free slot.
  private var slots: UnsafeMutablePointer<UInt64>
  private var slotMask: Int

  /// The number of different words.
  private(set) var wordCount = 0

  /// The number of bytes of all words together.
  var byteCount: Int { textEnd }

  init(limits: Limits = .none, points: FingerprintPoints = .ofThisProcess) {
    self.limits = limits
    self.points = points
    textCapacity = 1024
    text = resized(nil, to: textCapacity)
    entryCapacity = 256
    entries = resized(nil, to: entryCapacity)
    slotMask = 2 * entryCapacity - 1
    slots = resized(nil, to: slotMask + 1)
    slots.update(repeating: 0, count: slotMask + 1)
    entries[0] = Entry(offset: 0, hash: 0, count: 0)
  }

  deinit {
    free(text)
    free(entries)
    free(slots)
  }

  /// Counts the words in `bytes`, and those of more than `longWordLimit` letters under their long key.
  ///
  /// - Returns: the number of bytes that were counted: all, or up to the first word for which there is no
  ///   room within the limits.
  mutating func addWords(
    in bytes: UnsafeBufferPointer<UInt8>, longWordLimit: Int = LongWord.limit
  ) -> Int {
    guard let first = bytes.baseAddress else { return 0 }
    let end = first + bytes.count
    var next = first
    while true {
      while next < end, !next.pointee.isLetter { next += 1 }
      guard next < end else { return bytes.count }
      reserveText(end - next)
      let start = next
      let word = text + textEnd
      while next < end, next.pointee.isLetter {
        word[next - start] = next.pointee | 0x20
        next += 1
      }
      let length = next - start
      let isAdded =
        length <= longWordLimit
        ? addWordAtEnd(length: length, count: 1)
        : addLongWord(UnsafeBufferPointer(start: start, count: length))
      if !isAdded { return start - first }
    }
  }

  private mutating func addLongWord(_ letters: UnsafeBufferPointer<UInt8>) -> Bool {
    var word = LongWord(points: points)
    word.append(letters)
    return word.key.withUnsafeBufferPointer { add($0, count: 1) }
  }

  /// Adds `count` to the count of the word with this key.
  ///
  /// - Returns: false if the word is new and the table has no room for it within its limits; nothing has
  ///   changed then. An empty table takes any word.
  mutating func add(_ key: UnsafeBufferPointer<UInt8>, count: UInt64) -> Bool {
    guard let start = key.baseAddress, !key.isEmpty else { return true }
    reserveText(key.count)
    (text + textEnd).update(from: start, count: key.count)
    return addWordAtEnd(length: key.count, count: count)
  }

  /// Adds to the count of the word that stands behind the last one in `text`.
  @inline(__always)
  private mutating func addWordAtEnd(length: Int, count: UInt64) -> Bool {
    let word = text + textEnd
    let hash = Self.hash(word, length: length)
    var slot = Int(hash) & slotMask
    while slots[slot] != 0 {
      if UInt32(truncatingIfNeeded: slots[slot] >> 32) == hash {
        let index = Int(slots[slot] & 0xffff_ffff) - 1
        let offset = Int(entries[index].offset)
        if Int(entries[index + 1].offset) - offset == length, Self.equal(word, text + offset, length) {
          entries[index].count &+= count
          return true
        }
      }
      slot = (slot + 1) & slotMask
    }
    let hasRoom = wordCount < limits.words && textEnd + length <= limits.bytes
    guard hasRoom || wordCount == 0 else { return false }
    slots[slot] = UInt64(hash) << 32 | UInt64(wordCount + 1)
    entries[wordCount] = Entry(offset: UInt32(textEnd), hash: hash, count: count)
    textEnd += length
    wordCount += 1
    // The entry behind the last one tells where the last word ends.
    if wordCount == entryCapacity - 1 { growEntries() }
    entries[wordCount] = Entry(offset: UInt32(textEnd), hash: 0, count: 0)
    return true
  }

  private static func hash(_ word: UnsafePointer<UInt8>, length: Int) -> UInt32 {
    let raw = UnsafeRawPointer(word)
    var hash = seed ^ UInt64(length)
    var offset = 0
    while length - offset > 8 {
      hash = mix(hash ^ raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
      offset += 8
    }
    // The last one to eight bytes; what stands behind them is shifted out.
    let last = UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    hash = mix(hash ^ (last << UInt64(64 - 8 * (length - offset))))
    return UInt32(truncatingIfNeeded: hash)
  }

  /// Both halves of a 128-bit product, folded, as in wyhash.
  @inline(__always)
  private static func mix(_ value: UInt64) -> UInt64 {
    let product = value.multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
    return product.high ^ product.low
  }

  /// Compares eight bytes at a time; as with `hash`, what stands behind the words is shifted out.
  @inline(__always)
  private static func equal(_ a: UnsafePointer<UInt8>, _ b: UnsafePointer<UInt8>, _ length: Int) -> Bool {
    let (a, b) = (UnsafeRawPointer(a), UnsafeRawPointer(b))
    var offset = 0
    while length - offset > 8 {
      let (x, y) = (
        a.loadUnaligned(fromByteOffset: offset, as: UInt64.self),
        b.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
      )
      if x != y { return false }
      offset += 8
    }
    let x = UInt64(littleEndian: a.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    let y = UInt64(littleEndian: b.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    return (x ^ y) << UInt64(64 - 8 * (length - offset)) == 0
  }

  /// Forgets all words; keeps the memory.
  mutating func removeAll() {
    wordCount = 0
    textEnd = 0
    slots.update(repeating: 0, count: slotMask + 1)
    entries[0] = Entry(offset: 0, hash: 0, count: 0)
  }

  // MARK: Growing

  /// Makes room for `count` more bytes of text and the slack.
  @inline(__always)
  private mutating func reserveText(_ count: Int) {
    if textEnd + count + Self.slack > textCapacity { growText(by: count) }
  }

  private mutating func growText(by count: Int) {
    textCapacity = max(textCapacity * 2, textEnd + count + Self.slack)
    text = resized(text, to: textCapacity)
  }

  private mutating func growEntries() {
    entryCapacity *= 2
    entries = resized(entries, to: entryCapacity)
    slotMask = 2 * entryCapacity - 1
    free(slots)
    slots = resized(nil, to: slotMask + 1)
    slots.update(repeating: 0, count: slotMask + 1)
    for index in 0..<wordCount {
      var slot = Int(entries[index].hash) & slotMask
      while slots[slot] != 0 { slot = (slot + 1) & slotMask }
      slots[slot] = UInt64(entries[index].hash) << 32 | UInt64(index + 1)
    }
  }
}

extension WordTable {
  /// Calls `body` with each key and its count, in no particular order.
  func forEachWord(_ body: (UnsafeBufferPointer<UInt8>, UInt64) throws -> Void) rethrows {
    for index in 0..<wordCount { try body(key(at: index), entries[index].count) }
  }

  /// Calls `body` with each key that occurred less than `bound` times and its count, in the order of the
  /// keys' bytes.
  func forEachWordInOrder(
    below bound: UInt64 = .max, _ body: (UnsafeBufferPointer<UInt8>, UInt64) throws -> Void
  ) rethrows {
    // The first eight letters decide most comparisons without a look at the text.
    var order: [(leading: UInt64, index: UInt32)] = []
    order.reserveCapacity(wordCount)
    for index in 0..<wordCount where entries[index].count < bound {
      order.append((leadingBytes(of: key(at: index)), UInt32(index)))
    }
    order.sort { a, b in
      if a.leading != b.leading { return a.leading < b.leading }
      return compareBytes(key(at: Int(a.index)), key(at: Int(b.index))) < 0
    }
    for (_, index) in order { try body(key(at: Int(index)), entries[Int(index)].count) }
  }

  /// The least power of two for which the words that occur as often or more are at most a `fraction`th
  /// part of all words, and of their bytes.
  func frequencyBound(keepingOneIn fraction: Int) -> UInt64 {
    var words = [Int](repeating: 0, count: UInt64.bitWidth + 1)
    var bytes = words
    for index in 0..<wordCount {
      let width = UInt64.bitWidth - entries[index].count.leadingZeroBitCount
      words[width] += 1
      bytes[width] += key(at: index).count
    }
    var (keptWords, keptBytes) = (0, 0)
    for width in words.indices.reversed() {
      keptWords += words[width]
      keptBytes += bytes[width]
      if keptWords > wordCount / fraction || keptBytes > textEnd / fraction {
        return width < UInt64.bitWidth ? 1 << UInt64(width) : .max
      }
    }
    return 0
  }

  /// A table, with the limits of this one, of the words that occur at least `bound` times.
  func words(from bound: UInt64) -> WordTable {
    var table = WordTable(limits: limits, points: points)
    for index in 0..<wordCount where entries[index].count >= bound {
      _ = table.add(key(at: index), count: entries[index].count)
    }
    return table
  }

  private func key(at index: Int) -> UnsafeBufferPointer<UInt8> {
    let offset = Int(entries[index].offset)
    return UnsafeBufferPointer(start: text + offset, count: Int(entries[index + 1].offset) - offset)
  }
}

/// A block of `count` elements that begins with what the old block held, as far as it fits. Large blocks
/// are moved by remapping pages, so growing needs no second block of memory.
private func resized<Element: BitwiseCopyable>(
  _ old: UnsafeMutablePointer<Element>?, to count: Int
) -> UnsafeMutablePointer<Element> {
  guard let block = realloc(old, count * MemoryLayout<Element>.stride) else {
    fatalError("out of memory")
  }
  return block.bindMemory(to: Element.self, capacity: count)
}
