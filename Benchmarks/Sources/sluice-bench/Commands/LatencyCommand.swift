import ArgumentParser

struct LatencyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "latency",
    abstract: "How long one call of a pipeline takes, and one element through a queue.",
    discussion: """
      In microseconds: the median, the 90th and the 99.9th percentile of all calls. Each row is \
      compared with as many bare hand-overs as the column "bare" says: four for a call, the time in which \
      two threads pass a message to and fro twice, and one for a queue; the bar is a multiple of that. Where the kernel keeps both threads on one core, a hand-over \
      is much shorter than between two cores, and it may do either: the two columns beside it compare with \
      each kind, and "placement decides" says that the bar is reached by one of them alone. The rows take \
      turns in blocks of \(callsInBlock) calls, so that noise meets all of them alike; the hand-overs are \
      always among them.

      The rows:

      \(listing(of: latencyRows))
      """)

  @OptionGroup var options: Options

  func run() throws {
    let rows = try options.selected(of: latencyRows)
    var report = Report(isQuick: options.quick)
    try report.showHeading()
    try report.measureLatency(rows, options)
    try report.write(to: options.json)
  }
}

extension Report {
  mutating func measureLatency(_ rows: [LatencyRow], _ options: Options) throws {
    let results = try measure(rows, rounds: options.rounds ?? (options.quick ? 5 : 25))
    try Self.show("\nLatency, µs\n\n\(latencyTable(results))")
    latency = results
  }
}
