import Foundation
import Testing

@testable import WordCountCore

/// The program as its users run it: arguments, streams, exit statuses, signals.
@Suite struct ProgramTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func wordcount(_ arguments: String...) throws -> Subprocess {
    try Subprocess.run(Program.path, arguments)
  }

  // MARK: Counting

  @Test func countsEqualThoseOfCoreutils() throws {
    try withSeed { generator in
      for number in 0..<30 {
        let size = Int.random(in: 0...100_000, using: &generator)
        try folder.write("d\(number % 7)/f\(number)", randomText(bytes: size, using: &generator))
      }
      var expected = try countsByCoreutils(folder.path)
      let run = try wordcount("--top", "10000", folder.path)
      #expect(run.status == 0)
      #expect(run.error == "")
      let (words, _) = try Program.parse(run.output)
      if expected.count > 10_000 {
        let least = words.values.min() ?? 0
        #expect(words.count == 10_000)
        expected = expected.filter { $0.value > least || words[$0.key] != nil }
      }
      #expect(words == expected)
    }
  }

  @Test func wordThatStraddlesTwoPieces() throws {
    for offset in 0...6 {
      let blanks = String(repeating: " ", count: PieceReader.pieceSize - offset)
      try folder.write("f\(offset)", blanks + "straddle" + blanks + "end")
    }
    let run = try wordcount(folder.path)
    #expect(try Program.parse(run.output).words == ["straddle": 7, "end": 7])
  }

  @Test func printsTheTwentyMostFrequent() throws {
    let words = (0..<26).map {
      String(repeating: "\(Character(Unicode.Scalar(97 + UInt8($0)))) ", count: 30 - $0)
    }
    try folder.write("f", words.joined())
    let run = try wordcount(folder.path)
    let lines = run.output.split(separator: "\n")
    #expect(lines.first == "     30 a")
    #expect(lines.dropFirst(19).first == "     11 t")
    #expect(try Program.parse(run.output).words.count == 20)
    #expect(
      try Program.parse(wordcount("--top", "3", folder.path).output).words == ["a": 30, "b": 29, "c": 28])
  }

  @Test func emptyFolderHasNoWords() throws {
    let run = try wordcount(folder.path)
    #expect(run.status == 0)
    #expect(run.output.hasPrefix("\nstage "))
  }

  @Test func inputMayBeOneFile() throws {
    let file = try folder.write("-f", "one two one")
    try folder.write("other", "three")
    #expect(try Program.parse(wordcount(file).output).words == ["one": 2, "two": 1])
  }

  @Test(arguments: [1, 3, 64]) func anyNumberOfWorkers(workers: Int) throws {
    for number in 0..<50 { try folder.write("f\(number)", "every file has these words") }
    let run = try wordcount("--workers", "\(workers)", folder.path)
    let (words, stages) = try Program.parse(run.output)
    #expect(words == ["every": 50, "file": 50, "has": 50, "these": 50, "words": 50])
    #expect(stages[3][1] == "\(workers)")
  }

  @Test func stageTableAddsUp() throws {
    for number in 0..<10 { try folder.write("f\(number)", String(repeating: "word ", count: 20_000)) }
    let (_, stages) = try Program.parse(wordcount(folder.path).output)
    #expect(stages.map(\.first) == ["stage", "walk", "read", "count", "merge"])
    try #require(stages.dropFirst().allSatisfy { $0.count == 7 })
    let items = stages.dropFirst().map { [$0[2], $0[3]] }
    #expect(items == [["1", "10"], ["10", "20"], ["20", "20"], ["20", "1"]])
    for row in stages.dropFirst() {
      #expect(row[4].hasSuffix("%"))
      #expect((Int(row[5]) ?? -1) >= 0)
      #expect((Int(row[6]) ?? -1) >= 0)
    }
  }

  // MARK: What cannot be read

  @Test func missingFolder() throws {
    let run = try wordcount("/nowhere/at all")
    #expect(run.status == 2)
    #expect(run.output == "")
    #expect(run.error == "wordcount: no such file or folder: /nowhere/at all\n")
  }

  @Test func inputThatIsNoFileOrFolder() throws {
    let run = try wordcount("/dev/null")
    #expect(run.status == 2)
    #expect(run.output == "")
    #expect(run.error == "wordcount: not a file or folder: /dev/null\n")
  }

  @Test func unreadableFoldersAreNamedAndCounted() throws {
    _ = try DeepTree(in: folder)
    try folder.write("other", "other")
    let run = try wordcount(folder.path)
    #expect(run.status == 0)
    #expect(try Program.parse(run.output).words == ["shallow": 1, "other": 1])
    let lines = run.error.split(separator: "\n")
    #expect(lines.count == 2)
    #expect(lines.first?.hasPrefix("wordcount: cannot read \(folder.path)/deep/ddd") == true)
    #expect(lines.first?.hasSuffix(": File name too long") == true)
    #expect(lines.last == "wordcount: files or folders that could not be read: 1")
  }

  @Test func unreadableFilesAreNamedAndCounted() throws {
    let run = try wordcount("/proc/self/mem")
    #expect(run.status == 0)
    #expect(
      run.error == """
        wordcount: cannot read /proc/self/mem: Input/output error
        wordcount: files or folders that could not be read: 1

        """)
  }

  @Test(.enabled(if: geteuid() != 0, "the superuser may read everything"))
  func filesWithoutPermissionAreNamedAndCounted() throws {
    let file = try folder.write("closed", "x")
    try folder.write("open", "y")
    chmod(file, 0)
    let run = try wordcount(folder.path)
    #expect(run.status == 0)
    #expect(run.error.hasPrefix("wordcount: cannot read \(file): Permission denied\n"))
    #expect(try Program.parse(run.output).words == ["y": 1])
  }

  @Test func outputThatCannotBeWritten() throws {
    try folder.write("f", "word")
    let run = try Subprocess.run(
      "/bin/sh", ["-c", "exec \"$0\" \"$1\" >/dev/full", Program.path, folder.path])
    #expect(run.status == 1)
    #expect(run.error == "wordcount: cannot write the result: No space left on device\n")
  }

  // MARK: Arguments

  @Test func help() throws {
    let run = try wordcount("--help")
    #expect(run.status == 0)
    #expect(run.output.contains("USAGE: wordcount"))
    #expect(run.output.contains("--top"))
  }

  @Test(
    arguments: [
      ["--top", "0"], ["--top", "10001"], ["--top", "many"], ["--workers", "0"], ["--workers", "65"],
      ["--progress", "sometimes"], ["--nonsense"], ["/tmp", "/var"],
    ])
  func wrongArguments(arguments: [String]) throws {
    let run = try Subprocess.run(Program.path, arguments)
    #expect(run.status == 64)
    #expect(run.output == "")
    #expect(run.error.contains("Usage: wordcount"))
  }

  // MARK: Progress

  @Test func noProgressIntoAPipe() throws {
    try folder.write("f", "word")
    #expect(try wordcount(folder.path).error == "")
    #expect(try wordcount("--progress", "never", folder.path).error == "")
  }

  @Test func progressOnATerminal() throws {
    try folder.write("f", "word")
    let terminal = try Terminal()
    let running = try Subprocess.Running(Program.path, [folder.path], error: terminal.end)
    #expect(running.wait().status == 0)
    let shown = terminal.close()
    #expect(shown.contains("\r\u{1B}[K"))
    #expect(shown.contains("files 1, pieces 2, 0.0 MB"))
    #expect(shown.hasSuffix("words 1, different 1\r\n"))
  }

  @Test func noProgressOnATerminalIfNotWanted() throws {
    try folder.write("f", "word")
    let terminal = try Terminal()
    let running = try Subprocess.Running(
      Program.path, ["--progress", "never", folder.path], error: terminal.end)
    #expect(running.wait().status == 0)
    #expect(terminal.close() == "")
  }

  // MARK: Ctrl-C

  @Test func interruptPrintsWhatThereIs() throws {
    try folder.writeEndless("early words, early enough ")
    let running = try Subprocess.Running(Program.path, ["--progress", "always", folder.path])
    try Program.waitUntilBusy(running)
    let start = ContinuousClock.now
    running.send(signal: SIGINT)
    let run = running.wait()
    print("interruptPrintsWhatThereIs: ended after \(ContinuousClock.now - start)")
    #expect(run.status == 130)
    #expect(!run.wasKilled)
    let (words, stages) = try Program.parse(run.output)
    #expect(words == ["early": 2, "words": 1, "enough": 1])
    #expect(stages.count == 5)
    #expect(run.error.hasSuffix("wordcount: interrupted: this is what was counted until then\n"))
  }

  /// The program hangs in its output, because nobody reads it; the second signal ends it all the same.
  @Test func secondInterruptKills() throws {
    let words = (0..<10_000).map { number in
      "padding"
        + String(String(number).map { Character(Unicode.Scalar(97 + UInt8($0.wholeNumberValue ?? 0))) })
    }
    try folder.writeEndless(words.joined(separator: " ") + " ")
    let unread = Pipe()
    let running = try Subprocess.Running(
      Program.path, ["--progress", "always", "--top", "10000", folder.path], output: unread)
    try Program.waitUntilBusy(running)
    running.send(signal: SIGINT)
    // Wait until it has begun to write.
    #expect(unread.fileHandleForReading.readData(ofLength: 1).count == 1)
    #expect(running.isRunning)
    running.send(signal: SIGINT)
    let run = running.wait()
    #expect(run.wasKilled)
    #expect(run.status == 128 + SIGINT)
  }
}

/// A pseudo-terminal, of which a program gets the one end while all that it writes is collected.
final class Terminal {
  /// The end for the program.
  let end: FileHandle
  private let shown: Collector

  init() throws {
    // What grantpt, unlockpt and ptsname do: Swift does not see those functions.
    let (lock, number): (UInt, UInt) = (0x4004_5431, 0x8004_5430)  // TIOCSPTLCK, TIOCGPTN
    let master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
    try #require(master >= 0)
    var isLocked: CInt = 0
    var index: CInt = 0
    try #require(ioctl(master, lock, &isLocked) == 0 && ioctl(master, number, &index) == 0)
    let slave = open("/dev/pts/\(index)", O_RDWR | O_NOCTTY | O_CLOEXEC)
    try #require(slave >= 0)
    end = FileHandle(fileDescriptor: slave, closeOnDealloc: true)
    shown = Collector(FileHandle(fileDescriptor: master, closeOnDealloc: true))
  }

  /// Closes the terminal, once the program has ended; returns what was written to it.
  func close() -> String {
    try? end.close()
    return shown.text()
  }
}
