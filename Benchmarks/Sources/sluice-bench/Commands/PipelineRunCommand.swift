import ArgumentParser
import Foundation

/// What `pipelines` runs for the library and for what else is in Swift: the command line and the answer of the
/// programs in `peers/pipelines`.
struct PipelineRunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pipeline-run", abstract: "One run of a pipeline.", shouldDisplay: false)

  @Flag(help: "List the variants.")
  var list = false

  @Option var variant = "Sluice"
  @Option var measure = PipelineRow.Measure.stream
  @Option var items = 1_000_000
  @Option var workers = 1
  @Option var throttle = usualThrottle
  @Option var stages = 3
  @Option var spin = 0
  @Option var element = PipelineRow.Element.int

  func validate() throws {
    guard items >= 1, workers >= 1, throttle >= 0, stages >= 3, spin >= 0 else {
      throw ValidationError(
        "--items and --workers must be 1 or more, --throttle and --spin 0 or more, --stages 3 or more.")
    }
  }

  func run() throws {
    if list {
      let encoder = JSONEncoder()
      for kind in swiftPipelines { print(String(decoding: try encoder.encode(kind.variant), as: UTF8.self)) }
      return
    }
    guard let kind = swiftPipelines.first(where: { $0.variant.name == variant }) else {
      throw ValidationError("There is no variant '\(variant)'; --list tells them.")
    }
    guard kind.variant.measures.contains(measure.rawValue) else {
      throw ValidationError("'\(variant)' does not measure '\(measure.rawValue)'.")
    }
    let run = PipelineRun(
      measure: measure, items: items, workers: workers, throttle: throttle, stages: stages, spin: spin)
    let outcome = try kind.measure(run, element)
    try PeerAnswer(
      name: variant, items: items, seconds: outcome.seconds, ok: outcome.ok, times: outcome.times
    ).write()
    if !outcome.ok { throw ExitCode(1) }
  }
}

extension PipelineRow.Measure: ExpressibleByArgument {}
extension PipelineRow.Element: ExpressibleByArgument {}
