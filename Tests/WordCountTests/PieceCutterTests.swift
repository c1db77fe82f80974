import Testing

@testable import WordCountCore

@Suite struct PieceCutterTests {
  /// Cuts `text`, handed over in parts of the given sizes (the last one repeats).
  private func cut(_ text: [UInt8], sizes: [Int], longWordLimit: Int = LongWord.limit) -> [Piece] {
    var cutter = PieceCutter(longWordLimit: longWordLimit)
    var rest = text[...]
    var reads = 0
    var pieces: [Piece] = []
    while true {
      let size = sizes[min(reads, sizes.count - 1)]
      reads += 1
      let piece = cutter.nextPiece(capacity: size) { buffer in
        let part = rest.prefix(buffer.count)
        _ = buffer.update(fromContentsOf: part)
        rest = rest.dropFirst(part.count)
        return part.count
      }
      guard let piece else { return pieces }
      pieces.append(piece)
    }
  }

  private func cut(_ text: String, sizes: [Int], longWordLimit: Int = LongWord.limit) -> [String] {
    cut(Array(text.utf8), sizes: sizes, longWordLimit: longWordLimit).map {
      String(decoding: $0.bytes, as: UTF8.self)
    }
  }

  @Test func nothingGivesNothing() {
    #expect(cut("", sizes: [4]) == [])
  }

  @Test func lettersAtTheEndGoToTheNextPiece() {
    #expect(cut("one two three", sizes: [5]) == ["one ", "two ", "", "three"])
    #expect(cut("one two ", sizes: [4]) == ["one ", "two "])
    #expect(cut("abcdef", sizes: [2]) == ["", "", "", "abcdef"])
  }

  @Test func aPieceForEachRead() {
    #expect(cut("aaaaaaaaaaaaaaaa", sizes: [2], longWordLimit: 3).count == 9)
  }

  @Test func longWordsAreNotHeldBack() throws {
    let text = [UInt8](repeating: UInt8(ascii: "A"), count: 1000)
    let pieces = cut(text + Array(" b".utf8), sizes: [10], longWordLimit: 20)
    #expect(pieces.allSatisfy { $0.bytes.count <= 30 })
    let keys = pieces.compactMap(\.longWordKey)
    #expect(keys.count == 1)
    let shown = try #require(keys.first.map { LongWord.text(ofKey: $0) })
    #expect(shown == String(repeating: "a", count: 64) + "… (1000 letters)")
  }

  @Test func longWordAtTheEndIsCounted() {
    let pieces = cut([UInt8](repeating: UInt8(ascii: "a"), count: 100), sizes: [7], longWordLimit: 8)
    #expect(pieces.compactMap(\.longWordKey).count == 1)
    #expect(pieces.allSatisfy { $0.bytes.isEmpty })
  }

  /// The same word has the same key wherever the cuts fall, also when there is none.
  @Test func longWordsHaveTheSameKeyHoweverCut() throws {
    let word = Array("abcdefghijklmnopqrstuvwxyz".utf8)
    let text = word + [0x20] + word.map { $0 & ~0x20 } + [0x20] + word
    for size in 1...80 {
      var table = WordTable()
      for piece in cut(text, sizes: [size], longWordLimit: 5) {
        piece.bytes.withUnsafeBufferPointer { _ = table.addWords(in: $0, longWordLimit: 5) }
        piece.longWordKey?.withUnsafeBufferPointer { _ = table.add($0, count: 1) }
      }
      let wordCount = table.wordCount
      #expect(wordCount == 1, "pieces of \(size)")
      table.forEachWord { _, count in #expect(count == 3, "pieces of \(size)") }
    }
  }

  /// Joined again, the pieces are the text; each cut stands behind a byte that is no letter.
  @Test func piecesAreTheTextCutBetweenWords() {
    withSeed { generator in
      for _ in 0..<200 {
        let text = randomText(bytes: .random(in: 0...400, using: &generator), using: &generator)
        let sizes = (0..<5).map { _ in Int.random(in: 1...50, using: &generator) }
        let pieces = cut(text, sizes: sizes)
        #expect(pieces.flatMap(\.bytes) == text)
        for piece in pieces.dropLast() where !piece.bytes.isEmpty {
          #expect(piece.bytes.last.map { !$0.isLetter } == true)
        }
      }
    }
  }
}

@Suite struct LongWordTests {
  private func key(_ word: String, parts: [Int] = []) -> [UInt8] {
    var long = LongWord()
    var rest = Array(word.utf8)[...]
    for part in parts + [rest.count] {
      Array(rest.prefix(part)).withUnsafeBufferPointer { long.append($0) }
      rest = rest.dropFirst(part)
    }
    return long.key
  }

  @Test func partsDoNotMatter() {
    let word = String(repeating: "abcXYZ", count: 50)
    let whole = key(word)
    #expect(key(word, parts: [1, 2, 3, 63, 64, 65]) == whole)
    #expect(key(word.lowercased(), parts: [0, 64]) == whole)
    #expect(whole.count == 64 + 1 + 24)
  }

  @Test func otherWordsHaveOtherKeys() {
    let word = String(repeating: "a", count: 300)
    var keys: Set<[UInt8]> = [key(word), key(word + "a")]
    for position in 0..<300 {
      var letters = Array(word)
      letters[position] = "b"
      keys.insert(key(String(letters)))
    }
    #expect(keys.count == 302)
  }

  @Test func keysOrderByLengthBehindTheWordsThatTheyBeginWith() {
    let short = String(repeating: "a", count: 64)
    let keys = [Array(short.utf8), key(short + "z"), key(short + "bc"), Array((short + "a").utf8)]
    let sorted = keys.sorted { $0.lexicographicallyPrecedes($1) }
    #expect(sorted == [keys[0], keys[3], keys[1], keys[2]])
  }
}
