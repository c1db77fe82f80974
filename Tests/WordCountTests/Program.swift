import Foundation
import Testing

@testable import WordCountCore

/// The program as its users run it.
enum Program {
  /// Where the build put the program: beside the program that runs the tests.
  static let path: String = {
    let tests = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    return (tests as NSString).deletingLastPathComponent + "/wordcount"
  }()

  /// The words and the rows of the stage table on standard output, each as its columns.
  static func parse(_ output: String) throws -> (words: Counts, stages: [[String]]) {
    let parts = output.components(separatedBy: "\n\n")
    try #require(parts.count == 2, "\(output)")
    var words: Counts = [:]
    for line in parts[0].split(separator: "\n") {
      let columns = line.split(separator: " ", maxSplits: 1)
      try #require(columns.count == 2, "\(line)")
      let count: UInt64 = try #require(UInt64(columns[0]))
      words[String(columns[1])] = count
    }
    let stages = parts[1].split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
    return (words, stages)
  }

  /// Waits until the program has read on for some pieces, which it tells by its progress line.
  static func waitUntilBusy(_ running: Subprocess.Running) throws {
    let deadline = ContinuousClock.now + .seconds(60)
    while true {
      let line = running.errorSoFar.split(separator: "\r").last ?? ""
      let pieces =
        line.split(separator: ",").dropFirst().first?.split(separator: " ").last.flatMap { Int($0) } ?? 0
      if pieces > 500 { return }
      try #require(running.isRunning && ContinuousClock.now < deadline, "\(running.errorSoFar)")
      usleep(10_000)
    }
  }
}

extension TemporaryFolder {
  /// A file that begins with `text` and goes on with zeros that take no room, for hours.
  func writeEndless(_ text: String) throws {
    let file = try write("endless", text)
    try #require(truncate(file, 1 << 40) == 0)
  }
}
