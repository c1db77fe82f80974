import ArgumentParser

struct AllCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "all",
    abstract: "The rows of every other subcommand.")

  @OptionGroup var options: Options

  func run() throws {
    let queues = queueRows.filter { options.selects($0.name) }
    let throughput = pipelineRows.filter { options.selects($0.name) }
    let calls = latencyRows.filter { options.selects($0.name) }
    let processes = processRows.filter { options.selects($0.name) }
    guard !queues.isEmpty || !throughput.isEmpty || !calls.isEmpty || !processes.isEmpty else {
      throw ValidationError("No row's name contains \"\(options.filter ?? "")\".")
    }
    var report = Report(isQuick: options.quick)
    try report.showHeading()
    if !queues.isEmpty { try report.measureQueues(queues, options, peers: nil) }
    if !throughput.isEmpty { try report.measurePipelines(throughput, options) }
    if !calls.isEmpty { try report.measureLatency(calls, options) }
    if !processes.isEmpty { try report.measureProcesses(processes, options, peers: nil) }
    try report.write(to: options.json)
  }
}
