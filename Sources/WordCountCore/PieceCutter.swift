/// A part of a file that begins and ends between words.
public struct Piece: Sendable {
  /// Bytes of the file, in any case and with whatever stands between the words.
  var bytes: [UInt8]
  /// The key of the long word that ended at the start of this piece and began in an earlier one.
  var longWordKey: [UInt8]?
}

/// Cuts a stream of bytes into pieces so that no word straddles two of them.
///
/// The letters at the end of what was read may go on in what is read next, so they are held back and
/// put before it. A run of more than ``LongWord/limit`` letters is not held back: only its
/// ``LongWord`` is, so the memory is bounded whatever the stream.
struct PieceCutter {
  private let longWordLimit: Int
  private let points: FingerprintPoints
  /// Letters held back; none while a long word is under way.
  private var carry: [UInt8] = []
  private var longWord: LongWord?

  init(longWordLimit: Int = LongWord.limit, points: FingerprintPoints = .ofThisProcess) {
    self.longWordLimit = longWordLimit
    self.points = points
  }

  /// Cuts a piece from what was held back and up to `capacity` bytes more.
  ///
  /// - Parameter read: fills the buffer from its start and returns the number of bytes, 0 only at the
  ///   end of the stream.
  /// - Returns: a piece for each call, perhaps an empty one, so that whoever pulls from a stream without
  ///   an end gets to look up from time to time; nil when there is nothing left.
  mutating func nextPiece(
    capacity: Int, read: (UnsafeMutableBufferPointer<UInt8>) -> Int
  ) -> Piece? {
    let held = carry
    let bytes = [UInt8](unsafeUninitializedCapacity: held.count + capacity) { buffer, count in
      _ = buffer.update(fromContentsOf: held)
      count = held.count
      count += read(UnsafeMutableBufferPointer(rebasing: buffer[held.count...]))
    }
    guard bytes.count > held.count else { return finish() }
    var piece = Piece(bytes: bytes)
    carry = []
    continueLongWord(in: &piece)
    holdBackEnd(of: &piece)
    return piece
  }

  /// The last piece: what was held back.
  private mutating func finish() -> Piece? {
    if let longWord {
      self.longWord = nil
      return Piece(bytes: [], longWordKey: longWord.key)
    }
    guard !carry.isEmpty else { return nil }
    defer { carry = [] }
    return Piece(bytes: carry)
  }

  /// Gives the letters at the start of the piece to the long word under way, and ends it where
  /// something else follows.
  private mutating func continueLongWord(in piece: inout Piece) {
    guard var word = longWord else { return }
    longWord = nil
    let end = piece.bytes.firstIndex { !$0.isLetter } ?? piece.bytes.count
    piece.bytes.withUnsafeBufferPointer { word.append(UnsafeBufferPointer(rebasing: $0[..<end])) }
    if end < piece.bytes.count {
      piece.longWordKey = word.key
      piece.bytes.removeSubrange(..<end)
    } else {
      longWord = word
      piece.bytes = []
    }
  }

  /// Takes the letters at the end of the piece off it.
  private mutating func holdBackEnd(of piece: inout Piece) {
    let start = piece.bytes.lastIndex { !$0.isLetter }.map { $0 + 1 } ?? 0
    let length = piece.bytes.count - start
    guard length > 0 else { return }
    piece.bytes.withUnsafeBufferPointer { bytes in
      let letters = UnsafeBufferPointer(rebasing: bytes[start...])
      if length > longWordLimit {
        var word = LongWord(points: points)
        word.append(letters)
        longWord = word
      } else {
        carry = Array(letters)
      }
    }
    piece.bytes.removeLast(length)
  }
}
