import Foundation
import Synchronization
import Testing

@testable import WordCountCore

/// A folder that is removed, with all in it, when the last reference goes.
final class TemporaryFolder: Sendable {
  let path: String

  init() throws {
    let url = FileManager.default.temporaryDirectory
      .appendingPathComponent("wordcount-tests-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    path = url.resolvingSymlinksInPath().path
  }

  deinit {
    // Not FileManager: some tests make trees that are deeper than a path can be long.
    _ = try? Subprocess.run("/bin/rm", ["-rf", path])
  }

  @discardableResult
  func write(_ name: String, _ bytes: [UInt8]) throws -> String {
    let file = path + "/" + name
    let folder = (file as NSString).deletingLastPathComponent
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try Data(bytes).write(to: URL(fileURLWithPath: file))
    return file
  }

  @discardableResult
  func write(_ name: String, _ text: String) throws -> String {
    try write(name, Array(text.utf8))
  }
}

/// SplitMix64 (G. Steele and others, 2014): small, and the same numbers for the same seed everywhere.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// Runs a random test with a seed that is printed: the one in the environment variable
/// WORDCOUNT_TEST_SEED, or a new one.
func withSeed(_ name: String = #function, _ body: (inout SeededGenerator) throws -> Void) rethrows {
  let given = ProcessInfo.processInfo.environment["WORDCOUNT_TEST_SEED"].flatMap(UInt64.init)
  let seed = given ?? .random(in: .min ... .max)
  print("\(name): WORDCOUNT_TEST_SEED=\(seed)")
  var generator = SeededGenerator(seed: seed)
  try body(&generator)
}

/// Text of words over few letters (so that they repeat) with all kinds of bytes between them.
func randomText(bytes count: Int, using generator: inout SeededGenerator) -> [UInt8] {
  var text: [UInt8] = []
  while text.count < count {
    let letters = Int.random(in: 0...9, using: &generator)
    for _ in 0..<letters {
      let letter = UInt8.random(in: 0x61...0x65, using: &generator)
      text.append(Bool.random(using: &generator) ? letter : letter & ~0x20)
    }
    let gap = Int.random(in: 0...2, using: &generator)
    for _ in 0..<gap { text.append(.random(in: .min ... .max, using: &generator)) }
  }
  return Array(text.prefix(count))
}

typealias Counts = [String: UInt64]

/// The counts of the program's own parts, put together without a pipeline.
func count(
  _ root: String, pieceSize: Int = PieceReader.pieceSize, longWordLimit: Int = LongWord.limit,
  tally: WordTally = WordTally(), log: ReadLog = ReadLog { _ in }
) throws -> Counts {
  for file in FolderWalk(BytePath(root), log: log) {
    let pieces = PieceReader(file, pieceSize: pieceSize, longWordLimit: longWordLimit, log: log)
    for piece in pieces { try tally.add(CountedWords(piece, longWordLimit: longWordLimit)) }
  }
  return try counts(tally.summary(top: .max))
}

/// The counts in a summary of all words, which must name each word once and add up.
func counts(_ summary: WordSummary) -> Counts {
  var counts: Counts = [:]
  for word in summary.words {
    #expect(counts.updateValue(word.count, forKey: word.text) == nil, "\(word.text) twice")
  }
  #expect(summary.distinctWords == UInt64(summary.words.count))
  #expect(summary.totalWords == summary.words.reduce(0) { $0 + $1.count })
  return counts
}

/// The counts of the coreutils pipeline over the files under `root`, each file for itself. Words that are
/// too long to be kept whole are renamed as the program shows them.
func countsByCoreutils(_ root: String, longWordLimit: Int = LongWord.limit) throws -> Counts {
  let script = """
    export LC_ALL=C
    find -H "$1" -type f -exec sh -c 'for f; do tr -cs A-Za-z "\\n" <"$f"; echo; done' _ {} + |
      tr A-Z a-z | sort | uniq -c
    """
  let output = try Subprocess.run("/bin/sh", ["-c", script, "sh", root])
  #expect(output.status == 0, "\(output.error)")
  var counts: Counts = [:]
  for line in output.output.split(separator: "\n") {
    let parts = line.split(separator: " ")
    // The empty word is what `tr` makes of other bytes at the start of a file.
    guard parts.count == 2, let count = UInt64(parts[0]) else { continue }
    let isLong = parts[1].utf8.count > longWordLimit
    let name = isLong ? "\(parts[1].prefix(64))… (\(parts[1].utf8.count) letters)" : String(parts[1])
    counts[name, default: 0] += count
  }
  return counts
}

/// The number of descriptors that this process has open for a file or folder.
func openDescriptors(of path: String) throws -> Int {
  let all = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")
  return all.filter {
    (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)")) == path
  }.count
}

/// Failures as they were reported, from any thread.
final class Failures: Sendable {
  private let list = Mutex<[ReadFailure]>([])

  var all: [ReadFailure] { list.withLock { $0 } }

  func log() -> ReadLog {
    ReadLog { failure in self.list.withLock { $0.append(failure) } }
  }
}
