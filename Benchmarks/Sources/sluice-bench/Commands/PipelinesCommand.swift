import ArgumentParser

struct PipelinesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pipelines",
    abstract: "What goes through a pipeline, beside other libraries' channels and pipelines.",
    discussion: """
      In millions of items a second: the median, the least and the most of the rounds. Each run takes about \
      half a second, is a process of its own, checks the sum that it computed, and is timed from the set-up of \
      the pipeline to its end. Where a row names no throttle, \(usualThrottle) items fit between two stages; \
      where it names no workers, there is one.

      Ours have an asterisk, what nobody can be better than an equals sign: "plain loop" has as many threads \
      as there are workers, each with a for loop over its share. "ours / it" is our median over that of the \
      peer in the same run: above 1 is good for items a second, below 1 for a time. Ours and the peers take \
      turns in each round. A run during which other processes used more than a twentieth of the cores is \
      repeated, as long as that adds no more than half to the runs, and else counted as disturbed.

      The peers are built when they are not up to date; those in Python take the packages that 'make bench' \
      installs. One whose package is missing is left out.

      The rows; those with an asterisk with --quick, too:

      \(listing(of: pipelineRows))
      """)

  @OptionGroup var options: Options
  @OptionGroup var places: PeerPlaces
  @OptionGroup var words: WordCountPlaces

  func run() throws {
    let rows = try options.selected(of: pipelineRows)
    var report = Report(isQuick: options.quick)
    try report.showHeading()
    try report.measurePipelines(rows, options, places, words)
    try report.write(to: options.json)
  }
}

/// What `pipelines` measured; a part of the JSON file.
struct PipelineReport: Encodable, Sendable {
  struct Row: Encodable, Sendable {
    let figures: ContestRowResult<PipelineRow>
    let bars: [Bar]
  }

  /// Peers that are not installed, and the packages that they need.
  let missing: [String]
  let nanosecondsOfSpinStep: Double
  let rows: [Row]
}

private let pipelinePrograms = PeerFamily(
  folder: "pipelines", command: PipelineRunCommand.configuration.commandName ?? "",
  peers: ["tbb_pipeline", "go_channels", "crossbeam_channel", "pyper_pipeline"])

extension Report {
  mutating func measurePipelines(
    _ rows: [PipelineRow], _ options: Options, _ places: PeerPlaces, _ words: WordCountPlaces
  ) throws {
    try Self.show("\nPipelines; * ours, = the limit")
    var contest = try Contest(rows, pipelinePrograms, options, places.peers, seconds: 0.5)
    if rows.contains(where: { $0.measure == .words }) {
      let (counters, missing) = WordCount(words, isQuick: options.quick).contestants()
      contest.add(counters, missing: missing) { $0.measure == .words }
    }
    let results = try contest.measure { row, contestants in
      let figures = ContestRowResult(row, contestants)
      try Self.show(([figures.text] + figures.bars.map { "  \($0.description)" }).joined(separator: "\n"))
      return figures
    }
    pipelines = PipelineReport(
      missing: contest.missing, nanosecondsOfSpinStep: Spin.nanosecondsOfStep.toFourDigits,
      rows: results.map { PipelineReport.Row(figures: $0, bars: $0.bars) })
  }
}
