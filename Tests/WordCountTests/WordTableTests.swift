import Testing

@testable import WordCountCore

@Suite struct WordTableTests {
  private func counts(of text: String) -> Counts { counts(of: Array(text.utf8)) }

  private func counts(of bytes: [UInt8]) -> Counts {
    var table = WordTable()
    bytes.withUnsafeBufferPointer { _ = table.addWords(in: $0) }
    var counts: Counts = [:]
    table.forEachWord { counts[String(decoding: $0, as: UTF8.self)] = $1 }
    return counts
  }

  @Test func wordsAreRunsOfLettersLowerCased() {
    #expect(counts(of: "") == [:])
    #expect(counts(of: "  \n12") == [:])
    #expect(counts(of: "word") == ["word": 1])
    #expect(counts(of: "The the,THE;tHe") == ["the": 4])
    #expect(counts(of: "it's snake_case x86_64") == ["it": 1, "s": 1, "snake": 1, "case": 1, "x": 1])
  }

  @Test func everyByteButALetterSeparates() {
    for byte in UInt8.min...UInt8.max {
      let isLetter = (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
      let text = [UInt8(ascii: "a"), byte, UInt8(ascii: "b")]
      if isLetter {
        #expect(counts(of: text) == ["a\(Character(Unicode.Scalar(byte | 0x20)))b": 1])
      } else {
        #expect(counts(of: text) == ["a": 1, "b": 1], "byte \(byte)")
      }
    }
  }

  /// Words are hashed and compared eight letters at a time: their lengths around multiples of eight, and
  /// words that differ in one letter.
  @Test func wordsThatDifferInOneLetterAreDifferent() {
    for length in 1...40 {
      let word = [UInt8](repeating: UInt8(ascii: "a"), count: length)
      var text = word + [0]
      for position in 0..<length {
        var other = word
        other[position] = UInt8(ascii: "b")
        text += other + [0] + other + [0]
      }
      let counts = counts(of: text)
      #expect(counts.count == length + 1)
      #expect(counts[String(decoding: word, as: UTF8.self)] == 1)
      #expect(counts.values.filter { $0 == 2 }.count == length)
    }
  }

  @Test func growsWithManyWords() {
    withSeed { generator in
      var expected: Counts = [:]
      var text = ""
      for _ in 0..<50_000 {
        let length = Int.random(in: 1...12, using: &generator)
        let word = String((0..<length).map { _ in "abcdefghij".randomElement(using: &generator) ?? "a" })
        expected[word, default: 0] += 1
        text += word + "."
      }
      #expect(counts(of: text) == expected)
    }
  }

  @Test func limitsRefuseNewWordsOnly() {
    var table = WordTable(limits: WordTable.Limits(words: 2, bytes: 100))
    let accepted = ["one", "two", "three", "one"].map { table.add($0, 1) }
    #expect(accepted == [true, true, false, true])
    let wordCount = table.wordCount
    #expect(wordCount == 2)
  }

  @Test func emptyTableTakesAnyWord() {
    var table = WordTable(limits: WordTable.Limits(words: 100, bytes: 4))
    let accepted = ["longer", "a", "longer"].map { table.add($0, 1) }
    #expect(accepted == [true, false, true])
  }

  @Test func countingStopsAtTheWordThatHasNoRoom() {
    var table = WordTable(limits: WordTable.Limits(words: 2, bytes: 100))
    let counted = Array("a b a c d".utf8).withUnsafeBufferPointer { table.addWords(in: $0) }
    #expect(counted == 6)
    table.removeAll()
    let rest = Array("c d".utf8).withUnsafeBufferPointer { table.addWords(in: $0) }
    #expect(rest == 3)
    let wordCount = table.wordCount
    #expect(wordCount == 2)
  }

  @Test func wordsComeInOrder() {
    var table = WordTable()
    let words = ["b", "a", "aaaaaaaaa", "aaaaaaaa", "ab", "aaaaaaaab", "z"]
    for word in words { _ = table.add(word, 1) }
    var inOrder: [String] = []
    table.forEachWordInOrder { key, _ in inOrder.append(String(decoding: key, as: UTF8.self)) }
    #expect(inOrder == words.sorted())
  }

  @Test func boundKeepsTheMostFrequent() {
    var table = WordTable()
    for (index, letter) in "abcdefghijklmnop".enumerated() {
      _ = table.add(String(letter), 1 << UInt64(index))
    }
    let bound = table.frequencyBound(keepingOneIn: 8)
    #expect(bound == 1 << 14)
    let kept = table.words(from: bound).wordCount
    #expect(kept == 2)
    var below = 0
    table.forEachWordInOrder(below: bound) { _, _ in below += 1 }
    #expect(below == 14)
  }

  @Test func boundMayKeepNothing() {
    var table = WordTable()
    for word in ["a", "b", "c"] { _ = table.add(word, 5) }
    let bound = table.frequencyBound(keepingOneIn: 8)
    #expect(bound == 8)
    let kept = table.words(from: bound).wordCount
    #expect(kept == 0)
  }
}

extension WordTable {
  mutating func add(_ word: String, _ count: UInt64) -> Bool {
    Array(word.utf8).withUnsafeBufferPointer { add($0, count: count) }
  }
}
