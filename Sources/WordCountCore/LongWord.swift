/// How words stand in the tables, in pieces and in spill files: as *keys*, runs of bytes in which
/// equal words have equal keys and the order of bytes is that of the alphabet.
///
/// The key of a word of at most ``LongWord/limit`` letters is its lower-cased letters. A longer one
/// (a file may hold a gigabyte of letters without a break) has a key of fixed size instead:
///
///     first 64 letters | '{' | number of letters, 8 bytes | fingerprint, 16 bytes
///
/// `{` follows `z` in ASCII, so no key of the first form equals one of the second. Two long words
/// are taken for the same when length, first letters and fingerprint agree.
///
/// The fingerprint is a pair of Rabin–Karp hashes (R. Karp, M. Rabin: *Efficient randomized
/// pattern-matching algorithms*, 1987): the letters as coefficients of a polynomial modulo the prime
/// 2^61 − 1, evaluated at two random points, see ``FingerprintPoints``. Two different words of
/// n letters collide with a probability below (n / 2^60)², also where somebody chose them to collide,
/// because the points are not known beforehand. It is fed letter by letter, so a word may come in any
/// number of parts.
struct LongWord {
  /// The greatest number of letters of a word that is kept whole.
  static let limit = 4096
  /// The letters of a longer word that its key begins with.
  static let prefixLength = 64

  private static let separator = UInt8(ascii: "{")
  fileprivate static let modulus: UInt64 = (1 << 61) - 1

  private let points: FingerprintPoints
  private var prefix: [UInt8] = []
  private var length: UInt64 = 0
  private var hash: (UInt64, UInt64) = (0, 0)

  init(points: FingerprintPoints = .ofThisProcess) {
    self.points = points
    prefix.reserveCapacity(Self.prefixLength)
  }

  /// Adds the next letters of the word, in either case.
  mutating func append(_ letters: UnsafeBufferPointer<UInt8>) {
    let points = points
    var (first, second) = hash
    for byte in letters {
      let letter = byte | 0x20
      first = Self.step(first, at: points.first, letter)
      second = Self.step(second, at: points.second, letter)
    }
    hash = (first, second)
    let missing = Self.prefixLength - prefix.count
    if missing > 0 { prefix += letters.prefix(missing).map { $0 | 0x20 } }
    length += UInt64(letters.count)
  }

  /// hash · point + letter, modulo 2^61 − 1.
  @inline(__always)
  private static func step(_ hash: UInt64, at point: UInt64, _ letter: UInt8) -> UInt64 {
    let product = hash.multipliedFullWidth(by: point)
    // 2^61 is 1 modulo the prime: the bits above count like those below.
    let folded = (product.low & modulus) &+ (product.high << 3 | product.low >> 61) &+ UInt64(letter)
    let once = (folded & modulus) &+ (folded >> 61)
    return once >= modulus ? once &- modulus : once
  }

  /// The key of the word whose letters have been added.
  var key: [UInt8] {
    var key = prefix
    key.append(Self.separator)
    for number in [length, hash.0, hash.1] {
      withUnsafeBytes(of: number.bigEndian) { key += $0 }
    }
    return key
  }

  /// The word that a key stands for, as it is printed: whole, or as `abc… (5000 letters)`.
  static func text(ofKey key: some Collection<UInt8>) -> String {
    guard let separator = key.firstIndex(of: separator) else {
      return String(decoding: key, as: UTF8.self)
    }
    let digits = key[key.index(after: separator)...].prefix(8)
    let length = digits.reduce(0) { ($0 as UInt64) << 8 | UInt64($1) }
    return String(decoding: key[..<separator], as: UTF8.self) + "… (\(length) letters)"
  }
}

/// Where the polynomials of long words are evaluated: drawn at random when the process starts, so that nobody can
/// choose words that collide.
///
/// Keys can be compared if they were made with the same points: a process that counts for another uses that one's.
struct FingerprintPoints: Codable, Sendable, Hashable {
  static let ofThisProcess = Self(
    first: .random(in: 256..<LongWord.modulus), second: .random(in: 256..<LongWord.modulus))

  let first: UInt64
  let second: UInt64
}

extension UInt8 {
  /// Whether the byte is one of `A` to `Z` or `a` to `z`. Setting bit 5 lower-cases a letter, and
  /// takes no other byte into the range.
  @inline(__always)
  var isLetter: Bool { (self | 0x20) &- 0x61 < 26 }
}
