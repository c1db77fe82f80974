import Foundation
import Testing

@testable import WordCountCore

@Suite struct SpillTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func tally(words: Int, bytes: Int = 1 << 20, fanIn: Int = 64) -> WordTally {
    WordTally(folder: BytePath(folder.path), limits: .init(words: words, bytes: bytes), fanIn: fanIn)
  }

  private func counted(_ text: String) -> CountedWords {
    CountedWords(Piece(bytes: Array(text.utf8)))
  }

  @Test func nothingCounted() throws {
    let summary = try tally(words: 1).summary(top: 5)
    #expect(summary.words.isEmpty)
    #expect(summary.totalWords == 0)
    #expect(summary.distinctWords == 0)
    #expect(!summary.isPartial)
  }

  /// The same counts with every number of runs and passes, and nothing left in the folder.
  @Test(arguments: [1, 2, 3, 10, 100, 1000], [2, 3, 64])
  func countsAreThoseWithoutSpilling(words: Int, fanIn: Int) throws {
    try withSeed { generator in
      let tally = tally(words: words, fanIn: fanIn)
      var expected: Counts = [:]
      for _ in 0..<20 {
        // Some words often, many once.
        let drawn = (0..<60).map { _ in
          let number =
            Int.random(in: 0..<2, using: &generator) == 0
            ? Int.random(in: 0..<5, using: &generator) : Int.random(in: 0..<400, using: &generator)
          return String(
            String(number).map {
              "abcdefghij"[String.Index(utf16Offset: $0.wholeNumberValue ?? 0, in: "abcdefghij")]
            })
        }
        for word in drawn { expected[word, default: 0] += 1 }
        try tally.add(counted(drawn.joined(separator: " ")))
      }
      #expect(counts(try tally.summary(top: .max)) == expected)
      // It can be asked again.
      #expect(counts(try tally.summary(top: .max)) == expected)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [])
    }
  }

  /// A piece with more different words than the counting workers' tables hold.
  @Test(arguments: [1, 2, 7])
  func tablesOfPiecesAreLimited(words: Int) throws {
    let text = String(repeating: "a b c d e f a g h b ", count: 10)
    let tally = tally(words: 1000)
    let limits = WordTable.Limits(words: words, bytes: 100)
    for key in [nil, Array("first".utf8)] {
      let piece = Piece(bytes: Array(text.utf8), longWordKey: key)
      try tally.add(CountedWords(piece, longWordLimit: LongWord.limit, tableLimits: limits))
    }
    let once: Counts = ["a": 20, "b": 20, "c": 10, "d": 10, "e": 10, "f": 10, "g": 10, "h": 10]
    #expect(counts(try tally.summary(top: .max)) == once.mapValues { 2 * $0 }.merging(["first": 1]) { $1 })
  }

  @Test func bytesAreLimitedToo() throws {
    let tally = tally(words: 1000, bytes: 64)
    let words = (0..<40).map { String(repeating: "x", count: $0 + 1) }
    for _ in 0..<3 { try tally.add(counted(words.joined(separator: "-"))) }
    #expect(counts(try tally.summary(top: .max)) == Counts(uniqueKeysWithValues: words.map { ($0, 3) }))
  }

  @Test func countsGoThroughFilesWhole() throws {
    let tally = tally(words: 1)
    var expected: Counts = [:]
    for shift in 0..<40 {
      let word = "w" + String(repeating: "x", count: shift)
      expected[word] = (1 << UInt64(shift)) + 1
    }
    for (word, count) in expected {
      var records: [UInt8] = []
      Array(word.utf8).withUnsafeBufferPointer { WordRecord.append(key: $0, count: count, to: &records) }
      try tally.add(CountedWords(records: records))
    }
    #expect(counts(try tally.summary(top: .max)) == expected)
  }

  @Test func frequentWordsStayInMemory() throws {
    let tally = tally(words: 64)
    for number in 0..<500 {
      let rare = String(
        String(number).map {
          $0 == "0" ? "z" : Character(Unicode.Scalar(96 + UInt8($0.wholeNumberValue ?? 0)))
        })
      try tally.add(counted("the the the \(rare)"))
    }
    let inMemory = tally.summaryInMemory(top: 1)
    #expect(inMemory.isPartial)
    #expect(inMemory.words == [.init(text: "the", count: 1500)])
    #expect(inMemory.totalWords == 2000)
  }

  @Test func stopEndsMergesAndWrites() throws {
    let tally = tally(words: 2)
    try tally.add(counted("a b c d"))
    tally.stop()
    #expect(throws: CancellationError.self) { try tally.add(counted("e f g h")) }
    #expect(throws: CancellationError.self) { _ = try tally.summary(top: 3) }
    #expect(tally.summaryInMemory(top: 3).isPartial)
  }

  @Test func stopDoesNotHinderWhatFitsInMemory() throws {
    let tally = tally(words: 100)
    tally.stop()
    try tally.add(counted("a b a"))
    #expect(try tally.summary(top: 1).words == [.init(text: "a", count: 2)])
  }

  @Test func missingTemporaryFolderIsAnError() throws {
    let tally = WordTally(folder: BytePath("/nowhere"), limits: .init(words: 1, bytes: 100), fanIn: 2)
    let error = #expect(throws: SpillError.self) { try tally.add(counted("a b")) }
    #expect(error?.description == "cannot make a temporary file in /nowhere: No such file or directory")
  }

  @Test func fullDiskIsAnError() throws {
    // Writing to /dev/full fails as on a full disk.
    let error = SpillError("write a temporary file", in: BytePath("/tmp"), errorNumber: ENOSPC)
    #expect(
      error.description == "cannot write a temporary file in /tmp: No space left on device; "
        + "set TMPDIR to a folder with more room")
  }

  @Test func runsReadBackWhatWasWritten() throws {
    // Records around the size of the buffer, so that some straddle its end.
    let words = (0..<400).map { number in String(repeating: "x", count: 1000) + String(format: "%04d", number)
    }
    let run = try SpillRun(in: BytePath(folder.path)) { writer in
      for word in words {
        try Array(word.utf8).withUnsafeBufferPointer { try writer.append(key: $0, count: 7) }
      }
    }
    #expect(run.wordCount == 400)
    for _ in 0..<2 {
      let reader = SpillRun.Reader(run)
      var found: [String] = []
      try reader.advance()
      while let record = reader.record {
        #expect(record.count == 7)
        found.append(String(decoding: record.key, as: UTF8.self))
        try reader.advance()
      }
      #expect(found == words)
    }
  }
}

