import ArgumentParser

struct QueuesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "queues",
    abstract: "How many elements a second go through a queue, beside other libraries' queues.",
    discussion: """
      In millions of elements a second, of 8 bytes, through a capacity of \(queueCapacity): the median, the \
      least and the most of the rounds. Each run is a process of its own that checks count and sum; queues \
      take turns. The number of elements is chosen for each queue in each row, so that a run takes about \
      0.3 s. All threads wait alike: eight pauses, then they yield their core after each look.

      Ours have an asterisk, and two ratios: to the best peer that is bounded (or not) as they are and \
      promises about the same ("wait-free" and "lock-free" against these two, "claim-and-publish" and \
      "blocking" against all with an order), and to the best of all in the row. A run during which other \
      processes used more than a twentieth of the cores is repeated, as long as that adds no more than half \
      to the runs, and else counted as disturbed.

      The peers are built when they are not up to date. One whose library is not installed is left out.

      The rows; those with an asterisk with --quick, too:

      \(listing(of: queueRows))
      """)

  @OptionGroup var options: Options

  @OptionGroup var places: PeerPlaces

  func run() throws {
    let rows = try options.selected(of: queueRows)
    var report = Report(isQuick: options.quick)
    try report.showHeading()
    try report.measureQueues(rows, options, peers: places.peers)
    try report.write(to: options.json)
  }
}

/// What `queues` measured; a part of the JSON file.
struct QueueReport: Encodable, Sendable {
  /// Peers that are not installed, and the packages that they need.
  let missing: [String]
  let rows: [QueueRowResult]
  let summary: QueueSummary
}

private let queuePrograms = PeerFamily(
  folder: "", command: SwiftQueueCommand.configuration.commandName ?? "", ours: ["sluice"],
  peers: ["atomic_queue", "boost_lockfree", "ck_ring", "crossbeam", "moodycamel", "tbb", "xenium"])

extension Report {
  mutating func measureQueues(_ rows: [QueueRow], _ options: Options, peers: String?) throws {
    try Self.show("\nQueues, M elements/s; * ours")
    var contest = try Contest(rows, queuePrograms, options, peers, seconds: 0.3)
    let results = try contest.measure { row, contestants in
      let result = QueueRowResult(row, contestants)
      try Self.show("\n\(row.name)\n\n\(result.table)")
      return result
    }
    let summary = QueueSummary(results)
    if summary.rows.count > 1 {
      let names = summary.rows.joined(separator: "; ")
      try Self.show("\nGeometric means over \(names)\n\n\(summary.meansTable)")
    }
    if !summary.bulk.isEmpty { try Self.show("\nBulk beside unbatched\n\n\(summary.bulkTable)") }
    queues = QueueReport(missing: contest.missing, rows: results, summary: summary)
  }
}
