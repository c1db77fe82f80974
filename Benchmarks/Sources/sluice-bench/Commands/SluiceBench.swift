import ArgumentParser

@main
struct SluiceBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sluice-bench",
    abstract: "Measures the Sluice library on this machine.",
    discussion: """
      Every row checks what it computed and ends the program with status 1 when that is wrong. A missed \
      bar is reported in the table and is no error. The rows are listed by 'sluice-bench help queues', \
      'help pipelines', 'help latency' and 'help processes'. Without a subcommand, all of them are measured.
      """,
    subcommands: [
      QueuesCommand.self, PipelinesCommand.self, LatencyCommand.self, ProcessesCommand.self, AllCommand.self,
      SwiftQueueCommand.self, ProcessRunCommand.self, PipelineRunCommand.self,
    ],
    defaultSubcommand: AllCommand.self)
}
