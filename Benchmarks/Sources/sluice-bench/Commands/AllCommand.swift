import ArgumentParser

struct AllCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "all",
    abstract: "The rows of every other subcommand.")

  @OptionGroup var options: Options
  @OptionGroup var places: PeerPlaces
  @OptionGroup var words: WordCountPlaces

  func run() throws {
    let queues = options.filtered(queueRows)
    let pipelines = options.filtered(pipelineRows)
    let calls = options.filtered(latencyRows)
    let processes = options.filtered(processRows)
    guard !queues.isEmpty || !pipelines.isEmpty || !calls.isEmpty || !processes.isEmpty else {
      throw ValidationError("No row's name contains \"\(options.filter ?? "")\".")
    }
    var report = Report(isQuick: options.quick)
    try report.showHeading()
    if !queues.isEmpty { try report.measureQueues(queues, options, peers: places.peers) }
    if !pipelines.isEmpty { try report.measurePipelines(pipelines, options, places, words) }
    if !calls.isEmpty { try report.measureLatency(calls, options) }
    if !processes.isEmpty { try report.measureProcesses(processes, options, peers: places.peers) }
    try report.write(to: options.json)
  }
}