@Suite struct TopWordsTests {
  private func top(_ limit: Int, _ words: [(String, UInt64)]) -> [String] {
    var top = TopWords(limit: limit)
    for (word, count) in words {
      Array(word.utf8).withUnsafeBufferPointer { top.consider(key: $0, count: count) }
    }
    return top.sorted().map(\.text)
  }

  @Test func mostFrequentFirstTiesByAlphabet() {
    let words: [(String, UInt64)] = [("b", 2), ("a", 2), ("c", 3), ("ab", 2), ("d", 1)]
    #expect(top(5, words) == ["c", "a", "ab", "b", "d"])
    #expect(top(3, words) == ["c", "a", "ab"])
    #expect(top(1, words) == ["c"])
    #expect(top(0, words) == [])
  }

  @Test func orderOfArrivalDoesNotMatter() {
    withSeed { generator in
      let words = (0..<200).map { ("w\($0)", UInt64.random(in: 0..<20, using: &generator)) }
      let expected = words.sorted { $0.1 != $1.1 ? $0.1 > $1.1 : $0.0 < $1.0 }.map(\.0)
      for limit in [1, 7, 100, 200, 300] {
        #expect(top(limit, words.shuffled(using: &generator)) == Array(expected.prefix(limit)))
      }
    }
  }
}

@Suite struct WordRecordTests {
  @Test func damagedRecordsAreNotParsed() {
    for bytes: [UInt8] in [
      [], [1], [2, 97], [1, 97], [1, 97, 0x80], [0xff, 0xff, 0xff], Array(repeating: 0xff, count: 30),
    ] {
      bytes.withUnsafeBufferPointer {
        var rest = $0
        #expect(WordRecord.parse(&rest) == nil)
        #expect(rest.count == bytes.count)
      }
    }
  }
}
