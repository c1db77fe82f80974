import ArgumentParser
import Foundation

struct WordCountPlaces: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The folder whose words the row 'wordcount' counts. Default: /usr/include; with --quick its folder 'linux'.",
      valueName: "folder"))
  var folder: String?

  @Option(
    help: ArgumentHelp(
      "The built example program. Default: .build/release/wordcount.", valueName: "file"))
  var wordcount: String?
}

/// The example program beside others that count the same words.
struct WordCount {
  private let folder: String
  private let built: URL

  private static let linesCompared = 20

  init(_ places: WordCountPlaces, isQuick: Bool) {
    folder = places.folder ?? (isQuick ? "/usr/include/linux" : "/usr/include")
    built =
      places.wordcount.map { URL(fileURLWithPath: $0) }
      ?? PeerProcess.products.appendingPathComponent("../../.build/release/wordcount").standardized
  }

  /// What there is, and what is missing for the others.
  func contestants() -> (contestants: [Contestant<PipelineRow>], missing: [String]) {
    let peers = PeerProcess.sources.appendingPathComponent("pipelines", isDirectory: true)
    let python = PeerProcess.products.appendingPathComponent("python/bin/python")
    let pyper = peers.appendingPathComponent("wordcount_pyper.py").path
    let coreutils = peers.appendingPathComponent("wordcount_coreutils.sh").path
    let sh = URL(fileURLWithPath: "/bin/sh")
    let programs = [
      program("wordcount", .ours, built, ["--", folder], "build it, as make bench does"),
      program(
        "wordcount --processes 2", .ours, built, ["--processes", "2", "--", folder],
        "build it, as make bench does"),
      program("coreutils", .peer, sh, [coreutils, folder], "it needs coreutils"),
      program(
        "pyper, 2 processes", .peer, python, [pyper, folder, "--processes", "2"],
        "it needs python-pyper of PyPI, which make bench installs"),
    ]
    let expected = FirstAnswer()
    return (
      programs.compactMap { $0.isThere ? contestant($0, expected) : nil },
      programs.compactMap { $0.isThere ? nil : "\($0.process.name): not there; \($0.need)" }
    )
  }

  private struct Program {
    let process: PeerProcess
    let role: Role
    let arguments: [String]
    let need: String

    var isThere: Bool {
      let files = [process.executable.path] + arguments.prefix { $0.hasPrefix(PeerProcess.sources.path) }
      return files.allSatisfy { FileManager.default.fileExists(atPath: $0) }
    }
  }

  private func program(
    _ title: String, _ role: Role, _ executable: URL, _ arguments: [String], _ need: String
  ) -> Program {
    Program(
      process: PeerProcess(name: title, executable: executable), role: role, arguments: arguments, need: need)
  }

  /// What all the others must say, too.
  private final class FirstAnswer {
    var lines: [Substring]?
  }

  private func contestant(_ program: Program, _ expected: FirstAnswer) -> Contestant<PipelineRow> {
    let title = program.process.name
    return Contestant(title: title, role: program.role, variant: PipelineVariant(name: title, measures: [])) {
      items, limit in
      let started = nowNanoseconds()
      guard let text = try program.process.output(program.arguments, limit: limit) else { return nil }
      let seconds = Double(nowNanoseconds() - started) / 1e9
      // Ours has more to say after the words.
      let lines = Array(text.split(separator: "\n").prefix(Self.linesCompared))
      if expected.lines == nil { expected.lines = lines }
      guard lines == expected.lines else {
        throw program.process.failure("counted other words in row '\(wordsRow.name)' than the first one")
      }
      return PeerAnswer(name: title, items: items, seconds: seconds, ok: true)
    }
  }
}
