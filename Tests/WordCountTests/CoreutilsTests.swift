import Foundation
import Testing

@testable import WordCountCore

/// The counts equal those of `LC_ALL=C tr -cs 'A-Za-z' '\n' | tr A-Z a-z | sort | uniq -c`.
@Suite struct CoreutilsTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func fill(using generator: inout SeededGenerator) throws {
    for number in 0..<10 {
      let size = Int.random(in: 0...5000, using: &generator)
      try folder.write("d\(number % 3)/f\(number)", randomText(bytes: size, using: &generator))
    }
    try folder.write("empty", "")
    try folder.write("no-letters", [0, 0xff, 10, 0x80])
    try folder.write("all-bytes", (0..<4).flatMap { _ in Array(UInt8.min...UInt8.max) })
    // Ends in a word, and the next file begins with one.
    try folder.write("ends-in-a-word", "one two")
    try folder.write("ends-in-a-word-too", "three four")
  }

  /// Every cut that there is: pieces of a few bytes.
  @Test(arguments: [1, 2, 3, 7, 64, PieceReader.pieceSize])
  func generatedFiles(pieceSize: Int) throws {
    try withSeed { generator in
      try fill(using: &generator)
      #expect(try count(folder.path, pieceSize: pieceSize) == countsByCoreutils(folder.path))
    }
  }

  /// Words beyond the length that is kept whole, at any place in a piece.
  @Test(arguments: [1, 2, 3, 7, 64], [1, 2, 5])
  func longWords(pieceSize: Int, longWordLimit: Int) throws {
    try withSeed { generator in
      try fill(using: &generator)
      let found = try count(folder.path, pieceSize: pieceSize, longWordLimit: longWordLimit)
      #expect(try found == countsByCoreutils(folder.path, longWordLimit: longWordLimit))
    }
  }

  @Test func wordsAroundTheLimitAndThePieceSize() throws {
    let limit = LongWord.limit
    var text = ""
    for length in [limit - 1, limit, limit + 1, 65_535, 65_536, 65_537, 200_000, 200_000] {
      text += String(repeating: "Abc", count: length / 3 + 1).prefix(length) + " short "
    }
    try folder.write("f", text)
    let found = try count(folder.path)
    #expect(try found == countsByCoreutils(folder.path))
    #expect(found["short"] == 8)
    #expect(found.first { $0.key.hasSuffix("(200000 letters)") }?.value == 2)
  }

  @Test func withSpilling() throws {
    try withSeed { generator in
      try fill(using: &generator)
      let tally = WordTally(folder: BytePath(folder.path), limits: .init(words: 50, bytes: 400), fanIn: 3)
      // The temporary files have no names: the walk does not meet them.
      #expect(try count(folder.path, tally: tally) == countsByCoreutils(folder.path))
    }
  }

  @Test func realFiles() throws {
    let linux = "/usr/include/linux"
    let root = FileManager.default.fileExists(atPath: linux) ? linux : "/usr/share/doc"
    #expect(try count(root) == countsByCoreutils(root))
    #expect(try count(root, pieceSize: 1000, longWordLimit: 6) == countsByCoreutils(root, longWordLimit: 6))
  }
}
