import ArgumentParser
import Foundation

/// What `processes` runs for the library: the command line and the answer of the programs in `peers/processes`.
struct ProcessRunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "process-run", abstract: "One run with worker processes.", shouldDisplay: false)

  private static let variants = [
    ProcessVariant(name: "Sluice", measures: ["stream", "roundtrip", "handover", "start"])
  ]

  @Flag(help: "List the variants.")
  var list = false

  @Option var variant = "Sluice"
  @Option var measure = ProcessRow.Measure.stream
  @Option var bytes = 8
  @Option var items = 100_000
  @Option var throttle = processThrottle
  @Option var pause = 0

  func validate() throws {
    guard bytes >= 8, items >= 1, throttle >= 1, pause >= 0 else {
      throw ValidationError("--bytes must be 8 or more, --items and --throttle 1 or more, --pause 0 or more.")
    }
    guard Self.variants.contains(where: { $0.name == variant }) else {
      throw ValidationError("There is no variant '\(variant)'; --list tells them.")
    }
  }

  func run() throws {
    let encoder = JSONEncoder()
    if list {
      for variant in Self.variants { print(String(decoding: try encoder.encode(variant), as: UTF8.self)) }
      return
    }
    let outcome = try OurProcessRun(
      bytes: bytes, items: items, throttle: throttle, pauseMicroseconds: pause
    ).measure(measure)
    try PeerAnswer(
      name: variant, items: items, seconds: outcome.seconds, ok: outcome.ok, times: outcome.times
    ).write()
    if !outcome.ok { throw ExitCode(1) }
  }
}

extension ProcessRow.Measure: ExpressibleByArgument {}
