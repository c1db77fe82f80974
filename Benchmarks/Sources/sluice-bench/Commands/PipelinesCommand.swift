import ArgumentParser

struct PipelinesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pipelines",
    abstract: "How many items a second go through a pipeline.",
    discussion: """
      In millions of items a second: the median, the least and the most of the rounds. Each pass is timed \
      from the call of the pipeline to its end. The number of items is chosen for each row at the start, so \
      that a pass takes about half a second.

      The rows:

      \(listing(of: pipelineRows))
      """)

  @OptionGroup var options: Options

  func run() throws {
    let rows = try options.selected(of: pipelineRows)
    var report = Report(isQuick: options.quick)
    try report.showHeading()
    try report.measurePipelines(rows, options)
    try report.write(to: options.json)
  }
}

extension Report {
  mutating func measurePipelines(_ rows: [ThroughputRow], _ options: Options) throws {
    let results = try measure(
      rows, rounds: options.rounds ?? (options.quick ? 3 : 5), seconds: options.quick ? 0.1 : 0.5)
    try Self.show("\nPipelines, M items/s\n\n\(throughputTable(results))")
    pipelines = results
  }
}
