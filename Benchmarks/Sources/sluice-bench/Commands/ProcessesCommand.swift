import ArgumentParser

struct ProcessesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "processes",
    abstract: "What it costs to have a stage in a worker process, beside other ways to reach one.",
    discussion: """
      Streams in millions of items a second there and back through one process: the median, the least and \
      the most of the rounds. Each run takes about half a second, is a process of its own, checks the sum of \
      what came back, and starts its clock when the worker is there and answers. Up to \
      \(processThrottle) items may be under way, where there is such a bound. Round trips and hand-overs in \
      microseconds, starts in milliseconds: the median and the 99.9th percentile of all calls, and the least \
      and the most of the rounds' medians. A round trip of ours goes through a running pipeline: from the \
      source's thread to the one that looks after the process, to the process and back, and on to the \
      consumer's thread; the others' have two threads in all.

      Ours have an asterisk. "ours / it" is our median over that of the peer in the same run: above 1 is \
      good for a stream, below 1 for a time. Ours and the peers take turns in each round. A run during which \
      other processes used more than a twentieth of the cores is repeated, as long as that adds no more than \
      half to the runs, and else counted as disturbed.

      The peers are built when they are not up to date; those in Python take the packages that 'make bench' \
      installs. One whose package is missing is left out.

      The rows; those with an asterisk with --quick, too:

      \(listing(of: processRows))
      """)

  @OptionGroup var options: Options

  @OptionGroup var places: PeerPlaces

  func run() throws {
    let rows = try options.selected(of: processRows)
    var report = Report(isQuick: options.quick)
    try report.showHeading()
    try report.measureProcesses(rows, options, peers: places.peers)
    try report.write(to: options.json)
  }
}

/// What `processes` measured; a part of the JSON file.
struct ProcessReport: Encodable, Sendable {
  /// Peers that are not installed, and the packages that they need.
  let missing: [String]
  let rows: [ContestRowResult<ProcessRow>]
  let handOverSpread: HandOverSpread?
}

private let processPrograms = PeerFamily(
  folder: "processes", command: ProcessRunCommand.configuration.commandName ?? "",
  peers: [
    "kernel_ipc", "boost_interprocess", "python_multiprocessing", "faster_fifo_queue", "pyper_pipeline",
  ])

extension Report {
  mutating func measureProcesses(_ rows: [ProcessRow], _ options: Options, peers: String?) throws {
    try Self.show("\nProcesses; * ours")
    var contest = try Contest(rows, processPrograms, options, peers, seconds: 0.5)
    let results = try contest.measure { row, contestants in
      let result = ContestRowResult(row, contestants)
      try Self.show(result.text)
      return result
    }
    let spread = HandOverSpread(results)
    if let spread {
      try Self.show(
        "\nOur hand-overs: the slowest size takes \(formatted(spread.ratio)) times as long as the quickest;"
          + " \(spread.bar.description)")
    }
    processes = ProcessReport(missing: contest.missing, rows: results, handOverSpread: spread)
  }
}
