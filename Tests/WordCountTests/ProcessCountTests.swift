import Foundation
import Testing

@testable import WordCountCore

/// Counting in worker processes: ranges of files instead of pieces, and the program with `--processes`.
@Suite struct ProcessCountTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// Counts what ranges of this size hold, in this process.
  private func countByRanges(
    _ root: String, rangeSize: Int, longWordLimit: Int = LongWord.limit
  ) throws -> (counts: Counts, bytesRead: Int, failures: [ReadFailure]) {
    let failures = Failures()
    let tally = WordTally()
    var bytesRead = 0
    let counting = CountRange(longWordLimit: longWordLimit)
    for file in FolderWalk(BytePath(root), log: failures.log()) {
      for range in FileRanges(file, rangeSize: rangeSize, log: failures.log()) {
        try counting.count(range) { part in
          bytesRead += part.bytesRead
          if let failure = part.failure { failures.log().didFail(failure) }
          try tally.add(part.words)
        }
      }
    }
    return (try counts(tally.summary(top: .max)), bytesRead, failures.all)
  }

  private func wordcount(_ arguments: String...) throws -> Subprocess {
    try Subprocess.run(Program.path, arguments)
  }

  // MARK: Ranges

  @Test func rangesOfAnySizeGiveTheSameCounts() throws {
    try withSeed { generator in
      for _ in 0..<60 {
        let text = randomText(bytes: Int.random(in: 0...400, using: &generator), using: &generator)
        let file = try folder.write("f", text)
        let limit = Int.random(in: 1...8, using: &generator)
        let expected = try count(file, longWordLimit: limit)
        for rangeSize in [1, 2, 3, Int.random(in: 4...100, using: &generator), 400, 401] {
          let result = try countByRanges(file, rangeSize: rangeSize, longWordLimit: limit)
          #expect(result.counts == expected, "range size \(rangeSize), long word limit \(limit)")
          #expect(result.bytesRead == text.count, "range size \(rangeSize)")
          #expect(result.failures.isEmpty)
        }
      }
    }
  }

  @Test func rangesInsideOneWord() throws {
    let word = String(repeating: "x", count: 5_000)
    let file = try folder.write("f", "a \(word) b")
    for rangeSize in [1, 7, 300, 4_999, 5_004] {
      let result = try countByRanges(file, rangeSize: rangeSize)
      #expect(result.counts == ["a": 1, "b": 1, "\(word.prefix(64))… (5000 letters)": 1])
    }
  }

  @Test func tablesAreBounded() throws {
    let words = (0..<30_000).map {
      "word"
        + String($0).map { String(Character(Unicode.Scalar(97 + UInt8($0.wholeNumberValue ?? 0)))) }.joined()
    }
    let file = try folder.write("f", words.joined(separator: " "))
    var tables = 0
    for range in FileRanges(FoundFile(path: BytePath(file)), log: ReadLog { _ in }) {
      try CountRange().count(range) { part in
        tables += 1
        var (words, bytes) = (0, 0)
        part.words.forEachWord { key, _ in
          words += 1
          bytes += key.count
        }
        #expect(words <= CountRange.tableLimits.words)
        #expect(bytes <= CountRange.tableLimits.bytes)
      }
    }
    #expect(tables >= 30_000 / CountRange.tableLimits.words)
    #expect(try countByRanges(file, rangeSize: 1 << 20).counts.count == 30_000)
  }

  @Test func fileThatHasGoneOrShrunk() throws {
    let file = try folder.write("f", String(repeating: "word ", count: 100))
    let ranges = Array(
      FileRanges(FoundFile(path: BytePath(file)), rangeSize: 200, log: ReadLog { _ in }))
    #expect(ranges.map(\.start) == [0, 200, 400])
    #expect(ranges.map(\.end) == [200, 400, nil])

    func failures() throws -> [ReadFailure] {
      var failures: [ReadFailure] = []
      for range in ranges {
        try CountRange().count(range) { if let failure = $0.failure { failures.append(failure) } }
      }
      return failures
    }
    try #require(truncate(file, 250) == 0)
    #expect(try failures().map(\.reason) == ["Became shorter while it was read"])
    try #require(unlink(file) == 0)
    #expect(try failures().map(\.reason) == Array(repeating: "No such file or directory", count: 3))
  }

  @Test func descriptionsSurviveCoding() throws {
    let path = BytePath("/tmp").appending([0xFF, 0x0A, 0x41])
    let range = FileRange(
      file: FoundFile(path: path, isRoot: true), start: 3, end: nil, fileSize: 1 << 40)
    let copy = try JSONDecoder().decode(FileRange.self, from: JSONEncoder().encode(range))
    #expect(copy == range)
    // A NUL ends a path, wherever it comes from.
    let cut = try JSONDecoder().decode(BytePath.self, from: Data("[47,97,0,98]".utf8))
    #expect(cut == BytePath("/a"))
  }

  // MARK: The program

  /// Files of many kinds: empty and small ones, some of several ranges, words across their ends, and a long word
  /// in several files, which different processes find.
  private func writeFiles(using generator: inout SeededGenerator) throws {
    for number in 0..<40 {
      let size = Int.random(in: 0...20_000, using: &generator)
      try folder.write("d\(number % 5)/f\(number)", randomText(bytes: size, using: &generator))
    }
    let long = String(repeating: "Long", count: 2_000)
    for number in 0..<12 { try folder.write("long\(number)", "before \(long) after") }
    let size = FileRanges.rangeSize
    for offset in 0...6 {
      let blanks = String(repeating: " ", count: size - offset)
      try folder.write("cut\(offset)", blanks + "straddle" + blanks + "end")
    }
    try folder.write("large", randomText(bytes: 3 * size + 5, using: &generator))
    try folder.write("one word", String(repeating: "z", count: 2 * size + 1))
  }

  @Test func countsEqualThoseWithoutProcesses() throws {
    try withSeed { generator in
      try writeFiles(using: &generator)
      let expected = try wordcount("--top", "10000", folder.path)
      let words = try Program.parse(expected.output).words
      #expect(words["straddle"] == 7)
      #expect(words["\(String(repeating: "long", count: 16))… (8000 letters)"] == 12)
      for processes in [1, 2, 5] {
        let run = try wordcount("--processes", "\(processes)", "--top", "10000", folder.path)
        #expect(run.status == 0)
        #expect(run.error == "")
        let (found, stages) = try Program.parse(run.output)
        #expect(found == words, "\(processes) processes")
        #expect(stages.map(\.first) == ["stage", "walk", "divide", "count", "merge"])
        #expect(stages[3][1] == "\(processes)")
      }
    }
  }

  @Test func inThisProcessToo() throws {
    try withSeed { generator in
      try writeFiles(using: &generator)
      let wordCount = WordCount(top: .max, counters: .processes(3)) { failure in
        Issue.record("\(failure)")
      }
      let summary = try wordCount.pipeline.run(BytePath(folder.path)) { Array($0) }
      #expect(summary.count == 1)
      #expect(try summary.first.map(counts) == count(folder.path))
    }
  }

  @Test func emptyFolderHasNoWords() throws {
    let run = try wordcount("--processes", "2", folder.path)
    #expect(run.status == 0)
    #expect(run.output.hasPrefix("\nstage "))
  }

  @Test func whatCannotBeReadIsNamedAndCounted() throws {
    _ = try DeepTree(in: folder)
    try folder.write("other", "other")
    let expected = try wordcount(folder.path)
    let run = try wordcount("--processes", "2", folder.path)
    #expect(run.status == 0)
    #expect(try Program.parse(run.output).words == ["shallow": 1, "other": 1])
    #expect(run.error == expected.error)
    // It can be opened: the process that reads it finds out.
    let unreadable = try wordcount("--processes", "2", "/proc/self/mem")
    #expect(unreadable.status == 0)
    #expect(
      unreadable.error == """
        wordcount: cannot read /proc/self/mem: Input/output error
        wordcount: files or folders that could not be read: 1

        """)
  }

  @Test(
    arguments: [["--processes", "0"], ["--processes", "65"], ["--processes", "2", "--workers", "2"]])
  func wrongArguments(arguments: [String]) throws {
    let run = try Subprocess.run(Program.path, arguments)
    #expect(run.status == 64)
    #expect(run.output == "")
    #expect(run.error.contains("Usage: wordcount"))
  }

  @Test func interruptPrintsWhatThereIs() throws {
    try folder.writeEndless("early words, early enough ")
    let running = try Subprocess.Running(
      Program.path, ["--progress", "always", "--processes", "2", folder.path])
    try Program.waitUntilBusy(running)
    running.send(signal: SIGINT)
    let run = running.wait()
    #expect(run.status == 130)
    #expect(!run.wasKilled)
    let (words, stages) = try Program.parse(run.output)
    #expect(words == ["early": 2, "words": 1, "enough": 1])
    #expect(stages.count == 5)
    #expect(run.error.hasSuffix("wordcount: interrupted: this is what was counted until then\n"))
    #expect(!run.error.contains("could not be counted"))
  }

  @Test func rangeThatKillsItsProcessIsNamedAndCounted() throws {
    try folder.writeEndless("early words, early enough ")
    let running = try Subprocess.Running(
      Program.path, ["--progress", "always", "--processes", "2", folder.path])
    try Program.waitUntilBusy(running)
    // Now and then one may be killed between two ranges, which costs none.
    for _ in 0..<5 {
      for child in running.children { kill(child, SIGKILL) }
      usleep(200_000)
    }
    #expect(running.isRunning)
    running.send(signal: SIGINT)
    let run = running.wait()
    #expect(run.status == 130)
    #expect(try Program.parse(run.output).words["early"] == 2)
    #expect(
      run.error.contains("a worker process was ended by signal 9, at the item \(folder.path)/endless, bytes"))
    #expect(run.error.contains("wordcount: parts of files that could not be counted: "))
  }
}
