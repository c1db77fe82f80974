import Testing

@testable import WordCountCore

@Suite struct TextTests {
  @Test func wordsAreAlignedAsUniqDoes() {
    let words: [WordSummary.Word] = [.init(text: "the", count: 12), .init(text: "a", count: 3)]
    #expect(TextTable.words(words) == "     12 the\n      3 a\n")
    #expect(TextTable.words([.init(text: "the", count: 12_345_678)]) == "12345678 the\n")
    #expect(TextTable.words([]) == "")
  }

  @Test func stageTable() {
    let rows = [
      StageRow(
        name: "walk", workers: 1, itemsIn: 1, itemsOut: 1000, busySeconds: 0.5, peakQueueLength: 64,
        elapsedSeconds: 2),
      StageRow(
        name: "count words", workers: 2, itemsIn: 1000, itemsOut: 0, busySeconds: 3, peakQueueLength: 0,
        elapsedSeconds: 2),
    ]
    #expect(
      TextTable.stages(rows) == """
        stage        workers    in   out   busy  peak queue  items/s
        walk               1     1  1000  25.0%          64      500
        count words        2  1000     0  75.0%           0      500

        """)
  }

  @Test func runThatTookNoTime() {
    let row = StageRow(
      name: "s", workers: 0, itemsIn: 1, itemsOut: 1, busySeconds: 0, peakQueueLength: 0, elapsedSeconds: 0)
    #expect(row.busyShare == 0)
    #expect(row.itemsPerSecond == 0)
  }

  @Test func decimals() {
    #expect(TextTable.oneDecimal(0) == "0.0")
    #expect(TextTable.oneDecimal(1.25) == "1.3")
    #expect(TextTable.oneDecimal(99.96) == "100.0")
    #expect(TextTable.oneDecimal(.nan) == "0.0")
    #expect(TextTable.oneDecimal(.infinity) == "0.0")
  }

  @Test func pathsAreShownWithoutControlCharacters() {
    #expect(BytePath("/a b/ü").description == "/a b/ü")
    #expect(BytePath("/a\u{1B}[2J\n").description == "/a\\u{1B}[2J\\u{A}")
    #expect(BytePath("/").appending([0xff]).description == "/\u{FFFD}")
    #expect(BytePath("a\0b") == BytePath("a"))
    #expect(BytePath("/x").appending("y".utf8) == BytePath("/x/y"))
    #expect(BytePath("").withCString { $0.pointee } == 0)
  }
}
